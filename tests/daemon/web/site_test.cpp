#include "tests/daemon/web/web_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

void check_headers(const httplib::Result& answer) {
  REQUIRE(answer);
  const std::string policy = answer->get_header_value("Content-Security-Policy");
  CHECK(contains(policy, "default-src 'none'"));
  CHECK(contains(policy, "frame-ancestors 'none'"));
  CHECK_FALSE(contains(policy, "unsafe"));
  CHECK(answer->get_header_value("X-Content-Type-Options") == "nosniff");
  CHECK(answer->get_header_value("Referrer-Policy") == "same-origin");
  CHECK(answer->get_header_value("Cross-Origin-Resource-Policy") == "same-origin");
}

/// The token of the forms of a page.
std::string token_in(const std::string& page) {
  constexpr std::string_view before = "name=\"form_token\" value=\"";
  const std::size_t at = page.find(before);
  REQUIRE(at != std::string::npos);
  return page.substr(at + before.size(), page.find('"', at + before.size()) - at - before.size());
}

std::string cookie_in(const httplib::Result& answer) {
  const std::string set = answer->get_header_value("Set-Cookie");
  return set.substr(0, set.find(';'));
}

} // namespace

TEST_CASE("every answer has the headers that keep others out") {
  const SiteFixture site;
  auto client = site.client();
  for (const std::string& path : all_pages)
    check_headers(client.Get(path));
  for (const char* path : {"/no-such-page", "/jobs/99", "/jobs/x", "/assets/style.css",
                           "/assets/page.js", "/assets/icon.svg", "/assets/", "/live-not"}) {
    CAPTURE(path);
    check_headers(client.Get(path));
  }
  check_headers(client.Get("/", {{"Host", "evil.example"}}));
  check_headers(client.Post("/act", "a=b", "application/x-www-form-urlencoded"));
  check_headers(client.Put("/jobs", "x", "text/plain"));
  check_headers(client.Options("/"));
  CHECK(client.Get("/no-such-page")->status == 404);
  CHECK(client.Get("/jobs/99")->status == 404);
}

TEST_CASE("pages are kept by nobody, and begin a session that scripts do not see") {
  const SiteFixture site;
  auto client = site.client();
  const auto page = client.Get("/");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->get_header_value("Cache-Control") == "no-store");
  CHECK(page->get_header_value("Content-Type") == "text/html; charset=utf-8");
  CHECK(contains(page->get_header_value("Set-Cookie"), "HttpOnly"));
  const auto again = client.Get("/", {{"Cookie", cookie_in(page)}});
  CHECK_FALSE(again->has_header("Set-Cookie"));
  CHECK(contains(client.Get("/", {{"Accept-Language", "zh-CN"}})->body, "lang=\"zh-CN\""));
  const auto head = client.Head("/");
  REQUIRE(head);
  CHECK(head->status == 200);
  CHECK(head->body.empty());
}

TEST_CASE("a page that is asked for by another name is not shown") {
  const SiteFixture site;
  auto client = site.client();
  for (const char* path : {"/", "/jobs", "/live?page=%2F"}) {
    CAPTURE(path);
    const auto answer = client.Get(path, {{"Host", "rebound.example"}});
    REQUIRE(answer);
    CHECK(answer->status == 421);
    CHECK_FALSE(contains(answer->body, "<html"));
  }
}

TEST_CASE("a form is taken from a page of ours only") {
  const SiteFixture site;
  auto client = site.client();
  const auto login = client.Get("/");
  const std::string cookie = cookie_in(login);
  const std::string origin = "http://" + site.host;
  const auto post = [&](const httplib::Headers& headers, const std::string& token) {
    return client.Post("/logout", headers, httplib::Params{{"form_token", token}})->status;
  };
  Sender sender;
  sender.cookies = cookie;
  const std::string token = site.guard.form_token(site.guard.session_of(sender));
  CHECK(post({{"Cookie", cookie}, {"Origin", origin}}, token) == 303);
  CHECK(post({{"Cookie", cookie}, {"Origin", origin}}, "") == 403);
  CHECK(post({{"Cookie", cookie}, {"Origin", "http://evil.example"}}, token) == 403);
  CHECK(post({{"Cookie", cookie}}, token) == 403);
  CHECK(post({{"Origin", origin}}, token) == 403);
  CHECK(post({{"Cookie", cookie}, {"Origin", "http://evil"}, {"Host", "evil"}}, token) == 403);
  // What is sent by GET changes nothing.
  CHECK(client.Get("/logout?form_token=" + token, {{"Cookie", cookie}})->status == 404);
}

TEST_CASE("with a password: nothing is shown before it, all after it, nothing after the end") {
  const SiteFixture site(hash_of_password("secret"));
  auto client = site.client();
  site.client();
  const auto asked = client.Get("/jobs?state=failed");
  REQUIRE(asked);
  check_headers(asked);
  CHECK(asked->status == 403);
  CHECK(contains(asked->body, "type=\"password\""));
  for (const std::string& path : all_pages)
    CHECK_FALSE(contains(client.Get(path)->body, "class=\"cards\""));
  CHECK(client.Get("/live?page=%2F")->status == 403);

  const std::string cookie = cookie_in(asked);
  const httplib::Headers browser{{"Cookie", cookie}, {"Origin", "http://" + site.host}};
  const std::string token = token_in(asked->body);
  const auto log_in = [&](const std::string& password, const std::string& to) {
    return client.Post("/login", browser,
                       httplib::Params{{"form_token", token}, {"password", password}, {"to", to}});
  };
  const auto wrong = log_in("guess", "/jobs");
  CHECK(wrong->status == 403);
  CHECK_FALSE(wrong->has_header("Set-Cookie"));
  CHECK(contains(wrong->body, "role=\"alert\">That is not the password.<"));

  const auto entered = log_in("secret", "/jobs?state=failed");
  CHECK(entered->status == 303);
  CHECK(entered->get_header_value("Location") == "/jobs?state=failed");
  for (const char* elsewhere : {"//evil.example", "/%2Fevil.example", "https://evil.example/"}) {
    CAPTURE(elsewhere);
    CHECK(log_in("secret", elsewhere)->get_header_value("Location") == "/");
  }
  const std::string inside = cookie_in(entered);
  CHECK(client.Get("/", {{"Cookie", inside}})->status == 200);
  CHECK(client.Get("/", {{"Cookie", cookie}})->status == 403);

  const auto page = client.Get("/", {{"Cookie", inside}});
  const auto left = client.Post("/logout", {{"Cookie", inside}, {"Origin", "http://" + site.host}},
                                httplib::Params{{"form_token", token_in(page->body)}});
  CHECK(left->status == 303);
  CHECK(contains(left->get_header_value("Set-Cookie"), "Max-Age=0"));
  // Whoever has kept the cookie has nothing of it.
  const auto kept = client.Get("/", {{"Cookie", inside}});
  CHECK(kept->status == 403);
  CHECK(contains(kept->body, "type=\"password\""));
  CHECK(cookie_in(kept).starts_with("kdq_session=v"));
  CHECK(client
            .Post("/logout", {{"Cookie", inside}, {"Origin", "http://" + site.host}},
                  httplib::Params{{"form_token", token_in(page->body)}})
            ->status == 403);
}

TEST_CASE("a page that is followed is told nothing more once its session has ended") {
  SiteFixture site(hash_of_password("secret"));
  const auto logged_in = [&] {
    const std::string set = site.guard.new_session(true);
    return set.substr(0, set.find(';'));
  };
  const std::string own = logged_in();
  const std::string others = logged_in();
  const auto follow = [&](RawClient& follower, const std::string& cookie) {
    REQUIRE(follower.send(
        "GET /live?page=%2Fjobs HTTP/1.1\r\nHost: " + site.host +
        "\r\nAccept: text/event-stream\r\nConnection: close\r\nCookie: " + cookie + "\r\n\r\n"));
  };
  RawClient follower(site.server.port());
  RawClient another(site.server.port());
  follow(follower, own);
  follow(another, others);
  CHECK(contains(follower.until("data: "), " 200 "));
  CHECK(contains(another.until("data: "), " 200 "));

  Sender sender;
  sender.cookies = own;
  const auto left = site.client().Post(
      "/logout", {{"Cookie", own}, {"Origin", "http://" + site.host}},
      httplib::Params{{"form_token", site.guard.form_token(site.guard.session_of(sender))}});
  REQUIRE(left);
  CHECK(left->status == 303);
  site.user.enqueue("f", "x", "came-later");
  site.changes.notice();
  CHECK_FALSE(contains(follower.until("came-later"), "came-later")); // it ends instead
  CHECK(contains(another.until("came-later"), "came-later"));

  // A browser that connects anew is told once, and asks nobody for a password.
  RawClient again(site.server.port());
  follow(again, own);
  const std::string refusal = again.rest();
  CHECK(contains(refusal, "HTTP/1.1 403 "));
  for (const char* asks : {"<html", "WWW-Authenticate", "Set-Cookie"})
    CHECK_FALSE(contains(refusal, asks));
}

TEST_CASE("a program is asked for the password as HTTP does") {
  const SiteFixture site(hash_of_password("secret"));
  httplib::Client program("127.0.0.1", site.server.port());
  const auto asked = program.Get("/jobs");
  REQUIRE(asked);
  CHECK(asked->status == 401);
  CHECK(contains(asked->get_header_value("WWW-Authenticate"), "Basic"));
  program.set_basic_auth("any", "wrong");
  CHECK(program.Get("/")->status == 401);
  program.set_basic_auth("any", "secret");
  CHECK(program.Get("/")->status == 200);
}

TEST_CASE("a database that cannot be read is a page that says why, until it can") {
  SiteFixture site;
  auto client = site.client();
  CHECK(client.Get("/")->status == 200);
  std::filesystem::rename(site.file, site.dir / "aside");
  const auto trouble = client.Get("/");
  CHECK(trouble->status == 503);
  CHECK(contains(trouble->body, "there is no database"));
  check_headers(trouble);
  std::filesystem::rename(site.dir / "aside", site.file);
  CHECK(client.Get("/")->status == 200);
}

TEST_CASE("a job is watched while its page is followed, but not by another site's link to it") {
  SiteFixture site;
  const auto job = site.user.enqueue("f", "x", "");
  site.go(job, {"submitting", "running"});
  const auto watches = [&] { return site.user.number("SELECT count(*) FROM watches"); };
  const auto follow = [&](const std::string& header) {
    RawClient follower(site.server.port());
    REQUIRE(follower.send("GET /live?page=%2Fjobs%2F1 HTTP/1.1\r\nHost: " + site.host + "\r\n" +
                          header + "\r\n"));
    CHECK(contains(follower.until("\"head\""), "data: ")); // sent when the watch is written
  };
  CHECK(site.client().Get("/jobs/1")->status == 200);
  follow("Sec-Fetch-Site: cross-site\r\n");
  CHECK(watches() == 0);
  follow("Sec-Fetch-Site: same-origin\r\n");
  CHECK(watches() == 1);
}

TEST_CASE("what changes comes over the open connection") {
  SiteFixture site;
  RawClient follower(site.server.port());
  REQUIRE(follower.send("GET /live?page=%2F HTTP/1.1\r\nHost: " + site.host + "\r\n\r\n"));
  const std::string head = follower.until("\"counts\"");
  CHECK(contains(head, "Content-Type: text/event-stream"));
  CHECK(contains(head, "X-Accel-Buffering: no"));
  site.user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', '1')");
  site.changes.notice();
  CHECK(contains(follower.until("\"counts\""), "data: "));
}
