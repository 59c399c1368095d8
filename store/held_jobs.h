// Takes what a restored queue has queued out of the way, until a person decides.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;
class JobQueue;

/// The row of such a job, whatever it was: unconfirmed, with a sentence that says what a person can
/// do.
JobRow held(const JobRow& row, std::string error);

/// Single-threaded; must not outlive the Database and the JobQueue.
class HeldJobs {
public:
  HeldJobs(Database& database, JobQueue& queue);
  ~HeldJobs();

  /// The first jobs in the queue up to this one, at most so many. Inside of Database::read().
  std::vector<JobId> still_queued(JobId to, std::size_t at_most);
  /// Its row becomes held(), if it is queued. Where another one with its unique_key has not ended
  /// either, and may not be unconfirmed beside it, it loses the key, and the sentence says so. Its
  /// row in the queue, if there is one, goes in any case. Inside of Database::write().
  void hold(JobId job, const std::string& error);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
