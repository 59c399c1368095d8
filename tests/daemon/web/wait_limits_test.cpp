// Clients that keep a connection waiting: each limit ends it by itself, as the others are hours.
#include "daemon/web/http_server.h"
#include "tests/daemon/web/raw_client.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds soon = 100ms;
constexpr WaitLimits patient{1h, 1h, 1h, 1h};

/// Answers /endless with pieces until the client takes no more, everything else with `[path]`.
class Served {
public:
  explicit Served(const WaitLimits& limits)
      : server_({"127.0.0.1", 0, {}}, limits), running_(answering()) {}

  int port() const { return server_.port(); }
  int requests() const { return requests_; }
  /// Whether the endless answer ends; it waits for that for 30 s.
  bool gives_up() { return given_up_.get_future().wait_for(30s) == std::future_status::ready; }

private:
  HttpServer& answering() {
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      ++requests_;
      if (request.path != "/endless") {
        response.set_content("[" + request.path + "]", "text/plain");
        return;
      }
      response.set_chunked_content_provider(
          "text/plain",
          [this](std::size_t, httplib::DataSink& sink) {
            return sink.write(piece_.data(), piece_.size());
          },
          [this](bool) { given_up_.set_value(); });
    };
    server_.answer_by(answer, answer);
    return server_;
  }

  const std::string piece_ = std::string(64u << 10, 'x');
  std::atomic<int> requests_ = 0;
  std::promise<void> given_up_;
  HttpServer server_;
  RunningServer running_;
};

std::string request(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

} // namespace

TEST_CASE("who asks for nothing is left after a while, at first and behind an answer") {
  WaitLimits limits = patient;
  limits.idle = soon;
  Served served(limits);
  RawClient silent(served.port());
  CHECK(silent.rest() == "");
  RawClient once(served.port());
  REQUIRE(once.send(request("/a")));
  CHECK(contains(once.answer(), "[/a]"));
  CHECK(once.rest() == "");
  CHECK(served.requests() == 1);
}

TEST_CASE("a request that does not become whole is left after a while, wherever it stops") {
  WaitLimits limits = patient;
  limits.request = soon;
  Served served(limits);
  for (const std::string half :
       {"G", "GET /a HTTP/1.1\r\nHo", "GET /a HTTP/1.1\r\nHost: h\r\n",
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n"}) {
    CAPTURE(half);
    RawClient client(served.port());
    REQUIRE(client.send(half));
    CHECK_FALSE(contains(client.rest(), "[/a]"));
  }
  CHECK(served.requests() == 0);
}

TEST_CASE("the time for a request begins with it") {
  WaitLimits limits = patient;
  limits.request = 1s;
  Served served(limits);
  RawClient client(served.port());
  REQUIRE(client.send(request("/a")));
  CHECK(contains(client.answer(), "[/a]"));
  std::this_thread::sleep_for(1100ms);
  REQUIRE(client.send(request("/b")));
  CHECK(contains(client.answer(), "[/b]"));
}

TEST_CASE("a byte now and then does not keep a request alive") {
  WaitLimits limits = patient;
  limits.request = soon;
  Served served(limits);
  RawClient client(served.port());
  REQUIRE(client.send("GET /a HTTP/1.1\r\nX: "));
  int sent = 0;
  while (sent < 3000 && client.send("x")) { // within the 32 KiB of a head
    ++sent;
    std::this_thread::sleep_for(10ms);
  }
  CHECK(sent < 3000);
}

TEST_CASE("who does not take an answer is left after a while") {
  WaitLimits limits = patient;
  SUBCASE("by the time for a piece") {
    limits.piece = soon;
  }
  SUBCASE("by the time for all of it") {
    limits.answer = soon;
  }
  Served served(limits);
  RawClient client(served.port());
  REQUIRE(client.send(request("/endless")));
  REQUIRE(served.gives_up());
  CHECK_FALSE(contains(client.rest(), "\r\n0\r\n\r\n")); // what came is not taken for the whole
}
