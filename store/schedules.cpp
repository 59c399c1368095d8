#include "store/schedules.h"

#include "store/connection.h"
#include "store/database.h"
#include "store/job_row_columns.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

using std::chrono::seconds;

// As the trigger schedule_values_check allows them.
constexpr std::int64_t longest_catch_up_s = 2'592'000;
constexpr std::int64_t longest_jitter_s = 86'400;
constexpr std::int64_t longest_expiry_s = 2'592'000;

// Jobs that one time replaces; more than one are queued only if overlap was another one before.
constexpr std::int64_t most_replaced = 50;

// Jobs that have not ended for which the next one waits, the latest ones. Further back those of
// queue_all wait for each other.
constexpr std::int64_t most_awaited = 100;

constexpr char schedule_columns[] =
    "name, cron, timezone, overlap, missed, catch_up_s, jitter_s, expires_s, starts_at, ends_at, "
    "paused, next_at, last_at FROM schedules ";

constexpr char with_error[] = " FROM schedules WHERE error IS NOT NULL AND next_at IS NULL ";

/// The jobs of a schedule that have not ended, by the partial index.
constexpr char of_open_jobs[] =
    " FROM jobs INDEXED BY jobs_of_schedule WHERE schedule = ?1 AND state IN ('queued', "
    "'submitting', 'running', 'unconfirmed') ";

Overlap overlap_of(const std::string& word) {
  return word == "queue_one"   ? Overlap::queue_one
         : word == "queue_all" ? Overlap::queue_all
         : word == "replace"   ? Overlap::replace
                               : Overlap::skip;
}

Missed missed_of(const std::string& word) {
  return word == "all" ? Missed::all : word == "skip" ? Missed::skip : Missed::once;
}

seconds bounded(const SQLite::Column& column, std::int64_t least, std::int64_t most) {
  return seconds(std::clamp<std::int64_t>(column.getInt64(), least, most));
}

Schedule read_schedule(SQLite::Statement& row) {
  Schedule schedule;
  int column = 0;
  schedule.name = row.getColumn(column++).getString();
  schedule.cron = row.getColumn(column++).getString();
  schedule.timezone = row.getColumn(column++).getString();
  schedule.overlap = overlap_of(row.getColumn(column++).getString());
  schedule.missed = missed_of(row.getColumn(column++).getString());
  schedule.catch_up = bounded(row.getColumn(column++), 0, longest_catch_up_s);
  schedule.jitter = bounded(row.getColumn(column++), 0, longest_jitter_s);
  if (const SQLite::Column expires = row.getColumn(column++); !expires.isNull())
    schedule.expires = bounded(expires, 1, longest_expiry_s);
  schedule.starts_at = row.getColumn(column++).getString();
  schedule.ends_at = row.getColumn(column++).getString();
  schedule.paused = row.getColumn(column++).getInt() != 0;
  schedule.next_at = read_time(row.getColumn(column++));
  schedule.last_at = read_time(row.getColumn(column));
  return schedule;
}

} // namespace

struct Schedules::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement changed{db, "SELECT schedule FROM schedule_changes"};
  Statement is_changed{db, "SELECT 1 FROM schedule_changes WHERE schedule = ?1"};
  Statement due{db, "SELECT " + std::string(schedule_columns) +
                        "WHERE next_at IS NOT NULL AND next_at <= ?1 AND NOT EXISTS (SELECT 1 FROM "
                        "schedule_changes WHERE schedule = name) ORDER BY next_at DESC"};
  Statement of_app{db, "SELECT " + std::string(schedule_columns) +
                           "INDEXED BY schedules_of_app WHERE app = ?1 AND name > ?2 "
                           "AND next_at IS NOT NULL ORDER BY name LIMIT ?3"};
  Statement queued_of_app{
      db, "SELECT (SELECT count(*) FROM (SELECT 1 FROM queue INDEXED BY queue_scheduled "
          "WHERE app = ?1 AND lane = 'ready' AND scheduled = 1 LIMIT ?2)) "
          "+ (SELECT count(*) FROM (SELECT 1 FROM queue INDEXED BY "
          "queue_future_scheduled WHERE lane = 'future' AND due <= ?3 AND app = ?1 "
          "AND scheduled = 1 LIMIT ?2))"};
  Statement find{db, "SELECT " + std::string(schedule_columns) + "WHERE name = ?1"};
  Statement next_time{
      db, "SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL AND next_at > ?1"};
  Statement restored_at{db, "SELECT restored_at FROM generation"};
  Statement job_bytes{db, "SELECT length(CAST(script AS BLOB)) + coalesce(length(CAST(argv AS "
                          "BLOB)), 0) FROM schedules WHERE name = ?1"};
  Statement has_errors{db, "SELECT 1" + std::string(with_error) + "LIMIT 1"};
  Statement look_again{db, "INSERT INTO schedule_changes SELECT name" + std::string(with_error) +
                               "ON CONFLICT DO NOTHING"};
  Statement reckoned{db, "DELETE FROM schedule_changes WHERE schedule = ?1"};
  Statement of_time{db, "SELECT id, state FROM jobs WHERE schedule = ?1 AND scheduled_at = ?2"};
  Statement last_open{db, "SELECT id" + std::string(of_open_jobs) + "ORDER BY id DESC LIMIT 1"};
  Statement any_queued{db, "SELECT 1" + std::string(of_open_jobs) + "AND state = 'queued' LIMIT 1"};
  Statement queued_before{db, "SELECT id" + std::string(of_open_jobs) +
                                  "AND state = 'queued' AND id < ?2 ORDER BY id LIMIT ?3"};
  Statement open_before{db, "SELECT id" + std::string(of_open_jobs) +
                                "AND id < ?2 ORDER BY id DESC LIMIT ?3"};
  Statement insert{db, "INSERT INTO jobs(file_token, script, script_name, argv, app, priority, "
                       "max_attempts, timeout_s, on_unconfirmed, class, schedule, scheduled_at, "
                       "run_at, expires_at) SELECT file_token, script, script_name, argv, app, "
                       "priority, max_attempts, timeout_s, on_unconfirmed, class, name, ?2, ?3, ?4 "
                       "FROM schedules WHERE name = ?1"};
  // As a user cancels it: the trigger jobs_changed follows it up.
  Statement cancel{
      db, "UPDATE jobs SET state = 'cancelled', cause = 'superseded', error = ?2, finished_at = ?3 "
          "WHERE id = ?1 AND state = 'queued'"};
  Statement wait_for{db, "INSERT INTO dependencies(job_id, needs, when_needed) "
                         "VALUES (?1, ?2, 'ended')"};
  Statement save{db, "UPDATE schedules SET next_at = ?2, skipped = skipped + ?3, error = ?4, "
                     "last_at = coalesce(?5, last_at), last_job_id = coalesce(?6, last_job_id), "
                     "last_state = coalesce(?7, last_state), padding = zeroblob(11 - "
                     "coalesce(length(coalesce(?7, last_state)), 0)), rev = rev + 1 "
                     "WHERE name = ?1"};
  Statement tell{db, "UPDATE schedules SET error = ?2, rev = rev + 1 WHERE name = ?1"};
  Statement forget_times{db, "DELETE FROM schedule_times WHERE schedule = ?1"};
  Statement add_time{db, "INSERT INTO schedule_times(schedule, at) VALUES (?1, ?2)"};
  Statement savepoint{db, "SAVEPOINT scheduled_job"};
  Statement undo{db, "ROLLBACK TO scheduled_job"};
  Statement release{db, "RELEASE scheduled_job"};

  std::optional<ScheduledRun> made_before(const Schedule& schedule, WallTime at);
  bool has_room(const Schedule& schedule);
  JobId insert_job(const Schedule& schedule, const ScheduledJob& job, WallTime now);
};

Schedules::Schedules(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
Schedules::~Schedules() = default;

// --- looks --------------------------------------------------------------------------------------

std::vector<std::string> Schedules::changed(std::size_t most, const Wanted& wanted) {
  std::vector<std::string> names;
  impl_->changed.each([&](SQLite::Statement& row) {
    if (std::string name = row.getColumn(0).getString(); wanted(name))
      names.push_back(std::move(name));
    return names.size() < most;
  });
  return names;
}

std::vector<Schedule> Schedules::of_app(const std::string& app, const std::string& name,
                                        std::size_t most) {
  std::vector<Schedule> found;
  impl_->of_app.each(
      [&](SQLite::Statement& row) {
        found.push_back(read_schedule(row));
        return true;
      },
      app, name, static_cast<std::int64_t>(most));
  return found;
}

std::int64_t Schedules::queued(const std::string& app, WallTime now, std::int64_t at_most) {
  return impl_->queued_of_app.integer(app, at_most, now).value_or(0);
}

std::vector<Schedule> Schedules::due(WallTime now, std::size_t most, const Wanted& wanted) {
  std::vector<Schedule> found;
  impl_->due.each(
      [&](SQLite::Statement& row) {
        if (wanted(row.getColumn(0).getString()))
          found.push_back(read_schedule(row));
        return found.size() < most;
      },
      now);
  return found;
}

std::optional<Schedule> Schedules::find(const std::string& name) {
  std::optional<Schedule> found;
  impl_->find.each(
      [&](SQLite::Statement& row) {
        found = read_schedule(row);
        return true;
      },
      name);
  return found;
}

std::optional<WallTime> Schedules::next_time(WallTime now) {
  const auto text = impl_->next_time.text(now);
  if (!text)
    return std::nullopt;
  return parse_time(*text).value_or(WallTime::max());
}

std::optional<WallTime> Schedules::restored_at() {
  const auto text = impl_->restored_at.text();
  return text ? parse_time(*text) : std::nullopt;
}

bool Schedules::has_errors() {
  return impl_->has_errors.integer().has_value();
}

std::int64_t Schedules::job_bytes(const std::string& name) {
  return impl_->job_bytes.integer(name).value_or(0);
}

// --- changes ------------------------------------------------------------------------------------

void Schedules::look_again_at_errors() {
  impl_->look_again.run();
}

void Schedules::reckoned(const std::string& name) {
  if (impl_->reckoned.run(name) == 0 && impl_->is_changed.integer(name))
    throw_ignored(impl_->db, "schedule_changes", "schedule " + name);
}

ScheduledRun Schedules::run(const Schedule& schedule, const ScheduledJob& job, WallTime now) {
  Impl& impl = *impl_;
  if (auto before = impl.made_before(schedule, job.at))
    return *before;
  if (!impl.has_room(schedule))
    return {};
  ScheduledRun run{ScheduledRun::Outcome::refused, {}, JobState::queued, {}};
  impl.savepoint.run();
  try {
    run.job = impl.insert_job(schedule, job, now);
    run.outcome = ScheduledRun::Outcome::made;
  } catch (const StoreUnavailable& error) {
    run.why = error.what();
  } catch (const SQLite::Exception& error) {
    // Of what the job is to have, or of what a user has put in the way of such a job.
    if (primary_code(error) != SQLITE_CONSTRAINT ||
        sqlite3_get_autocommit(impl.db.getHandle()) != 0)
      throw;
    run.why = error.what();
  }
  if (run.outcome == ScheduledRun::Outcome::refused)
    impl.undo.run();
  impl.release.run();
  return run;
}

std::optional<ScheduledRun> Schedules::Impl::made_before(const Schedule& schedule, WallTime at) {
  std::optional<ScheduledRun> found;
  of_time.each(
      [&](SQLite::Statement& row) {
        found = ScheduledRun{ScheduledRun::Outcome::made,
                             JobId{row.getColumn(0).getInt64()},
                             job_state(row.getColumn(1).getString()).value_or(JobState::queued),
                             {}};
        return true;
      },
      schedule.name, at);
  return found;
}

bool Schedules::Impl::has_room(const Schedule& schedule) {
  switch (schedule.overlap) {
  case Overlap::skip:
    return !last_open.integer(schedule.name);
  case Overlap::queue_one:
    return !any_queued.integer(schedule.name);
  case Overlap::queue_all:
  case Overlap::replace:
    break;
  }
  return true;
}

JobId Schedules::Impl::insert_job(const Schedule& schedule, const ScheduledJob& job, WallTime now) {
  if (insert.run(schedule.name, job.at, job.run_at, job.expires_at) == 0)
    throw_ignored(db, "jobs", "schedule " + schedule.name);
  const JobId made{db.getLastInsertRowid()};
  if (schedule.overlap == Overlap::replace) {
    const std::string error = "job " + std::to_string(made.value) + " of the same schedule has " +
                              "taken its place (overlap is replace)";
    for (const JobId queued : queued_before.ids(schedule.name, made, most_replaced))
      if (cancel.run(queued, error, now) == 0)
        throw_ignored(db, "jobs", "job " + std::to_string(queued.value));
  }
  // Not only for the latest: a user may have run it by hand, or cancel it while one before it runs.
  for (const JobId open : open_before.ids(schedule.name, made, most_awaited))
    wait_for.run(made, open);
  return made;
}

void Schedules::save(const std::string& name, const ScheduleProgress& progress) {
  const auto& last = progress.last;
  const auto at = last ? std::optional(last->at) : std::nullopt;
  const auto job = last ? std::optional(last->job) : std::nullopt;
  const auto state = last ? std::optional(last->state) : std::nullopt;
  const std::string* error = progress.error.empty() ? nullptr : &progress.error;
  if (impl_->save.run(name, progress.next_at, progress.skipped, error, at, job, state) == 0)
    throw_ignored(impl_->db, "schedules", "schedule " + name);
}

void Schedules::tell(const std::string& name, const std::string& error) {
  if (impl_->tell.run(name, error) == 0)
    throw_ignored(impl_->db, "schedules", "schedule " + name);
}

void Schedules::set_times(const std::string& name, const std::vector<WallTime>& times) {
  impl_->forget_times.run(name);
  for (const WallTime time : times)
    impl_->add_time.run(name, time);
}

} // namespace kdq
