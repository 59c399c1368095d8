// Between the schedule's memory, which reckons in the monotonic clock, and its rows, which keep
// wall time: the one place where the two meet.
#pragma once

#include "poller/schedule/open_task.h"

#include <vector>

namespace kdq {

/// The row of a run, its moment by the wall clock as it stands at `now`.
RunRow to_row(LearntRun run, Moment now);

/// What was stored, as PriceSchedule::restore() takes it.
std::vector<LearntRun> from_rows(std::vector<RunRow> rows, Moment now);
std::vector<PastStarts> from_counts(const std::vector<StartCount>& counts, Moment now);

} // namespace kdq
