// Writes what is to be sent into the database before it is sent.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/requests/round_plan.h"

#include <cstdint>
#include <string>

namespace kdq {

class Dependencies;
class InFlightTable;
class JobInputs;
class Notices;
class QuotaLedger;
class QuotaGrant;
class QueueScanner;
class RequestLog;
class TaskTable;
struct EngineSettings;

/// One transaction a call: claims, intents, and the quota that they spend; and jobs that end
/// without a request.
class IntentWriter {
public:
  IntentWriter(JobQueue& queue, QueueScanner& scanner, Dependencies& dependencies,
               JobInputs& inputs, RequestLog& requests, QuotaLedger& ledger, const TaskTable& tasks,
               const InFlightTable& in_flight, const AppStates& apps, Notices& notices,
               const EngineSettings& settings)
      : queue_(queue), scanner_(scanner), dependencies_(dependencies), inputs_(inputs),
        requests_(requests), ledger_(ledger), tasks_(tasks), in_flight_(in_flight), apps_(apps),
        notices_(notices), settings_(settings) {}

  /// Inside of Database::write(); may be run again from the start.
  Begun write(const RoundPlan& plan, WallTime now);
  /// A job that cannot be started yet must not keep those behind it from coming forward. Inside of
  /// Database::write().
  void pass_over(JobId job) { queue_.bring_next_forward(job); }

private:
  void end_unsent(const RoundPlan& plan, Begun& begun, WallTime now);
  void end(JobId job, const JobRow& row, EndCause cause, const std::string& error, Begun& begun,
           WallTime now);
  void begin_polls(const RoundPlan& plan, Begun& begun, WallTime now);
  void begin_starts(const RoundPlan& plan, Begun& begun, WallTime now);
  std::string unknown_app_sentence(const std::string& app) const;
  void want_starts(const RoundPlan& plan, QuotaGrant& grant, WallTime now);
  bool take_inputs(ClaimedJob& job);
  std::string too_much_input_sentence(const ClaimedJob& job) const;
  std::string too_long_sentence(std::int64_t bytes) const;

  JobQueue& queue_;
  QueueScanner& scanner_;
  Dependencies& dependencies_;
  JobInputs& inputs_;
  RequestLog& requests_;
  QuotaLedger& ledger_;
  const TaskTable& tasks_;
  const InFlightTable& in_flight_;
  const AppStates& apps_;
  Notices& notices_;
  const EngineSettings& settings_;
};

} // namespace kdq
