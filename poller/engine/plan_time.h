// The time in which the schedule reckons.
#pragma once

#include "store/base/time.h"

namespace kdq {

/// Civil time that goes on without steps: that of this run's start plus what has passed since.
/// Whatever the wall clock does, a task is asked at its age.
class PlanTime {
public:
  explicit PlanTime(Moment start) : origin_(start.wall - start.steady.time_since_epoch()) {}

  WallTime at(SteadyTime moment) const { return origin_ + moment.time_since_epoch(); }
  SteadyTime steady(WallTime planned) const { return SteadyTime(planned - origin_); }
  /// A moment that is known by the wall clock as it stands now, and back.
  WallTime of_civil(WallTime civil, Moment now) const {
    return at(now.steady) + (civil - now.wall);
  }
  WallTime to_civil(WallTime planned, Moment now) const {
    return now.wall + (planned - at(now.steady));
  }

private:
  WallTime origin_; ///< at the steady clock's zero
};

} // namespace kdq
