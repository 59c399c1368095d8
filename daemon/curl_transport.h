// Requests over libcurl: the only place that knows it.
#pragma once

#include "poller/clock.h"
#include "poller/requests_under_way.h"
#include "poller/transport.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace kdq {

struct CurlLimits {
  /// Resolve, TCP and TLS together. Within the country that takes well under a second; ten cover
  /// two lost SYN packets.
  std::chrono::milliseconds connect{10'000};
  /// The whole exchange. A gateway in front of the service gives up after 60 s at the latest (the
  /// usual default), so an answer after that does not exist.
  std::chrono::milliseconds total{60'000};
  std::size_t max_reply_bytes =
      std::size_t{16} * 1024 * 1024; ///< beyond: unanswered, with what fitted
  /// Requests on the wire at once; further ones wait here, outside of the time limits, GETs before
  /// POSTs and each in order of send(). As many as the engine begins: none waits.
  std::size_t max_connections = most_polls_under_way + most_starts_under_way;
  /// POSTs on the wire at once. The connections beyond are for GETs: a poll that is due finds one
  /// even while slow starts hold all of theirs.
  std::size_t max_posts = most_starts_under_way;
  /// An idle connection older than this is not used again: servers commonly close theirs after 60 s
  /// or more, and a request on a dying connection would be unanswered.
  std::chrono::seconds max_idle_age{50};
};

/// HTTPS with verification always, plain http to loopback only, HTTP/1.1, no redirects, no retries:
/// libcurl itself would send a request again when a kept-alive connection dies before the reply; a
/// second attempt of one transfer is stopped before a byte of it leaves. A proxy of the environment
/// (https_proxy) is used for https to other hosts, never for loopback.
///
/// Single-threaded, but libcurl resolves names in threads of its own: block signals first.
/// `clock` must outlive it.
class CurlTransport : public Transport {
public:
  /// Throws std::runtime_error if libcurl cannot be set up.
  explicit CurlTransport(const Clock& clock, CurlLimits limits = {});
  /// Ends what is still under way; those requests yield no reply.
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  /// wait_until() also returns when `fd` is readable. The descriptor must stay open until
  /// unwatch(). Throws std::system_error for what cannot be waited for, such as a regular file.
  void watch(int fd);
  void unwatch(int fd);

  void send(RequestId id, HttpRequest request) override;
  void wait_until(SteadyTime wake) override;
  std::vector<Reply> take_replies() override;

  /// Such as `libcurl/7.88.1 OpenSSL/3.0.15`.
  static std::string library_version();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
