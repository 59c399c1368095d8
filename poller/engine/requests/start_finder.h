// Scans the queues of all apps for jobs that may be started.
#pragma once

#include "poller/engine/app_states.h"
#include "store/job_queue.h"

#include <vector>

namespace kdq {

class FileSlots;
struct Pauses;
struct RoundPlan;

class StartFinder {
public:
  StartFinder(JobQueue& queue, AppStates& apps, const FileSlots& slots, const Pauses& pauses)
      : queue_(queue), apps_(apps), slots_(slots), pauses_(pauses) {}

  /// As many jobs of each app as there is room for in the plan, in claim order over all of them.
  /// What the scans found beside them goes into the plan. Inside of Database::read().
  std::vector<QueueScan::Entry> find(RoundPlan& plan, Moment now);

private:
  static void note_room(AppState& app, const RoundPlan& plan, SteadyTime now);
  void scan_unknown_app(const std::string& app, RoundPlan& plan, Moment now);

  JobQueue& queue_;
  AppStates& apps_;
  const FileSlots& slots_;
  const Pauses& pauses_;
};

} // namespace kdq
