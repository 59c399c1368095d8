// The tasks in the engine's hands, each with its place in its app's schedule.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/task_table.h"
#include "poller/schedule/open_task.h"

#include <map>
#include <vector>

namespace kdq {

class PriceSchedule;
struct Watch;

/// How the schedule finds the script's past runs.
TaskKeys keys_of(const ScriptIdentity& script);
/// As the schedule sees a task.
OpenTask open_task(const Task& task);

/// Keeps table and schedules in step. A task of an app that is not configured any more has no
/// schedule: it is not asked.
class ScheduledTasks {
public:
  ScheduledTasks(TaskTable& tasks, AppStates& apps) : tasks_(tasks), apps_(apps) {}

  const TaskTable& table() const { return tasks_; }
  Task* find(JobId id) { return tasks_.find(id); }
  /// Nobody asks about it before follow().
  Task& add(Task task);
  /// A task runs: it will be asked.
  void follow(const Task& task, Moment now);
  /// Asks again, not before `at`.
  void postpone(const Task& task, SteadyTime at);
  void found_running(const Task& task, SteadyTime asked_at);
  /// The task is out of our hands.
  void remove(JobId id);
  /// Empties the table; the schedules are to be restored.
  void clear() { tasks_.clear(); }

  /// Whose logs are being followed from now on.
  void set_watches(const std::vector<Watch>& watches, Moment now);

private:
  PriceSchedule* schedule_of(const Task& task);
  void watch(JobId job, WallTime until, Moment now);

  TaskTable& tasks_;
  AppStates& apps_;
  std::map<JobId, WallTime> watches_; ///< until when, civil time
};

} // namespace kdq
