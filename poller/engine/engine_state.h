// What the engine's parts share. Internal to the poller.
#pragma once

#include "poller/clock.h"
#include "poller/engine/reply_outcome.h"
#include "poller/engine/task_table.h"
#include "poller/events.h"
#include "poller/quota/circuit_breaker.h"
#include "poller/schedule/price_schedule.h"
#include "poller/settings.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"
#include "store/result_log.h"
#include "store/run_times.h"
#include "store/status_tables.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

/// One configured app.
struct AppState {
  AppState(const std::string& name, const AppSettings& settings, std::uint64_t jitter_seed)
      : breaker(name, settings, jitter_seed), schedule(PriceSchedule::Options{}) {}

  CircuitBreaker breaker;
  PriceSchedule schedule;
  std::optional<Hold> no_polls_left; ///< for another start: what is left is for the running tasks
  std::int64_t waiting = 0;          ///< jobs that may be started today, as of waiting_at
  std::optional<SteadyTime> waiting_at;
};

/// How the schedule finds the script's past runs.
TaskKeys keys_of(const ScriptIdentity& script);

struct EngineState {
  EngineState(EngineSettings all_settings, Database& db, Clock& time, Events& listener);

  Moment now() const { return {clock.wall(), clock.steady()}; }

  // --- budgets; inside of Database::read() or write() -----------------------------------------
  /// What the app has left today. The jobs that wait are not counted.
  DayBudget budget(const AppState& app, Moment now);
  /// The same with the jobs that wait for a start today, as of a few seconds ago.
  DayBudget budget_with_queue(AppState& app, Moment now);

  // --- tasks --------------------------------------------------------------------------------
  /// A task runs: it will be asked.
  OpenTask open_task(const Task& task) const;
  void follow(const Task& task);
  /// Someone follows the task's log until then.
  void watch(const Task& task, WallTime until, Moment now);
  /// The task is out of our hands.
  void remove_task(JobId id);
  /// Asks again, not before `at`.
  void postpone(const Task& task, SteadyTime at);
  AppState* app_of(const Task& task);

  const EngineSettings settings;
  Database& database;
  Clock& clock;
  Events& events;
  JobQueue queue;
  ResultLog log;
  QuotaLedger ledger;
  RunTimes run_times;
  StatusTables status_tables;
  TaskTable tasks;
  Pauses pauses;
  std::map<JobId, WallTime> watches;       ///< until when, civil time
  std::map<std::string, AppState> apps;    ///< by name
  std::map<RequestId, InFlight> in_flight; ///< sent, no reply stored yet
  Jitter jitter;
};

} // namespace kdq
