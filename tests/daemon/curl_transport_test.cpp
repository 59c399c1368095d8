#include "daemon/curl_transport.h"

#include "tests/daemon/curl_client.h"
#include "tests/daemon/scoped_env.h"
#include "tests/support/no_descriptors.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <string>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

CurlLimits impatient() {
  CurlLimits limits;
  limits.total = 2s;
  return limits;
}

} // namespace

TEST_CASE("a complete reply is answered, with its status and body, whatever the status is") {
  RawServer server([](Connection& c) {
    while (c.read_request())
      c.answer("503 Service Unavailable", "{\"code\":40008}");
  });
  Client client;
  const auto answered = std::get<Answered>(client.exchange(get(server.url("/x"))));
  CHECK(answered.http_status == 503);
  CHECK(answered.body == "{\"code\":40008}");
  CHECK_FALSE(answered.retry_after);
}

TEST_CASE("a GET goes out as HTTP/1.1 with the address exactly as given and without a body") {
  RawServer server(answer_all);
  Client client;
  client.exchange(get(server.url("/a/../b?access_token=t&task_id=x%252Fy%253D")));
  const std::string request = server.requests().at(0);
  CHECK(request.starts_with("GET /a/../b?access_token=t&task_id=x%252Fy%253D HTTP/1.1\r\n"));
  CHECK(request.ends_with("\r\n\r\n"));
  CHECK(request.find("Accept-Encoding") == std::string::npos);
}

TEST_CASE("a POST carries its body byte for byte as JSON, and a large one is not announced first") {
  RawServer server(answer_all);
  Client client;
  std::string body = "{\"script\":\"";
  body += std::string(3'000'000, 'x') + "\"}";
  client.exchange(post(server.url("/script"), body));
  const std::string request = server.requests().at(0);
  CHECK(request.starts_with("POST /script HTTP/1.1\r\n"));
  CHECK(request.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(request.find("Expect:") == std::string::npos);
  CHECK(request.ends_with("\r\n\r\n" + body));
}

TEST_CASE("a host name is resolved, again and again") {
  RawServer server(answer_all);
  std::string url = server.url("/x");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  for (int i = 0; i < 3; ++i) {
    Client client;
    CHECK(std::holds_alternative<Answered>(client.exchange(get(url))));
    CHECK(std::holds_alternative<Answered>(client.exchange(get(url))));
  }
}

TEST_CASE(
    "a kept-alive connection that dies after the request was read: the request is not repeated") {
  RawServer server([](Connection& c) {
    if (c.read_request())
      c.answer("200 OK", "{}");
    c.read_request();
  });
  Client client;
  HttpRequest request = get(server.url("/status"));
  SUBCASE("GET") {}
  SUBCASE("POST") {
    request = post(server.url("/script"), "{}");
  }
  CHECK(std::holds_alternative<Answered>(client.exchange(request)));
  const auto delivery = client.exchange(request);
  REQUIRE(std::holds_alternative<Unanswered>(delivery));
  CHECK(std::get<Unanswered>(delivery).http_status == 0);
  CHECK(std::get<Unanswered>(delivery).reason ==
        "the server closed the connection without a reply");
  // A repetition would have come before the reply was reported.
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a first connection that closes without a reply is unanswered") {
  RawServer server([](Connection& c) { c.read_request(); });
  Client client;
  CHECK(std::holds_alternative<Unanswered>(client.exchange(get(server.url("/x")))));
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a body that is cut off is unanswered, with the status and what arrived") {
  RawServer server([](Connection& c) {
    c.read_request();
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":{\"logs\":[");
  });
  Client client;
  const auto delivery = client.exchange(get(server.url("/x")));
  REQUIRE(std::holds_alternative<Unanswered>(delivery));
  CHECK(std::get<Unanswered>(delivery).http_status == 200);
  CHECK(std::get<Unanswered>(delivery).partial_body == "{\"data\":{\"logs\":[");
}

TEST_CASE("a chunked body without its last chunk is unanswered, a complete one is answered") {
  RawServer server([](Connection& c) {
    const auto request = c.read_request();
    const bool whole = request && request->starts_with("GET /whole");
    c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n");
    if (whole)
      c.write("2\r\n1}\r\n0\r\n\r\n");
  });
  Client client;
  const auto cut = client.exchange(get(server.url("/cut")));
  REQUIRE(std::holds_alternative<Unanswered>(cut));
  CHECK(std::get<Unanswered>(cut).partial_body == "{\"a\":");
  const auto whole = client.exchange(get(server.url("/whole")));
  REQUIRE(std::holds_alternative<Answered>(whole));
  CHECK(std::get<Answered>(whole).body == "{\"a\":1}");
}

TEST_CASE("a server that is silent is unanswered after the time limit") {
  RawServer server([](Connection& c) {
    c.read_request();
    c.wait_for_close();
  });
  Client client(impatient());
  CHECK(std::holds_alternative<Unanswered>(client.exchange(get(server.url("/x")))));
}

TEST_CASE("a reply that stops in the middle is unanswered after the time limit, with its head") {
  RawServer server([](Connection& c) {
    c.read_request();
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhead");
    c.wait_for_close();
  });
  Client client(impatient());
  const auto delivery = client.exchange(get(server.url("/x")));
  REQUIRE(std::holds_alternative<Unanswered>(delivery));
  CHECK(std::get<Unanswered>(delivery).partial_body == "head");
}

TEST_CASE("what is no HTTP at all is unanswered") {
  RawServer server([](Connection& c) {
    c.read_request();
    c.write("220 mail ready\r\n");
  });
  Client client;
  CHECK(std::holds_alternative<Unanswered>(client.exchange(get(server.url("/x")))));
}

TEST_CASE("a port on which nobody listens is not sent") {
  Client client;
  const std::string url =
      "http://127.0.0.1:" + std::to_string(closed_port()) + "/?access_token=SECRET";
  const auto delivery = client.exchange(get(url));
  REQUIRE(std::holds_alternative<NotSent>(delivery));
  const std::string reason = std::get<NotSent>(delivery).reason;
  CHECK(reason.find("127.0.0.1") != std::string::npos);
  CHECK(reason.find("SECRET") == std::string::npos);
}

TEST_CASE(
    "plain http to anything but loopback is not sent, and so are other schemes and nonsense") {
  Client client;
  for (const std::string url : {"http://192.0.2.1/", "http://127.0.0.1@192.0.2.1/",
                                "ftp://127.0.0.1/", "file:///etc/hostname", "", "http://"}) {
    CAPTURE(url);
    CHECK(std::holds_alternative<NotSent>(client.exchange(get(url))));
  }
  CHECK(std::get<NotSent>(client.exchange(get("http://192.0.2.1/"))).reason ==
        "plain http is allowed to loopback addresses only");
}

TEST_CASE("that one server may be reached over plain http does not open the way to another") {
  RawServer server(answer_all);
  const std::string port = server.url("").substr(server.url("").rfind(':'));
  Client client;
  for (const std::string& url :
       {"http://127.0.0.1" + port + "@192.0.2.1/", std::string("http:///192.0.2.1/"),
        std::string("http://192.0.2.1/")}) {
    CAPTURE(url);
    CHECK(std::holds_alternative<Answered>(client.exchange(get(server.url("/x")))));
    CHECK(std::holds_alternative<NotSent>(client.exchange(get(url))));
  }
  CHECK(server.requests().size() == 3);
}

TEST_CASE("a proxy of the environment is not used for loopback") {
  RawServer proxy(answer_all);
  RawServer server(answer_all);
  const ScopedEnv all("all_proxy", proxy.url("").c_str());
  const ScopedEnv http("http_proxy", proxy.url("").c_str());
  const ScopedEnv none("no_proxy", nullptr);
  Client client;
  CHECK(std::holds_alternative<Answered>(client.exchange(get(server.url("/x")))));
  CHECK(proxy.connections() == 0);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a redirect is an answer and is not followed") {
  RawServer elsewhere(answer_all);
  RawServer server([&](Connection& c) {
    c.read_request();
    c.answer("302 Found", "moved", "Location: " + elsewhere.url("/y") + "\r\n");
  });
  Client client;
  const auto answered = std::get<Answered>(client.exchange(get(server.url("/x"))));
  CHECK(answered.http_status == 302);
  CHECK(answered.body == "moved");
  CHECK(elsewhere.connections() == 0);
}

TEST_CASE("a reply beyond the limit is unanswered and keeps exactly what the limit allows") {
  CurlLimits limits;
  limits.max_reply_bytes = 100'000;
  RawServer server([](Connection& c) {
    while (const auto request = c.read_request()) {
      const std::size_t size = request->starts_with("GET /fits") ? 100'000 : 100'001;
      c.answer("200 OK", std::string(size, 'x'));
    }
  });
  Client client(limits);
  const auto fits = client.exchange(get(server.url("/fits")));
  REQUIRE(std::holds_alternative<Answered>(fits));
  CHECK(std::get<Answered>(fits).body.size() == 100'000);
  const auto over = client.exchange(get(server.url("/over")));
  REQUIRE(std::holds_alternative<Unanswered>(over));
  CHECK(std::get<Unanswered>(over).partial_body == std::string(100'000, 'x'));
  CHECK(std::get<Unanswered>(over).reason == "the reply is longer than 100000 bytes");
}

TEST_CASE("Retry-After is given as a span and never shortened") {
  RawServer server([](Connection& c) {
    while (const auto request = c.read_request()) {
      const std::size_t at = request->find("?s=") + 3;
      c.answer("429 Too Many Requests", "",
               "Retry-After: " + request->substr(at, request->find(' ', at) - at) + "\r\n");
    }
  });
  Client client;
  CHECK(std::get<Answered>(client.exchange(get(server.url("/?s=120")))).retry_after == 120s);
  CHECK(std::get<Answered>(client.exchange(get(server.url("/?s=86399")))).retry_after == 86399s);
  CHECK_FALSE(std::get<Answered>(client.exchange(get(server.url("/?s=soon")))).retry_after);
  CHECK_FALSE(std::get<Answered>(client.exchange(get(server.url("/?s=-5")))).retry_after);
  CHECK(std::get<Answered>(client.exchange(get(server.url("/?s=0")))).retry_after == 0s);
  // A date may have no blank here.
  CHECK(std::get<Answered>(client.exchange(get(server.url("/?s=1994-11-06,08:49:37,GMT"))))
            .retry_after.value_or(0s) == 0s);
  for (const auto* huge : {"9223372036854775807", "9999999999999999999999"}) {
    CAPTURE(huge);
    CHECK(std::get<Answered>(client.exchange(get(server.url(std::string("/?s=") + huge))))
              .retry_after == std::chrono::seconds(std::numeric_limits<std::int64_t>::max()));
  }
}

TEST_CASE("a wait ends at its time, and at once when a watched descriptor is readable") {
  Client client;
  const SteadyTime wake = client.clock.steady() + 30ms;
  client.transport.wait_until(wake);
  CHECK(client.clock.steady() >= wake);
  CHECK(client.transport.take_replies().empty());

  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  client.transport.watch(out.get());
  REQUIRE(::write(in.get(), "x", 1) == 1);
  const SteadyTime far = client.clock.steady() + 1h;
  client.transport.wait_until(far); // would outlast the test run otherwise
  CHECK(client.clock.steady() < far);
}

TEST_CASE("a transport that goes while requests are under way ends them") {
  RawServer server([](Connection& c) {
    c.read_request();
    c.wait_for_close();
  });
  {
    Client client;
    client.transport.send(RequestId{1}, get(server.url("/x")));
    client.transport.send(RequestId{2}, post(server.url("/x"), "{}"));
    while (server.requests().size() < 2)
      client.transport.wait_until(client.clock.steady() + 5ms);
  }
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a request that cannot be sent for want of descriptors says so") {
  RawServer server(answer_all);
  Client client;
  for (const std::string& url : {server.url("/x"), std::string("https://a.name.invalid/")}) {
    NotSent failed;
    {
      const NoDescriptors none; // not while doctest works: the sanitizers need one to look at it
      failed = std::get<NotSent>(client.exchange(get(url)));
    }
    CAPTURE(failed.reason);
    CHECK(failed.reason.starts_with("too many open files: this process may have "));
  }
  CHECK(std::holds_alternative<Answered>(client.exchange(get(server.url("/x")))));
}
