// A CurlTransport as the tests of it use one.
#pragma once

#include "daemon/curl_transport.h"
#include "daemon/system_clock.h"
#include "tests/daemon/raw_server.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace kdq::test {

/// A transport on the machine's clock, and the replies it gives.
struct Client {
  explicit Client(CurlLimits limits = {}) : transport(clock, limits) {}

  /// Waits for `count` replies, with a bound that only a broken transport reaches.
  std::vector<Reply> replies(std::size_t count) {
    std::vector<Reply> all;
    const SteadyTime bound = clock.steady() + std::chrono::seconds(60);
    while (all.size() < count && clock.steady() < bound) {
      transport.wait_until(bound);
      for (auto& reply : transport.take_replies())
        all.push_back(std::move(reply));
    }
    REQUIRE(all.size() == count);
    return all;
  }

  Delivery exchange(HttpRequest request) {
    transport.send(RequestId{1}, std::move(request));
    return replies(1).front().delivery;
  }

  SystemClock clock;
  CurlTransport transport;
};

inline HttpRequest get(std::string url) {
  return {HttpRequest::Method::get, std::move(url), "", ""};
}
inline HttpRequest post(std::string url, std::string body) {
  return {HttpRequest::Method::post, std::move(url), std::move(body), ""};
}

inline void answer_all(Connection& connection) {
  while (connection.read_request())
    connection.answer("200 OK", "{}");
}

} // namespace kdq::test
