// SIGTERM, SIGINT and SIGHUP as something to wait for.
#pragma once

#include "store/base/unique_fd.h"

#include <csignal>
#include <string_view>

namespace kdq {

/// Blocks the signals for this thread and every thread that it starts later, so it must be built
/// before anything that starts threads. Ignores SIGPIPE: a connection that the other end closed is
/// an error code, not the end of the program. Restores all of it when it goes.
class Signals {
public:
  /// Throws std::system_error if the kernel refuses.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when a signal has come.
  int fd() const { return fd_.get(); }

  /// The name of a signal that came since the last call; empty if none did.
  std::string_view take();

private:
  UniqueFd fd_;
  sigset_t old_mask_{};
  struct sigaction old_pipe_ {};
};

} // namespace kdq
