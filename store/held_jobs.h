// Takes what a restored queue has queued out of the way, until a person decides.
#pragma once

#include "store/job.h"

#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;
class JobQueue;

/// Single-threaded; must not outlive the Database and the JobQueue.
class HeldJobs {
public:
  HeldJobs(Database& database, JobQueue& queue);
  ~HeldJobs();

  /// Jobs in the queue up to this one, a bounded number of them. Inside of Database::read().
  std::vector<JobId> still_queued(JobId to);
  /// queued → unconfirmed, with the sentence. False: it is not queued any more, and its row in the
  /// queue, if there was one, is gone. Inside of Database::write().
  bool hold(JobId job, const std::string& error);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
