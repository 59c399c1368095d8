// Plain values about how long scripts run and when they were started.
#pragma once

#include "store/base/time.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace kdq {

/// One run as it was seen: it ended after `low` (the last poll that found it running) and not after
/// `high` (the poll that found it ended). `exact` is what the log's closing line says, if credible.
struct RunTime {
  std::chrono::milliseconds low{0};
  std::chrono::milliseconds high{0};
  std::optional<std::chrono::milliseconds> exact;
};

/// A learnt run as it is stored: replayed in the order of `seq` it rebuilds the schedule's state.
/// A run with a family gives two rows of one `seq`. Of each key the first three rows and the last
/// 400 suffice; with fewer the schedule only has forgotten.
struct RunRow {
  std::string key;
  std::int64_t seq = 0;
  WallTime submitted_at;
  RunTime run;
};

/// Starts of an app in the half minute that begins at `at`.
struct StartCount {
  WallTime at;
  std::int64_t starts = 0;
};

} // namespace kdq
