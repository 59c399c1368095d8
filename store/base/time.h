// The two kinds of time. Wall time is written as the database keeps it: TEXT, UTC,
// `YYYY-MM-DD HH:MM:SS.SSS`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kdq {

/// A point of civil time in UTC with the database's resolution.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A point of the monotonic clock: for waits and ages, unharmed by clock steps.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

/// Both clocks, read once.
struct Moment {
  WallTime wall;
  SteadyTime steady;
};

/// The same moment by the other clock, as the two stand at `now`. What lies beyond a clock's range
/// is its nearest end.
WallTime to_wall(SteadyTime time, Moment now);
SteadyTime to_steady(WallTime time, Moment now);

/// `2026-01-31 09:05:00.250`, what `strftime('%Y-%m-%d %H:%M:%f')` gives; it sorts as text.
/// Years 0 to 9999.
std::string to_text(WallTime time);

/// `2026-01-31 09:05:00 UTC`, for sentences; a fraction is cut off.
std::string utc_second(WallTime time);

/// Reads to_text()'s form, and the same without a fraction. Nothing else is a time.
std::optional<WallTime> parse_time(std::string_view text);

} // namespace kdq
