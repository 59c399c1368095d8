#include "tests/sim/users.h"

#include "tests/sim/audit.h"
#include "tests/sim/fault_vfs.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace kdq::sim {
namespace {

using Kind = Action::Kind;

template <class Value>
void bind_or_null(SQLite::Statement& statement, int index, const std::optional<Value>& value) {
  if (value)
    statement.bind(index, *value);
  else
    statement.bind(index);
}

/// The id of one job of those that the statement names, chosen by a number; 0: there is none.
std::int64_t choose(SQLite::Database& database, const char* sql, std::uint64_t choice) {
  SQLite::Statement query(database, sql);
  std::vector<std::int64_t> ids;
  while (query.executeStep())
    ids.push_back(query.getColumn(0).getInt64());
  return ids.empty() ? 0 : ids[choice % ids.size()];
}

/// Scope and key.
std::pair<std::string, std::string> paused_by(const Action& action) {
  constexpr std::uint64_t scopes = 4;
  constexpr std::uint64_t files = 4; // as many as a run has, at most
  const std::uint64_t which = action.choice / scopes;
  switch (action.choice % scopes) {
  case 0:
    return {"all", ""};
  case 1:
    return {"app", which % 3 == 0 ? "second" : "default"};
  default:
    return {"file", "file-" + std::to_string(which % files)};
  }
}

std::string backup_of(const std::filesystem::path& file) {
  return file.string() + ".backup";
}

/// All pages in one step, as the shell does.
void copy(SQLite::Database& from, SQLite::Database& to) {
  SQLite::Backup backup(to, from);
  const int code = backup.executeStep();
  if (code != SQLITE_DONE)
    throw SQLite::Exception("the backup is not done", code);
}

} // namespace

Users::Users(std::filesystem::path file, const Clock& clock, bool stay, Trace& trace)
    : file_(std::move(file)), clock_(clock), stay_(stay), trace_(trace) {}

std::unique_ptr<SQLite::Database> Users::connect() const {
  return std::make_unique<SQLite::Database>(file_.string(), SQLite::OPEN_READWRITE, 0,
                                            FaultVfs::user_vfs);
}

SQLite::Database& Users::main() {
  if (!main_)
    main_ = connect();
  return *main_;
}

bool Users::act(const Action& action) {
  return attempt(action, [&] {
    if (action.kind == Kind::insert)
      insert(action.job);
    else if (action.kind == Kind::pause)
      pause(action);
    else if (action.kind == Kind::watch)
      watch(action);
    else if (action.kind == Kind::refuse)
      refuse(action, true);
    else if (action.kind == Kind::back_up)
      back_up();
    else if (action.kind == Kind::restore)
      restore();
    else
      change(action);
  });
}

bool Users::attempt(const Action& action, const std::function<void()>& what) {
  bool again = false;
  try {
    what();
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode() & 0xff;
    again = code == SQLITE_BUSY || code == SQLITE_FULL || code == SQLITE_IOERR ||
            code == SQLITE_ERROR; // the last: the daemon has not created the tables yet
    trace_.tell(clock_, [&] { return "user: " + to_text(action.kind) + ": " + error.what(); });
    if (main_ && sqlite3_get_autocommit(main_->getHandle()) == 0)
      main_->tryExec("ROLLBACK");
  }
  if (!stay_)
    main_.reset();
  return again;
}

void Users::insert(const JobPlan& job) {
  if (job.schedule)
    return insert_schedule(job, *job.schedule);
  SQLite::Database& database = main();
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const auto batch_id = batch(job.batch);
  const auto after_batch = batch(job.after_batch);
  SQLite::Statement insert(
      database,
      "INSERT OR IGNORE INTO jobs(file_token, script, script_name, app, priority, run_at, "
      "expires_at, timeout_s, unique_key, on_unconfirmed, max_attempts, depends_on, batch_id, "
      "after_batch, when_needed, on_dependency_failed, pass_as, supersede, class) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, iif(?, 'in', NULL), ?, "
      "nullif(?, ''))");
  const auto after = [&](const auto& span) {
    return span ? std::optional<std::string>(kdq::to_text(clock_.wall() + *span)) : std::nullopt;
  };
  insert.bind(1, job.file);
  const std::string script = job.script_is_utf8 ? job.script : job.script + "\xff";
  insert.bind(2, static_cast<const void*>(script.data()), static_cast<int>(script.size()));
  insert.bind(3, job.name);
  insert.bind(4, job.app);
  insert.bind(5, job.priority);
  bind_or_null(insert, 6, after(job.run_in));
  bind_or_null(insert, 7, after(job.expires_in));
  bind_or_null(insert, 8, job.timeout_s);
  insert.bind(9, job.unique_key);
  insert.bind(10, job.on_unconfirmed);
  insert.bind(11, job.max_attempts);
  bind_or_null(insert, 12, chosen_job(job.depends_on));
  bind_or_null(insert, 13, batch_id);
  bind_or_null(insert, 14, after_batch);
  insert.bind(15, job.when_needed);
  insert.bind(16, job.on_dependency_failed);
  insert.bind(17, job.takes_results);
  insert.bind(18, job.supersedes);
  insert.bind(19, job.job_class);
  add_class(job);
  if (insert.exec() == 0)
    return; // its unique_key is taken
  const std::int64_t id = database.getLastInsertRowid();
  SQLite::Statement need(database, "INSERT OR IGNORE INTO dependencies VALUES (?, ?, ?)");
  for (const std::uint64_t choice : job.needs)
    if (const auto needed = chosen_job(choice)) {
      need.reset();
      need.bind(1, id);
      need.bind(2, *needed);
      need.bind(3, job.when_needed);
      need.exec();
    }
  transaction.commit();
  jobs_[id] = {job, 0, false};
  trace_.tell(clock_, [&] {
    return "user: insert " + std::to_string(id) + " " + job.name + " on " + job.file + " for " +
           job.app + " " + job.script + " " + job.on_unconfirmed;
  });
}

/// Once added, it does not change.
void Users::add_class(const JobPlan& job) {
  if (!job.class_row)
    return;
  SQLite::Statement insert(main(), "INSERT OR IGNORE INTO classes VALUES (?, ?, ?, ?, ?)");
  insert.bind(1, job.app);
  insert.bind(2, job.job_class);
  insert.bind(3, job.class_row->weight);
  bind_or_null(insert, 4, job.class_row->max_running);
  bind_or_null(insert, 5, job.class_row->starts_per_day);
  insert.exec();
}

void Users::insert_schedule(const JobPlan& job, const SchedulePlan& schedule) {
  SQLite::Statement insert(
      main(), "INSERT OR IGNORE INTO schedules(name, cron, timezone, file_token, script, "
              "script_name, app, priority, on_unconfirmed, max_attempts, overlap, missed) "
              "VALUES (?1, ?2, ?11, ?3, ?4, ?1, ?5, ?6, ?7, ?8, ?9, ?10)");
  insert.bind(1, job.name);
  insert.bind(2, schedule.times.text);
  insert.bind(3, job.file);
  insert.bind(4, job.script);
  insert.bind(5, job.app);
  insert.bind(6, job.priority);
  insert.bind(7, job.on_unconfirmed);
  insert.bind(8, job.max_attempts);
  insert.bind(9, schedule.overlap);
  insert.bind(10, schedule.missed);
  insert.bind(11, schedules_timezone);
  insert.exec();
  trace_.tell(clock_, [&] {
    return "user: schedule " + job.name + " " + schedule.times.text + " " + schedule.overlap;
  });
}

/// The last batch of this number that has not ended; made if there is none.
std::optional<std::int64_t> Users::batch(std::optional<int> number) {
  if (!number)
    return std::nullopt;
  const std::string name = "batch " + std::to_string(*number);
  SQLite::Statement find(main(), "SELECT max(id) FROM batches WHERE name = ? AND ended_at IS NULL");
  find.bind(1, name);
  find.executeStep();
  if (!find.getColumn(0).isNull())
    return find.getColumn(0).getInt64();
  SQLite::Statement make(main(), "INSERT INTO batches(name) VALUES (?)");
  make.bind(1, name);
  make.exec();
  return main().getLastInsertRowid();
}

void Users::change(const Action& action) {
  const char* choice = "SELECT id FROM jobs WHERE state IN "
                       "('queued','submitting','running','unconfirmed') ORDER BY id";
  const char* sql = "UPDATE jobs SET state = 'cancelled' WHERE id = ?";
  if (action.kind == Kind::rerun) {
    choice = "SELECT id FROM jobs WHERE state IN ('failed','timed_out','cancelled','unconfirmed') "
             "ORDER BY id";
    sql = "UPDATE OR IGNORE jobs SET state = 'queued' WHERE id = ?";
  } else if (action.kind == Kind::remove) {
    choice = "SELECT id FROM jobs WHERE state NOT IN ('submitting','running') "
             "AND schedule IS NULL ORDER BY id";
    sql = "DELETE FROM jobs WHERE id = ?";
  }
  SQLite::Database& database = main();
  const std::int64_t id = choose(database, choice, action.choice);
  if (id == 0)
    return;
  SQLite::Statement change(database, sql);
  change.bind(1, id);
  if (change.exec() == 0)
    return;
  if (action.kind == Kind::rerun)
    held_.erase(id);
  if (const auto job = jobs_.find(id); job != jobs_.end()) { // else one of a schedule
    job->second.reruns += action.kind == Kind::rerun;
    job->second.deleted = action.kind == Kind::remove;
  }
  trace_.tell(clock_, [&] { return "user: " + to_text(action.kind) + " " + std::to_string(id); });
}

/// One of the jobs that are there.
std::optional<std::int64_t> Users::chosen_job(std::optional<std::uint64_t> choice) const {
  std::vector<std::int64_t> there;
  for (const auto& [id, job] : jobs_)
    if (!job.deleted)
      there.push_back(id);
  if (!choice || there.empty())
    return std::nullopt;
  return there[*choice % there.size()];
}

void Users::pause(const Action& action) {
  const auto [scope, key] = paused_by(action);
  SQLite::Statement pause(main(),
                          "INSERT INTO pauses(scope, key, reason) VALUES (?, ?, 'a pause')");
  pause.bind(1, scope);
  pause.bind(2, key);
  pause.exec();
  trace_.tell(clock_,
              [&what = scope, &which = key] { return "user: pauses " + what + " " + which; });
}

void Users::resume(const Action& action) {
  const auto [scope, key] = paused_by(action);
  SQLite::Statement resume(main(), "DELETE FROM pauses WHERE scope = ? AND key = ?");
  resume.bind(1, scope);
  resume.bind(2, key);
  resume.exec();
  trace_.tell(clock_,
              [&what = scope, &which = key] { return "user: resumes " + what + " " + which; });
}

bool Users::end(const Action& action) {
  return attempt(action, [&] {
    if (action.kind == Kind::refuse)
      refuse(action, false);
    else
      resume(action);
  });
}

void Users::refuse(const Action& action, bool begin) {
  constexpr std::array whats{"states", "lines", "intents"};
  const char* what = whats[action.choice % whats.size()];
  SQLite::Statement change(main(), begin ? "INSERT INTO sim_refused VALUES (?, ?)"
                                         : "DELETE FROM sim_refused WHERE what = ? AND fifth = ?");
  change.bind(1, what);
  change.bind(2, static_cast<std::int64_t>(action.choice / whats.size() % 5));
  change.exec();
  trace_.tell(clock_, [&] {
    return std::string("user: ") + (begin ? "refuses " : "refuses no more ") + what + " of each " +
           std::to_string(action.choice / whats.size() % 5) + " of 5";
  });
}

bool Users::resume() {
  return main().tryExec(
             "DELETE FROM pauses; DELETE FROM sim_refused; UPDATE schedules SET paused = 1") ==
         SQLITE_OK;
}

void Users::back_up() {
  SQLite::Database to(backup_of(file_), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0,
                      FaultVfs::user_vfs);
  copy(main(), to);
  jobs_of_backup_ = jobs_;
  trace_.tell(clock_, [] { return "user: makes a backup"; });
}

void Users::restore() {
  SQLite::Database from(backup_of(file_), SQLite::OPEN_READWRITE, 0, FaultVfs::user_vfs);
  copy(from, main());
  jobs_ = jobs_of_backup_;
  held_.clear();
  SQLite::Statement open(main(),
                         "SELECT id FROM jobs WHERE state IN ('queued','submitting','running')");
  while (open.executeStep())
    held_.insert(open.getColumn(0).getInt64());
  trace_.tell(clock_, [] { return "user: restores the backup"; });
}

void Users::daemon_ended(SQLite::Database& database) {
  SQLite::Statement begun(database, "SELECT 1 FROM generation WHERE held_as IS NOT NULL");
  bool noticed = begun.executeStep();
  SQLite::Statement query(database, "SELECT id FROM jobs WHERE state = 'unconfirmed'");
  while (!noticed && query.executeStep())
    noticed = held_.contains(query.getColumn(0).getInt64());
  if (!noticed)
    held_.clear();
}

void Users::watch(const Action& action) {
  SQLite::Database& database = main();
  const std::int64_t id =
      choose(database,
             "SELECT id FROM jobs WHERE state IN ('queued','submitting','running') "
             "ORDER BY id",
             action.choice);
  if (id == 0)
    return;
  SQLite::Statement watch(database, "INSERT INTO watches(job_id, until) VALUES (?, ?)");
  watch.bind(1, id);
  watch.bind(2, kdq::to_text(clock_.wall() + action.span));
  watch.exec();
  trace_.tell(clock_, [&] { return "user: watches " + std::to_string(id); });
}

bool Users::keep_audit() {
  return main().tryExec(audit_schema) == SQLITE_OK;
}

void Users::lock() {
  try {
    if (!locker_)
      locker_ = connect();
    if (sqlite3_get_autocommit(locker_->getHandle()) != 0)
      locker_->exec("BEGIN IMMEDIATE; UPDATE job_counts SET jobs = jobs");
    trace_.tell(clock_, [] { return "user: locks"; });
  } catch (const SQLite::Exception&) {
    locker_.reset(); // somebody else was faster
  }
}

void Users::unlock(bool keep_changes) {
  if (!locker_)
    return;
  if (locker_->tryExec(keep_changes ? "COMMIT" : "ROLLBACK") != SQLITE_OK)
    locker_->tryExec("ROLLBACK");
  locker_.reset();
  trace_.tell(clock_, [] { return "user: unlocks"; });
}

void Users::begin_reading() {
  try {
    if (!reader_)
      reader_ = connect();
    if (sqlite3_get_autocommit(reader_->getHandle()) != 0)
      reader_->exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    trace_.tell(clock_, [] { return "user: begins to read"; });
  } catch (const SQLite::Exception&) {
    reader_.reset();
  }
}

void Users::end_reading() {
  reader_.reset();
}

void Users::leave() {
  reader_.reset();
  locker_.reset();
  main_.reset();
}

void Users::look(const std::function<void(SQLite::Database&)>& look) {
  look(main());
  if (!stay_)
    main_.reset();
}

} // namespace kdq::sim
