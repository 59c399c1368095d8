// Writes to the database what was decided.
#pragma once

#include "store/base/time.h"

#include <vector>

namespace kdq {

class JobQueue;
class MetricCounters;
class Notices;
class QuotaLedger;
class RequestLog;
class ResultLog;
class RunTimes;
struct Effects;
struct ReplyOutcome;

/// Decides nothing but what the rows themselves decide: whether a job is still ours.
class EffectWriter {
public:
  EffectWriter(JobQueue& queue, RequestLog& requests, ResultLog& log, QuotaLedger& ledger,
               RunTimes& run_times, Notices& notices, MetricCounters& metrics)
      : queue_(queue), requests_(requests), log_(log), ledger_(ledger), run_times_(run_times),
        notices_(notices), metrics_(metrics) {}

  /// Inside of Database::write(); may be run again from the start. Says of each in its order
  /// whether the job's row was changed: if not, a user has cancelled or deleted the job, or it was
  /// not to be changed.
  std::vector<bool> save(const std::vector<const Effects*>& batch);

  /// The same for the next lines of a reply whose last ones are not read yet; what follows from it
  /// comes with those. False: its request is not noted any more, nothing was stored.
  bool save_piece(const ReplyOutcome& reply, WallTime now);

private:
  struct Saved {
    bool ours;
    bool stored;
  };
  Saved save(const Effects& effects);
  bool save_row(const Effects& effects);
  void save_quota(const Effects& effects);
  void save_learnt(const Effects& effects);
  void record(const Effects& effects, bool ours);
  void count(const Effects& effects, bool ours);

  JobQueue& queue_;
  RequestLog& requests_;
  ResultLog& log_;
  QuotaLedger& ledger_;
  RunTimes& run_times_;
  Notices& notices_;
  MetricCounters& metrics_;
};

} // namespace kdq
