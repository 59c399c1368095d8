#include "poller/schedule/stored_runs.h"

#include <utility>

namespace kdq {

RunRow to_row(LearntRun run, Moment now) {
  return {std::move(run.key), run.seq, to_wall(run.submitted_at, now), run.run};
}

std::vector<LearntRun> from_rows(std::vector<RunRow> rows, Moment now) {
  std::vector<LearntRun> runs;
  runs.reserve(rows.size());
  for (RunRow& row : rows)
    runs.push_back({std::move(row.key), row.seq, to_steady(row.submitted_at, now), row.run});
  return runs;
}

std::vector<PastStarts> from_counts(const std::vector<StartCount>& counts, Moment now) {
  std::vector<PastStarts> starts;
  starts.reserve(counts.size());
  for (const StartCount& count : counts)
    starts.push_back({to_steady(count.at, now), count.starts});
  return starts;
}

} // namespace kdq
