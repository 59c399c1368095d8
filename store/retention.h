// Deletes what has been kept long enough: ended jobs, or only their log lines and requests. Jobs
// that have not ended are never touched.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// A place in the order in which jobs ended: behind this one. The default is the beginning.
struct EndedPlace {
  std::string finished_at; ///< as in jobs.finished_at
  JobId job;
};

/// Jobs that ended one after the other.
struct EndedJobs {
  EndedPlace from; ///< all of them are behind it
  struct Job {
    EndedPlace place;
    bool ready = false; ///< false: to be passed over
  };
  std::vector<Job> jobs;
  bool more = false; ///< there are others behind them
};

/// What one transaction did.
struct Deleted {
  std::size_t rows = 0;
  EndedPlace until;   ///< up to here it is done
  bool whole = false; ///< false: it ended early, so as to stay short; go on at `until`
};

/// Single-threaded; must not outlive the Database.
class Retention {
public:
  explicit Retention(Database& database);
  ~Retention();

  // --- inside of Database::read() --------------------------------------------------------------
  /// Jobs behind `place` that ended at `until` or before, oldest first; at most about a
  /// transaction's worth.
  EndedJobs to_remove(const EndedPlace& place, WallTime until);
  /// The same for clear(); ends before a job with a request on its way, which is to be waited for.
  EndedJobs to_clear(const EndedPlace& place, WallTime until);
  /// How far clear() came, as noted in the database.
  EndedPlace cleared();
  /// Bytes of the database file that are in use; the free ones are used again, but the file does
  /// not shrink.
  std::int64_t used_bytes();

  // --- inside of Database::write(); short: about a hundred rows ---------------------------------
  /// Deletes those that are ready, with their log lines and requests. A job with many lines takes
  /// several transactions, its row goes with the last one.
  Deleted remove(const EndedJobs& found);
  /// Deletes only the log lines and requests of those that are ready, and notes how far it came.
  Deleted clear(const EndedJobs& found);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
