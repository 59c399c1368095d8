#include "store/job_queue.h"

#include "store/database.h"
#include "store/job_row_columns.h"
#include "store/row_padding.h"
#include "store/script_digest.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace kdq {
namespace {

// Bounds of one look, so that no transaction or tick grows with the queue.
constexpr std::size_t max_moved_rows = 100;

/// What a row of job_counts should say.
constexpr char counted[] = "CASE state "
                           "WHEN 'queued' THEN (SELECT count(*) FROM queue) "
                           "WHEN 'running' THEN (SELECT count(*) FROM jobs INDEXED BY jobs_open "
                           "  WHERE (state = 'submitting' OR state = 'running' OR state = "
                           "'unconfirmed') AND state <> 'unconfirmed') "
                           "ELSE (SELECT count(*) FROM jobs INDEXED BY jobs_open "
                           "  WHERE (state = 'submitting' OR state = 'running' OR state = "
                           "'unconfirmed') AND state = 'unconfirmed') END";

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
  return std::chrono::seconds(column.getInt64());
}

const std::string* or_null(const std::string& text) {
  return text.empty() ? nullptr : &text;
}

/// The counter of job_counts in which a state is counted; none: it is not.
enum class Counter : std::size_t { queued, running, unconfirmed };
constexpr std::array counter_names{"queued", "running", "unconfirmed"};

std::optional<Counter> counter_of(JobState state) {
  switch (state) {
  case JobState::queued:
    return Counter::queued;
  case JobState::submitting:
  case JobState::running:
    return Counter::running;
  case JobState::unconfirmed:
    return Counter::unconfirmed;
  default:
    return std::nullopt;
  }
}

std::string name_of(JobId job) {
  return "job " + std::to_string(job.value);
}

bool is_end(JobState state) {
  return !counter_of(state).has_value();
}

} // namespace

struct JobQueue::Impl {
  explicit Impl(Database& database) : owner(database), db(database.connection()) {
    owner.at_commit(
        this, [this] { write_counts(); }, [this] { changes = {}; });
  }
  ~Impl() { owner.at_commit(this, nullptr, nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& owner;
  SQLite::Database& db;
  std::array<std::int64_t, counter_names.size()> changes{}; ///< of job_counts, of this transaction

  // Partial indexes are used for literal predicates only: the states are written out.
  Statement scan{db, "SELECT job_id, file_token, due, priority, timed FROM queue WHERE app = ?1 "
                     "AND lane = 'ready' ORDER BY priority, due, job_id"};
  Statement first_app{db, "SELECT min(app) FROM queue"};
  Statement next_app{db, "SELECT min(app) FROM queue WHERE app > ?1"};
  Statement expired{db, "SELECT job_id FROM queue WHERE expires_at IS NOT NULL "
                        "AND expires_at <= ?1 ORDER BY expires_at LIMIT 100"};
  Statement any_queued{db, "SELECT 1 FROM queue LIMIT 1"};
  Statement any_ready{db, "SELECT 1 FROM queue WHERE lane = 'ready' LIMIT 1"};
  Statement next_run{db, "SELECT min(due) FROM queue WHERE lane = 'future'"};
  Statement overdue{db, "SELECT 1 FROM queue WHERE lane = 'future' AND due <= ?1"};
  Statement next_expiry{db, "SELECT min(expires_at) FROM queue WHERE expires_at IS NOT NULL"};
  Statement waiting{db, "SELECT count(*) FROM (SELECT timed, due FROM queue WHERE app = ?1 "
                        "LIMIT ?3) WHERE timed = 0 OR due < ?2"};
  Statement identity{db, "SELECT file_token, coalesce(script_name, ''), CAST(script AS BLOB) "
                         "FROM jobs WHERE id = ?1"};
  Statement state_of{db, "SELECT state FROM jobs WHERE id = ?1"};
  Statement retry_policy{db, "SELECT on_unconfirmed, (SELECT count(*) FROM requests r "
                             "WHERE r.job_id = jobs.id AND r.endpoint = 'submit' AND "
                             "r.outcome IN ('lost', 'unanswered', 'unknown')), max_attempts, "
                             "expires_at FROM jobs WHERE id = ?1"};
  Statement count{db, "SELECT jobs FROM job_counts WHERE state = ?1"};
  Statement unfinished{db, "SELECT " + std::string(row_columns) +
                               ", id, app, timeout_s, file_token, coalesce(script_name, ''), "
                               "CAST(script AS BLOB)" +
                               of_unfinished};
  Statement unfinished_ids{db, "SELECT id" + std::string(of_unfinished)};
  Statement park{db, "UPDATE queue SET lane = 'parked' WHERE job_id = ?1 AND lane = 'ready' "
                     "AND EXISTS (SELECT 1 FROM queue q WHERE q.app = queue.app "
                     "AND q.file_token = queue.file_token AND q.lane = 'ready' "
                     "AND q.job_id <> queue.job_id)"};
  Statement postpone{db, "UPDATE queue SET lane = 'future' WHERE job_id = ?1 AND lane = 'ready'"};
  Statement promote{db, "UPDATE queue SET lane = 'ready' WHERE job_id IN (SELECT job_id FROM queue "
                        "WHERE lane = 'future' AND due <= ?1 ORDER BY due LIMIT ?2)"};
  // Of a file whose first job has left. Looked for first: an UPDATE that finds nothing costs as
  // much as one that does.
  Statement first_parked{db, "SELECT job_id FROM queue WHERE app = ?1 AND file_token = ?2 "
                             "AND lane = 'parked' ORDER BY priority, due, job_id LIMIT 1"};
  Statement first_parked_after{db, "SELECT q.job_id FROM queue q JOIN queue o ON o.job_id = ?1 "
                                   "WHERE q.app = o.app AND q.file_token = o.file_token "
                                   "AND q.lane = 'parked' AND q.job_id <> ?1 "
                                   "ORDER BY q.priority, q.due, q.job_id LIMIT 1"};
  Statement unpark{db, "UPDATE queue SET lane = 'ready' WHERE job_id = ?1"};
  Statement still_startable{db, "SELECT 1 FROM queue WHERE job_id = ?1 AND app = ?2 "
                                "AND file_token = ?3 AND lane = 'ready' "
                                "AND (timed = 0 OR due <= ?4)"};
  Statement still_expired{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued' "
                              "AND expires_at <= ?2"};
  Statement take{db, "DELETE FROM queue WHERE job_id = ?1 AND app = ?2 AND file_token = ?3 "
                     "AND lane = 'ready' AND (timed = 0 OR due <= ?4)"};
  Statement take_any{db, "DELETE FROM queue WHERE job_id = ?1"};
  Statement drop_orphan{db, "DELETE FROM queue WHERE job_id = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued')"};
  // Not one statement with RETURNING: that makes a table of its own for what it returns.
  Statement queued_job{db, "SELECT " + std::string(row_columns) +
                               ", app, file_token, CAST(script AS BLOB), "
                               "coalesce(script_name, ''), coalesce(CAST(argv AS TEXT), ''), "
                               "timeout_s FROM jobs WHERE id = ?1 AND state = 'queued'"};
  // All that the daemon writes of a job, in one piece; a state that does not change is not among
  // it, because each of its indexes would be written anew.
  Statement change_state{db, "UPDATE jobs SET state = ?5, attempt = ?6, task_id = ?7, "
                             "remote_status = ?8, result = ?9, error = ?10, polls = ?11, "
                             "log_gaps = ?12, submitted_at = ?13, reported_at = ?14, "
                             "finished_at = ?15, rev = ?16, padding = zeroblob(?17) "
                             "WHERE id = ?1 AND state = ?2 AND attempt = ?3 AND rev = ?4"};
  Statement same_state{db, "UPDATE jobs SET remote_status = ?5, error = ?6, polls = ?7, "
                           "log_gaps = ?8, reported_at = ?9, rev = ?10, padding = zeroblob(?11) "
                           "WHERE id = ?1 AND state = ?2 AND attempt = ?3 AND rev = ?4"};
  Statement set_run_at{db, "UPDATE jobs SET run_at = ?2, rev = rev + 1 WHERE id = ?1"};
  Statement count_late{db, "UPDATE jobs SET polls = polls + ?3, log_gaps = log_gaps + ?4, "
                           "rev = rev + 1 WHERE id = ?1 AND attempt = ?2"};
  Statement enqueue{db,
                    "INSERT OR REPLACE INTO queue SELECT * FROM queue_places WHERE job_id = ?1"};
  Statement has_dependents{db, "SELECT 1 FROM queue WHERE lane = 'dependent' AND depends_on = ?1"};
  Statement release{db, "UPDATE queue SET lane = 'ready', depends_on = NULL, stuck = 0 "
                        "WHERE lane = 'dependent' AND depends_on = ?1"};
  // By the state that it has by now: a user's trigger may have queued it again.
  Statement set_stuck{db, "UPDATE queue SET stuck = (SELECT state IN ('failed', 'timed_out', "
                          "'cancelled') FROM jobs WHERE id = ?1) "
                          "WHERE lane = 'dependent' AND depends_on = ?1"};
  Statement add_count{db, "UPDATE job_counts SET jobs = min(jobs, 1000000000000) + ?2 "
                          "WHERE state = ?1"};
  // Asked after a change that has changed nothing: why.
  Statement still{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = ?2 AND attempt = ?3 "
                      "AND rev = ?4"};
  Statement has_place{db, "SELECT 1 FROM queue_places WHERE job_id = ?1"};
  Statement wrong_counts{db,
                         "SELECT count(*) FROM job_counts WHERE jobs <> " + std::string(counted)};
  Statement recount{db, "UPDATE job_counts SET jobs = " + std::string(counted)};

  std::size_t number(Counter counter) {
    const std::string name = counter_names[static_cast<std::size_t>(counter)];
    return static_cast<std::size_t>(std::max<std::int64_t>(0, count.integer(name).value_or(0)));
  }
  void add(JobState state, std::int64_t jobs) {
    if (const auto counter = counter_of(state))
      changes[static_cast<std::size_t>(*counter)] += jobs;
  }
  void bring_forward(std::optional<std::int64_t> parked) {
    if (parked)
      unpark.run(*parked);
  }
  void write_counts();
  std::optional<ClaimedJob> claim_job(JobId job);
  bool write_row(JobId job, const JobRow& before, const JobRow& after);
  void enqueue_job(JobId job);
  void follow_up(JobId job, JobState before, JobState after);
};

JobQueue::JobQueue(Database& database) : impl_(std::make_unique<Impl>(database)) {}
JobQueue::~JobQueue() = default;

// --- looks --------------------------------------------------------------------------------------

QueueScan JobQueue::scan(const std::string& app, WallTime now, std::size_t limit,
                         std::size_t taken_files,
                         const std::function<std::size_t(const std::string&)>& slots) {
  QueueScan found;
  std::unordered_map<std::string, std::size_t> left; // per file, of this scan
  const std::string now_text = to_text(now);
  // Of a file that is taken, the first row stays where it is, and stands in the way of every scan.
  const std::size_t most_rows = max_moved_rows + limit + taken_files;
  std::size_t rows = 0;
  impl_->scan.each(
      [&](SQLite::Statement& row) {
        if (found.startable.size() == limit)
          return false;
        if (rows++ == most_rows || found.behind.size() + found.early.size() == max_moved_rows) {
          found.more = !found.behind.empty() || !found.early.empty();
          return false;
        }
        const JobId id{row.getColumn(0).getInt64()};
        if (row.getColumn(4).getInt() != 0 && row.getColumn(2).getString() > now_text) {
          found.early.push_back(id);
          return true;
        }
        std::string file = row.getColumn(1).getString();
        const auto [entry, first] = left.try_emplace(file, 0);
        if (first)
          entry->second = slots(file);
        if (entry->second > 0) {
          --entry->second;
          found.startable.push_back({id, app, std::move(file), row.getColumn(3).getInt64(),
                                     row.getColumn(2).getString()});
        } else if (!first) {
          found.behind.push_back(id); // an earlier job of the file stays ready in its stead
        }
        return true;
      },
      app);
  return found;
}

std::vector<std::string> JobQueue::queued_apps() {
  std::vector<std::string> apps;
  for (auto app = impl_->first_app.text(); app; app = impl_->next_app.text(*app))
    apps.push_back(*app);
  return apps;
}

std::vector<JobId> JobQueue::expired(WallTime now) {
  return impl_->expired.ids(now);
}

std::optional<WallTime> JobQueue::next_time() {
  std::optional<WallTime> next;
  for (Statement* statement : {&impl_->next_run, &impl_->next_expiry})
    if (const auto text = statement->text())
      if (const auto time = parse_time(*text); time && (!next || *time < *next))
        next = time;
  return next;
}

bool JobQueue::has_queued() {
  return impl_->any_queued.integer().has_value();
}

std::size_t JobQueue::queued() {
  return impl_->number(Counter::queued);
}

std::size_t JobQueue::busy() {
  return impl_->number(Counter::running);
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

std::vector<UnfinishedJob> JobQueue::unfinished() {
  std::vector<UnfinishedJob> jobs;
  impl_->unfinished.each([&](SQLite::Statement& row) {
    UnfinishedJob& job = jobs.emplace_back();
    job.row = read_row(row);
    int column = row_column_count;
    job.id = JobId{row.getColumn(column++).getInt64()};
    job.app = row.getColumn(column++).getString();
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
  return impl_->still_startable.integer(entry.id, entry.app, entry.file_token, now).has_value();
}

bool JobQueue::still_expired(JobId job, WallTime now) {
  return impl_->still_expired.integer(job, now).has_value();
}

bool JobQueue::counts_are_right() {
  return impl_->wrong_counts.integer() == 0;
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

void JobQueue::Impl::write_counts() {
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (changes[i] != 0)
      add_count.run(std::string(counter_names[i]), changes[i]);
  changes = {};
}

void JobQueue::recount() {
  impl_->recount.run();
}

// --- changes of jobs ----------------------------------------------------------------------------

std::optional<ClaimedJob> JobQueue::claim(const QueueScan::Entry& entry, WallTime now) {
  if (impl_->take.run(entry.id, entry.app, entry.file_token, now) == 0) {
    if (still_startable(entry, now) && impl_->has_place.integer(entry.id))
      throw_ignored(impl_->db, "queue", name_of(entry.id));
    impl_->drop_orphan.run(entry.id); // left behind by INSERT OR REPLACE, which fires no trigger
    return std::nullopt;
  }
  impl_->bring_forward(impl_->first_parked.integer(entry.app, entry.file_token));
  return impl_->claim_job(entry.id);
}

std::optional<ClaimedJob> JobQueue::claim(JobId job) {
  impl_->bring_forward(impl_->first_parked_after.integer(job));
  impl_->take_any.run(job);
  return impl_->claim_job(job);
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
        found->app = row.getColumn(column++).getString();
        found->file_token = row.getColumn(column++).getString();
        found->script = row.getColumn(column++).getString();
        found->script_name = row.getColumn(column++).getString();
        found->argv = row.getColumn(column++).getString();
        found->timeout = read_timeout(row.getColumn(column));
        return true;
      },
      job);
  if (!found)
    return std::nullopt;
  found->row.state = JobState::submitting;
  found->row.attempt = before.attempt + 1;
  found->row.rev = before.rev + 1;
  if (!write_row(job, before, found->row))
    return std::nullopt;
  return found;
}

bool JobQueue::save(JobId job, const JobRow& before, const JobRow& after) {
  return impl_->write_row(job, before, after);
}

bool JobQueue::save_for_later(JobId job, const JobRow& before, const JobRow& after, WallTime at) {
  // By way of failed, as the picture of the states has it and a user's trigger may expect it.
  JobRow failed = after;
  failed.state = JobState::failed;
  failed.finished_at = at;
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
  const std::int64_t attempt = before.attempt;
  const std::int64_t padding = padding_bytes(after);
  const std::string* status = or_null(after.remote_status);
  const std::string* error = or_null(after.error);
  const bool same = before.state == after.state;
  const int changed =
      same ? same_state.run(job, before.state, attempt, before.rev, status, error, after.polls,
                            after.log_gaps, after.reported_at, after.rev, padding)
           : change_state.run(job, before.state, attempt, before.rev, after.state, after.attempt,
                              or_null(after.task_id), status, or_null(after.result), error,
                              after.polls, after.log_gaps, after.submitted_at, after.reported_at,
                              after.finished_at, after.rev, padding);
  if (changed != 1) {
    if (still.integer(job, before.state, attempt, before.rev))
      throw_ignored(db, "jobs", name_of(job));
    return false;
  }
  if (!same)
    follow_up(job, before.state, after.state);
  return true;
}

/// A user's trigger may have moved it out of the queue again; else it has a place there.
void JobQueue::Impl::enqueue_job(JobId job) {
  if (enqueue.run(job) == 0 && has_place.integer(job))
    throw_ignored(db, "queue", name_of(job));
}

/// What a change of state means for others; of a user's changes the trigger jobs_changed says it.
void JobQueue::Impl::follow_up(JobId job, JobState before, JobState after) {
  add(before, -1);
  add(after, +1);
  if (after == JobState::queued)
    enqueue_job(job);
  if ((is_end(after) || is_end(before)) && has_dependents.integer(job)) {
    if (after == JobState::succeeded)
      release.run(job);
    else
      set_stuck.run(job);
  }
}

void JobQueue::count_late(JobId job, int attempt, std::int64_t polls, std::int64_t gaps) {
  impl_->count_late.run(job, attempt, polls, gaps);
}

} // namespace kdq
