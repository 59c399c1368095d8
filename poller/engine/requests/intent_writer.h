// Writes what is to be sent into the database before it is sent.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/requests/round_plan.h"

#include <cstdint>
#include <string>

namespace kdq {

class Notices;
class QuotaLedger;
class RequestLog;
class TaskTable;
struct EngineSettings;

/// One transaction a call: claims, intents, and the quota that they spend; and jobs that end
/// without a request.
class IntentWriter {
public:
  IntentWriter(JobQueue& queue, RequestLog& requests, QuotaLedger& ledger, const TaskTable& tasks,
               const AppStates& apps, Notices& notices, const EngineSettings& settings)
      : queue_(queue), requests_(requests), ledger_(ledger), tasks_(tasks), apps_(apps),
        notices_(notices), settings_(settings) {}

  /// Inside of Database::write(); may be run again from the start.
  Begun write(const RoundPlan& plan, WallTime now);

private:
  void end_unsent(const RoundPlan& plan, Begun& begun, WallTime now);
  void end_claimed(const ClaimedJob& job, JobState end, const std::string& error, Begun& begun,
                   WallTime now);
  void begin_polls(const RoundPlan& plan, Begun& begun, WallTime now);
  void begin_starts(const RoundPlan& plan, Begun& begun, WallTime now);
  std::string unknown_app_sentence(const std::string& app) const;
  std::string too_long_sentence(std::int64_t bytes) const;

  JobQueue& queue_;
  RequestLog& requests_;
  QuotaLedger& ledger_;
  const TaskTable& tasks_;
  const AppStates& apps_;
  Notices& notices_;
  const EngineSettings& settings_;
};

} // namespace kdq
