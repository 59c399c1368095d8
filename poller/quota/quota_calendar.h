// Which quota day a moment belongs to.
#pragma once

#include "store/base/time.h"

#include <chrono>
#include <string>

namespace kdq {

struct QuotaDay {
  std::string name; ///< `YYYY-MM-DD`, the civil date in the quota's zone on which the day began
  WallTime begins;
  WallTime ends; ///< the roll: the first moment of the next day
};

/// `reset` is the time of day in `timezone` (IANA name) at which a day begins. Days partition time,
/// begins <= now < ends, and have different names: where clocks skip the reset, the day begins at
/// the skip; where they show it twice, the first time. A day may so last 23 or 25 hours.
/// Reads zone data at each call: keep the result until `ends`. The data is the system's; throws
/// std::runtime_error if it has no such zone.
QuotaDay quota_day(WallTime now, const std::string& timezone, std::chrono::minutes reset);

} // namespace kdq
