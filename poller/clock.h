// The two clocks. Only daemon/system_clock.cpp reads the real ones.
#pragma once

#include "store/base/time.h"

namespace kdq {

class Clock {
public:
  virtual ~Clock() = default;
  /// Civil time: run_at, expires_at, the quota day, and every time that is written down.
  virtual WallTime wall() const = 0;
  /// Monotonic time: when to wake, how long something has taken.
  virtual SteadyTime steady() const = 0;

  Moment now() const { return {wall(), steady()}; }
};

} // namespace kdq
