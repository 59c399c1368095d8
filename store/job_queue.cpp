#include "store/job_queue.h"

#include "store/database.h"
#include "store/same_size_update.h"
#include "store/script_digest.h"
#include "store/statement.h"

#include <unordered_map>

namespace kdq {
namespace {

using enum Assignment::Kind;

// Bounds of one look, so that no transaction or tick grows with the queue.
constexpr std::size_t max_moved_rows = 100;
// on_unconfirmed = 'retry': a service that loses every reply must not run a script for ever.
constexpr std::int64_t max_unconfirmed_retries = 3;

/// As long as each of the times that are stored.
constexpr std::string_view a_time = "YYYY-MM-DD HH:MM:SS.SSS";

/// What a row of job_counts should say.
constexpr char counted[] = "CASE state "
                           "WHEN 'queued' THEN (SELECT count(*) FROM queue) "
                           "WHEN 'running' THEN (SELECT count(*) FROM jobs INDEXED BY jobs_busy "
                           "                     WHERE state IN ('submitting', 'running')) "
                           "ELSE (SELECT count(*) FROM jobs WHERE state = 'unconfirmed') END";

std::string digest_of(const SQLite::Column& script) {
  return script_digest(
      {static_cast<const char*>(script.getBlob()), static_cast<std::size_t>(script.getBytes())});
}

RunningTask read_running(SQLite::Statement& row) {
  RunningTask task;
  task.id = JobId{row.getColumn(0).getInt64()};
  task.attempt = row.getColumn(1).getInt();
  task.app = row.getColumn(2).getString();
  task.script.file_token = row.getColumn(3).getString();
  task.task = TaskId{row.getColumn(4).getString()};
  task.submitted_at = parse_time(row.getColumn(5).getString()).value_or(WallTime{});
  if (!row.getColumn(6).isNull())
    task.timeout = std::chrono::seconds(row.getColumn(6).getInt64());
  if (!row.getColumn(7).isNull())
    task.last_poll_at = parse_time(row.getColumn(7).getString());
  task.script.name = row.getColumn(8).getString();
  task.script.digest = digest_of(row.getColumn(9));
  return task;
}

} // namespace

struct JobQueue::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  // Partial indexes are used for literal predicates only: the states are written out.
  Statement scan{db, "SELECT job_id, file_token, due, priority, timed FROM queue WHERE app = ?1 "
                     "AND lane = 'ready' "
                     "ORDER BY priority, due, job_id"};
  Statement first_app{db, "SELECT min(app) FROM queue"};
  Statement next_app{db, "SELECT min(app) FROM queue WHERE app > ?1"};
  Statement expired{db, "SELECT id FROM jobs WHERE state = 'queued' AND expires_at IS NOT NULL "
                        "AND expires_at <= ?1 ORDER BY expires_at LIMIT 100"};
  Statement next_run{db, "SELECT min(due) FROM queue WHERE lane = 'future'"};
  Statement next_expiry{db, "SELECT min(expires_at) FROM jobs WHERE state = 'queued' "
                            "AND expires_at IS NOT NULL"};
  Statement waiting{db, "SELECT count(*) FROM (SELECT timed, due FROM queue WHERE app = ?1 "
                        "LIMIT ?3) WHERE timed = 0 OR due < ?2"};
  Statement identity{db, "SELECT file_token, coalesce(script_name, ''), CAST(script AS BLOB) "
                         "FROM jobs WHERE id = ?1"};
  Statement queued{db, "SELECT jobs FROM job_counts WHERE state = 'queued'"};
  Statement busy{db, "SELECT jobs FROM job_counts WHERE state = 'running'"};
  Statement running{db, "SELECT id, attempt, app, file_token, coalesce(task_id, ''), "
                        "coalesce(submitted_at, created_at), timeout_s, "
                        "(SELECT max(sent_at) FROM requests r WHERE r.job_id = jobs.id "
                        " AND r.attempt = jobs.attempt AND r.endpoint = 'status'), "
                        "coalesce(script_name, ''), CAST(script AS BLOB) "
                        "FROM jobs INDEXED BY jobs_busy WHERE state IN ('submitting', 'running') "
                        "AND state = 'running' ORDER BY id"};
  Statement held{db, "SELECT id FROM jobs INDEXED BY jobs_busy "
                     "WHERE state IN ('submitting', 'running')"};
  Statement open{db, "SELECT r.id, r.job_id, r.attempt, r.endpoint, r.sent_at "
                     "FROM requests r JOIN jobs j ON j.id = r.job_id "
                     "WHERE r.outcome IS NULL ORDER BY r.id"};
  Statement park{db, "UPDATE queue SET lane = 'parked' WHERE job_id = ?1 AND lane = 'ready' "
                     "AND EXISTS (SELECT 1 FROM queue q WHERE q.app = queue.app "
                     "AND q.file_token = queue.file_token AND q.lane = 'ready' "
                     "AND q.job_id <> queue.job_id)"};
  Statement postpone{db, "UPDATE queue SET lane = 'future' WHERE job_id = ?1 AND lane = 'ready'"};
  Statement promote{db, "UPDATE queue SET lane = 'ready' WHERE job_id IN (SELECT job_id FROM queue "
                        "WHERE lane = 'future' AND due <= ?1 ORDER BY due LIMIT ?2)"};
  Statement still_startable{db, "SELECT 1 FROM queue WHERE job_id = ?1 AND app = ?2 "
                                "AND file_token = ?3 AND lane = 'ready' "
                                "AND (timed = 0 OR due <= ?4)"};
  Statement still_expired{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued' "
                              "AND expires_at <= ?2"};
  // The daemon's own steps keep queue and counters in step without a trigger (0007_usual_way.sql).
  Statement take{db, "DELETE FROM queue WHERE job_id = ?1 AND app = ?2 AND file_token = ?3 "
                     "AND lane = 'ready' AND (timed = 0 OR due <= ?4)"};
  Statement queued_job{db, "SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued'"};
  Statement take_any{db, "DELETE FROM queue WHERE job_id = ?1"};
  Statement one_less_queued{db, "UPDATE job_counts SET jobs = jobs - 1 WHERE state = 'queued'"};
  Statement one_more_running{db, "UPDATE job_counts SET jobs = jobs + 1 WHERE state = 'running'"};
  // Not one statement with RETURNING: that makes a table of its own for what it returns.
  Statement claimed{db, "SELECT attempt + 1, app, file_token, CAST(script AS BLOB), "
                        "coalesce(script_name, ''), coalesce(CAST(argv AS TEXT), ''), timeout_s "
                        "FROM jobs WHERE id = ?1 AND state = 'queued'"};
  Statement claim{db, same_size_update({{"state", "'submitting'", word},
                                        {"attempt", "attempt + 1", number},
                                        {"error", "NULL", text}},
                                       "?2", "id = ?1")};
  Statement add_start{db, "INSERT INTO requests(job_id, attempt, endpoint, sent_at) "
                          "VALUES (?1, ?2, 'submit', ?3)"};
  Statement runs{db, "SELECT 1 FROM jobs WHERE id = ?1 AND attempt = ?2 AND state = 'running'"};
  Statement add_poll{db, "INSERT INTO requests(job_id, attempt, endpoint, sent_at) "
                         "VALUES (?1, ?2, 'status', ?3)"};
  Statement submitted{
      db, same_size_update(
              {{"state", "'running'", word}, {"task_id", "?3", text}, {"submitted_at", "?4", word}},
              "?5", "id = ?1 AND attempt = ?2 AND state = 'submitting'")};
  Statement put_back{db, "UPDATE jobs SET state = 'queued', attempt = attempt - 1, error = ?3 "
                         "WHERE id = ?1 AND attempt = ?2 AND state = 'submitting'"};
  Statement no_request{db, "SELECT id, attempt FROM jobs INDEXED BY jobs_busy "
                           "WHERE state IN ('submitting', 'running') AND state = 'submitting' "
                           "AND NOT EXISTS "
                           "(SELECT 1 FROM requests r WHERE r.job_id = jobs.id "
                           "AND r.attempt = jobs.attempt AND r.outcome IS NULL)"};
  Statement drop_orphan{db, "DELETE FROM queue WHERE job_id = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM jobs WHERE id = ?1 AND state = 'queued')"};
  Statement wrong_counts{db,
                         "SELECT count(*) FROM job_counts WHERE jobs <> " + std::string(counted)};
  Statement recount{db, "UPDATE job_counts SET jobs = " + std::string(counted)};
  Statement submit_ended{
      db,
      same_size_update({{"state", "?3", word}, {"error", "?4", text}, {"finished_at", "?5", word}},
                       "?6", "id = ?1 AND attempt = ?2 AND state = 'submitting'")};
  Statement requeue{db, "UPDATE jobs SET state = 'queued' WHERE id = ?1"};
  Statement unconfirmed_policy{db, "SELECT on_unconfirmed, (SELECT count(*) FROM requests r "
                                   "WHERE r.job_id = jobs.id AND r.endpoint = 'submit' AND "
                                   "r.outcome IN ('lost', 'unanswered', 'unknown')) FROM jobs "
                                   "WHERE id = ?1 AND attempt = ?2 AND state = 'submitting'"};
  Statement not_confirmed{db, "UPDATE jobs SET state = ?2, error = ?3, "
                              "finished_at = iif(?2 = 'failed', ?4, NULL) WHERE id = ?1"};
  Statement still_running{
      db,
      same_size_update(
          {{"remote_status", "?3", given}, {"error", "?4", text}, {"polls", "polls + ?5", number}},
          "?6", "id = ?1 AND attempt = ?2 AND state = 'running'")};
  Statement try_again{db, "UPDATE jobs SET state = 'queued', run_at = ?3 WHERE id = ?1 "
                          "AND attempt = ?2 AND state = 'failed' AND attempt < max_attempts "
                          "AND (expires_at IS NULL OR expires_at > ?3)"};
  Statement cancelled_poll{db, "UPDATE jobs SET polls = polls + ?3 "
                               "WHERE id = ?1 AND attempt = ?2 AND state = 'cancelled'"};
  Statement add_gaps{db, "UPDATE jobs SET log_gaps = log_gaps + ?3 WHERE id = ?1 AND attempt = ?2"};
  Statement ended{db, same_size_update({{"state", "?3", word},
                                        {"remote_status", "?4", given},
                                        {"result", "?5", text},
                                        {"error", "?6", text},
                                        {"finished_at", "?7", word},
                                        {"polls", "polls + ?8", number}},
                                       "?9", "id = ?1 AND attempt = ?2 AND state = 'running'")};

  std::optional<ClaimedJob> claim_job(JobId job);
};

JobQueue::JobQueue(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
JobQueue::~JobQueue() = default;

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
  std::vector<JobId> ids;
  impl_->expired.each(
      [&](SQLite::Statement& row) {
        ids.push_back(JobId{row.getColumn(0).getInt64()});
        return true;
      },
      now);
  return ids;
}

std::optional<WallTime> JobQueue::next_time() {
  std::optional<WallTime> next;
  for (Statement* statement : {&impl_->next_run, &impl_->next_expiry})
    if (const auto text = statement->text())
      if (const auto time = parse_time(*text); time && (!next || *time < *next))
        next = time;
  return next;
}

std::size_t JobQueue::queued() {
  return static_cast<std::size_t>(impl_->queued.integer().value_or(0));
}

std::size_t JobQueue::busy() {
  return static_cast<std::size_t>(impl_->busy.integer().value_or(0));
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

std::vector<RunningTask> JobQueue::running() {
  std::vector<RunningTask> tasks;
  impl_->running.each([&](SQLite::Statement& row) {
    tasks.push_back(read_running(row));
    return true;
  });
  return tasks;
}

std::vector<JobId> JobQueue::held() {
  std::vector<JobId> ids;
  impl_->held.each([&](SQLite::Statement& row) {
    ids.push_back(JobId{row.getColumn(0).getInt64()});
    return true;
  });
  return ids;
}

std::vector<OpenRequest> JobQueue::open_requests() {
  std::vector<OpenRequest> requests;
  impl_->open.each([&](SQLite::Statement& row) {
    OpenRequest request;
    request.id = RequestId{row.getColumn(0).getInt64()};
    request.job = JobId{row.getColumn(1).getInt64()};
    request.attempt = row.getColumn(2).getInt();
    request.endpoint = row.getColumn(3).getString() == to_text(Endpoint::submit) ? Endpoint::submit
                                                                                 : Endpoint::status;
    request.sent_at = parse_time(row.getColumn(4).getString()).value_or(WallTime{});
    requests.push_back(std::move(request));
    return true;
  });
  return requests;
}

void JobQueue::set_aside(const QueueScan& scan) {
  for (const JobId id : scan.early)
    impl_->postpone.run(id);
  // The last of a file's rows first: each needs a ready one before it to be parked behind.
  for (auto id = scan.behind.rbegin(); id != scan.behind.rend(); ++id)
    impl_->park.run(*id);
}

int JobQueue::promote(WallTime now) {
  return impl_->promote.run(now, static_cast<int>(max_moved_rows));
}

bool JobQueue::still_startable(const QueueScan::Entry& entry, WallTime now) {
  return impl_->still_startable.integer(entry.id, entry.app, entry.file_token, now).has_value();
}

bool JobQueue::still_expired(JobId job, WallTime now) {
  return impl_->still_expired.integer(job, now).has_value();
}

std::optional<ClaimedJob> JobQueue::begin_submit(const QueueScan::Entry& entry, WallTime now) {
  if (impl_->take.run(entry.id, entry.app, entry.file_token, now) == 0)
    return std::nullopt;
  return impl_->claim_job(entry.id);
}

std::optional<ClaimedJob> JobQueue::begin_submit(JobId job) {
  if (!impl_->queued_job.integer(job))
    return std::nullopt;
  impl_->take_any.run(job);
  return impl_->claim_job(job);
}

/// After its row was taken from the queue.
std::optional<ClaimedJob> JobQueue::Impl::claim_job(JobId job) {
  std::optional<ClaimedJob> found;
  claimed.each(
      [&](SQLite::Statement& row) {
        found.emplace();
        found->id = job;
        found->attempt = row.getColumn(0).getInt();
        found->app = row.getColumn(1).getString();
        found->file_token = row.getColumn(2).getString();
        found->script = row.getColumn(3).getString();
        found->script_name = row.getColumn(4).getString();
        found->argv = row.getColumn(5).getString();
        if (!row.getColumn(6).isNull())
          found->timeout = std::chrono::seconds(row.getColumn(6).getInt64());
        return true;
      },
      job);
  if (found) {
    if (claim.run(job, bytes_in_row({to_text(JobState::submitting)})) != 1)
      throw StoreUnavailable("a trigger that is not ours does not let job " +
                             std::to_string(job.value) + " be started: drop it");
    one_less_queued.run();
    one_more_running.run();
  }
  return found;
}

RequestId JobQueue::add_start(JobId job, int attempt, WallTime now) {
  impl_->add_start.run(job, attempt, now);
  return RequestId{impl_->db.getLastInsertRowid()};
}

std::optional<RequestId> JobQueue::begin_poll(JobId job, int attempt, WallTime now) {
  if (!impl_->runs.integer(job, attempt))
    return std::nullopt;
  impl_->add_poll.run(job, attempt, now);
  return RequestId{impl_->db.getLastInsertRowid()};
}

bool JobQueue::submitted(JobId job, int attempt, const TaskId& task, WallTime submitted_at) {
  const std::int64_t bytes = bytes_in_row({to_text(JobState::running), task.value, a_time});
  return impl_->submitted.run(job, attempt, task.value, submitted_at, bytes) == 1;
}

bool JobQueue::put_back(JobId job, int attempt, const std::string& error) {
  return impl_->put_back.run(job, attempt, error) == 1;
}

int JobQueue::confirm_none(WallTime now) {
  std::vector<std::pair<JobId, int>> jobs;
  impl_->no_request.each([&](SQLite::Statement& row) {
    jobs.emplace_back(JobId{row.getColumn(0).getInt64()}, row.getColumn(1).getInt());
    return true;
  });
  for (const auto& [id, attempt] : jobs)
    not_confirmed(id, attempt, "the row of its request is missing", now);
  return static_cast<int>(jobs.size());
}

void JobQueue::drop_orphan(JobId job) {
  impl_->drop_orphan.run(job);
}

bool JobQueue::counts_are_right() {
  return impl_->wrong_counts.integer() == 0;
}

void JobQueue::recount() {
  impl_->recount.run();
}

std::optional<JobState> JobQueue::not_confirmed(JobId job, int attempt, const std::string& reason,
                                                WallTime now) {
  std::optional<std::string> policy;
  std::int64_t lost_starts = 0;
  impl_->unconfirmed_policy.each(
      [&](SQLite::Statement& row) {
        policy = row.getColumn(0).getString();
        lost_starts = row.getColumn(1).getInt64();
        return true;
      },
      job, attempt);
  if (!policy)
    return std::nullopt;
  JobState state = JobState::unconfirmed;
  std::string error = "it is not known whether the script was started: " + reason;
  if (*policy == "fail") {
    state = JobState::failed;
  } else if (*policy == "retry" && lost_starts <= max_unconfirmed_retries) {
    state = JobState::queued;
  } else {
    error = "it is not known whether the script was started; set state to 'queued' to run it "
            "(again) or to 'cancelled': " +
            reason;
  }
  impl_->not_confirmed.run(job, state == JobState::failed ? state : JobState::unconfirmed, error,
                           now);
  if (state == JobState::queued) // as the user would: the attempt counts, it may have run
    impl_->requeue.run(job);
  return state;
}

bool JobQueue::submit_ended(JobId job, int attempt, JobState end, const std::string& error,
                            WallTime now) {
  const std::int64_t bytes = bytes_in_row({to_text(end), error, a_time});
  return impl_->submit_ended.run(job, attempt, end, error, now, bytes) == 1;
}

bool JobQueue::try_again(JobId job, int attempt, WallTime at) {
  return impl_->try_again.run(job, attempt, at) == 1;
}

bool JobQueue::status_seen(JobId job, int attempt, const StatusChange& change, WallTime now) {
  // A gap belongs to the attempt even if the user has cancelled the job meanwhile; a poll, too.
  if (change.new_gaps > 0)
    impl_->add_gaps.run(job, attempt, change.new_gaps);
  const auto given = [](const std::string& text) { return text.empty() ? nullptr : &text; };
  const std::string* status = given(change.remote_status);
  const std::string* error = given(change.error);
  int seen = 0;
  if (change.end) {
    const std::int64_t bytes = bytes_in_row(
        {to_text(*change.end), change.remote_status, change.result, change.error, a_time});
    seen = impl_->ended.run(job, attempt, *change.end, status, given(change.result), error, now,
                            change.polls, bytes);
  } else {
    const std::int64_t bytes = bytes_in_row({change.remote_status, change.error});
    seen = impl_->still_running.run(job, attempt, status, error, change.polls, bytes);
  }
  if (seen == 0)
    impl_->cancelled_poll.run(job, attempt, change.polls);
  return seen == 1;
}

} // namespace kdq
