// A flag that ends waits: set once, seen by every thread.
#pragma once

#include "store/base/unique_fd.h"

#include <chrono>

namespace kdq::sandbox {

class StopEvent {
public:
  /// Throws std::system_error if the system has no descriptor left.
  StopEvent();
  void set();
  bool is_set() const { return wait_for(std::chrono::milliseconds(0)); }
  /// True when the event was set, at once or within `span`.
  bool wait_for(std::chrono::milliseconds span) const;
  /// Readable, and never read, from set() on: for poll().
  int fd() const { return event_.get(); }

private:
  UniqueFd event_;
};

} // namespace kdq::sandbox
