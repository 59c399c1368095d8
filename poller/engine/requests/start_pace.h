// How fast rounds of starts follow each other. Pure.
#pragma once

#include "store/base/time.h"

#include <cstddef>
#include <optional>

namespace kdq {

/// Starts that find the processor free go faster than their polls will be able to, which cost more
/// and then fall due as fast. So a large round of starts without any poll is followed by a rest.
class StartPace {
public:
  /// Some were begun by one transaction of the round of `now`; `polls`: with polls beside them.
  void begun(std::size_t starts, bool polls, SteadyTime now);
  /// Until when no start may be begun; nothing: one may be begun now.
  std::optional<SteadyTime> rests_until(SteadyTime now);

private:
  std::optional<SteadyTime> round_began_; ///< of the last one, until the next may begin
  std::size_t starts_ = 0;                ///< in it
  bool polled_ = false;                   ///< polls were begun meanwhile
  std::optional<SteadyTime> goes_on_;     ///< when the next one may begin; nothing: not decided
};

} // namespace kdq
