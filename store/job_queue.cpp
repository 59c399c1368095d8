#include "store/job_queue.h"

#include "store/database.h"
#include "store/job_counters.h"
#include "store/job_row_columns.h"
#include "store/metric_counters.h"
#include "store/row_padding.h"
#include "store/script_digest.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <cassert>

namespace kdq {
namespace {

/// For what is being started or runs, by index.
constexpr char of_unfinished[] = " FROM jobs INDEXED BY jobs_open WHERE (state = 'submitting' OR "
                                 "state = 'running' OR state = 'unconfirmed') "
                                 "AND state <> 'unconfirmed' ORDER BY id";

std::string digest_of(const SQLite::Column& script) {
  return script_digest(
      {static_cast<const char*>(script.getBlob()), static_cast<std::size_t>(script.getBytes())});
}

std::optional<std::chrono::seconds> read_timeout(const SQLite::Column& column) {
  if (column.isNull())
    return std::nullopt;
  // A user may have dropped the trigger that bounds it.
  constexpr std::int64_t longest = 2'592'000; // 30 days
  return std::chrono::seconds(std::clamp<std::int64_t>(column.getInt64(), 1, longest));
}

std::optional<WallTime> as_time(const std::optional<std::string>& text) {
  return text ? parse_time(*text) : std::nullopt;
}

const std::string* or_null(const std::string& text) {
  return text.empty() ? nullptr : &text;
}

std::string name_of(JobId job) {
  return "job " + std::to_string(job.value);
}

bool is_end(JobState state) {
  return state == JobState::succeeded || state == JobState::failed ||
         state == JobState::timed_out || state == JobState::cancelled;
}

} // namespace

struct JobQueue::Impl {
  explicit Impl(Database& database)
      : db(database.connection()), counters(database), metrics(database) {}

  SQLite::Database& db;
  JobCounters counters;
  MetricCounters metrics;

  // Partial indexes are used for literal predicates only: the states are written out.
  Statement expired{db, "SELECT job_id FROM queue WHERE expires_at IS NOT NULL "
                        "AND expires_at <= ?1 ORDER BY expires_at LIMIT 100"};
  Statement any_queued{db, "SELECT 1 FROM queue LIMIT 1"};
  Statement any_ready{db,
                      "SELECT 1 FROM queue INDEXED BY queue_ready WHERE lane = 'ready' LIMIT 1"};
  Statement next_run{db, "SELECT min(due) FROM queue WHERE lane = 'future'"};
  Statement overdue{db, "SELECT 1 FROM queue WHERE lane = 'future' AND due <= ?1"};
  Statement next_expiry{db, "SELECT min(expires_at) FROM queue WHERE expires_at IS NOT NULL "
                            "AND expires_at > ?1"};
  Statement waiting{db, "SELECT count(*) FROM (SELECT timed, due FROM queue WHERE app = ?1 "
                        "LIMIT ?3) WHERE timed = 0 OR due < ?2"};
  Statement identity{db, "SELECT file_token, coalesce(script_name, ''), CAST(script AS BLOB) "
                         "FROM jobs WHERE id = ?1"};
  Statement state_of{db, "SELECT state FROM jobs WHERE id = ?1"};
  Statement retry_policy{db, "SELECT on_unconfirmed, (SELECT count(*) FROM requests r "
                             "WHERE r.job_id = jobs.id AND r.endpoint = 'submit' AND "
                             "r.outcome IN ('lost', 'unanswered', 'unknown')), max_attempts, "
                             "expires_at FROM jobs WHERE id = ?1"};
  Statement unfinished{db, "SELECT " + std::string(row_columns) +
                               ", id, coalesce(class, ''), timeout_s, file_token, "
                               "coalesce(script_name, ''), "
                               "CAST(script AS BLOB)" +
                               of_unfinished};
  Statement unfinished_ids{db, "SELECT id" + std::string(of_unfinished)};
  Statement park{db, "UPDATE queue SET lane = 'parked' WHERE job_id = ?1 AND lane = 'ready' "
                     "AND EXISTS (SELECT 1 FROM queue q WHERE q.app = queue.app "
                     "AND q.file_token = queue.file_token AND q.lane = 'ready' "
                     "AND q.class = queue.class AND q.scheduled = queue.scheduled "
                     "AND q.job_id <> queue.job_id)"};
  Statement postpone{db, "UPDATE queue SET lane = 'future' WHERE job_id = ?1 AND lane = 'ready'"};
  Statement promote{db, "UPDATE queue SET lane = 'ready' WHERE job_id IN (SELECT job_id FROM queue "
                        "WHERE lane = 'future' AND due <= ?1 ORDER BY due LIMIT ?2)"};
  // Of a file whose first job has left. Looked for first: an UPDATE that finds nothing costs as
  // much as one that does.
  Statement first_parked{db, "SELECT job_id FROM queue WHERE app = ?1 AND file_token = ?2 "
                             "AND lane = 'parked' AND class = ?3 AND scheduled = ?4 "
                             "ORDER BY priority, due, job_id LIMIT 1"};
  Statement first_parked_after{db, "SELECT q.job_id FROM queue q JOIN queue o ON o.job_id = ?1 "
                                   "WHERE q.app = o.app AND q.file_token = o.file_token "
                                   "AND q.lane = 'parked' AND q.class = o.class "
                                   "AND q.scheduled = o.scheduled AND q.job_id <> ?1 "
                                   "ORDER BY q.priority, q.due, q.job_id LIMIT 1"};
  Statement unpark{db, "UPDATE queue SET lane = 'ready' WHERE job_id = ?1"};
  Statement still_startable{db, "SELECT 1 FROM queue WHERE job_id = ?1 AND app = ?2 "
                                "AND file_token = ?3 AND lane = 'ready' "
                                "AND (timed = 0 OR due <= ?4) AND class = ?5 AND scheduled = ?6"};
  Statement still_expired{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued' "
                              "AND expires_at <= ?2"};
  Statement take{db, "DELETE FROM queue WHERE job_id = ?1 AND app = ?2 AND file_token = ?3 "
                     "AND lane = 'ready' AND (timed = 0 OR due <= ?4) AND class = ?5 "
                     "AND scheduled = ?6"};
  Statement take_any{db, "DELETE FROM queue WHERE job_id = ?1"};
  Statement needs_nothing{db, "DELETE FROM needs WHERE job_id = ?1"};
  // With those behind it, as one statement may have removed very many.
  Statement drop_orphans{db, "DELETE FROM queue WHERE job_id >= ?1 AND job_id < ?1 + 5000 "
                             "AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = job_id "
                             "AND state = 'queued')"};
  // Not one statement with RETURNING: that makes a table of its own for what it returns.
  Statement queued_job{db, "SELECT " + std::string(row_columns) +
                               ", file_token, CAST(script AS BLOB), "
                               "coalesce(script_name, ''), coalesce(CAST(argv AS TEXT), ''), "
                               "timeout_s, pass_as IS NOT NULL, coalesce(class, '') FROM jobs "
                               "WHERE id = ?1 AND state = 'queued'"};
  Statement queued_row{db, "SELECT " + std::string(row_columns) +
                               " FROM jobs WHERE id = ?1 AND state = 'queued'"};
  // All that the daemon writes of a job, in one piece; a state that does not change is not among
  // it, because each of its indexes would be written anew.
  Statement change_state{db,
                         "UPDATE jobs SET state = ?5, attempt = ?6, task_id = ?7, "
                         "remote_status = ?8, result = ?9, error = ?10, polls = ?11, "
                         "log_gaps = ?12, submitted_at = ?13, reported_at = ?14, "
                         "finished_at = ?15, rev = ?16, padding = zeroblob(?17), progress = ?18, "
                         "progress_text = ?19, cause = ?20 "
                         "WHERE id = ?1 AND state = ?2 AND attempt = ?3 AND rev = ?4"};
  // The same of a job without finished_at and cause before and after: to write these opens their
  // indexes.
  Statement change_open{db, "UPDATE jobs SET state = ?5, attempt = ?6, task_id = ?7, "
                            "remote_status = ?8, result = ?9, error = ?10, polls = ?11, "
                            "log_gaps = ?12, submitted_at = ?13, reported_at = ?14, "
                            "rev = ?15, padding = zeroblob(?16), progress = ?17, "
                            "progress_text = ?18 "
                            "WHERE id = ?1 AND state = ?2 AND attempt = ?3 AND rev = ?4"};
  Statement same_state{db, "UPDATE jobs SET remote_status = ?5, error = ?6, polls = ?7, "
                           "log_gaps = ?8, reported_at = ?9, rev = ?10, padding = zeroblob(?11), "
                           "progress = ?12, progress_text = ?13 "
                           "WHERE id = ?1 AND state = ?2 AND attempt = ?3 AND rev = ?4"};
  Statement set_run_at{db, "UPDATE jobs SET run_at = ?2, rev = rev + 1 WHERE id = ?1"};
  Statement count_late{db, "UPDATE jobs SET polls = polls + ?3, log_gaps = log_gaps + ?4, "
                           "rev = rev + 1 WHERE id = ?1 AND attempt = ?2"};
  Statement enqueue{db,
                    "INSERT OR REPLACE INTO queue SELECT * FROM queue_places WHERE job_id = ?1"};
  Statement has_dependents{db, "SELECT 1 FROM needs WHERE kind = 'job' AND needs = ?1"};
  Statement note_end{db, "INSERT OR IGNORE INTO ended_needs VALUES ('job', ?1)"};
  Statement tell_schedule{db, "UPDATE schedules SET last_state = ?2, padding = zeroblob(11 - "
                              "length(?2)), rev = rev + 1 WHERE last_job_id = ?1"};
  Statement tell_success{db, "UPDATE schedules SET last_success_at = ?2, rev = rev + 1 "
                             "WHERE name = ?1"};
  Statement superseded_by{db,
                          "SELECT id FROM jobs WHERE state = 'queued' AND unique_key IS NOT NULL "
                          "AND unique_key = (SELECT unique_key FROM jobs WHERE id = ?1) "
                          "AND id <> ?1"};
  // Asked after a change that has changed nothing: why.
  Statement still{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = ?2 AND attempt = ?3 "
                      "AND rev = ?4"};
  Statement has_place{db, "SELECT 1 FROM queue_places WHERE job_id = ?1"};

  void bring_forward(std::optional<std::int64_t> parked) {
    if (parked)
      unpark.run(*parked);
  }
  std::optional<ClaimedJob> claim_job(JobId job);
  bool write_row(JobId job, const JobRow& before, const JobRow& after);
  void enqueue_job(JobId job);
  void follow_up(JobId job, const JobRow& before, const JobRow& after);
};

JobQueue::JobQueue(Database& database) : impl_(std::make_unique<Impl>(database)) {}
JobQueue::~JobQueue() = default;

// --- looks --------------------------------------------------------------------------------------

std::vector<JobId> JobQueue::expired(WallTime now) {
  return impl_->expired.ids(now);
}

std::optional<WallTime> JobQueue::next_run() {
  return as_time(impl_->next_run.text());
}

std::optional<WallTime> JobQueue::next_expiry(WallTime now) {
  return as_time(impl_->next_expiry.text(now));
}

bool JobQueue::has_queued() {
  return impl_->any_queued.integer().has_value();
}

std::size_t JobQueue::queued() {
  return impl_->counters.queued();
}

std::size_t JobQueue::busy() {
  return impl_->counters.busy();
}

bool JobQueue::has_ready() {
  return impl_->any_ready.integer().has_value();
}

std::int64_t JobQueue::waiting(const std::string& app, WallTime until, std::int64_t at_most) {
  return impl_->waiting.integer(app, until, at_most).value_or(0);
}

ScriptIdentity JobQueue::identity(JobId job) {
  ScriptIdentity found;
  impl_->identity.each(
      [&](SQLite::Statement& row) {
        found = {digest_of(row.getColumn(2)), row.getColumn(0).getString(),
                 row.getColumn(1).getString()};
        return true;
      },
      job);
  return found;
}

std::optional<JobState> JobQueue::state(JobId job) {
  const auto text = impl_->state_of.text(job);
  return text ? job_state(*text) : std::nullopt;
}

RetryPolicy JobQueue::retry_policy(JobId job) {
  RetryPolicy policy;
  impl_->retry_policy.each(
      [&](SQLite::Statement& row) {
        const std::string wish = row.getColumn(0).getString();
        policy.on_unconfirmed = wish == "retry"  ? OnUnconfirmed::retry
                                : wish == "fail" ? OnUnconfirmed::fail
                                                 : OnUnconfirmed::hold;
        policy.unconfirmed_starts = row.getColumn(1).getInt64();
        policy.max_attempts = row.getColumn(2).getInt64();
        policy.expires_at = read_time(row.getColumn(3));
        return true;
      },
      job);
  return policy;
}

std::optional<JobId> JobQueue::superseded_by(JobId job) {
  if (const auto newer = impl_->superseded_by.integer(job))
    return JobId{*newer};
  return std::nullopt;
}

std::vector<UnfinishedJob> JobQueue::unfinished() {
  std::vector<UnfinishedJob> jobs;
  impl_->unfinished.each([&](SQLite::Statement& row) {
    UnfinishedJob& job = jobs.emplace_back();
    job.row = read_row(row);
    int column = row_column_count;
    job.id = JobId{row.getColumn(column++).getInt64()};
    job.app = job.row.app;
    job.job_class = row.getColumn(column++).getString();
    job.timeout = read_timeout(row.getColumn(column++));
    job.script.file_token = row.getColumn(column++).getString();
    job.script.name = row.getColumn(column++).getString();
    job.script.digest = digest_of(row.getColumn(column));
    return true;
  });
  return jobs;
}

std::vector<JobId> JobQueue::unfinished_ids() {
  return impl_->unfinished_ids.ids();
}

bool JobQueue::still_startable(const QueueScan::Entry& entry, WallTime now) {
  return impl_->still_startable
      .integer(entry.id, entry.app, entry.file_token, now, entry.job_class,
               static_cast<int>(entry.scheduled))
      .has_value();
}

bool JobQueue::still_expired(JobId job, WallTime now) {
  return impl_->still_expired.integer(job, now).has_value();
}

bool JobQueue::counts_are_right() {
  return impl_->counters.are_right();
}

// --- changes of the queue -----------------------------------------------------------------------

void JobQueue::set_aside(const QueueScan& scan) {
  for (const JobId id : scan.early)
    if (impl_->postpone.run(id) == 1)
      impl_->bring_forward(impl_->first_parked_after.integer(id));
  // The last of a file's rows first: each needs a ready one before it to be parked behind.
  for (auto id = scan.behind.rbegin(); id != scan.behind.rend(); ++id)
    impl_->park.run(*id);
}

int JobQueue::promote(WallTime now) {
  const int moved = impl_->promote.run(now, static_cast<int>(max_moved_rows));
  if (moved == 0 && impl_->overdue.integer(now))
    throw_ignored(impl_->db, "queue", "jobs whose run_at has come");
  return moved;
}

void JobQueue::recount() {
  impl_->counters.recount();
}

// --- changes of jobs ----------------------------------------------------------------------------

std::optional<ClaimedJob> JobQueue::claim(const QueueScan::Entry& entry, WallTime now) {
  const int scheduled = entry.scheduled ? 1 : 0;
  if (impl_->take.run(entry.id, entry.app, entry.file_token, now, entry.job_class, scheduled) ==
      0) {
    if (still_startable(entry, now) && impl_->has_place.integer(entry.id))
      throw_ignored(impl_->db, "queue", name_of(entry.id));
    if (impl_->drop_orphans.run(entry.id) > 0)
      recount(); // left behind by INSERT OR REPLACE, which fires no trigger
    return std::nullopt;
  }
  impl_->bring_forward(
      impl_->first_parked.integer(entry.app, entry.file_token, entry.job_class, scheduled));
  auto claimed = impl_->claim_job(entry.id);
  if (!claimed) { // its row was left behind, too
    impl_->drop_orphans.run(entry.id);
    recount();
  }
  return claimed;
}

void JobQueue::bring_next_forward(JobId job) {
  impl_->bring_forward(impl_->first_parked_after.integer(job));
}

std::optional<JobRow> JobQueue::take(JobId job) {
  bring_next_forward(job);
  impl_->take_any.run(job);
  impl_->needs_nothing.run(job);
  std::optional<JobRow> found;
  impl_->queued_row.each(
      [&](SQLite::Statement& row) {
        found = read_row(row);
        return true;
      },
      job);
  return found;
}

/// After its row was taken from the queue.
std::optional<ClaimedJob> JobQueue::Impl::claim_job(JobId job) {
  std::optional<ClaimedJob> found;
  JobRow before;
  queued_job.each(
      [&](SQLite::Statement& row) {
        before = read_row(row);
        int column = row_column_count;
        found.emplace();
        found->id = job;
        found->app = before.app;
        found->file_token = row.getColumn(column++).getString();
        found->script = row.getColumn(column++).getString();
        found->script_name = row.getColumn(column++).getString();
        found->argv = row.getColumn(column++).getString();
        found->timeout = read_timeout(row.getColumn(column++));
        found->has_inputs = row.getColumn(column++).getInt() != 0;
        found->job_class = row.getColumn(column).getString();
        return true;
      },
      job);
  if (!found)
    return std::nullopt;
  found->row.state = JobState::submitting;
  found->row.attempt = before.attempt + 1;
  found->row.rev = before.rev + 1;
  found->row.batch = before.batch;
  found->row.app = found->app;
  found->row.schedule = before.schedule;
  if (!write_row(job, before, found->row))
    return std::nullopt;
  return found;
}

bool JobQueue::save(JobId job, const JobRow& before, const JobRow& after) {
  return impl_->write_row(job, before, after);
}

bool JobQueue::save_for_later(JobId job, const JobRow& before, const JobRow& after, WallTime at,
                              EndCause why) {
  // By way of failed, as the picture of the states has it and a user's trigger may expect it.
  JobRow failed = after;
  failed.state = JobState::failed;
  failed.cause = why;
  failed.finished_at = at;
  failed.batch = before.batch;
  failed.app = before.app;
  failed.schedule = before.schedule;
  JobRow queued = after;
  queued.rev = failed.rev + 1;
  if (!impl_->write_row(job, before, failed))
    return false;
  // A user's trigger may have done something else with the failed job.
  if (!impl_->write_row(job, failed, queued))
    return true;
  // The user's column: the row may become longer.
  if (impl_->set_run_at.run(job, at) == 0 && impl_->has_place.integer(job))
    throw_ignored(impl_->db, "jobs", name_of(job));
  impl_->enqueue_job(job);
  return true;
}

bool JobQueue::Impl::write_row(JobId job, const JobRow& before, const JobRow& after) {
  assert(after.cause || !is_end(after.state) || after.state == JobState::succeeded);
  const std::int64_t attempt = before.attempt;
  const std::int64_t padding = padding_bytes(after);
  const std::string* status = or_null(after.remote_status);
  const std::string* error = or_null(after.error);
  const bool same = before.state == after.state;
  const auto is_open = [](const JobRow& row) { return !row.finished_at && !row.cause; };
  int changed = 0;
  if (same)
    changed = same_state.run(job, before.state, attempt, before.rev, status, error, after.polls,
                             after.log_gaps, after.reported_at, after.rev, padding, after.progress,
                             or_null(after.progress_text));
  else if (is_open(before) && is_open(after))
    changed = change_open.run(job, before.state, attempt, before.rev, after.state, after.attempt,
                              or_null(after.task_id), status, or_null(after.result), error,
                              after.polls, after.log_gaps, after.submitted_at, after.reported_at,
                              after.rev, padding, after.progress, or_null(after.progress_text));
  else
    changed = change_state.run(job, before.state, attempt, before.rev, after.state, after.attempt,
                               or_null(after.task_id), status, or_null(after.result), error,
                               after.polls, after.log_gaps, after.submitted_at, after.reported_at,
                               after.finished_at, after.rev, padding, after.progress,
                               or_null(after.progress_text), after.cause);
  if (changed != 1) {
    if (still.integer(job, before.state, attempt, before.rev))
      throw_ignored(db, "jobs", name_of(job));
    return false;
  }
  if (!same)
    follow_up(job, before, after);
  return true;
}

/// A user's trigger may have moved it out of the queue again; else it has a place there.
void JobQueue::Impl::enqueue_job(JobId job) {
  if (enqueue.run(job) == 0 && has_place.integer(job))
    throw_ignored(db, "queue", name_of(job));
}

/// What a change of state means for others; of a user's changes the trigger jobs_changed says it.
void JobQueue::Impl::follow_up(JobId job, const JobRow& before, const JobRow& after) {
  counters.move(before.state, after.state, before.batch);
  if (after.state == JobState::queued)
    enqueue_job(job);
  if (is_end(before.state)) // on its way back to the queue: see save_for_later()
    metrics.job_goes_on(before.app, before.state);
  if (is_end(after.state)) {
    metrics.job_finished(before.app, after.state);
    if (has_dependents.integer(job))
      note_end.run(job);
  }
  if (before.schedule.empty())
    return;
  tell_schedule.run(job, after.state);
  if (after.state == JobState::succeeded)
    tell_success.run(before.schedule, after.finished_at);
}

void JobQueue::count_late(JobId job, int attempt, std::int64_t polls, std::int64_t gaps) {
  impl_->count_late.run(job, attempt, polls, gaps);
}

} // namespace kdq
