#include "poller/engine/app_schedule.h"

#include "poller/engine/task_table.h"
#include "poller/schedule/price_schedule.h"

#include <utility>

namespace kdq {

TaskKeys keys_of(const ScriptIdentity& script) {
  // A script that is edited, or has its data in its text, is known by its name.
  return {script.digest, script.name.empty() ? "" : script.file_token + '/' + script.name};
}

AppSchedule::AppSchedule(PlanTime time)
    : time_(time), schedule_(std::make_unique<PriceSchedule>(PriceSchedule::Options{})) {}
AppSchedule::~AppSchedule() = default;
AppSchedule::AppSchedule(AppSchedule&&) noexcept = default;
AppSchedule& AppSchedule::operator=(AppSchedule&&) noexcept = default;

OpenTask AppSchedule::open_task(const Task& task) const {
  OpenTask open;
  open.job = task.id;
  open.keys = keys_of(task.script);
  open.submitted_at = time_.at(task.submitted);
  if (task.last_poll.count() > 0)
    open.last_poll = time_.at(task.submitted + task.last_poll);
  open.deadline = time_.at(task.deadline());
  return open;
}

void AppSchedule::restore(std::vector<RunRow> runs, const std::vector<StartCount>& starts,
                          const std::vector<const Task*>& tasks, SteadyTime now,
                          const DayBudget& budget) {
  std::vector<OpenTask> open;
  open.reserve(tasks.size());
  for (const Task* task : tasks)
    open.push_back(open_task(*task));
  schedule_ = std::make_unique<PriceSchedule>(PriceSchedule::Options{});
  schedule_->restore(std::move(runs), starts, std::move(open), time_.at(now), budget);
}

void AppSchedule::submitted(const Task& task) {
  schedule_->submitted(open_task(task));
}

void AppSchedule::found_running(JobId job, SteadyTime polled_at) {
  schedule_->found_running(job, time_.at(polled_at));
}

Learnt AppSchedule::ended(JobId job, Moment now, std::optional<WallTime> ended_at) {
  if (ended_at)
    ended_at = time_.of_civil(*ended_at, now);
  Learnt learnt = schedule_->ended(job, time_.at(now.steady), ended_at);
  for (RunRow& row : learnt.rows)
    row.submitted_at = time_.to_civil(row.submitted_at, now);
  return learnt;
}

void AppSchedule::dropped(JobId job) {
  schedule_->dropped(job);
}

void AppSchedule::postponed(JobId job, SteadyTime at) {
  schedule_->postponed(job, time_.at(at));
}

void AppSchedule::watch(JobId job, WallTime until, Moment now) {
  schedule_->watch(job, time_.of_civil(until, now));
}

std::optional<DueTask> AppSchedule::next_due(SteadyTime now) {
  const auto due = schedule_->next_due(time_.at(now));
  if (!due)
    return std::nullopt;
  return DueTask{due->job, time_.steady(due->due)};
}

std::optional<SteadyTime> AppSchedule::next_wakeup() const {
  const auto next = schedule_->next_wakeup();
  if (!next)
    return std::nullopt;
  return time_.steady(*next);
}

bool AppSchedule::needs_price(SteadyTime now) const {
  return schedule_->needs_price(time_.at(now));
}

void AppSchedule::reprice(SteadyTime now, const DayBudget& budget) {
  schedule_->reprice(time_.at(now), budget);
}

bool AppSchedule::admits(const TaskKeys& keys, const DayBudget& budget) {
  return schedule_->admits(keys, budget);
}

bool AppSchedule::has_room_for(double polls, const DayBudget& budget) const {
  return schedule_->has_room_for(polls, budget);
}

double AppSchedule::expected_polls_of_open() {
  return schedule_->expected_polls_of_open();
}

std::size_t AppSchedule::open() const {
  return schedule_->open();
}

} // namespace kdq
