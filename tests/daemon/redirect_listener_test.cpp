#include "daemon/redirect_listener.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

/// A port that nobody has for the moment.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&at), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  ::close(socket);
  return ntohs(at.sin_port);
}

Url address(int port, const std::string& path = "/callback") {
  return std::get<Url>(parse_url("http://127.0.0.1:" + std::to_string(port) + path));
}

} // namespace

TEST_CASE("the query of the one request for the path is handed out, as it is written") {
  const int port = free_port();
  RedirectListener listener(address(port));
  httplib::Client browser("127.0.0.1", port);
  browser.set_url_encode(false);
  CHECK(browser.Get("/favicon.ico")->status == 404);
  CHECK(browser.Get("/callback/more?code=x")->status == 404);
  CHECK(!listener.wait(0s));
  const auto page = browser.Get("/callback?code=a%2Bb+c&state=s");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->body.find("a%2Bb") == std::string::npos);
  CHECK(listener.wait(10s) == "code=a%2Bb+c&state=s");
  CHECK(browser.Get("/callback?code=second"));
  CHECK(listener.wait(10s) == "code=a%2Bb+c&state=s");
}

TEST_CASE("a path with the signs of a pattern is a path") {
  const int port = free_port();
  RedirectListener listener(address(port, "/a(b"));
  CHECK(httplib::Client("127.0.0.1", port).Get("/a(b?code=1")->status == 200);
  CHECK(listener.wait(10s) == "code=1");
}

TEST_CASE("a port that is taken is a sentence with a way out") {
  const int port = free_port();
  const RedirectListener first(address(port));
  CHECK_THROWS_WITH_AS(RedirectListener(address(port)), doctest::Contains("--paste"), ListenError);
}

TEST_CASE("nobody comes, or somebody who says nothing: the end does not wait for him") {
  const int port = free_port();
  {
    RedirectListener listener(address(port));
    CHECK(!listener.wait(0s));
  }
  RedirectListener listener(address(port));
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(silent, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  CHECK(!listener.wait(0s));
  ::close(silent);
}
