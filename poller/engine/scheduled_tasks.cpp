#include "poller/engine/scheduled_tasks.h"

#include "poller/engine/app_state.h"
#include "poller/schedule/price_schedule.h"
#include "store/status_tables.h"

#include <utility>

namespace kdq {

TaskKeys keys_of(const ScriptIdentity& script) {
  // A script that is edited, or has its data in its text, is known by its name.
  return {script.digest, script.name.empty() ? "" : script.file_token + '/' + script.name};
}

OpenTask open_task(const Task& task) {
  OpenTask open;
  open.job = task.id;
  open.keys = keys_of(task.script);
  open.submitted_at = task.submitted;
  if (task.last_poll.count() > 0)
    open.last_poll = task.submitted + task.last_poll;
  open.deadline = task.deadline();
  return open;
}

PriceSchedule* ScheduledTasks::schedule_of(const Task& task) {
  const auto found = apps_.find(task.app);
  return found == apps_.end() ? nullptr : found->second.schedule.get();
}

Task& ScheduledTasks::add(Task task) {
  remove(task.id); // of an attempt that was cancelled a moment ago
  return tasks_.add(std::move(task));
}

void ScheduledTasks::follow(const Task& task, Moment now) {
  if (PriceSchedule* schedule = schedule_of(task))
    schedule->submitted(open_task(task));
  if (const auto found = watches_.find(task.id); found != watches_.end())
    watch(task.id, found->second, now);
}

void ScheduledTasks::postpone(const Task& task, SteadyTime at) {
  if (PriceSchedule* schedule = schedule_of(task))
    schedule->postponed(task.id, at);
}

void ScheduledTasks::found_running(const Task& task, SteadyTime asked_at) {
  if (PriceSchedule* schedule = schedule_of(task))
    schedule->found_running(task.id, asked_at);
}

void ScheduledTasks::remove(JobId id) {
  const Task* task = tasks_.find(id);
  if (!task)
    return;
  if (PriceSchedule* schedule = schedule_of(*task))
    schedule->dropped(id);
  tasks_.remove(id);
}

void ScheduledTasks::set_watches(const std::vector<Watch>& watches, Moment now) {
  for (const auto& [job, until] : watches_) // those that are there still are told again below
    watch(job, now.wall, now);
  watches_.clear();
  for (const Watch& wanted : watches) {
    watches_[wanted.job] = wanted.until;
    watch(wanted.job, wanted.until, now);
  }
}

void ScheduledTasks::watch(JobId job, WallTime until, Moment now) {
  if (const Task* task = tasks_.find(job))
    if (PriceSchedule* schedule = schedule_of(*task))
      schedule->watch(job, to_steady(until, now));
}

} // namespace kdq
