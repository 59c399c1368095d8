// The kept counters that metrics are made of: the table `counters`.
#pragma once

#include "store/job.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>

namespace kdq {

class Database;
enum class RequestOutcome;

/// Adds up what a transaction counts and writes it with its commit: one statement for each row that
/// changes. What is counted for an app that has no row in `apps` stands under the app ''.
/// Single-threaded; must not outlive the Database. All of it inside of Database::write().
class MetricCounters {
public:
  explicit MetricCounters(Database& database);
  ~MetricCounters();

  /// A job has ended so. The trigger end_counts_insert counts the ends that users write.
  void job_finished(const std::string& app, JobState end);
  /// It had, in this transaction, and goes on.
  void job_goes_on(const std::string& app, JobState end);
  /// A script has run for so long; negative: not at all.
  void job_ran(const std::string& app, std::chrono::milliseconds span);
  /// So long after its end it was seen that it has ended.
  void end_seen(const std::string& app, std::chrono::milliseconds delay);
  /// A request has left in_flight.
  void request_ended(const std::string& app, Endpoint endpoint, RequestOutcome outcome);
  /// A row of level gap was written.
  void log_gap();

  /// Makes the rows that these apps lack, and those of the app '', so that what has not happened
  /// yet is 0, and readers find the bounds of all buckets.
  void begin_series(std::set<std::string> apps);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
