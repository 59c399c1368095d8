#include "daemon/web/listen_address.h"

#include <doctest/doctest.h>

using namespace kdq::web;

TEST_CASE("an address is an IP address with a port, or a socket") {
  const ListenAddress four = listen_address("127.0.0.1:8742");
  CHECK(four.host == "127.0.0.1");
  CHECK(four.port == 8742);
  CHECK(four.is_local());
  CHECK(four.url(8742) == "http://127.0.0.1:8742");

  const ListenAddress six = listen_address("[::1]:0");
  CHECK(six.host == "::1");
  CHECK(six.port == 0);
  CHECK(six.is_local());
  CHECK(six.url(99) == "http://[::1]:99");

  CHECK(listen_address("localhost:1").host == "127.0.0.1");
  CHECK_FALSE(listen_address("0.0.0.0:8742").is_local());
  CHECK_FALSE(listen_address("[::]:8742").is_local());
  CHECK_FALSE(listen_address("192.168.1.5:8742").is_local());

  const ListenAddress socket = listen_address("unix:/run/page.sock");
  CHECK(socket.socket == "/run/page.sock");
  CHECK(socket.is_local());
  CHECK(socket.url(0) == "unix:/run/page.sock");
}

TEST_CASE("what is none is refused with a sentence and an example") {
  for (const char* text : {"", ":", "8742", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1: 80", "example.org:80",
                           "127.0.0.256:80", "[::1:80", "unix:", "unix:page.sock", "127.1:80"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(listen_address(text), doctest::Contains("as in 127.0.0.1:8742"),
                         ListenError);
  }
  CHECK_THROWS_WITH_AS(listen_address("unix:/" + std::string(200, 'x')),
                       doctest::Contains("at most 107 bytes"), ListenError);
}
