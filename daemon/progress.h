// How far a piece of work is, for the person who waits for it.
#pragma once

#include "poller/clock.h"

#include <cstdint>
#include <iosfwd>
#include <string>

namespace kdq {

/// Silent for the first two seconds. On a terminal it is one line that is written anew; elsewhere a
/// line at most once a minute, so that no log is filled. Not thread-safe; `out` and `clock` must
/// outlive it.
class Progress {
public:
  Progress(std::ostream& out, bool is_terminal, const Clock& clock);
  /// Leaves the terminal's line behind.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `what` is being done, and is done up to `done` of `total`. To be called as often as one likes.
  void show(const std::string& what, std::int64_t done, std::int64_t total);

private:
  std::ostream& out_;
  bool is_terminal_;
  const Clock& clock_;
  SteadyTime next_;
  bool is_shown_ = false; ///< something stands in the terminal's line
};

} // namespace kdq
