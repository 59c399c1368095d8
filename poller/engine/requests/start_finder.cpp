#include "poller/engine/requests/start_finder.h"

#include "poller/engine/app_state.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/requests/file_slots.h"
#include "poller/engine/requests/round_plan.h"
#include "poller/engine/requests/start_reserve.h"
#include "poller/engine/task_table.h"
#include "poller/schedule/arrival_forecast.h"
#include "store/quota_ledger.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace kdq {
namespace {

// Classes that one look passes, for a millisecond of it; where more have jobs, the next looks begin
// behind them, and follow soon.
constexpr std::size_t most_classes = 256;
constexpr std::chrono::milliseconds next_classes{100};
// While the times of the schedules are being reckoned.
constexpr std::chrono::milliseconds look_while_reckoning{10};
// The schedules may need less than was kept for them.
constexpr std::chrono::milliseconds look_at_reserve_again{30'000};

/// Hands the startable rows to `taker`; what the scan found beside them is to be set aside, as far
/// as one transaction does that for an app: it has set aside so many of other classes.
void take_over(QueueScan scan, std::vector<QueueScan::Entry>& taker, std::size_t& set_aside,
               RoundPlan& plan) {
  std::move(scan.startable.begin(), scan.startable.end(), std::back_inserter(taker));
  scan.startable.clear();
  const std::size_t rows = scan.early.size() + scan.behind.size();
  if (rows == 0 || set_aside >= max_moved_rows || plan.room() == 0)
    return; // they are found again
  set_aside += rows;
  plan.scans.push_back(std::move(scan));
}

/// In claim order of what comes next of each.
std::vector<QueueScan::Entry> merged(std::vector<std::vector<QueueScan::Entry>> apps) {
  if (apps.size() == 1)
    return std::move(apps.front());
  std::vector<QueueScan::Entry> all;
  std::vector<std::size_t> at(apps.size(), 0);
  for (;;) {
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < apps.size(); ++i)
      if (at[i] < apps[i].size() &&
          (!first || apps[i][at[i]].order() < apps[*first][at[*first]].order()))
        first = i;
    if (!first)
      return all;
    all.push_back(std::move(apps[*first][at[*first]++]));
  }
}

std::string reserved_sentence(std::int64_t left, WallTime roll) {
  return "the last " + std::to_string(left) +
         " starts of today are kept for jobs that have a schedule; others are started again at " +
         utc_second(roll);
}

std::size_t at_most(std::size_t room, std::int64_t limit) {
  return std::min(room, static_cast<std::size_t>(std::max<std::int64_t>(0, limit)));
}

} // namespace

std::vector<QueueScan::Entry> StartFinder::find(RoundPlan& plan, Moment now) {
  std::vector<Entries> found;
  if (pauses_.all)
    return {}; // the change of pauses wakes us
  for (const std::string& name : scanner_.queued_apps()) {
    if (pauses_.apps.contains(name))
      continue;
    const auto app = apps_.find(name);
    if (app == apps_.end()) {
      scan_unknown_app(name, plan, now);
      continue;
    }
    const std::size_t room = plan.start_room(name);
    note_room(app->second, plan, now.steady);
    if (room == 0)
      continue; // a task's end or an answer wakes us
    const SteadyTime until = app->second.breaker.blocked_until(Endpoint::submit, now);
    if (until > now.steady) {
      plan.wake.by(until);
      continue;
    }
    found.push_back(find_of_app(app->second, plan, now));
  }
  return merged(std::move(found));
}

/// Of each class its part of the room: what one leaves free is found by the look that follows each
/// round with starts.
StartFinder::Entries StartFinder::find_of_app(AppState& app, RoundPlan& plan, Moment now) {
  const std::string& name = app.breaker.name();
  const std::vector<JobClass> classes = scanner_.queued_classes(name, app.next_class, most_classes);
  if (classes.size() == most_classes) {
    app.next_class = classes.back().name + '\0'; // the least name behind it
    plan.wake.by(now.steady + next_classes);
  }
  const bool scheduled_only = reserves_all(app, plan, now);
  std::vector<std::pair<const JobClass*, std::size_t>> open;
  std::int64_t weights = 0;
  for (const JobClass& job_class : classes)
    if (const std::size_t room = room_of(job_class, app, plan, now); room > 0) {
      open.emplace_back(&job_class, room);
      weights += job_class.weight;
    }
  const auto slots = [this](const std::string& file) { return slots_.on(file); };
  const std::size_t room = std::min(plan.start_room(name), batch_starts);
  const std::set<JobId> resting = refused_.resting(now.steady);
  std::vector<Entries> found;
  std::size_t set_aside = 0;
  for (const auto& [job_class, room_of_class] : open) {
    const auto part = (static_cast<std::int64_t>(room) * job_class->weight + weights - 1) / weights;
    take_over(scanner_.scan({name, *job_class, scheduled_only, &resting}, now.wall,
                            at_most(room_of_class, part), slots_.taken_files(), slots),
              found.emplace_back(), set_aside, plan);
  }
  return app.turns.in_turn(std::move(found));
}

/// How many more of the class may be started, as far as its own limits go.
std::size_t StartFinder::room_of(const JobClass& job_class, AppState& app, RoundPlan& plan,
                                 Moment now) {
  const std::string& name = app.breaker.name();
  std::size_t room = batch_starts;
  if (job_class.max_running)
    room = at_most(room, *job_class.max_running -
                             static_cast<std::int64_t>(tasks_.of_class(name, job_class.name)));
  if (room == 0 || !job_class.starts_per_day)
    return room; // a task's end, or the user who changes the limit, wakes us
  QuotaKey key = app.breaker.quota_key(Endpoint::submit, now.wall);
  key.job_class = job_class.name;
  room = at_most(room, *job_class.starts_per_day - ledger_.used(key));
  if (room == 0)
    plan.wake.by(to_steady(app.breaker.day(now.wall).ends, now));
  return room;
}

/// Whether the starts that are left today are all for jobs that have a schedule.
bool StartFinder::reserves_all(AppState& app, RoundPlan& plan, Moment now) {
  const std::string& name = app.breaker.name();
  const WallTime roll = app.breaker.day(now.wall).ends;
  app.unscheduled.reset();
  std::int64_t needed = reserve_.starts_needed(name, roll);
  if (needed <= 0)
    return false;
  if (needed == StartReserve::unknown) {
    plan.wake.by(now.steady + look_while_reckoning);
    return true;
  }
  // Schedules that need more than there is must not keep all others waiting for ever.
  const std::int64_t allowed = app.breaker.allowed(Endpoint::submit);
  needed = std::min(needed, allowed - allowed / 10);
  const std::int64_t left = budgets_.today(app, now).submit_left;
  plan.unreserved[name] = std::max<std::int64_t>(0, left - needed);
  if (left > needed)
    return false;
  if (left > 0) { // else the app itself waits
    app.unscheduled = Wait{reserved_sentence(left, roll), roll};
    plan.wake.by(now.steady +
                 std::min<std::chrono::milliseconds>(roll - now.wall, look_at_reserve_again));
  }
  return true;
}

/// A burst takes all places on the wire for a moment; that they stay taken is worth a word.
void StartFinder::note_room(AppState& app, const RoundPlan& plan, SteadyTime now) {
  using Why = NoPlace::Why;
  const std::string& name = app.breaker.name();
  std::optional<Why> why;
  if (plan.held_apps.contains(name))
    why = Why::polls;
  else if (plan.start_places.room(name) == 0)
    why = Why::starts;
  else if (plan.any_place_to_run && plan.running_places.room(name) == 0)
    why = Why::kept;
  if (!why)
    app.no_place.reset();
  else if (!app.no_place || app.no_place->why != *why)
    app.no_place = NoPlace{now, *why};
}

void StartFinder::scan_unknown_app(const std::string& app, RoundPlan& plan, Moment now) {
  const auto any = [](const std::string&) { return FileSlots::no_limit; };
  const std::set<JobId> resting = refused_.resting(now.steady);
  const std::size_t before = plan.unstartable.size();
  std::size_t set_aside = 0;
  for (const JobClass& job_class : scanner_.queued_classes(app, {}, batch_starts)) {
    const std::size_t found = plan.unstartable.size() - before;
    const std::size_t most = std::min(batch_starts - std::min(batch_starts, found), plan.room());
    if (most == 0)
      break;
    take_over(scanner_.scan({app, job_class, false, &resting}, now.wall, most, 0, any),
              plan.unstartable, set_aside, plan);
  }
  if (plan.unstartable.size() > before)
    plan.wake.by(now.steady);
}

} // namespace kdq
