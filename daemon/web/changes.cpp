#include "daemon/web/changes.h"

namespace kdq::web {

void Changes::notice() {
  const std::lock_guard lock(mutex_);
  ++last_;
  came_.notify_all();
}

void Changes::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  came_.notify_all();
}

std::uint64_t Changes::last() {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::uint64_t Changes::wait(std::uint64_t seen, std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, longest, [&] { return ended_ || last_ != seen; });
  return last_;
}

void Changes::rest(std::chrono::milliseconds span) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, span, [&] { return ended_; });
}

bool Changes::has_ended() {
  const std::lock_guard lock(mutex_);
  return ended_;
}

} // namespace kdq::web
