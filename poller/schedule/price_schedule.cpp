#include "poller/schedule/price_schedule.h"

#include "poller/schedule/age_cells.h"
#include "poller/schedule/price_ladder.h"

#include <algorithm>
#include <cassert>
#include <cmath>

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
    : options_(options), book_(options.max_scripts), rung_(price_ladder::rung_below(Seconds(1))),
      highest_rung_(price_ladder::top), admission_rung_(price_ladder::top) {}

// --- tasks -----------------------------------------------------------------------------------

void PriceSchedule::count(const Task& task, int change) {
  const std::pair cell{task.rungs_off, task.cell};
  if (change > 0) {
    ++task.script->waiting[cell];
    return;
  }
  const auto counter = task.script->waiting.find(cell);
  assert(counter != task.script->waiting.end());
  if (--counter->second == 0)
    task.script->waiting.erase(counter);
}

PriceSchedule::Task& PriceSchedule::insert(const OpenTask& open) {
  dropped(open.job); // a job that is started again is a new task
  Task& task = tasks_[open.job];
  task.script = &book_.acquire(open.keys);
  task.submitted_at = open.submitted_at;
  task.last_poll = std::max(open.submitted_at, open.last_poll.value_or(open.submitted_at));
  task.rungs_off = static_cast<int>(std::lround(4 * std::log2(std::max(open.weight, 1e-6))));
  task.deadline = open.deadline;
  task.cell = age_cells::cell_of(task.last_poll - task.submitted_at);
  count(task, +1);
  task.script->order.started(task.submitted_at, open.job);
  if (task.script->family != nullptr)
    task.script->family->order.started(task.submitted_at, open.job);
  return task;
}

void PriceSchedule::remember_submission(ScriptRecord& script) {
  // What was unknown then stands for the unknown scripts to come, known as it may be by now.
  const bool was_known = book_.known(script);
  ++script.users;
  ++(was_known ? script.recent : recent_unknown_);
  recent_.push_back({&script, was_known});
  if (recent_.size() <= recent_submissions)
    return;
  const Recent oldest = recent_.front();
  recent_.pop_front();
  --(oldest.was_known ? oldest.script->recent : recent_unknown_);
  book_.release(*oldest.script);
}

void PriceSchedule::submitted(const OpenTask& open) {
  Task& task = insert(open);
  forecast_.arrived(open.submitted_at);
  remember_submission(*task.script);
  ++starts_since_priced_;
  least_polls_ += least_polls_of(*task.script);
  push(open.job, task);
}

void PriceSchedule::found_running(JobId job, WallTime polled_at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  Task& task = found->second;
  count(task, -1);
  task.last_poll = std::max(task.last_poll, polled_at);
  task.cell = age_cells::cell_of(task.last_poll - task.submitted_at);
  count(task, +1);
  push(job, task);
}

void PriceSchedule::learn(ScriptRecord& script, const std::vector<RunTime>& runs) {
  for (const RunTime& run : runs)
    book_.learn(script, run);
}

Learnt PriceSchedule::ended(JobId job, WallTime polled_at, std::optional<WallTime> ended_at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return {};
  const Task task = found->second;
  ScriptRecord& script = *task.script;
  RunTime run;
  run.low = task.last_poll - task.submitted_at;
  run.high = std::max(run.low, polled_at - task.submitted_at);
  if (ended_at) {
    const milliseconds told = *ended_at - task.submitted_at;
    if (told >= run.low - clock_tolerance && told <= run.high + clock_tolerance)
      run.exact = std::clamp(told, run.low, run.high);
  }
  Learnt learnt;
  learnt.rows.push_back({script.key, next_seq_, task.submitted_at, run});
  learn(script, script.order.ended(task.submitted_at, job, run));
  if (ScriptRecord* family = script.family) {
    learnt.rows.push_back({family->key, next_seq_, task.submitted_at, run});
    learn(*family, family->order.ended(task.submitted_at, job, run));
  }
  ++next_seq_;
  forget_task(job);
  learnt.forgotten = book_.forget_surplus();
  return learnt;
}

void PriceSchedule::dropped(JobId job) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  const Task& task = found->second;
  ScriptRecord& script = *task.script;
  learn(script, script.order.dropped(task.submitted_at, job));
  if (ScriptRecord* family = script.family)
    learn(*family, family->order.dropped(task.submitted_at, job));
  forget_task(job);
}

void PriceSchedule::forget_task(JobId job) {
  const auto found = tasks_.find(job);
  ScriptRecord& script = *found->second.script;
  count(found->second, -1);
  tasks_.erase(found);
  book_.release(script);
}

void PriceSchedule::postponed(JobId job, WallTime at) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  found->second.not_before = at;
  push(job, found->second);
}

void PriceSchedule::watch(JobId job, WallTime until) {
  const auto found = tasks_.find(job);
  if (found == tasks_.end())
    return;
  found->second.watched_until = until;
  if (!found->second.handed_out)
    push(job, found->second);
}

// --- due polls -------------------------------------------------------------------------------

int PriceSchedule::task_rung(const Task& task) const {
  return std::clamp(rung_ - task.rungs_off, 0, price_ladder::top);
}

WallTime PriceSchedule::planned(const Task& task) {
  const PollPlan& plan = book_.plan(*task.script, task_rung(task));
  return task.last_poll + rounded_up(plan.gap(task.last_poll - task.submitted_at));
}

WallTime PriceSchedule::due_at(const Task& task) {
  WallTime due = planned(task);
  if (task.watched_until && watch_polls_left_ > 0) {
    const Seconds gap(2 * std::sqrt(price().count()));
    const WallTime watched =
        task.last_poll + rounded_up(std::clamp(gap, watch_floor, watch_ceiling));
    if (watched < *task.watched_until)
      due = std::min(due, watched);
  }
  if (task.deadline && task.last_poll < *task.deadline)
    due = std::min(due, *task.deadline);
  return std::max(due, task.not_before);
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
  heap_.clear();
  for (auto& [job, task] : tasks_) {
    if (task.handed_out)
      continue;
    task.due = due_at(task);
    heap_.push_back({task.due, job});
  }
  std::make_heap(heap_.begin(), heap_.end());
}

std::optional<DuePoll> PriceSchedule::next_due(WallTime now) {
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
    ++polls_since_priced_;
    const bool for_watcher = task.watched_until && planned(task) > now;
    if (for_watcher)
      --watch_polls_left_;
    return DuePoll{entry.job, entry.due, for_watcher};
  }
  return std::nullopt;
}

std::optional<WallTime> PriceSchedule::next_wakeup() const {
  if (tasks_.empty())
    return std::nullopt;
  if (!priced_at_ || price_is_outrun())
    return WallTime::min();
  const WallTime price_due = std::min(*priced_at_ + options_.reprice_every, day_ends_);
  return heap_.empty() ? price_due : std::min(price_due, heap_.front().due);
}

bool PriceSchedule::needs_price(WallTime now) const {
  return !priced_at_ || now < *priced_at_ || now >= *priced_at_ + options_.reprice_every ||
         now >= day_ends_ || price_is_outrun();
}

/// More was started or asked than it was made for.
bool PriceSchedule::price_is_outrun() const {
  return starts_since_priced_ > most_starts_since_priced_ ||
         polls_since_priced_ > most_polls_since_priced_;
}

} // namespace kdq
