#include "tests/bench/common/queue_file.h"

#include <algorithm>

namespace kdq::bench {

namespace {

constexpr int busy_timeout_ms = 10'000;
constexpr std::int64_t rows_per_transaction = 50'000;

std::string script_of(std::size_t bytes) {
  std::string script = "console.log('one'); console.log('two'); 'result'";
  if (script.size() < bytes) {
    script += "\n//";
    script.resize(std::max(bytes, script.size()), 'x');
  }
  return script;
}

} // namespace

QueueFile::QueueFile(const std::filesystem::path& database)
    : database_(database.string(), SQLite::OPEN_READWRITE, busy_timeout_ms),
      insert_(database_, "INSERT INTO jobs(file_token, script, script_name, priority, run_at) "
                         "VALUES (?1, ?2, ?3, ?4, CASE WHEN ?5 >= 0 THEN "
                         "strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || ?5 || ' seconds') END)"),
      queued_(database_, "SELECT jobs FROM job_counts WHERE state = 'queued'"),
      ended_(database_, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0) "
                        "- (SELECT sum(jobs) FROM job_counts)"),
      requests_(database_, "SELECT coalesce((SELECT max(id) FROM requests), 0)") {
  database_.exec("PRAGMA synchronous = FULL");
}

void QueueFile::insert(const Jobs& jobs) {
  const std::string script = script_of(jobs.script_bytes);
  // Tokens of the service have 43 characters.
  const std::int64_t next = static_cast<std::int64_t>(
      number("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0)"));
  for (std::int64_t done = 0; done < jobs.count;) {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const std::int64_t end = std::min(jobs.count, done + rows_per_transaction);
    for (; done < end; ++done) {
      std::string file = jobs.file;
      if (file.empty()) {
        file = std::to_string(next + done);
        file.insert(0, 43 - std::min<std::size_t>(43, file.size()), 'G');
      }
      insert_.reset();
      insert_.bind(1, file);
      insert_.bindNoCopy(2, script);
      if (jobs.marker >= 0)
        insert_.bind(3, "m-" + std::to_string(jobs.marker + done));
      else
        insert_.bind(3, "bench");
      insert_.bind(4, jobs.priority);
      insert_.bind(5, jobs.first_run_at_s < 0
                          ? -1.0
                          : jobs.first_run_at_s + static_cast<double>(done) * jobs.run_at_step_s);
      insert_.exec();
    }
    insert_.reset();
    transaction.commit();
  }
}

void QueueFile::insert_one(std::int64_t marker) {
  insert_.reset();
  insert_.bind(1, "single-" + std::to_string(marker));
  insert_.bind(2, script_of(0));
  insert_.bind(3, "m-" + std::to_string(marker));
  insert_.bind(4, 0);
  insert_.bind(5, -1.0);
  insert_.exec();
  insert_.reset();
}

std::int64_t QueueFile::look(SQLite::Statement& query) {
  const std::int64_t jobs = query.executeStep() ? query.getColumn(0).getInt64() : 0;
  query.reset(); // an open SELECT would pin the log
  return jobs;
}

double QueueFile::number(const std::string& sql) {
  return database_.execAndGet(sql).getDouble();
}

} // namespace kdq::bench
