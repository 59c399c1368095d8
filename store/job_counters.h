// The kept counters of jobs: job_counts, and those of the batches.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <memory>

namespace kdq {

class Database;

/// Adds up what a transaction changes and writes it with its commit. Single-threaded; must not
/// outlive the Database.
class JobCounters {
public:
  explicit JobCounters(Database& database);
  ~JobCounters();

  /// How many jobs are queued, how many are being started or running, as the table says.
  std::size_t queued();
  std::size_t busy();
  /// A job has changed its state; `batch` as in JobRow.
  void move(JobState before, JobState after, std::optional<std::int64_t> batch);
  /// Whether they say what is there, as far as an INSERT OR REPLACE can make them wrong, which
  /// fires no trigger for the job that it removes; and whether no row of such a job is left that
  /// waits for another one. Takes 50 ms with a million queued jobs, and as long with a million
  /// jobs in batches that have not ended.
  bool are_right();
  /// Has job_counts, and the batches that have not ended, counted afresh with the commit, and what
  /// such jobs have waited for and got deleted.
  void recount();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
