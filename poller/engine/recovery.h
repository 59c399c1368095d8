// The start: what the last run left is judged, and its running tasks go on.
#pragma once

#include "poller/engine/app_states.h"
#include "store/base/time.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace kdq {

class Database;
class DayBudgets;
class JobQueue;
class ReplyStore;
class RequestLog;
class RunTimes;
class ScheduledTasks;
class SpillFile;
struct InFlight;
struct OpenRequest;
struct SpilledReply;
struct EngineSettings;
struct UnfinishedJob;

/// What a start found.
struct Recovered {
  std::size_t running = 0; ///< tasks that go on
  std::size_t gaps = 0;    ///< status requests whose reply is lost
  std::size_t unconfirmed =
      0; ///< starts whose reply is lost, whatever on_unconfirmed makes of them
};

class Recovery {
public:
  Recovery(Database& database, JobQueue& queue, RequestLog& requests, RunTimes& run_times,
           SpillFile& spill, DayBudgets& budgets, AppStates& apps, ScheduledTasks& tasks,
           ReplyStore& replies, const EngineSettings& settings);

  /// `gap`: why nothing that came in answer to a request is to be had; empty: it may be in the
  /// spill file.
  /// Throws StoreUnavailable: to be run again from the start; nothing is forgotten.
  Recovered run(Moment now, const std::string& gap = {});
  /// An app's schedule as its tasks and what is stored of its scripts make it. Inside of
  /// Database::read().
  void restore_schedule(const std::string& name, AppState& app, Moment now);

private:
  void take_in_hand(const std::vector<UnfinishedJob>& jobs, Moment now);
  InFlight request_of(const OpenRequest& open, std::optional<WallTime> restored_at);
  void judge_open(const std::vector<OpenRequest>& requests, std::vector<SpilledReply> spilled,
                  const std::string& gap, Recovered& found, Moment now);
  void judge_jobs_without_intent(const std::vector<UnfinishedJob>& jobs,
                                 const std::vector<OpenRequest>& requests, Moment now);
  void restore_schedules(Moment now);

  Database& database_;
  JobQueue& queue_;
  RequestLog& requests_;
  RunTimes& run_times_;
  SpillFile& spill_;
  DayBudgets& budgets_;
  AppStates& apps_;
  ScheduledTasks& tasks_;
  ReplyStore& replies_;
  const EngineSettings& settings_;
};

} // namespace kdq
