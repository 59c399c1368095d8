// A clock that stands still until a test moves it, or lets each look at it take time.
#pragma once

#include "poller/clock.h"

namespace kdq::test {

class FakeClock : public Clock {
public:
  explicit FakeClock(WallTime start = *parse_time("2026-03-02 09:00:00"))
      : wall_(start), elsewhere_(start) {}

  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override {
    steady_ += each_look;
    return steady_;
  }

  /// Civil time on machines whose clock nobody sets, such as the service's.
  WallTime elsewhere() const { return elsewhere_; }

  /// All clocks go on.
  void advance(std::chrono::milliseconds span) {
    wall_ += span;
    elsewhere_ += span;
    steady_ += span;
  }
  void advance_to(SteadyTime moment) {
    if (moment > steady_)
      advance(moment - steady_);
  }
  /// A slow machine: so much has gone by at each look at the monotonic clock.
  std::chrono::milliseconds each_look{0};
  /// Somebody sets the civil clock; the monotonic one does not notice.
  void step_wall(std::chrono::milliseconds by) { wall_ += by; }

private:
  WallTime wall_;
  WallTime elsewhere_;
  mutable SteadyTime steady_{std::chrono::hours(1)};
};

} // namespace kdq::test
