// Which starts of a day are kept for the jobs of schedules.
#pragma once

#include "store/base/time.h"

#include <cstdint>
#include <limits>
#include <string>

namespace kdq {

/// A bulk load shall not use up the starts that a schedule will need later in the day: a job
/// without schedule is started only if more are left than that.
class StartReserve {
public:
  static constexpr std::int64_t unknown = std::numeric_limits<std::int64_t>::max();

  virtual ~StartReserve() = default;
  /// How many starts the schedules of an app need from now until then: of jobs that are queued, and
  /// of those that are to come; `unknown`: that is being reckoned, ask again in a moment. Inside of
  /// Database::read(), and asked often.
  virtual std::int64_t starts_needed(const std::string& app, WallTime until) = 0;
};

} // namespace kdq
