#include "poller/schedule/price_schedule.h"

#include "poller/schedule/age_cells.h"
#include "poller/schedule/schedule_replay.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace kdq {

namespace {

using std::chrono::milliseconds;

/// A log's closing line is believed if it is at most this far outside of what the polls saw.
constexpr milliseconds clock_tolerance{2000};
/// Watched tasks are asked after twice the square root of the price, within these bounds.
constexpr Seconds watch_floor{1};
constexpr Seconds watch_ceiling{60};

milliseconds rounded_up(Seconds time) {
  return std::chrono::ceil<milliseconds>(time);
}

} // namespace

bool PriceSchedule::Entry::operator<(const Entry& other) const {
  return due != other.due ? due > other.due : job > other.job;
}

PriceSchedule::PriceSchedule(Options options)
    : book_(options.max_scripts), budget_(options.reprice_every) {}

// --- tasks -----------------------------------------------------------------------------------

PriceSchedule::Task& PriceSchedule::insert(const OpenTask& open) {
  dropped(open.job); // a job that is started again is a new task
  Task& task = tasks_[open.job];
  task.script = &book_.acquire(open.keys);
  task.submitted_at = open.submitted_at;
  task.last_poll = std::max(open.submitted_at, open.last_poll.value_or(open.submitted_at));
  task.deadline = open.deadline;
  task.cell = age_cells::cell_of(task.last_poll - task.submitted_at);
  task.script->waiting.add(task.cell);
  book_.started(*task.script, task.submitted_at, open.job);
  recent_.add(book_, *task.script);
  return task;
}

void PriceSchedule::submitted(const OpenTask& open) {
  Task& task = insert(open);
  forecast_.arrived(open.submitted_at);
  // Until the next price it counts like any unknown script: its own plan at that price would be
  // made for this alone.
  const PollPlan& plan = book_.plan_of_unknown(budget_.last_resort());
  budget_.started(std::max(1.0, plan.expected_polls(Seconds(0))));
  push(open.job, task);
}

void PriceSchedule::found_running(JobId job, SteadyTime polled_at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  Task& task = found->second;
  task.last_poll = std::max(task.last_poll, polled_at);
  const int cell = age_cells::cell_of(task.last_poll - task.submitted_at);
  if (cell != task.cell) {
    task.script->waiting.remove(task.cell);
    task.script->waiting.add(cell);
    task.cell = cell;
  }
  push(job, task);
}

Learnt PriceSchedule::ended(JobId job, SteadyTime polled_at, std::optional<SteadyTime> ended_at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return {};
  const Task& task = found->second;
  RunTime run;
  run.low = task.last_poll - task.submitted_at;
  run.high = std::max(run.low, polled_at - task.submitted_at);
  if (ended_at) {
    const milliseconds told = *ended_at - task.submitted_at;
    if (told >= run.low - clock_tolerance && told <= run.high + clock_tolerance)
      run.exact = std::clamp(told, run.low, run.high);
  }
  Learnt learnt;
  for (std::string& key : book_.keys(*task.script))
    learnt.rows.push_back({std::move(key), next_seq_, task.submitted_at, run});
  ++next_seq_;
  book_.ended(*task.script, task.submitted_at, job, run);
  forget_task(found);
  learnt.forgotten = book_.forget_surplus();
  return learnt;
}

void PriceSchedule::dropped(JobId job) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  book_.dropped(*found->second.script, found->second.submitted_at, job);
  forget_task(found);
}

void PriceSchedule::forget_task(Tasks::iterator task) {
  ScriptRecord& script = *task->second.script;
  script.waiting.remove(task->second.cell);
  tasks_.erase(task);
  book_.release(script);
}

void PriceSchedule::postponed(JobId job, SteadyTime at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  found->second.not_before = at;
  push(job, found->second);
}

void PriceSchedule::watch(JobId job, SteadyTime until) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  found->second.watched_until = until;
  if (!found->second.handed_out)
    push(job, found->second);
}

// --- due polls -------------------------------------------------------------------------------

SteadyTime PriceSchedule::planned(const Task& task) {
  const PollPlan& plan = book_.plan(*task.script, budget_.rung());
  return task.last_poll + rounded_up(plan.gap(task.last_poll - task.submitted_at));
}

SteadyTime PriceSchedule::due_at(const Task& task) {
  SteadyTime due = planned(task);
  if (task.watched_until && budget_.has_watch_polls()) {
    const Seconds gap(2 * std::sqrt(budget_.price().count()));
    const SteadyTime watched =
        task.last_poll + rounded_up(std::clamp(gap, watch_floor, watch_ceiling));
    if (watched < *task.watched_until)
      due = std::min(due, watched);
  }
  SteadyTime not_before = task.not_before;
  if (task.deadline && task.last_poll < *task.deadline) {
    due = std::min(due, *task.deadline);
    not_before = std::min(not_before, *task.deadline); // whatever it is waited for, time is over
  }
  return std::max(due, not_before);
}

void PriceSchedule::push(JobId job, Task& task) {
  task.handed_out = false;
  task.due = due_at(task);
  heap_.push_back({task.due, job});
  std::push_heap(heap_.begin(), heap_.end());
  if (heap_.size() > 4 * tasks_.size() + 64)
    rebuild_heap();
}

void PriceSchedule::rebuild_heap() {
  std::vector<std::pair<JobId, Task*>> waiting;
  for (auto& [job, task] : tasks_)
    if (!task.handed_out)
      waiting.emplace_back(job, &task);
  // Script by script, so that each plan is made once.
  std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) {
    return std::less<>()(a.second->script, b.second->script);
  });
  heap_.clear();
  for (const auto& [job, task] : waiting) {
    task->due = due_at(*task);
    heap_.push_back({task->due, job});
  }
  std::make_heap(heap_.begin(), heap_.end());
}

std::optional<DuePoll> PriceSchedule::next_due(SteadyTime now) {
  while (!heap_.empty() && heap_.front().due <= now) {
    const Entry entry = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    const auto found = tasks_.find(entry.job);
    if (found == tasks_.end() || found->second.handed_out || found->second.due != entry.due)
      continue;
    Task& task = found->second;
    // What was learnt since, or today's price, may have moved it.
    if (due_at(task) > now) {
      push(entry.job, task);
      continue;
    }
    task.handed_out = true;
    budget_.asked();
    const bool for_watcher = task.watched_until && planned(task) > now;
    if (for_watcher)
      budget_.asked_for_watcher();
    return DuePoll{entry.job, entry.due, for_watcher};
  }
  return std::nullopt;
}

std::optional<SteadyTime> PriceSchedule::next_wakeup() const {
  if (tasks_.empty())
    return std::nullopt;
  const SteadyTime price_due = budget_.fit_due();
  return heap_.empty() ? price_due : std::min(price_due, heap_.front().due);
}

// --- the budget ------------------------------------------------------------------------------

void PriceSchedule::reprice(SteadyTime now, const DayBudget& budget) {
  forecast_.set_day(budget.day_begins, budget.day_ends);
  if (budget_.fit(now, budget, forecast_.remaining(now, budget), PollDemand(book_, recent_)))
    rebuild_heap();
}

bool PriceSchedule::admits(const TaskKeys& keys, const DayBudget& budget) {
  const PollPlan& plan = book_.plan(keys, budget_.last_resort());
  return has_room_for(std::max(1.0, plan.expected_polls(Seconds(0))), budget);
}

bool PriceSchedule::has_room_for(double polls, const DayBudget& budget) const {
  return budget_.has_room_for(polls, budget);
}

double PriceSchedule::expected_polls_of_open() {
  return tasks_.empty() ? 0 : PollDemand(book_, recent_).of_open(budget_.rung());
}

// --- after a restart -------------------------------------------------------------------------

/// Not from the runs: of a script that runs often only the last ones are kept.
void PriceSchedule::restore_starts(const std::vector<PastStarts>& starts, const DayBudget& budget) {
  if (starts.empty())
    return;
  constexpr std::chrono::hours day{24};
  const auto since_first = budget.day_begins - starts.front().at;
  const auto days = std::max<std::int64_t>(0, (since_first + day - SteadyTime::duration{1}) / day);
  forecast_.set_day(budget.day_begins - days * day, budget.day_begins - (days - 1) * day);
  for (const PastStarts& past : starts)
    for (std::int64_t i = 0; i < past.starts; ++i)
      forecast_.arrived(past.at);
}

void PriceSchedule::restore(std::vector<LearntRun> rows, const std::vector<PastStarts>& starts,
                            std::vector<OpenTask> open, SteadyTime now, const DayBudget& budget) {
  restore_starts(starts, budget);
  const ScheduleReplay replay(std::move(rows), std::move(open));
  std::vector<ScriptRecord*> scripts(replay.runs().size()); // of the runs
  for (const auto& [at, kind, index] : replay.events()) {
    if (kind == ScheduleReplay::Event::Kind::open) {
      insert(replay.open()[index]);
      continue;
    }
    const ScheduleReplay::Run& run = replay.runs()[index];
    ScriptRecord*& script = scripts[index];
    if (kind == ScheduleReplay::Event::Kind::start) {
      script = book_.acquire(run.keys);
      if (script == nullptr)
        continue;
      book_.started(*script, run.submitted_at, run.job());
      recent_.add(book_, *script);
    } else if (script != nullptr) {
      book_.ended(*script, run.submitted_at, run.job(), run.run);
      book_.release(*script);
    }
  }
  next_seq_ = replay.next_seq();
  book_.forget_surplus(); // their rows went when they were forgotten; nothing is over the bound now
  reprice(now, budget);
}

} // namespace kdq
