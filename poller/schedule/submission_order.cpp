#include "poller/schedule/submission_order.h"

namespace kdq {

void SubmissionOrder::started(WallTime submitted_at, JobId job) {
  runs_.try_emplace({submitted_at, job});
}

std::vector<RunTime> SubmissionOrder::ended(WallTime submitted_at, JobId job, const RunTime& run) {
  runs_[{submitted_at, job}].end = run;
  ++waiting_;
  return release();
}

std::vector<RunTime> SubmissionOrder::dropped(WallTime submitted_at, JobId job) {
  runs_.erase({submitted_at, job});
  return release();
}

std::vector<RunTime> SubmissionOrder::release() {
  std::vector<RunTime> learnable;
  const bool give_up = waiting_ > patience;
  for (auto run = runs_.begin(); run != runs_.end() && waiting_ > 0;) {
    if (run->second.end) {
      learnable.push_back(*run->second.end);
      run = runs_.erase(run);
      --waiting_;
      continue;
    }
    run->second.overtaken = run->second.overtaken || give_up;
    if (!run->second.overtaken)
      break;
    ++run;
  }
  return learnable;
}

} // namespace kdq
