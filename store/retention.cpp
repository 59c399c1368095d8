#include "store/retention.h"

#include "store/connection.h"
#include "store/database.h"
#include "store/statement.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <string_view>

namespace kdq {
namespace {

// Bounds of one transaction: with them it holds the write lock for well under a millisecond. A long
// script or line has many pages, each to be put on the free list: they count as well.
constexpr std::size_t batch_rows = 100;
constexpr std::int64_t batch_pages = 64;
// Between two looks at the bounds.
constexpr std::size_t chunk_rows = 20;

// jobs_ended has every job with a finished_at. Users can write that column too: the state decides.
constexpr std::string_view has_ended =
    "jobs.state IN ('succeeded', 'failed', 'timed_out', 'cancelled')";
// By a job that has not ended, be it in the queue or on its way.
constexpr std::string_view is_awaited =
    "(EXISTS (SELECT 1 FROM dependents d JOIN jobs j ON j.id = d.job_id WHERE d.kind = 'job' AND "
    "d.needs = jobs.id AND j.finished_at IS NULL AND j.state NOT IN ('succeeded', 'failed', "
    "'timed_out', 'cancelled')) OR (jobs.batch_id IS NOT NULL AND EXISTS (SELECT 1 FROM dependents "
    "d JOIN jobs j ON j.id = d.job_id WHERE d.kind = 'batch' AND d.needs = jobs.batch_id AND "
    "j.finished_at IS NULL AND j.state NOT IN ('succeeded', 'failed', 'timed_out', "
    "'cancelled'))) OR EXISTS (SELECT 1 FROM needs n WHERE n.kind = 'job' AND n.needs = jobs.id))";

/// Ended jobs in their order: of those that ended together the order is that of their ids, which
/// takes a query of its own to be found in the index.
std::string ended_jobs(std::string_view range) {
  std::string sql = "SELECT id, finished_at, ";
  sql.append(has_ended).append(", ").append(is_awaited);
  sql += ", EXISTS (SELECT 1 FROM in_flight f WHERE f.job_id = jobs.id) FROM jobs WHERE ";
  return sql.append(range) + " AND finished_at <= ?3 ORDER BY finished_at, id LIMIT ?4";
}

std::string job_if_still_ended() {
  std::string sql = "SELECT 1 FROM jobs WHERE id = ?1 AND finished_at = ?2 AND ";
  return sql.append(has_ended).append(" AND (?3 OR NOT ").append(is_awaited) + ")";
}

} // namespace

struct Retention::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement together{db, ended_jobs("finished_at = ?1 AND id > ?2")};
  Statement later{db, ended_jobs("finished_at > ?1 AND ?2 IS NOT NULL")};
  Statement page_size{db, "PRAGMA page_size"};
  Statement page_count{db, "PRAGMA page_count"};
  Statement free_pages{db, "PRAGMA freelist_count"};
  // Users may have changed the job since it was found.
  Statement still_ended{db, job_if_still_ended()};
  Statement delete_lines{db, "DELETE FROM logs WHERE job_id = ?1 AND (attempt, seq) IN (SELECT "
                             "attempt, seq FROM logs WHERE job_id = ?1 ORDER BY attempt, seq "
                             "LIMIT ?2)"};
  Statement delete_requests{db, "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE "
                                "job_id = ?1 LIMIT ?2)"};
  Statement delete_inputs{db, "DELETE FROM sent_inputs WHERE job_id = ?1 AND attempt IN (SELECT "
                              "attempt FROM sent_inputs WHERE job_id = ?1 LIMIT ?2)"};
  Statement delete_job{db, "DELETE FROM jobs WHERE id = ?1"};
  Statement mark{db, "SELECT finished_at, job_id FROM retention WHERE one = 1"};
  Statement set_mark{db, "INSERT INTO retention(one, finished_at, job_id) VALUES (1, ?1, ?2) ON "
                         "CONFLICT(one) DO UPDATE SET finished_at = ?1, job_id = ?2"};

  struct Found {
    EndedPlace place;
    bool ended = false;
    bool awaited = false;
    bool open = false;
  };
  struct Batch {
    Deleted deleted;
    std::size_t jobs = 0;
    std::int64_t free_before = 0; ///< pages
  };
  std::vector<Found> find(const EndedPlace& place, WallTime until);
  bool is_full(const Batch& batch);
  bool delete_some(JobId job, Deleted& deleted);
  bool delete_rest(const EndedPlace& job, bool with_job, Batch& batch);
  Deleted work_off(const EndedJobs& found, bool with_job);
};

Retention::Retention(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
Retention::~Retention() = default;

// --- what there is -------------------------------------------------------------------------

std::vector<Retention::Impl::Found> Retention::Impl::find(const EndedPlace& place, WallTime until) {
  std::vector<Found> found;
  for (Statement* statement : {&together, &later}) {
    if (found.size() == batch_rows)
      break;
    statement->each(
        [&](SQLite::Statement& row) {
          found.push_back({{row.getColumn(1).getString(), JobId{row.getColumn(0).getInt64()}},
                           row.getColumn(2).getInt() != 0,
                           row.getColumn(3).getInt() != 0,
                           row.getColumn(4).getInt() != 0});
          return true;
        },
        place.finished_at, place.job, until, static_cast<int>(batch_rows - found.size()));
  }
  return found;
}

EndedJobs Retention::to_remove(const EndedPlace& place, WallTime until) {
  EndedJobs jobs;
  jobs.from = place;
  for (Impl::Found& found : impl_->find(place, until))
    jobs.jobs.push_back({std::move(found.place), found.ended && !found.open && !found.awaited});
  jobs.more = jobs.jobs.size() == batch_rows;
  return jobs;
}

EndedJobs Retention::to_clear(const EndedPlace& place, WallTime until) {
  EndedJobs jobs;
  jobs.from = place;
  for (Impl::Found& found : impl_->find(place, until)) {
    if (found.open)
      return jobs;
    jobs.jobs.push_back({std::move(found.place), found.ended});
  }
  jobs.more = jobs.jobs.size() == batch_rows;
  return jobs;
}

EndedPlace Retention::cleared() {
  EndedPlace place;
  impl_->mark.each([&](SQLite::Statement& row) {
    place = {row.getColumn(0).getString(), JobId{row.getColumn(1).getInt64()}};
    return true;
  });
  return place;
}

std::int64_t Retention::used_bytes() {
  const auto number = [](Statement& pragma) { return pragma.integer().value_or(0); };
  return (number(impl_->page_count) - number(impl_->free_pages)) * number(impl_->page_size);
}

// --- what goes -----------------------------------------------------------------------------

/// Deletes some of a job's log lines and requests; true: none are left.
bool Retention::Impl::delete_some(JobId job, Deleted& deleted) {
  for (Statement* statement : {&delete_lines, &delete_requests, &delete_inputs}) {
    const std::size_t most = std::min(chunk_rows, batch_rows - deleted.rows);
    const auto rows = static_cast<std::size_t>(statement->run(job, static_cast<int>(most)));
    deleted.rows += rows;
    if (rows == most)
      return false;
  }
  return true;
}

/// Deletes what is left of a job, as far as the transaction has room for it; true: all of it.
bool Retention::Impl::delete_rest(const EndedPlace& job, bool with_job, Batch& batch) {
  try {
    if (!still_ended.integer(job.job, job.finished_at, with_job ? 0 : 1))
      return true;
    while (!delete_some(job.job, batch.deleted))
      if (is_full(batch))
        return false;
    if (with_job)
      batch.deleted.rows += static_cast<std::size_t>(delete_job.run(job.job));
  } catch (const SQLite::Exception& refusal) {
    // A trigger or a foreign key of the user's wants to keep it.
    if (primary_code(refusal) != SQLITE_CONSTRAINT)
      throw;
  }
  return true;
}

bool Retention::Impl::is_full(const Batch& batch) {
  return batch.deleted.rows + batch.jobs >= batch_rows ||
         free_pages.integer().value_or(0) - batch.free_before >= batch_pages;
}

Deleted Retention::Impl::work_off(const EndedJobs& found, bool with_job) {
  Batch batch;
  batch.free_before = free_pages.integer().value_or(0);
  batch.deleted.until = found.from;
  for (const EndedJobs::Job& job : found.jobs) {
    if (job.ready && (is_full(batch) || !delete_rest(job.place, with_job, batch)))
      return batch.deleted;
    ++batch.jobs;
    batch.deleted.until = job.place;
  }
  batch.deleted.whole = true;
  return batch.deleted;
}

Deleted Retention::remove(const EndedJobs& found) {
  return impl_->work_off(found, true);
}

Deleted Retention::clear(const EndedJobs& found) {
  Deleted deleted = impl_->work_off(found, false);
  impl_->set_mark.run(deleted.until.finished_at, deleted.until.job);
  return deleted;
}

} // namespace kdq
