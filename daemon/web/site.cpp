#include "daemon/web/site.h"

#include "daemon/web/assets.h"
#include "daemon/web/downloads.h"
#include "daemon/web/metrics.h"
#include "daemon/web/pages.h"
#include "store/database.h"

#include <exception>
#include <utility>

namespace kdq::web {
namespace {

/// Nothing but what this program serves is loaded or run, and nobody frames it.
constexpr const char* content_policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
constexpr const char* html_type = "text/html; charset=utf-8";

Sender sender_of(const httplib::Request& request) {
  return {request.get_header_value("Host"), request.get_header_value("Origin"),
          request.get_header_value("Cookie"), request.get_header_value("Authorization")};
}

void say(httplib::Response& response, int status, const std::string& sentence) {
  response.status = status;
  response.set_content(sentence + "\n", "text/plain; charset=utf-8");
}

/// Whether a page of ours asks, as far as the browser says: another one's picture or link must not
/// change anything.
bool is_from_here(const httplib::Request& request) {
  const std::string site = request.get_header_value("Sec-Fetch-Site");
  return site.empty() || site == "same-origin";
}

/// The password cannot be checked for now.
void ask_later(httplib::Response& response) {
  response.set_header("Retry-After", "5");
  say(response, 503, "others log in just now: try again");
}

/// Whoever asks for a page in vain is told why.
Page trouble_page(const Visit& visit, const std::exception& trouble) {
  return message_page(503, visit.t("The database cannot be read", "无法读取数据库"),
                      trouble.what());
}

Page login_page(const Visit& visit, std::string_view trouble) {
  Page page;
  page.status = trouble.empty() ? 200 : 403;
  page.title = visit.t("Log in", "登录");
  page.parts.push_back(
      {"login", html("<form method=\"post\" action=\"/login\" class=\"login\"><input "
                     "type=\"hidden\" name=\"form_token\" value=\"{}\"><input type=\"hidden\" "
                     "name=\"to\" value=\"{}\"><p role=\"alert\">{}</p><p><label "
                     "for=\"password\">{}</label> <input id=\"password\" name=\"password\" "
                     "type=\"password\" autocomplete=\"current-password\" required "
                     "autofocus></p><p><button>{}</button></p></form>",
                     visit.form_token, visit.address(), trouble, visit.t("Password", "密码"),
                     visit.t("Log in", "登录"))});
  return page;
}

} // namespace

Site::Site(const std::filesystem::path& database, bool may_act, Guard& guard, Changes& changes,
           const Clock& clock)
    : may_act_(may_act), guard_(guard), changes_(changes), clock_(clock),
      readers_(database, [&clock] { return clock.steady(); }), live_(readers_, changes, clock),
      actions_(database, readers_) {}

void Site::serve(HttpServer& server) {
  server.set_default_headers({{"Content-Security-Policy", content_policy},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Referrer-Policy", "same-origin"},
                              {"Cross-Origin-Opener-Policy", "same-origin"},
                              {"Cross-Origin-Resource-Policy", "same-origin"}});
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        say(response, 500, "this page cannot be made");
      });
  server.answer_by([this](const httplib::Request& request,
                          httplib::Response& response) { get(request, response); },
                   [this](const httplib::Request& request, httplib::Response& response) {
                     post(request, response);
                   });
}

Visit Site::visit_of(const httplib::Request& request, const Sender& sender,
                     httplib::Response& response) const {
  Visit visit;
  visit.language = language_of(request.get_header_value("Accept-Language"));
  visit.path = request.path;
  for (const auto& [name, value] : request.params)
    visit.query.insert_or_assign(name, value);
  visit.now = clock_.wall();
  visit.may_act = may_act_;
  std::string session = guard_.session_of(sender);
  if (session.empty()) {
    const std::string cookie = guard_.new_session(false);
    response.set_header("Set-Cookie", cookie);
    Sender next = sender;
    next.cookies = cookie;
    session = guard_.session_of(next);
  }
  visit.form_token = guard_.form_token(session);
  return visit;
}

void Site::show(const Page& page, const Visit& visit, httplib::Response& response) {
  response.status = page.status;
  response.set_header("Cache-Control", "no-store");
  response.set_header("Vary", "Accept-Language");
  response.set_content(document(page, visit, guard_.has_password()), html_type);
}

bool Site::admit(const Sender& sender, const httplib::Request& request,
                 httplib::Response& response) {
  if (!guard_.knows_host(sender)) {
    say(response, 421,
        "this page is not called by that name: start kdocs-queued-web with --host for it");
    return false;
  }
  const std::optional<bool> may_look = guard_.may_look(sender);
  if (!may_look) {
    ask_later(response);
    return false;
  }
  if (*may_look)
    return true;
  // It is an open page that asks, not a person: no browser is to ask for a password because of it.
  if (request.path == "/live") {
    say(response, 403, "a password is needed: load the page again");
    return false;
  }
  Visit visit = visit_of(request, sender, response);
  if (request.get_header_value("Accept").find("text/html") == std::string::npos) {
    response.set_header("WWW-Authenticate", "Basic realm=\"kdocs-queued\", charset=\"UTF-8\"");
    say(response, 401, "a password is needed");
    return false;
  }
  show(login_page(visit, ""), visit, response);
  response.status = 403;
  return false;
}

void Site::get(const httplib::Request& request, httplib::Response& response) {
  if (const Asset* asset = asset_of(request.path)) {
    response.set_header("Cache-Control", "no-cache");
    response.set_content(asset->bytes.data(), asset->bytes.size(), std::string(asset->type));
    return;
  }
  if (request.path == "/healthz") { // a probe has neither the right name nor a password
    answer_probe(response);
    return;
  }
  const Sender sender = sender_of(request);
  const std::string session = guard_.session_of(sender); // first: what admits may end meanwhile
  if (!admit(sender, request, response))
    return;
  if (request.path == "/metrics") {
    show_metrics(response);
    return;
  }
  Visit visit = visit_of(request, sender, response);
  if (request.path == "/live") {
    follow(request, response, std::move(visit), session);
    return;
  }
  try {
    if (download(readers_, visit, response))
      return;
    Page page;
    readers_.with([&](Reader& reader) { page = make_page(reader, visit); });
    show(page, visit, response);
  } catch (const std::exception& trouble) {
    show(trouble_page(visit, trouble), visit, response);
  }
}

void Site::answer_probe(httplib::Response& response) {
  std::string trouble;
  try {
    readers_.with([&](Reader& reader) { trouble = probe(reader); });
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  response.set_header("Cache-Control", "no-store");
  say(response, trouble.empty() ? 200 : 503, trouble.empty() ? "ok" : trouble);
}

void Site::show_metrics(httplib::Response& response) {
  try {
    response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  } catch (const std::exception& error) {
    say(response, 503, error.what());
  }
}

std::string Site::metrics() {
  std::string text;
  readers_.with([&](Reader& reader) { text = metrics_text(reader, clock_.wall()); });
  return text;
}

void Site::follow(const httplib::Request& request, httplib::Response& response, Visit visit,
                  const std::string& session) {
  visit.place = request.has_header("Last-Event-ID") ? request.get_header_value("Last-Event-ID")
                                                    : visit.parameter("place");
  static_cast<Target&>(visit) = target_of(visit.parameter("page"));
  const auto follower = live_.follow(std::move(visit));
  if (!follower) {
    say(response, 503, "too many look at live pages just now");
    return;
  }
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no"); // nginx would keep the events back
  response.set_chunked_content_provider(
      "text/event-stream", [this, follower, session, may_watch = is_from_here(request)](
                               std::size_t, httplib::DataSink& sink) {
        const auto events = follower->next();
        if (!events || (!session.empty() && !guard_.lasts(session))) {
          sink.done();
          return true;
        }
        if (const auto job = follower->to_watch(); job && may_watch)
          actions_.watch(*job);
        return sink.is_writable() &&
               (events->empty() || sink.write(events->data(), events->size()));
      });
}

void Site::post(const httplib::Request& request, httplib::Response& response) {
  const Sender sender = sender_of(request);
  if (!guard_.knows_host(sender) ||
      !guard_.is_own_form(sender, request.get_param_value("form_token"))) {
    say(response, 403, "this form is not from here, or too old: load the page again");
    return;
  }
  const Visit visit = visit_of(request, sender, response);
  if (request.path == "/login") {
    log_in(request, response, visit);
    return;
  }
  if (!admit(sender, request, response))
    return;
  if (request.path == "/logout") {
    log_out(sender, response);
    return;
  }
  if (request.path == "/act") {
    act(visit, response);
    return;
  }
  say(response, 404, "there is no such form");
}

void Site::act(const Visit& form, httplib::Response& response) {
  const Actions::Answer answer = actions_.act(form);
  if (answer.to.empty())
    show(answer.page, form, response);
  else
    response.set_redirect(answer.to, 303);
}

void Site::log_out(const Sender& sender, httplib::Response& response) {
  response.set_header("Set-Cookie", guard_.end_session(sender));
  response.set_redirect("/", 303);
  changes_.notice(); // streams of the session are to see that it is over
}

void Site::log_in(const httplib::Request& request, httplib::Response& response,
                  const Visit& visit) {
  const auto right = guard_.is_password(request.get_param_value("password"));
  if (!right) {
    ask_later(response);
    return;
  }
  if (*right) {
    response.set_header("Set-Cookie", guard_.new_session(true));
    response.set_redirect(target_of(request.get_param_value("to")).address(), 303);
    return;
  }
  show(login_page(visit, visit.t("That is not the password.", "密码不对。")), visit, response);
}

} // namespace kdq::web
