#include "poller/engine/scheduler.h"

#include "poller/clock.h"
#include "poller/engine/schedule_reserve.h"
#include "poller/engine/schedule_steps.h"
#include "poller/engine/store_trouble.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"
#include "store/schedules.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Of one transaction: schedules, times that are reckoned for them, and bytes of scripts that are
// copied into jobs. Each bounds it to some milliseconds.
constexpr std::size_t most_schedules = 50;
constexpr std::size_t most_reckoned = 2'000;
constexpr std::int64_t most_bytes = std::int64_t{4} << 20;
// Before it the times are reckoned, for so long at most.
constexpr std::chrono::milliseconds longest_reckoning = 3ms;
// Between two of them: others get the write lock, requests go out.
constexpr std::chrono::milliseconds pause_between_schedules = 10ms;
// More for each schedule that is set aside, as a look passes them all.
constexpr std::chrono::microseconds pause_a_schedule_aside = 20us;
constexpr std::chrono::milliseconds longest_pause = 1s;
// After a write that a user's trigger prevented, of the schedule that was alone in it.
constexpr std::chrono::milliseconds first_schedule_retry = 1s;
constexpr std::chrono::milliseconds longest_schedule_retry = 10min;
// After a look that was refused.
constexpr std::chrono::milliseconds first_look_retry = 1s;
constexpr std::chrono::milliseconds longest_look_retry = 1min;
// So many schedules that are set aside are told one by one; the view health has all.
constexpr std::size_t most_told = 10;

} // namespace

/// Of a schedule that a user has written: what its times are from now on.
struct Scheduler::Reckoned {
  std::string name;
  std::optional<Schedule> schedule; ///< as it was looked at; nothing: there is none any more
  ScheduleProgress progress;
  std::vector<WallTime> times;
};

/// Of a schedule of which times have come.
struct Scheduler::Step {
  Schedule schedule; ///< as it was looked at
  ScheduleStep step;
  std::optional<std::vector<WallTime>> times; ///< nothing: there is more to do at once
};

struct Scheduler::Plan {
  std::vector<Reckoned> changes;
  std::vector<Step> steps;
  std::optional<WallTime> restored_at;
  std::optional<WallTime> next;
  SteadyTime retry = SteadyTime::max();
  std::size_t reckoned = 0;
  std::int64_t bytes = 0;
  SteadyTime until;

  std::size_t size() const { return changes.size() + steps.size(); }
  bool is_empty() const { return size() == 0; }
  bool is_full(SteadyTime now) const {
    return !is_empty() && (reckoned >= most_reckoned || bytes >= most_bytes || now > until);
  }
};

void Scheduler::notice_schema() {
  unread_ = true;
  rests_until_ = {};
  for (auto& [name, aside] : aside_)
    aside.until = {};
}

bool Scheduler::is_due(Moment now) const {
  return now.steady >= ready_ && next_wake(now) <= now.steady;
}

void Scheduler::work() {
  const Moment now = clock_.now();
  if (!is_due(now))
    return;
  Plan plan;
  try {
    begin();
    database_.read([&] { plan = this->plan(now); });
    failures_ = 0;
    if (plan.is_empty()) {
      unread_ = false;
      next_ = plan.next;
      retry_ = plan.retry;
      return;
    }
    unread_ = true; // there may be more
    database_.write([&] { carry_out(plan, now.wall); });
    carried_out(plan, now.steady);
  } catch (const StoreUnavailable& error) {
    unread_ = true;
    if (error.is_general())
      throw;
    failed(plan, error, now.steady);
  }
}

/// A zone that the system did not know may be there by now.
void Scheduler::begin() {
  if (begun_)
    return;
  bool has_errors = false;
  database_.read([&] { has_errors = schedules_.has_errors(); });
  if (has_errors)
    database_.write([&] { schedules_.look_again_at_errors(); });
  begun_ = true;
}

void Scheduler::carried_out(const Plan& plan, SteadyTime now) {
  if (!plan.changes.empty())
    reserve_.forget();
  for (const Reckoned& change : plan.changes)
    aside_.erase(change.name);
  for (const Step& step : plan.steps)
    aside_.erase(step.schedule.name);
  too_long_ = 0;
  most_ = std::min(2 * most_, most_schedules);
  ready_ = now + pause();
}

std::chrono::milliseconds Scheduler::pause() const {
  const auto longer =
      std::chrono::duration_cast<std::chrono::milliseconds>(pause_a_schedule_aside * aside_.size());
  return std::min(pause_between_schedules + longer, longest_pause);
}

SteadyTime Scheduler::next_wake(Moment now) const {
  if (unread_)
    return ready_;
  SteadyTime wake = retry_;
  if (next_)
    wake = std::min(wake, std::max(rests_until_, to_steady(*next_, now)));
  return wake == SteadyTime::max() ? wake : std::max(ready_, wake);
}

// --- what is refused ----------------------------------------------------------------------------

/// One schedule may keep all others from a common transaction: then each is tried by itself, until
/// that goes well again.
void Scheduler::failed(const Plan& plan, const StoreUnavailable& error, SteadyTime now) {
  ready_ = now + pause();
  if (plan.is_empty()) {
    if (failures_++ == 0)
      events_.trouble("schedules cannot be looked at: " + std::string(error.what()));
    ready_ = now + backoff(first_look_retry, failures_, longest_look_retry);
    return;
  }
  if (error.cause == StoreUnavailable::Cause::too_long) {
    ready_ = now + first_rest;
    rests_until_ = now + backoff(first_rest, too_long_++, longest_rest);
  }
  most_ = 1;
  if (plan.size() == 1)
    set_aside(plan, error, now);
}

void Scheduler::set_aside(const Plan& plan, const StoreUnavailable& error, SteadyTime now) {
  const bool is_change = plan.steps.empty();
  const std::string& name =
      is_change ? plan.changes.front().name : plan.steps.front().schedule.name;
  Aside& aside = aside_[name];
  aside.is_change = is_change;
  aside.until = now + backoff(first_schedule_retry, aside.failures++, longest_schedule_retry);
  const std::string what = is_change ? "its change cannot be followed yet"
                                     : "no job could be INSERTed for " +
                                           utc_second(plan.steps.front().step.run.value_or(
                                               *plan.steps.front().schedule.next_at)) +
                                           " yet";
  tell(name, aside, what + ", it is tried again: " + error.what());
}

/// Tried once for a sentence: it may be what takes too long.
void Scheduler::tell(const std::string& name, Aside& aside, const std::string& sentence) {
  if (sentence == aside.told)
    return;
  if (aside.told.empty() && aside_.size() <= most_told)
    events_.trouble("schedule " + name + ": " + sentence);
  try {
    database_.write([&] { schedules_.tell(name, sentence); });
  } catch (const StoreUnavailable& error) {
    if (error.is_general())
      throw;
  }
  aside.told = sentence;
}

// --- what is to be done -------------------------------------------------------------------------

/// Without the write lock, as times take a while to reckon. What was set aside comes last, each
/// schedule by itself.
Scheduler::Plan Scheduler::plan(Moment now) {
  Plan plan;
  plan.until = clock_.steady() + longest_reckoning;
  std::optional<std::string> alone;
  const auto passes = [&](const std::string& name, bool as_change) {
    const auto found = aside_.find(name);
    if (found == aside_.end() || (as_change && !found->second.is_change))
      return true; // a change may be just what makes its jobs possible
    if (found->second.until > now.steady)
      plan.retry = std::min(plan.retry, found->second.until);
    else if (!alone)
      alone = name;
    return false;
  };
  const auto as_change = [&](const std::string& name) { return passes(name, true); };
  const auto as_due = [&](const std::string& name) { return passes(name, false); };
  for (const std::string& name : schedules_.changed(most_, as_change)) {
    if (plan.is_full(clock_.steady()))
      return plan;
    plan_change(plan, name, now.wall);
  }
  if (!plan.changes.empty())
    return plan; // they may be among what is due
  plan.restored_at = schedules_.restored_at();
  plan.next = schedules_.next_time(now.wall);
  if (now.steady < rests_until_) {
    plan.retry = std::min(plan.retry, rests_until_);
  } else {
    for (Schedule& schedule : schedules_.due(now.wall, most_, as_due)) {
      if (plan.is_full(clock_.steady()))
        return plan;
      plan_step(plan, std::move(schedule), now.wall);
    }
    if (plan.is_empty() && alone)
      plan_alone(plan, *alone, now.wall);
  }
  return plan;
}

void Scheduler::plan_alone(Plan& plan, const std::string& name, WallTime now) {
  auto schedule = schedules_.find(name);
  if (!schedule || aside_.at(name).is_change)
    plan_change(plan, name, now);
  else
    plan_step(plan, *std::move(schedule), now);
}

void Scheduler::plan_change(Plan& plan, const std::string& name, WallTime now) {
  Reckoned& reckoned = plan.changes.emplace_back();
  reckoned.name = name;
  reckoned.schedule = schedules_.find(name);
  if (!reckoned.schedule)
    return;
  const Schedule& schedule = *reckoned.schedule;
  // One that had come, and now will not have a job any more.
  reckoned.progress.skipped = schedule.next_at && *schedule.next_at <= now ? 1 : 0;
  const auto times = read_times(schedule);
  if (const auto* error = std::get_if<std::string>(&times)) {
    reckoned.progress.error = *error;
    return;
  }
  if (schedule.paused)
    return;
  const auto& read = std::get<ScheduleTimes>(times);
  reckoned.progress.next_at = first_time(read, schedule, now);
  reckoned.times = times_from(read, reckoned.progress.next_at);
}

void Scheduler::plan_step(Plan& plan, Schedule schedule, WallTime now) {
  const auto times = read_times(schedule);
  const auto* read = std::get_if<ScheduleTimes>(&times);
  if (!read || !schedule.next_at || schedule.paused) // written by hand, or the zone is gone
    return plan_change(plan, schedule.name, now);
  Step& step = plan.steps.emplace_back();
  step.step = next_step(*read, schedule, plan.restored_at, now, most_reckoned);
  plan.reckoned += step.step.reckoned;
  if (!step.step.next || *step.step.next > now)
    step.times = times_from(*read, step.step.next);
  if (step.step.run)
    plan.bytes += schedules_.job_bytes(schedule.name);
  step.schedule = std::move(schedule);
}

// --- what is written ----------------------------------------------------------------------------

void Scheduler::carry_out(const Plan& plan, WallTime now) {
  for (const Reckoned& change : plan.changes) {
    // A user may have changed it once more since.
    if (schedules_.find(change.name) != change.schedule)
      continue;
    if (change.schedule) {
      schedules_.save(change.name, change.progress);
      schedules_.set_times(change.name, change.times);
    }
    schedules_.reckoned(change.name);
  }
  for (const Step& step : plan.steps)
    if (schedules_.find(step.schedule.name) == step.schedule)
      take(step, now);
}

void Scheduler::take(const Step& planned, WallTime now) {
  const Schedule& schedule = planned.schedule;
  ScheduleProgress progress{planned.step.next, planned.step.skipped, {}, {}};
  if (const auto time = planned.step.run) {
    const ScheduledJob job{*time, *time + jitter_of(schedule.name, *time, schedule.jitter),
                           schedule.expires ? std::optional(*time + *schedule.expires)
                                            : std::nullopt};
    const ScheduledRun run = schedules_.run(schedule, job, now);
    if (run.outcome == ScheduledRun::Outcome::made)
      progress.last = {*time, run.job, run.state};
    else
      ++progress.skipped;
    if (run.outcome == ScheduledRun::Outcome::refused)
      progress.error = "no job could be INSERTed for " + utc_second(*time) + ": " + run.why;
  }
  schedules_.save(schedule.name, progress);
  if (planned.times)
    schedules_.set_times(schedule.name, *planned.times);
}

} // namespace kdq
