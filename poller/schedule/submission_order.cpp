#include "poller/schedule/submission_order.h"

namespace kdq {

void SubmissionOrder::started(SteadyTime submitted_at, JobId job) {
  runs_.try_emplace({submitted_at, job});
}

std::vector<RunTime> SubmissionOrder::ended(SteadyTime submitted_at, JobId job,
                                            const RunTime& run) {
  if (overtaken_.erase({submitted_at, job}) > 0)
    return {run};
  runs_[{submitted_at, job}] = run;
  ++waiting_;
  return release();
}

std::vector<RunTime> SubmissionOrder::dropped(SteadyTime submitted_at, JobId job) {
  if (overtaken_.erase({submitted_at, job}) > 0)
    return {};
  runs_.erase({submitted_at, job});
  return release();
}

/// Each run leaves here once, so that an end costs the same however many others there are.
std::vector<RunTime> SubmissionOrder::release() {
  std::vector<RunTime> learnable;
  const bool give_up = waiting_ > patience;
  while (waiting_ > 0) {
    const auto first = runs_.begin();
    if (first->second) {
      learnable.push_back(*first->second);
      --waiting_;
    } else if (give_up) {
      overtaken_.insert(first->first);
    } else {
      break;
    }
    runs_.erase(first);
  }
  return learnable;
}

} // namespace kdq
