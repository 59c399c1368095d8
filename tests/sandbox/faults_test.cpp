#include "tests/sandbox/faults.h"

#include "tests/sandbox/test_sandbox.h"

#include <arpa/inet.h>
#include <array>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

/// A client that shows exactly what arrives on one connection.
class RawClient {
public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{60, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
  }

  void submit(const std::string& script) {
    const std::string body = json{{"script", script}}.dump();
    send("POST " + submit_path() + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  void status(const std::string& task) {
    send("GET " + status_path(task) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  /// All bytes until the server closes the connection.
  std::string until_closed() {
    while (receive()) {
    }
    return std::exchange(received_, "");
  }
  /// One complete reply's body.
  std::string reply() {
    const std::string field = "Content-Length: ";
    while (true) {
      const auto head = received_.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto size = std::stoul(received_.substr(received_.find(field) + field.size()));
        if (received_.size() >= head + 4 + size) {
          std::string body = received_.substr(head + 4, size);
          received_.erase(0, head + 4 + size);
          return body;
        }
      }
      REQUIRE(receive());
    }
  }

private:
  void send(const std::string& text) {
    REQUIRE(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  bool receive() {
    std::array<char, 4096> chunk{};
    const ssize_t size = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    const bool timed_out = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    REQUIRE_FALSE(timed_out); // not a close
    received_.append(chunk.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
  }

  UniqueFd socket_;
  std::string received_;
};

/// A sandbox with one ended task that has two lines to hand out.
struct Fixture {
  explicit Fixture(const SandboxSettings& settings = test_settings())
      : sandbox(settings), client(sandbox), task(client.task_of("'done'")) {
    wait_until([&] { return ledger().at("tasks").at("ended") == 1; });
  }
  json ledger() { return client.admin("ledger"); }
  int lines_handed_out() { return ledger().at("lines").at("handed_out").get<int>(); }

  Sandbox sandbox;
  TestClient client;
  std::string task;
};

} // namespace

TEST_CASE("drop_before closes without a byte and does nothing") {
  Fixture f;
  f.client.fault({{"kind", "drop_before"}, {"count", 2}});
  RawClient poller(f.sandbox.port());
  poller.status(f.task);
  CHECK(poller.until_closed() == "");
  RawClient poster(f.sandbox.port());
  poster.submit("1");
  CHECK(poster.until_closed() == "");
  CHECK(f.lines_handed_out() == 0);
  CHECK(f.ledger().at("tasks").at("started") == 1);
  CHECK(f.ledger().at("received") == json{{"submit", 2}, {"status", 1}});
  CHECK(f.ledger().at("faults") == json{{"drop_before", 2}});
  CHECK(f.client.outcome_of(f.task).at("logs").size() == 2);
}

TEST_CASE("drop_after acts and closes without a byte") {
  Fixture f;
  f.client.fault({{"kind", "drop_after"}, {"endpoint", "status"}, {"count", 1}});
  f.client.fault({{"kind", "drop_after"}, {"endpoint", "submit"}, {"count", 1}});
  RawClient poller(f.sandbox.port());
  poller.status(f.task);
  CHECK(poller.until_closed() == "");
  CHECK(f.lines_handed_out() == 2);
  RawClient poster(f.sandbox.port());
  poster.submit("1");
  CHECK(poster.until_closed() == "");
  CHECK(f.ledger().at("tasks").at("started") == 2);
  const json after = f.client.outcome_of(f.task);
  CHECK(after.at("logs").empty());
  CHECK(after.at("data").at("result") == "done");
}

TEST_CASE(
    "close_after_next answers, then acts upon the next request of the connection in silence") {
  Fixture f;
  f.client.fault({{"kind", "close_after_next"}, {"endpoint", "status"}, {"count", 1}});
  RawClient raw(f.sandbox.port());
  raw.status("unknown");
  CHECK(json::parse(raw.reply()).at("code") == 10001);
  raw.status(f.task);
  CHECK(raw.until_closed() == "");
  CHECK(f.lines_handed_out() == 2);
}

TEST_CASE("truncate announces the whole reply and sends half") {
  Fixture f;
  f.client.fault({{"kind", "truncate"}, {"endpoint", "status"}, {"count", 1}});
  RawClient raw(f.sandbox.port());
  raw.status(f.task);
  const std::string reply = raw.until_closed();
  const std::string field = "Content-Length: ";
  REQUIRE(reply.find(field) != std::string::npos);
  const auto announced = std::stoul(reply.substr(reply.find(field) + field.size()));
  const std::string body = reply.substr(reply.find("\r\n\r\n") + 4);
  CHECK(body.size() == announced / 2);
  CHECK(body.starts_with("{\"code\":0"));
  CHECK(f.lines_handed_out() == 2);
}

TEST_CASE("garbage answers with a body that is no JSON, after acting") {
  Fixture f;
  f.client.fault({{"kind", "garbage"}, {"count", 1}});
  const auto reply = f.client.status(f.task);
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK_FALSE(json::accept(reply->body));
  CHECK(f.lines_handed_out() == 2);
}

TEST_CASE("status answers with an HTTP status and no usable body, and acts only if told") {
  Fixture f;
  f.client.fault({{"kind", "status"}, {"count", 1}, {"http_status", 429}, {"retry_after", 30}});
  const auto paused = f.client.status(f.task);
  REQUIRE(paused);
  CHECK(paused->status == 429);
  CHECK(paused->get_header_value("Retry-After") == "30");
  CHECK_FALSE(json::accept(paused->body));
  CHECK(f.lines_handed_out() == 0);
  f.client.fault({{"kind", "status"}, {"count", 1}, {"act", true}});
  CHECK(f.client.status(f.task)->status == 502);
  CHECK(f.lines_handed_out() == 2);
}

TEST_CASE("code answers with an error of the service") {
  Fixture f;
  f.client.fault({{"kind", "code"}, {"count", 1}, {"code", 30010}});
  const auto reply = f.client.submit("1");
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(json::parse(reply->body) ==
        json{{"code", 30010}, {"result", "TooManyTask"}, {"msg", "injected"}});
  CHECK(f.ledger().at("tasks").at("started") == 1);
}

TEST_CASE("oversize answers with a reply beyond 16 MiB that is still JSON") {
  Fixture f;
  f.client.fault({{"kind", "oversize"}, {"count", 1}});
  const auto reply = f.client.status(f.task);
  REQUIRE(reply);
  CHECK(reply->body.size() > 16U << 20U);
  CHECK(json::accept(reply->body));
  CHECK(f.lines_handed_out() == 2);
}

TEST_CASE("a delay before acting leaves the lines, a delay after it has taken them") {
  Fixture f;
  f.client.fault({{"kind", "delay"}, {"count", 1}, {"ms", 1e8}});
  RawClient early(f.sandbox.port());
  early.status(f.task);
  wait_until([&] { return f.ledger().at("faults").contains("delay"); });
  CHECK(f.lines_handed_out() == 0);
  f.client.fault({{"kind", "delay_after"}, {"count", 1}, {"ms", 1e8}});
  RawClient late(f.sandbox.port());
  late.status(f.task);
  wait_until([&] { return f.lines_handed_out() == 2; });
} // and the end of the sandbox does not wait for the delays

TEST_CASE("a delayed request is answered in the end") {
  Fixture f;
  f.client.fault({{"kind", "delay"}, {"count", 1}, {"ms", 20}});
  CHECK(f.client.outcome_of(f.task).at("logs").size() == 2);
}

TEST_CASE("faults can be given at the start and cleared while it runs") {
  auto settings = test_settings();
  settings.faults = {R"({"kind":"code","endpoint":"status","code":-1})"};
  Fixture f(settings);
  for (int i = 0; i < 3; ++i) {
    CHECK(json::parse(f.client.status(f.task)->body).at("code") == -1);
  }
  CHECK(f.client.admin("faults").size() == 1);
  f.client.http().Delete("/admin/faults");
  CHECK(f.client.admin("faults").empty());
  CHECK(json::parse(f.client.status(f.task)->body).at("code") == 0);
}

TEST_CASE("the same seed strikes the same requests") {
  const auto strikes = [](std::uint64_t seed) {
    FaultPlan plan(seed);
    plan.add(rule_from_json({{"kind", "garbage"}, {"probability", 0.3}}));
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
      pattern += plan.draw(Endpoint::status).empty() ? '.' : 'x';
    }
    return pattern;
  };
  CHECK(strikes(7) == strikes(7));
  CHECK(strikes(7) != strikes(8));
  CHECK(strikes(7).find('x') != std::string::npos);
}

TEST_CASE("all delays strike together with the first of the other rules") {
  FaultPlan plan(1);
  for (const char* kind : {"delay", "garbage", "truncate", "delay_after"}) {
    plan.add(rule_from_json({{"kind", kind}, {"count", 1}}));
  }
  const auto first = plan.draw(Endpoint::submit);
  REQUIRE(first.size() == 3);
  CHECK(first[1].kind == FaultKind::garbage);
  const auto second = plan.draw(Endpoint::submit);
  REQUIRE(second.size() == 1);
  CHECK(second[0].kind == FaultKind::truncate);
  CHECK(plan.draw(Endpoint::submit).empty());
}

TEST_CASE("a rule that makes no sense is refused with a sentence") {
  for (const json& rule :
       {json{{"kind", "melt"}}, json{{"endpoint", "any"}}, json(1),
        json{{"kind", "delay"}, {"endpoint", "all"}}, json{{"kind", "delay"}, {"milliseconds", 1}},
        json{{"kind", "delay"}, {"count", "x"}}}) {
    CAPTURE(rule.dump());
    CHECK_THROWS_AS(rule_from_json(rule), std::invalid_argument);
  }
  auto settings = test_settings();
  settings.faults = {"{"};
  CHECK_THROWS_AS(Sandbox{settings}, std::invalid_argument);
}

} // namespace kdq::sandbox
