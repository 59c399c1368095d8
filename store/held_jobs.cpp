#include "store/held_jobs.h"

#include "store/database.h"
#include "store/job_queue.h"
#include "store/job_row_columns.h"
#include "store/statement.h"

#include <optional>

namespace kdq {

struct HeldJobs::Impl {
  Impl(SQLite::Database& connection, JobQueue& jobs) : db(connection), queue(jobs) {}

  SQLite::Database& db;
  JobQueue& queue;
  Statement queued{db, "SELECT job_id FROM queue WHERE job_id <= ?1 ORDER BY job_id LIMIT 32"};
  Statement row{db, "SELECT " + std::string(row_columns) +
                        " FROM jobs WHERE id = ?1 AND state = 'queued'"};
  // One that was INSERTed since may be parked behind it.
  Statement unpark{db,
                   "UPDATE queue SET lane = 'ready' WHERE job_id = (SELECT q.job_id FROM queue q "
                   "JOIN queue o ON o.job_id = ?1 WHERE q.app = o.app AND q.file_token = "
                   "o.file_token AND q.lane = 'parked' AND q.job_id <> ?1 "
                   "ORDER BY q.priority, q.due, q.job_id LIMIT 1)"};
  Statement leave{db, "DELETE FROM queue WHERE job_id = ?1"};
};

HeldJobs::HeldJobs(Database& database, JobQueue& queue)
    : impl_(std::make_unique<Impl>(database.connection(), queue)) {}
HeldJobs::~HeldJobs() = default;

std::vector<JobId> HeldJobs::still_queued(JobId to) {
  return impl_->queued.ids(to);
}

bool HeldJobs::hold(JobId job, const std::string& error) {
  impl_->unpark.run(job);
  impl_->leave.run(job);
  std::optional<JobRow> before;
  impl_->row.each(
      [&](SQLite::Statement& found) {
        before = read_row(found);
        return true;
      },
      job);
  if (!before)
    return false;
  JobRow after = *before;
  after.state = JobState::unconfirmed;
  after.error = error;
  ++after.rev;
  return impl_->queue.save(job, *before, after);
}

} // namespace kdq
