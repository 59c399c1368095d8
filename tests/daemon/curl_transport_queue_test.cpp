// Many requests over few handles and connections: order, limits, and that nothing is mixed up.
#include "tests/daemon/curl_client.h"

#include <doctest/doctest.h>

#include <future>
#include <optional>
#include <set>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

CurlLimits one_connection() {
  CurlLimits limits;
  limits.max_connections = 1;
  return limits;
}

/// Answers GETs at once and POSTs when they are let go.
class HoldingServer {
public:
  ~HoldingServer() { let_go(); }
  void let_go() {
    if (held_)
      std::exchange(held_, std::nullopt)->set_value();
  }
  std::string url(const std::string& path) const { return server_.url(path); }

  /// The first lines up to the version, as they came. Waits for `count`, with a bound.
  std::vector<std::string> arrivals(std::size_t count, Client& client) const {
    const SteadyTime bound = client.clock.steady() + 60s;
    while (server_.requests().size() < count && client.clock.steady() < bound)
      client.transport.wait_until(client.clock.steady() + 5ms);
    std::vector<std::string> lines;
    for (const auto& request : server_.requests())
      lines.push_back(request.substr(0, request.find(" HTTP")));
    REQUIRE(lines.size() == count);
    return lines;
  }

private:
  std::optional<std::promise<void>> held_{std::in_place};
  std::shared_future<void> let_go_ = held_->get_future();
  RawServer server_{[let_go = let_go_](Connection& c) {
    while (const auto request = c.read_request()) {
      if (request->starts_with("POST"))
        let_go.wait();
      c.answer("200 OK", "{}");
    }
  }};
};

} // namespace

TEST_CASE("requests that follow each other share one connection") {
  RawServer server(answer_all);
  Client client;
  for (int i = 0; i < 5; ++i)
    CHECK(std::holds_alternative<Answered>(client.exchange(get(server.url("/x")))));
  CHECK(server.requests().size() == 5);
  CHECK(server.connections() == 1);
}

TEST_CASE("GETs and POSTs that follow each other on one handle do not mix") {
  RawServer server(answer_all);
  Client client(one_connection());
  const std::string body = "{\"a\":\"" + std::string(100'000, 'x') + "\"}";
  client.exchange(post(server.url("/one"), body));
  client.exchange(get(server.url("/two")));
  client.exchange(get(server.url("/three")));
  client.exchange(post(server.url("/four"), "{}"));
  client.exchange(post(server.url("/five"), ""));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 5);
  CHECK(requests[0].ends_with("\r\n\r\n" + body));
  for (const std::size_t i : {1u, 2u}) {
    CHECK(requests[i].starts_with(i == 1 ? "GET /two " : "GET /three "));
    CHECK(requests[i].find("Content-") == std::string::npos);
    CHECK(requests[i].ends_with("\r\n\r\n"));
  }
  CHECK(requests[3].starts_with("POST /four "));
  CHECK(requests[3].find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(requests[3].ends_with("\r\n\r\n{}"));
  CHECK(requests[4].find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(requests[4].ends_with("\r\n\r\n"));
}

TEST_CASE("nothing of a reply or a failure is left for the next request on the same handle") {
  CurlLimits limits = one_connection();
  limits.max_reply_bytes = 1000;
  RawServer server([](Connection& c) {
    while (const auto request = c.read_request()) {
      if (request->starts_with("GET /closed"))
        return;
      if (request->starts_with("GET /long"))
        c.answer("200 OK", std::string(1001, 'x'));
      else if (request->starts_with("GET /busy"))
        c.answer("429 Too Many Requests", "{\"busy\":true}", "Retry-After: 7\r\n");
      else
        c.answer("200 OK", "{}");
    }
  });
  Client client(limits);
  const auto plain = [&] {
    const auto answered = std::get<Answered>(client.exchange(get(server.url("/plain"))));
    CHECK(answered.http_status == 200);
    CHECK(answered.body == "{}");
    CHECK_FALSE(answered.retry_after);
  };
  CHECK(std::get<Answered>(client.exchange(get(server.url("/busy")))).retry_after == 7s);
  plain();
  CHECK(std::get<Unanswered>(client.exchange(get(server.url("/long")))).reason ==
        "the reply is longer than 1000 bytes");
  plain();
  CHECK(std::get<Unanswered>(client.exchange(get(server.url("/closed")))).http_status == 0);
  plain();
  const std::string nobody = "http://127.0.0.1:" + std::to_string(closed_port()) + "/";
  CHECK(std::holds_alternative<NotSent>(client.exchange(get(nobody))));
  plain();
}

TEST_CASE("connections that the server closes after each reply are followed by new ones") {
  RawServer server([](Connection& c) {
    if (const auto request = c.read_request())
      c.answer("200 OK", "{}", "Connection: close\r\n");
  });
  CurlLimits limits;
  limits.max_connections = 4;
  Client client(limits);
  for (std::uint64_t i = 0; i < 60; ++i)
    client.transport.send(RequestId{i},
                          i % 2 == 0 ? get(server.url("/x")) : post(server.url("/x"), "{}"));
  for (const auto& reply : client.replies(60))
    CHECK(std::holds_alternative<Answered>(reply.delivery));
  CHECK(server.requests().size() == 60);
  CHECK(server.connections() == 60);
}

TEST_CASE(
    "many requests at once each get exactly one reply, over no more connections than allowed") {
  CurlLimits limits;
  limits.max_connections = 8;
  RawServer server(answer_all);
  Client client(limits);
  for (std::uint64_t i = 0; i < 200; ++i)
    client.transport.send(RequestId{i}, get(server.url("/" + std::to_string(i))));
  std::set<RequestId> seen;
  for (const auto& reply : client.replies(200)) {
    CHECK(std::holds_alternative<Answered>(reply.delivery));
    CHECK(seen.insert(reply.request).second);
  }
  CHECK(server.connections() <= 8);
  CHECK(server.requests().size() == 200);
  CHECK(client.transport.take_replies().empty());
}

TEST_CASE("requests that wait for a connection do not use up their time limit") {
  CurlLimits limits = one_connection();
  limits.total = 2s;
  RawServer server([](Connection& c) {
    const auto request = c.read_request();
    if (request && request->starts_with("GET /silent"))
      c.wait_for_close();
    else
      c.answer("200 OK", "{}");
  });
  Client client(limits);
  client.transport.send(RequestId{1}, get(server.url("/silent")));
  client.transport.send(RequestId{2}, get(server.url("/silent")));
  client.transport.send(RequestId{3}, get(server.url("/quick")));
  const auto replies = client.replies(3);
  CHECK(replies[0].request == RequestId{1});
  CHECK(replies[2].request == RequestId{3});
  CHECK(std::holds_alternative<Answered>(replies[2].delivery));
}

TEST_CASE("starts leave connections free: a poll is sent at once while they wait for replies") {
  HoldingServer server;
  CurlLimits limits;
  limits.max_connections = 4;
  limits.max_posts = 3;
  Client client(limits);
  for (std::uint64_t i = 0; i < 6; ++i)
    client.transport.send(RequestId{i}, post(server.url("/start"), "{}"));
  server.arrivals(3, client);
  client.transport.send(RequestId{6}, get(server.url("/a")));
  client.transport.send(RequestId{7}, get(server.url("/b")));
  const auto polls = client.replies(2);
  CHECK(polls[0].request == RequestId{6});
  CHECK(polls[1].request == RequestId{7});
  // No start came in between although a connection was free.
  CHECK(server.arrivals(5, client)[4] == "GET /b");
  server.let_go();
  client.replies(6);
}

TEST_CASE("polls that wait for a connection go before starts, each kind in its order") {
  HoldingServer server;
  Client client(one_connection());
  for (const auto* path : {"/1", "/2", "/3"})
    client.transport.send(RequestId{1}, post(server.url(path), "{}"));
  server.arrivals(1, client);
  for (const auto* path : {"/a", "/b"})
    client.transport.send(RequestId{2}, get(server.url(path)));
  server.let_go();
  client.replies(5);
  CHECK(server.arrivals(5, client) ==
        std::vector<std::string>{"POST /1", "GET /a", "GET /b", "POST /2", "POST /3"});
}

TEST_CASE("a caller who never has time to wait gets its reply") {
  HoldingServer server;
  CurlLimits limits = one_connection();
  limits.connect = limits.total = 1h;
  Client client(limits);
  client.exchange(get(server.url("/"))); // over a standing connection no timer makes libcurl look
  client.transport.send(RequestId{1}, post(server.url("/x"), "{}"));
  server.arrivals(2, client);
  server.let_go();
  const SteadyTime bound = client.clock.steady() + 30s;
  std::vector<Reply> replies;
  while (replies.empty() && client.clock.steady() < bound) {
    client.transport.wait_until(SteadyTime::min());
    replies = client.transport.take_replies();
  }
  REQUIRE(replies.size() == 1);
  CHECK(std::holds_alternative<Answered>(replies[0].delivery));
}
