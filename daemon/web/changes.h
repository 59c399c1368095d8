// Tells those who look that something has changed. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace kdq::web {

class Changes {
public:
  /// Something has been committed, or whoever waits is to look again.
  void notice();
  /// Nobody is to wait any more.
  void end();

  /// The number of the last change.
  std::uint64_t last();
  /// Waits until there is a change behind `seen`, at most so long; the number of the last one.
  std::uint64_t wait(std::uint64_t seen, std::chrono::milliseconds longest);
  /// Waits so long, or until the end.
  void rest(std::chrono::milliseconds span);
  bool has_ended();

private:
  std::mutex mutex_; ///< guards all
  std::condition_variable came_;
  std::uint64_t last_ = 0;
  bool ended_ = false;
};

} // namespace kdq::web
