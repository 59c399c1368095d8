// How requests leave and replies come back, and the only place where time passes.
#pragma once

#include "poller/clock.h"
#include "store/job.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq {

/// A call of the service. `url` and `body` carry secrets: only redacted() may go into a text.
struct HttpRequest {
  enum class Method { get, post };
  Method method = Method::get;
  std::string url;
  std::string body;    ///< JSON, for post
  std::string ca_file; ///< PEM file to verify the server with; empty: the system's
};

/// No byte of the request left (resolve, connect, TLS): nothing was spent, nothing was lost.
struct NotSent {
  std::string reason; ///< free of secrets
};

/// The request may have been acted upon; no complete reply came back.
struct Unanswered {
  std::string reason;  ///< free of secrets
  int http_status = 0; ///< 0: not even the status line arrived
  std::string partial_body;
};

/// A complete reply of the server, whatever it says.
struct Answered {
  int http_status = 0;
  std::string body;
  /// The header, as a span from now; any number that fits.
  std::optional<std::chrono::seconds> retry_after;
};

using Delivery = std::variant<NotSent, Unanswered, Answered>;

struct Reply {
  RequestId request;
  Delivery delivery;
};

/// Sends each request at most once: an implementation never retries by itself.
class Transport {
public:
  virtual ~Transport() = default;

  /// Starts a request and returns at once. Each started request yields exactly one Reply.
  virtual void send(RequestId id, HttpRequest request) = 0;

  /// Sleeps until `wake`, a reply, or whatever else the implementation was told to watch.
  virtual void wait_until(SteadyTime wake) = 0;

  /// The replies that have arrived since the last call, in order of arrival.
  virtual std::vector<Reply> take_replies() = 0;
};

} // namespace kdq
