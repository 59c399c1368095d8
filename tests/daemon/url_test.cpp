#include "daemon/url.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

Url parsed(const std::string& text) {
  const auto answer = parse_url(text);
  REQUIRE(std::holds_alternative<Url>(answer));
  return std::get<Url>(answer);
}

UrlProblem problem_of(const std::string& text) {
  const auto answer = parse_url(text);
  REQUIRE(std::holds_alternative<UrlProblem>(answer));
  return std::get<UrlProblem>(answer);
}

} // namespace

TEST_CASE("an address is taken apart, and the path stays as it is") {
  const Url url = parsed("https://host:8443/a/../b?x=1#f");
  CHECK(url.secure);
  CHECK(url.host == "host");
  CHECK(url.port == "8443");
  CHECK(url.path == "/a/../b");
  CHECK(url.query == "x=1");
  CHECK(url.fragment == "f");
  CHECK(url.text == "https://host:8443/a/../b?x=1#f");
  const Url plain = parsed("http://[::1]");
  CHECK_FALSE(plain.secure);
  CHECK(plain.host == "[::1]");
  CHECK(plain.port.empty());
  CHECK(plain.query.empty());
}

TEST_CASE("other spellings of an address are read as what will be connected to") {
  CHECK(parsed("http://127.1/").host == "127.0.0.1");
  CHECK(parsed("http://0x7f000001/").host == "127.0.0.1");
  CHECK(parsed("http://%6cocalhost/").host == "localhost");
  CHECK(parsed("HTTPS:///host").text == "https://host/");
}

TEST_CASE("what is no http address says what is wrong with it") {
  for (const char* const text : {"", "host", "ftp://host/", "file:///etc/hostname", "x://host"})
    CHECK_MESSAGE(problem_of(text) == UrlProblem::scheme, text);
  for (const char* const text : {"https://user:secret@host", "http://127.0.0.1@host", "https://@h"})
    CHECK_MESSAGE(problem_of(text) == UrlProblem::user, text);
  for (const char* const text : {"https://", "https://:1", "https://h\\x", "https://[::1"})
    CHECK_MESSAGE(problem_of(text) == UrlProblem::host, text);
  for (const char* const text : {"https://h:65536", "https://h:8o", "https://h:1:2"})
    CHECK_MESSAGE(problem_of(text) == UrlProblem::port, text);
  CHECK(problem_of("https://host/a b") == UrlProblem::other);
}

TEST_CASE("an origin is what all addresses of a server begin with") {
  CHECK(origin(parsed("https://host/a?b")) == "https://host/");
  CHECK(origin(parsed("http://[::1]:9/x")) == "http://[::1]:9/");
  CHECK(origin(parsed("http:///127.1")) == "http://127.0.0.1/");
}

TEST_CASE("what a socket is bound to has no brackets") {
  CHECK(without_brackets("[::1]") == "::1");
  CHECK(without_brackets("::1") == "::1");
  CHECK(without_brackets("127.0.0.1") == "127.0.0.1");
  CHECK(without_brackets("").empty());
}

TEST_CASE("loopback hosts are recognised by what they are, not by what they look like") {
  for (const char* const host : {"localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"})
    CHECK_MESSAGE(is_loopback(host), host);
  for (const char* const host :
       {"", "127.0.0.1.example.com", "localhost.example.com", "128.0.0.1", "127.1", "::2",
        "::ffff:127.0.0.1", "0.0.0.0", "developer.kdocs.cn"})
    CHECK_MESSAGE(!is_loopback(host), host);
}

TEST_CASE("a token may go over https to anybody, over plain http to loopback only") {
  CHECK(may_carry_token(parsed("https://developer.kdocs.cn/")));
  CHECK(may_carry_token(parsed("http://127.0.0.1:8080/")));
  CHECK(may_carry_token(parsed("http://127.1/")));
  CHECK_FALSE(may_carry_token(parsed("http://developer.kdocs.cn/")));
  CHECK_FALSE(may_carry_token(parsed("http://127.0.0.1.example.com/")));
}

TEST_CASE("a parameter of a query is decoded once, and a plus is a plus") {
  const std::string query = "a=1&code=x%2Fy%253D+z==&state=&code=second&tail";
  CHECK(query_value(query, "code") == "x/y%3D+z==");
  CHECK(query_value(query, "a") == "1");
  CHECK(query_value(query, "state").empty());
  CHECK(query_value(query, "tail").empty());
  CHECK(query_value(query, "ode").empty());
  CHECK(query_value("", "a").empty());
  CHECK(query_value("&&=&a=%zz%4", "a") == "%zz%4");
}
