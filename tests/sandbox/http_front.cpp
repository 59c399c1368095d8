#include "tests/sandbox/http_front.h"

#include "tests/sandbox/encoding.h"

#include <iostream>
#include <stdexcept>
#include <utility>

namespace kdq::sandbox {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;

constexpr const char* json_type = "application/json";
constexpr const char* page = "<html><body><h1>Bad Gateway</h1></body></html>";
constexpr const char* garbage = "\x01\xFF{\"code\":0,\"data\":{\"logs\":[{\"args\":[\"\xC3";

std::string text_of(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

json error_body(std::int64_t code, const std::string& message) {
  return {{"code", code}, {"result", error_name(code)}, {"msg", message}};
}

/// A POST's body; throws std::invalid_argument with a sentence.
json object_from(const Request& request) {
  if (request.get_header_value("Content-Type").rfind(json_type, 0) != 0) {
    throw std::invalid_argument("the Content-Type is not application/json");
  }
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    throw std::invalid_argument("the body is no JSON object");
  }
  return body;
}

/// Both throw std::invalid_argument with a sentence.
SubmitOrder submit_order_from(const Request& request) {
  const json body = object_from(request);
  SubmitOrder order;
  order.file = request.matches[1];
  const auto script = body.find("script");
  if (script == body.end() || !script->is_string() || script->get<std::string>().empty()) {
    throw std::invalid_argument("script is missing, empty or no string");
  }
  order.script = script->get<std::string>();
  if (const auto name = body.find("script_name"); name != body.end()) {
    if (!name->is_string()) {
      throw std::invalid_argument("script_name is no string");
    }
    order.script_name = name->get<std::string>();
  }
  if (const auto argv = body.find("custom_argv"); argv != body.end()) {
    if (!argv->is_object()) {
      throw std::invalid_argument("custom_argv is no object");
    }
    order.custom_argv = *argv;
  }
  return order;
}

RefreshOrder refresh_order_from(const Request& request) {
  const json body = object_from(request);
  for (const char* name : {"app_key", "refresh_token"}) {
    const auto value = body.find(name);
    if (value == body.end() || !value->is_string() || value->get<std::string>().empty()) {
      throw std::invalid_argument(std::string(name) + " is missing, empty or no string");
    }
  }
  return {query_value(request.target, "app_id"), body.at("app_key"), body.at("refresh_token")};
}

/// Half of `text` under a Content-Length that announces all of it; httplib then closes.
void send_half(Response& response, const std::string& text) {
  response.set_content_provider(text.size(), json_type,
                                [text](std::size_t, std::size_t, httplib::DataSink& sink) {
                                  sink.write(text.data(), text.size() / 2);
                                  return false;
                                });
}

/// What the struck faults make of a request, sorted by when they matter.
struct Trouble {
  std::chrono::milliseconds before{0};
  std::chrono::milliseconds after{0};
  std::optional<Fault> main;
};

Trouble sorted(const std::vector<Fault>& struck) {
  Trouble trouble;
  for (const Fault& fault : struck) {
    if (fault.kind == FaultKind::delay) {
      trouble.before += fault.delay;
    } else if (fault.kind == FaultKind::delay_after) {
      trouble.after += fault.delay;
    } else {
      trouble.main = fault;
    }
  }
  return trouble;
}

/// Writes the reply, or what `fault` makes of it.
void write_reply(Response& response, int http_status, json body,
                 const std::optional<Fault>& fault) {
  response.status = http_status;
  if (!fault) {
    return response.set_content(text_of(body), json_type);
  }
  switch (fault->kind) {
  case FaultKind::truncate:
    return send_half(response, text_of(body));
  case FaultKind::garbage:
    return response.set_content(garbage, json_type);
  case FaultKind::status:
    response.status = fault->http_status;
    return response.set_content(page, "text/html");
  case FaultKind::code:
    response.status = fault->http_status;
    return response.set_content(text_of(error_body(fault->code, "injected")), json_type);
  case FaultKind::oversize:
    body["padding"] = std::string(fault->padding_bytes, 'x');
    return response.set_content(text_of(body), json_type);
  default:
    return response.set_content(text_of(body), json_type);
  }
}

} // namespace

HttpFront::HttpFront(ReplyStyle style, Service& service, Oauth& oauth, Ledger& ledger,
                     FaultPlan& faults, bool verbose)
    : style_(std::move(style)), service_(service), oauth_(oauth), ledger_(ledger), faults_(faults),
      verbose_(verbose) {}

void HttpFront::add_routes(LoopbackServer& server) {
  server.Post("/api/v1/openapi/personal/files/(.+)/script",
              [this](const Request& request, Response& response) {
                serve(Endpoint::submit, request, response,
                      [&](RequestNumber number) { return run_script(number, request); });
              });
  server.Get("/api/v1/openapi/personal/script/status",
             [this](const Request& request, Response& response) {
               serve(Endpoint::status, request, response,
                     [&](RequestNumber number) { return script_status(number, request); });
             });
  if (oauth_.has_app()) {
    add_oauth_routes(server);
  }
  server.set_error_handler([this](const Request& request, Response& response) {
    if (response.status == 404 && response.body.empty()) {
      ledger_.path_not_found();
      say(request, "404");
      response.set_content("404 page not found", "text/plain");
    }
  });
  server.set_exception_handler([](const Request&, Response& response, std::exception_ptr error) {
    response.status = 500;
    try {
      std::rethrow_exception(std::move(error));
    } catch (const std::exception& e) {
      std::cerr << "kdocs-sandbox: " << e.what() << '\n';
      response.set_content(e.what(), "text/plain");
    }
  });
}

void HttpFront::add_oauth_routes(LoopbackServer& server) {
  server.Get("/h5/auth", [this](const Request& request, Response& response) {
    consent(request, response);
    say(request, std::to_string(response.status));
  });
  server.Get("/api/v1/oauth2/access_token", [this](const Request& request, Response& response) {
    const auto value = [&](const char* name) { return query_value(request.target, name); };
    serve(Endpoint::exchange, request, response, [&](RequestNumber number) {
      return tokens(number,
                    oauth_.exchange(number, value("app_id"), value("app_key"), value("code")));
    });
  });
  server.Post("/api/v1/oauth2/refresh_token",
              [this](const Request& request, Response& response) { refresh(request, response); });
}

void HttpFront::serve(Endpoint endpoint, const Request& request, Response& response,
                      const Act& act) {
  const RequestNumber number = ledger_.received(endpoint);
  Connection& connection = LoopbackServer::connection_of(request);
  const bool drop_this = connection.take_drop_after_next();
  const std::vector<Fault> struck = faults_.draw(endpoint);
  std::string said = drop_this ? " dropped" : "";
  for (const Fault& fault : struck) {
    ledger_.faulted(number, fault.kind);
    said += ' ';
    said += to_text(fault.kind);
  }
  const Trouble trouble = sorted(struck);
  const auto main = [&](FaultKind kind) { return trouble.main && trouble.main->kind == kind; };

  if (stop_.wait_for(trouble.before) || main(FaultKind::drop_before)) {
    connection.drop();
    return say(request, "dropped before" + said);
  }
  ApiReply reply;
  if (!trouble.main || trouble.main->act) {
    reply = act(number);
  }
  if (trouble.main && trouble.main->retry_after_seconds) {
    reply.retry_after_seconds = trouble.main->retry_after_seconds;
  }
  if (main(FaultKind::close_after_next)) {
    connection.drop_after_next();
  }
  if (stop_.wait_for(trouble.after) || drop_this || main(FaultKind::drop_after)) {
    connection.drop();
    return say(request, "dropped after" + said);
  }
  write_reply(response, reply.http_status, std::move(reply.body), trouble.main);
  if (reply.retry_after_seconds) {
    response.set_header("Retry-After", std::to_string(*reply.retry_after_seconds));
  }
  say(request, std::to_string(response.status) + said);
}

HttpFront::ApiReply HttpFront::run_script(RequestNumber number, const Request& request) {
  if (auto refused = refusal(number, Endpoint::submit, request)) {
    return *refused;
  }
  SubmitOrder order;
  try {
    order = submit_order_from(request);
  } catch (const std::invalid_argument& e) {
    return refuse(number, {10001, e.what()});
  }
  const auto outcome = service_.submit(number, std::move(order));
  if (const auto* error = std::get_if<ApiError>(&outcome)) {
    return refuse(number, *error);
  }
  ApiReply reply;
  reply.body = {{"code", 0}};
  json& place = style_.task_id_in_data ? reply.body["data"] : reply.body;
  place[style_.task_id_key] = std::get<std::string>(outcome);
  return reply;
}

HttpFront::ApiReply HttpFront::script_status(RequestNumber number, const Request& request) {
  if (auto refused = refusal(number, Endpoint::status, request)) {
    return *refused;
  }
  auto outcome = service_.status(number, query_value(request.target, "task_id"));
  if (const auto* error = std::get_if<ApiError>(&outcome)) {
    return refuse(number, *error);
  }
  auto& report = std::get<StatusReport>(outcome);
  json inner{{"result", std::move(report.result)}};
  if (!report.logs.empty() || style_.no_logs == "array") {
    inner["logs"] = std::move(report.logs);
  } else if (style_.no_logs == "null") {
    inner["logs"] = nullptr;
  }
  json body{{"error", report.error},
            {"status", report.ended ? style_.ended_word : style_.running_word},
            {"data", std::move(inner)}};
  ApiReply reply;
  reply.body = style_.wrapped_status ? json{{"code", 0}, {"data", std::move(body)}} : body;
  return reply;
}

void HttpFront::consent(const Request& request, Response& response) const {
  const auto value = [&](const char* name) { return query_value(request.target, name); };
  try {
    response.set_redirect(oauth_.consent({value("app_id"), value("scope"), value("redirect_uri"),
                                          value("state"), value("force_login") == "1"}));
  } catch (const std::invalid_argument& e) {
    response.status = 400;
    response.set_content(e.what(), "text/plain");
  }
}

void HttpFront::refresh(const Request& request, Response& response) {
  RefreshOrder order;
  std::optional<ApiError> unreadable;
  std::optional<Oauth::UnderWay> under_way; // also while a fault holds the reply back
  try {
    order = refresh_order_from(request);
    under_way.emplace(oauth_, order.refresh_token);
  } catch (const std::invalid_argument& e) {
    unreadable = {10001, e.what()};
  }
  serve(Endpoint::refresh, request, response, [&](RequestNumber number) {
    return unreadable ? refuse(number, *unreadable) : tokens(number, oauth_.refresh(number, order));
  });
}

HttpFront::ApiReply HttpFront::tokens(RequestNumber number, std::variant<json, ApiError> outcome) {
  if (const auto* error = std::get_if<ApiError>(&outcome)) {
    return refuse(number, *error);
  }
  ApiReply reply;
  reply.body = {{"code", 0}, {"result", "ok"}, {"data", std::get<json>(std::move(outcome))}};
  return reply;
}

std::optional<HttpFront::ApiReply> HttpFront::refusal(RequestNumber number, Endpoint endpoint,
                                                      const Request& request) {
  const auto error = service_.admit(endpoint, query_value(request.target, "access_token"));
  return error ? std::optional(refuse(number, *error)) : std::nullopt;
}

HttpFront::ApiReply HttpFront::refuse(RequestNumber number, const ApiError& error) {
  ledger_.refused(number, error.code, error_name(error.code));
  ApiReply reply;
  reply.body = error_body(error.code, error.message);
  if (error.code == 30001) {
    reply.http_status = 401;
  } else if (error.code == 30002 && style_.quota_retry_after) {
    reply.http_status = 429;
    reply.retry_after_seconds = style_.quota_retry_after->count();
  }
  return reply;
}

void HttpFront::say(const Request& request, const std::string& what) const {
  if (verbose_) {
    // The path only: the query holds the access token and the task id.
    std::cerr << request.method + ' ' + request.path + ": " + what + '\n';
  }
}

} // namespace kdq::sandbox
