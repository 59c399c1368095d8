#include "daemon/web/web_options.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq::web;
using kdq::test::contains;

namespace {

std::variant<WebOptions, WebExit> parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "kdocs-queued-web");
  return parse_web_options(static_cast<int>(words.size()), words.data());
}

WebExit refused(const std::vector<const char*>& words) {
  const auto result = parsed(words);
  REQUIRE(std::holds_alternative<WebExit>(result));
  return std::get<WebExit>(result);
}

} // namespace

TEST_CASE("without options it serves this machine only, and changes nothing") {
  const auto options = std::get<WebOptions>(parsed({}));
  CHECK(options.database == "/var/lib/kdocs-queued/queue.db");
  CHECK(options.listen.is_local());
  CHECK(options.listen.port == 8742);
  CHECK_FALSE(options.allow_actions);
  CHECK_FALSE(options.password_file);
}

TEST_CASE("all options are taken") {
  const auto options = std::get<WebOptions>(
      parsed({"--database", "q.db", "--listen", "0.0.0.0:80", "--allow-actions", "--behind-proxy",
              "--host", "a.example", "--host", "b.example:8443", "--password-file", "p",
              "--metrics-file", "m", "--port-file", "f"}));
  CHECK(options.database == "q.db");
  CHECK(options.allow_actions);
  CHECK(options.behind_proxy);
  CHECK(options.hosts == std::vector<std::string>{"a.example", "b.example:8443"});
  CHECK(options.password_file == "p");
  CHECK(options.metrics_file == "m");
  CHECK(options.port_file == "f");
}

TEST_CASE("what others could look at has a password, or a proxy that asks for one") {
  const WebExit open = refused({"--listen", "0.0.0.0:80"});
  CHECK(open.code == 2);
  CHECK(contains(open.text, "--password-file"));
  const WebExit nameless = refused({"--behind-proxy"});
  CHECK(nameless.code == 2);
  CHECK(contains(nameless.text, "--host"));
  CHECK(std::holds_alternative<WebOptions>(
      parsed({"--listen", "0.0.0.0:80", "--password-file", "p"})));
  CHECK(std::holds_alternative<WebOptions>(
      parsed({"--listen", "0.0.0.0:80", "--behind-proxy", "--host", "a"})));
  CHECK(std::holds_alternative<WebOptions>(parsed({"--listen", "unix:/run/page.sock"})));
}

TEST_CASE("a wrong command line ends with 2, help and version with 0") {
  CHECK(refused({"--listen", "here"}).code == 2);
  CHECK(refused({"--no-such-option"}).code == 2);
  CHECK(refused({"word"}).code == 2);
  CHECK(refused({"--help"}).code == 0);
  CHECK(contains(refused({"--help"}).text, "--allow-actions"));
  CHECK(refused({"--version"}).code == 0);
  CHECK(contains(refused({"--version"}).text, "kdocs-queued-web "));
}
