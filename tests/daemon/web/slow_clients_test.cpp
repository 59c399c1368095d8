// Many who keep a connection and take their time: the others are answered all the same.
#include "tests/daemon/web/web_fixture.h"

#include <doctest/doctest.h>

#include <deque>

using namespace kdq;
using namespace kdq::test;

namespace {

constexpr int many = 100;

void check_answered(const SiteFixture& site) {
  auto client = site.client();
  const auto page = client.Get("/");
  REQUIRE(page);
  CHECK(page->status == 200);
}

} // namespace

TEST_CASE("a hundred that send one byte and stay hold up nobody, nor the end") {
  SiteFixture site;
  std::deque<RawClient> slow;
  for (int i = 0; i < many; ++i)
    REQUIRE(slow.emplace_back(site.server.port()).send("G"));
  check_answered(site);
}

TEST_CASE("a hundred that ask and do not read hold up nobody") {
  SiteFixture site;
  std::deque<RawClient> slow;
  const std::string request = "GET / HTTP/1.1\r\nHost: " + site.host + "\r\n\r\n";
  for (int i = 0; i < many; ++i)
    REQUIRE(slow.emplace_back(site.server.port()).send(request));
  check_answered(site);
}

TEST_CASE("a hundred that follow a page hold up nobody; one more is told so, until one goes") {
  SiteFixture site;
  const std::string request = "GET /live?page=%2F HTTP/1.1\r\nHost: " + site.host + "\r\n\r\n";
  std::deque<RawClient> followers;
  for (int i = 0; i < many; ++i) {
    REQUIRE(followers.emplace_back(site.server.port()).send(request));
    REQUIRE(contains(followers.back().until("data: "), "text/event-stream"));
  }
  check_answered(site);
  RawClient refused(site.server.port());
  REQUIRE(refused.send(request));
  CHECK(contains(refused.answer(), "503"));

  followers.pop_front();
  bool taken = false;
  for (int i = 0; i < 300 && !taken; ++i) {
    site.changes.notice(); // what is sent now has nobody to take it
    RawClient next(site.server.port());
    REQUIRE(next.send(request));
    taken = contains(next.until("\r\n"), " 200 ");
    if (!taken)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(taken);
}
