// A copy of the database that is made while the daemon works.
#pragma once

#include "store/base/time.h"

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace kdq {

/// copy_database() on a thread with connections of its own, which rests as long as it works: the
/// loop is not held up by it, and finds the disk free most of the time (tests/bench/backup).
class BackgroundCopy {
public:
  /// Begins. Throws std::system_error if there can be no thread.
  BackgroundCopy(std::filesystem::path source, std::filesystem::path target, WallTime made_at);
  /// Gives it up, if it is not done.
  ~BackgroundCopy();
  BackgroundCopy(const BackgroundCopy&) = delete;
  BackgroundCopy& operator=(const BackgroundCopy&) = delete;

  /// The source's log cannot be begun anew.
  bool is_reading() const { return reading_; }
  bool is_done() const { return done_; }
  /// Once it is done: why there is no copy, as a sentence; empty: there is.
  const std::string& problem() const { return problem_; }
  const std::filesystem::path& target() const { return target_; }
  WallTime made_at() const { return made_at_; }

private:
  void work();

  std::filesystem::path source_;
  std::filesystem::path target_;
  WallTime made_at_;
  std::string problem_; ///< the thread's until done_
  std::atomic<bool> reading_{true};
  std::atomic<bool> done_{false};
  std::atomic<bool> given_up_{false};
  std::thread thread_; ///< last: it uses all of the above
};

} // namespace kdq
