#include "store/held_jobs.h"

#include "store/database.h"
#include "store/job_queue.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace kdq {

JobRow held(const JobRow& row, std::string error) {
  JobRow after = row;
  after.state = JobState::unconfirmed;
  after.error = std::move(error);
  ++after.rev;
  return after;
}

struct HeldJobs::Impl {
  Impl(SQLite::Database& connection, JobQueue& jobs) : db(connection), queue(jobs) {}

  SQLite::Database& db;
  JobQueue& queue;
  Statement queued{db, "SELECT job_id FROM queue WHERE job_id <= ?1 ORDER BY job_id LIMIT ?2"};
  Statement same_key{db, "SELECT o.id FROM jobs AS j CROSS JOIN jobs AS o "
                         "ON o.unique_key = j.unique_key WHERE j.id = ?1 AND "
                         "o.unique_key IS NOT NULL AND o.state IN ('queued', 'submitting', "
                         "'running', 'unconfirmed') AND o.id <> j.id"};
  Statement unique_key{db, "SELECT unique_key FROM jobs WHERE id = ?1"};
  Statement take_key{db, "UPDATE jobs SET unique_key = NULL, supersede = 0, rev = rev + 1 "
                         "WHERE id = ?1 AND rev = ?2"};
};

HeldJobs::HeldJobs(Database& database, JobQueue& queue)
    : impl_(std::make_unique<Impl>(database.connection(), queue)) {}
HeldJobs::~HeldJobs() = default;

std::vector<JobId> HeldJobs::still_queued(JobId to, std::size_t at_most) {
  return impl_->queued.ids(to, static_cast<std::int64_t>(at_most));
}

void HeldJobs::hold(JobId job, const std::string& error) {
  auto before = impl_->queue.take(job); // one that was INSERTed since may be parked behind it
  if (!before)
    return;
  std::string sentence = error;
  if (const auto other = impl_->same_key.integer(job)) { // it has waited for that one to end
    sentence += "; it has lost its unique_key " + impl_->unique_key.text(job).value_or("") +
                ", which job " + std::to_string(*other) + " has: that one is held, too";
    if (impl_->take_key.run(job, before->rev) == 0)
      throw_ignored(impl_->db, "jobs", "job " + std::to_string(job.value));
    ++before->rev;
  }
  impl_->queue.save(job, *before, held(*before, sentence));
}

} // namespace kdq
