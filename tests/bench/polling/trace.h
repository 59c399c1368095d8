// The recorded days of work that the policies are measured on.
#pragma once

#include "store/base/time.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kdq::bench {

inline constexpr std::chrono::hours day_length{24};

/// One task. Time 0 is the begin of quota day 0; the quota rolls at each full day.
struct TraceTask {
  std::int64_t id = 0;
  WallTime arrives;
  std::string script;
  std::chrono::milliseconds runs{0};
};

struct Outage {
  WallTime begins;
  WallTime ends;
};

struct Trace {
  std::string name;
  std::int64_t status_quota = 0; ///< a day
  std::int64_t submit_quota = 0; ///< a day
  double requests_per_second = 0;
  std::optional<Outage> outage;
  std::vector<TraceTask> tasks; ///< by arrival
  /// Mean wait of day 0's and day 1's tasks if distributions and arrivals were known, in seconds;
  /// zero: not computed for this trace.
  std::array<double, 2> optimum{};
};

/// Reads every `NAME.csv` with its `NAME.meta`, and `bounds.jsonl` if there is one, sorted by name.
/// Only those whose name contains `only`. Throws std::runtime_error naming the file that cannot be
/// read.
std::vector<Trace> read_traces(const std::filesystem::path& directory, const std::string& only);

/// Simulated time is the wall clock and the monotonic clock alike.
inline SteadyTime steady(WallTime at) {
  return SteadyTime(at.time_since_epoch());
}
inline Moment moment(WallTime at) {
  return {at, steady(at)};
}

/// The quota day of a moment, from 0.
inline std::int64_t day_of(WallTime at) {
  return at.time_since_epoch() / day_length;
}
inline WallTime day_begin(std::int64_t day) {
  return WallTime{} + day * day_length;
}

} // namespace kdq::bench
