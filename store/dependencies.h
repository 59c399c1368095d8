// Who waits for whom: what follows from the end of a job or of a batch for the jobs that need it.
#pragma once

#include "store/job.h"

#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// That something has ended is noted by whoever ends it (JobQueue, the triggers for users, the
/// counters of a batch); what follows is done here, a bounded number of jobs at a time, as there
/// may be very many.
class Dependencies {
public:
  explicit Dependencies(Database& database);
  ~Dependencies();

  /// Whether the jobs that need something are to be looked at. Inside of Database::read().
  bool is_due();
  /// Looks at some of them: puts those that need nothing more into the queue, and notes which ones
  /// can never start. Inside of Database::write().
  void settle();

  /// A queued job that is to be cancelled, as what it needs has ended otherwise.
  struct Hopeless {
    JobId job;
    std::string reason; ///< a sentence
  };
  /// A bounded number of them.
  std::vector<Hopeless> hopeless();
  bool still_hopeless(JobId job);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
