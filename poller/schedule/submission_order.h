// Puts the ends of overlapping runs of one script back into the order of their starts.
#pragma once

#include "store/base/time.h"
#include "store/job.h"
#include "store/run_time.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kdq {

/// Of many overlapping runs the short ones end first; learnt in that order they would make the
/// script look faster than it is. So an end waits until all earlier starts have ended. When more
/// than `patience` ends wait, those that keep them waiting are waited for no longer.
class SubmissionOrder {
public:
  static constexpr std::size_t patience = 32;

  void started(SteadyTime submitted_at, JobId job);
  /// The run ended; returns the runs that may be learnt now, in the order of submission.
  std::vector<RunTime> ended(SteadyTime submitted_at, JobId job, const RunTime& run);
  /// The run will teach nothing (cancelled, timed out); others may have waited for it.
  std::vector<RunTime> dropped(SteadyTime submitted_at, JobId job);

private:
  using Start = std::pair<SteadyTime, JobId>;
  std::vector<RunTime> release();

  std::map<Start, std::optional<RunTime>> runs_; ///< with their ends, while earlier ones run
  std::size_t waiting_ = 0;                      ///< of these, ended
  std::set<Start> overtaken_;                    ///< run, and later ones do not wait for them
};

} // namespace kdq
