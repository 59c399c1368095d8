#include "poller/engine/engine_state.h"

#include <algorithm>

namespace kdq {
namespace {

// Of the jobs that wait, at most so many are counted when the day's budget is planned: each needs a
// row to be read, and more than a day's starts do not matter.
constexpr std::int64_t most_counted = 10'000;
constexpr std::chrono::seconds count_again{5};

} // namespace

TaskKeys keys_of(const ScriptIdentity& script) {
  // A script that is edited, or has its data in its text, is known by its name.
  return {script.digest, script.name.empty() ? "" : script.file_token + '/' + script.name};
}

EngineState::EngineState(EngineSettings all_settings, Database& db, Clock& time, Events& listener)
    : settings(std::move(all_settings)), database(db), clock(time), events(listener), queue(db),
      log(db), ledger(db), run_times(db), status_tables(db), jitter(settings.jitter_seed) {
  std::uint64_t seed = settings.jitter_seed;
  for (const auto& [name, app] : settings.apps)
    apps.try_emplace(name, name, app, ++seed);
}

DayBudget EngineState::budget(const AppState& app, Moment now) {
  const CircuitBreaker& breaker = app.breaker;
  const QuotaDay& day = breaker.day(now.wall);
  DayBudget budget;
  budget.status_allowed = breaker.allowed(Endpoint::status);
  budget.status_used = ledger.used(breaker.quota_key(Endpoint::status, now.wall));
  budget.submit_left =
      std::max<std::int64_t>(0, breaker.allowed(Endpoint::submit) -
                                    ledger.used(breaker.quota_key(Endpoint::submit, now.wall)));
  budget.requests_per_second = breaker.settings().requests_per_second;
  budget.day_begins = to_steady(day.begins, now);
  budget.day_ends = to_steady(day.ends, now);
  return budget;
}

DayBudget EngineState::budget_with_queue(AppState& app, Moment now) {
  DayBudget day = budget(app, now);
  if (!app.waiting_at || now.steady - *app.waiting_at >= count_again) {
    app.waiting = queue.waiting(app.breaker.name(), app.breaker.day(now.wall).ends, most_counted);
    app.waiting_at = now.steady;
  }
  day.queued = std::min(app.waiting, day.submit_left);
  return day;
}

OpenTask EngineState::open_task(const Task& task) const {
  OpenTask open;
  open.job = task.id;
  open.keys = keys_of(task.script);
  open.submitted_at = task.submitted;
  if (task.last_poll.count() > 0)
    open.last_poll = task.submitted + task.last_poll;
  open.deadline = task.deadline();
  return open;
}

void EngineState::follow(const Task& task) {
  AppState* app = app_of(task);
  if (!app)
    return;
  app->schedule.submitted(open_task(task));
  if (const auto found = watches.find(task.id); found != watches.end())
    watch(task, found->second, now());
}

void EngineState::watch(const Task& task, WallTime until, Moment now) {
  if (AppState* app = app_of(task))
    app->schedule.watch(task.id, to_steady(until, now));
}

void EngineState::remove_task(JobId id) {
  if (const Task* task = tasks.find(id))
    if (AppState* app = app_of(*task))
      app->schedule.dropped(id);
  tasks.remove(id);
}

void EngineState::postpone(const Task& task, SteadyTime at) {
  if (AppState* app = app_of(task))
    app->schedule.postponed(task.id, at);
}

AppState* EngineState::app_of(const Task& task) {
  const auto found = apps.find(task.app);
  return found == apps.end() ? nullptr : &found->second;
}

} // namespace kdq
