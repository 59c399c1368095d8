#include "tests/bench/limit/store.h"

#include <sqlite3.h>

#include <stdexcept>

namespace kdq::bench {

namespace {

/// A prepared statement without what SQLiteCpp puts around it: it binds views.
class Prepared {
public:
  Prepared(sqlite3* db, const char* sql) {
    if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(db));
  }
  ~Prepared() { sqlite3_finalize(statement_); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  /// What is bound lives until the statement has run.
  template <class... Values>
  Prepared& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// Whether there is a row; without one it is ready to be bound again.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW)
      return true;
    sqlite3_reset(statement_);
    if (code != SQLITE_DONE)
      throw std::runtime_error(sqlite3_errmsg(sqlite3_db_handle(statement_)));
    return false;
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    return {reinterpret_cast<const char*>(sqlite3_column_text(statement_, column)),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

private:
  void bind_one(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void bind_one(int index, std::string_view text) {
    sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }

  sqlite3_stmt* statement_ = nullptr;
};

} // namespace

struct LimitStore::Statements {
  explicit Statements(sqlite3* db)
      : begin(db, "BEGIN IMMEDIATE"), commit(db, "COMMIT"),
        next(db,
             "SELECT id, file_token, text FROM jobs JOIN scripts USING(id) WHERE id > ?1 ORDER BY "
             "id LIMIT ?2"),
        claim(db, "UPDATE jobs SET state = 'submitting' WHERE id = ?1"),
        started(db, "UPDATE jobs SET state = 'running', task_id = ?2, polls = 1 WHERE id = ?1"),
        line(db, "INSERT INTO logs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        ended(db, "UPDATE jobs SET state = 'succeeded', result = ?2 WHERE id = ?1") {}
  Prepared begin, commit, next, claim, started, line, ended;
};

LimitStore::LimitStore(const std::filesystem::path& file, std::int64_t jobs, const Mixture& mixture)
    : database_(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
  database_.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                 "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 16777216;"
                 "CREATE TABLE jobs(id INTEGER PRIMARY KEY, file_token TEXT, state TEXT, task_id "
                 "TEXT, polls INTEGER DEFAULT 0, result TEXT);"
                 "CREATE TABLE scripts(id INTEGER PRIMARY KEY, text TEXT);"
                 "CREATE TABLE logs(job_id INTEGER, seq INTEGER, level TEXT, filename TEXT, "
                 "unix_time INTEGER, timestamp TEXT, args TEXT, message TEXT, "
                 "PRIMARY KEY(job_id, seq)) WITHOUT ROWID");
  SQLite::Statement fill(database_,
                         "INSERT INTO jobs(id, file_token, state) VALUES (?1, ?2, 'queued')");
  SQLite::Statement fill_text(database_, "INSERT INTO scripts VALUES (?1, ?2)");
  SQLite::Transaction transaction(database_);
  for (std::int64_t job = 0; job < jobs; ++job) {
    fill.bind(1, job + 1);
    fill.bind(2, file_of(mixture, job));
    fill.exec();
    fill.reset();
    fill_text.bind(1, job + 1);
    fill_text.bind(2, script_of(mixture, job));
    fill_text.exec();
    fill_text.reset();
  }
  transaction.commit();
  statements_ = std::make_unique<Statements>(database_.getHandle());
}

LimitStore::~LimitStore() = default;

void LimitStore::begin() {
  statements_->begin.step();
}

void LimitStore::commit() {
  statements_->commit.step();
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database_.getHandle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log->pMethods->xSync(log, SQLITE_SYNC_FULL) != SQLITE_OK)
    throw std::runtime_error("the disk did not confirm a write");
}

void LimitStore::claim(std::size_t most, std::vector<LimitJob>& jobs) {
  Prepared& next = statements_->next;
  const std::size_t first = jobs.size();
  next.bind(last_claimed_, static_cast<std::int64_t>(most));
  while (next.step())
    jobs.push_back({next.number(0), next.text(1), next.text(2)});
  for (std::size_t i = first; i < jobs.size(); ++i) {
    statements_->claim.bind(jobs[i].id).step();
    last_claimed_ = jobs[i].id;
  }
}

void LimitStore::started(std::int64_t job, std::string_view task) {
  statements_->started.bind(job, task).step();
}

void LimitStore::ended(std::int64_t job, const std::vector<LimitLine>& lines,
                       std::string_view result) {
  std::int64_t seq = 0;
  for (const LimitLine& line : lines)
    statements_->line
        .bind(job, ++seq, line.level, line.filename, line.unix_time, line.timestamp, line.args,
              std::string_view(line.message))
        .step();
  statements_->ended.bind(job, result).step();
}

std::int64_t LimitStore::complete() {
  return database_
      .execAndGet("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND result <> '' AND "
                  "(SELECT count(*) FROM logs WHERE job_id = jobs.id) = 4")
      .getInt64();
}

} // namespace kdq::bench
