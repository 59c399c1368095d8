// Collects what decide() is to know.
#pragma once

#include "poller/engine/app_states.h"
#include "store/base/time.h"

namespace kdq {

class JobQueue;
class ResultLog;
struct EngineSettings;
struct Facts;
struct ReplyOutcome;

class FactReader {
public:
  FactReader(JobQueue& queue, ResultLog& log, const AppStates& apps, const EngineSettings& settings)
      : queue_(queue), log_(log), apps_(apps), settings_(settings) {}

  /// What is known without the database.
  Facts known(const ReplyOutcome& outcome, WallTime now) const;
  /// Whether the database has more to say about this reply: few need it.
  static bool needs_reading(const ReplyOutcome& outcome);
  /// Adds it. Inside of Database::read().
  void read(const ReplyOutcome& outcome, Facts& facts);

private:
  JobQueue& queue_;
  ResultLog& log_;
  const AppStates& apps_;
  const EngineSettings& settings_;
};

} // namespace kdq
