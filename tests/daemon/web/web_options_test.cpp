#include "daemon/web/web_options.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <set>

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

TEST_CASE("a page is known by where it listens, on this machine by all its names, and by --host") {
  const auto known = [](const std::vector<const char*>& words, int port) {
    const std::vector<std::string> all = std::get<WebOptions>(parsed(words)).known_hosts(port);
    return std::set<std::string>(all.begin(), all.end());
  };
  using Names = std::set<std::string>;
  const Names local{"127.0.0.1:8742", "localhost:8742", "[::1]:8742"};
  CHECK(known({}, 8742) == local);
  CHECK(known({"--listen", "[::1]:8742"}, 8742) == local);
  // The port is the one that it has got.
  CHECK(known({"--listen", "127.0.0.2:0"}, 99) ==
        Names{"127.0.0.2:99", "127.0.0.1:99", "localhost:99", "[::1]:99"});
  CHECK(known({"--host", "page.example", "--host", "b.example:8443"}, 8742) ==
        Names{"127.0.0.1:8742", "localhost:8742", "[::1]:8742", "page.example", "b.example:8443"});
  // Other machines do not call this one by a name that leads to themselves.
  CHECK(known({"--listen", "192.168.1.5:8742", "--password-file", "p"}, 8742) ==
        Names{"192.168.1.5:8742"});
  CHECK(known({"--listen", "[fd00::5]:80", "--password-file", "p"}, 80) ==
        Names{"[fd00::5]:80", "[fd00::5]"});
  CHECK(known({"--listen", "127.0.0.1:80"}, 80) ==
        Names{"127.0.0.1:80", "127.0.0.1", "localhost:80", "localhost", "[::1]:80", "[::1]"});
  CHECK(known({"--listen", "unix:/run/page.sock"}, 0).empty());
  CHECK(known({"--listen", "unix:/run/page.sock", "--host", "page.example"}, 0) ==
        Names{"page.example"});
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
