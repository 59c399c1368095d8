// What the engine's parts share. Internal to the poller.
#pragma once

#include "poller/app_gate.h"
#include "poller/clock.h"
#include "poller/events.h"
#include "poller/judgement.h"
#include "poller/poll_schedule.h"
#include "poller/settings.h"
#include "poller/task_table.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"
#include "store/result_log.h"

#include <map>
#include <string>

namespace kdq {

struct EngineState {
  EngineState(EngineSettings all_settings, Database& db, Clock& time, PollSchedule& plan,
              Events& listener)
      : settings(std::move(all_settings)), database(db), clock(time), schedule(plan),
        events(listener), queue(db), log(db), ledger(db) {
    for (const auto& [name, app] : settings.apps)
      gates.try_emplace(name, name, app);
  }

  Moment now() const { return {clock.wall(), clock.steady()}; }

  /// Plans the next status request of a running task.
  void plan_poll(const Task& task) {
    const auto next = schedule.next_poll({task.last_poll, task.known_status});
    SteadyTime due = task.submitted + next;
    // One question at the deadline, so that what has ended is not called timed out.
    if (due > task.deadline() && task.last_poll < task.timeout)
      due = task.deadline();
    tasks.set_due(task.id, due);
  }

  const EngineSettings settings;
  Database& database;
  Clock& clock;
  PollSchedule& schedule;
  Events& events;
  JobQueue queue;
  ResultLog log;
  QuotaLedger ledger;
  TaskTable tasks;
  std::map<std::string, AppGate> gates;    ///< by app
  std::map<RequestId, InFlight> in_flight; ///< sent, no reply stored yet
};

} // namespace kdq
