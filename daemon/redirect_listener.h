// The end of a redirection on this machine: takes the one request with which a browser comes back.
#pragma once

#include "daemon/url.h"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace kdq {

/// The address cannot be listened on, as a sentence.
struct ListenError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Listens from its construction to its end, on loopback only. Requests for other paths are
/// answered 404 and do not count.
class RedirectListener {
public:
  /// `address`: plain http to loopback. Throws ListenError.
  explicit RedirectListener(const Url& address);
  ~RedirectListener();
  RedirectListener(const RedirectListener&) = delete;
  RedirectListener& operator=(const RedirectListener&) = delete;

  /// The query with which the browser came; nothing: it did not within `span`.
  std::optional<std::string> wait(std::chrono::seconds span);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
