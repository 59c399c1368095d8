// Puts the ends of overlapping runs of one script back into the order of their starts.
#pragma once

#include "poller/schedule/run_time_model.h"
#include "store/job.h"

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace kdq {

/// Of many overlapping runs the short ones end first; learnt in that order they would make the
/// script look faster than it is. So an end waits until all earlier starts have ended. When more
/// than `patience` ends wait, those that hold them up are waited for no longer.
class SubmissionOrder {
public:
  static constexpr std::size_t patience = 32;

  void started(WallTime submitted_at, JobId job);
  /// The run ended; returns the runs that may be learnt now, in the order of submission.
  std::vector<RunTime> ended(WallTime submitted_at, JobId job, const RunTime& run);
  /// The run will teach nothing (cancelled, timed out); others may have waited for it.
  std::vector<RunTime> dropped(WallTime submitted_at, JobId job);
  bool empty() const { return runs_.empty(); }

private:
  struct Run {
    std::optional<RunTime> end;
    bool overtaken = false; ///< later runs do not wait for it
  };
  std::vector<RunTime> release();

  std::map<std::pair<WallTime, JobId>, Run> runs_;
  std::size_t waiting_ = 0; ///< ended, but not learnt
};

} // namespace kdq
