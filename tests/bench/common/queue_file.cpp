#include "tests/bench/common/queue_file.h"

#include <algorithm>

namespace kdq::bench {

namespace {

constexpr int busy_timeout_ms = 10'000;
constexpr std::int64_t rows_per_transaction = 50'000;

} // namespace

QueueFile::QueueFile(const std::filesystem::path& database)
    : database_(database.string(), SQLite::OPEN_READWRITE, busy_timeout_ms),
      insert_(database_,
              "INSERT INTO jobs(file_token, script, script_name, priority, run_at, timeout_s) "
              "VALUES (?1, ?2, ?3, ?4, CASE WHEN ?5 >= 0 THEN "
              "strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || ?5 || ' seconds') END, "
              "CASE WHEN ?6 >= 0 THEN ?6 END)") {
  database_.exec("PRAGMA synchronous = FULL");
}

void QueueFile::insert(const Jobs& jobs) {
  const std::int64_t next = static_cast<std::int64_t>(
      number("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0)"));
  for (std::int64_t done = 0; done < jobs.count;) {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const std::int64_t end = std::min(jobs.count, done + rows_per_transaction);
    for (; done < end; ++done) {
      insert_.reset();
      insert_.bind(1, jobs.file.empty() ? file_of(jobs.mixture, next + done) : jobs.file);
      insert_.bind(2, script_of(jobs.mixture, next + done));
      if (jobs.marker >= 0)
        insert_.bind(3, "m-" + std::to_string(jobs.marker + done));
      else
        insert_.bind(3, "bench");
      insert_.bind(4, jobs.priority);
      insert_.bind(5, jobs.first_run_at_s < 0
                          ? -1.0
                          : jobs.first_run_at_s + static_cast<double>(done) * jobs.run_at_step_s);
      insert_.bind(6, jobs.timeout_s);
      insert_.exec();
    }
    insert_.reset();
    transaction.commit();
  }
}

void QueueFile::insert_one(std::int64_t marker, const Mixture& mixture) {
  insert_.reset();
  insert_.bind(1, "single-" + file_of(mixture, marker));
  insert_.bind(2, script_of(mixture, marker));
  insert_.bind(3, "m-" + std::to_string(marker));
  insert_.bind(4, 0);
  insert_.bind(5, -1.0);
  insert_.bind(6, -1);
  insert_.exec();
  insert_.reset();
}

double QueueFile::number(const std::string& sql) {
  return database_.execAndGet(sql).getDouble();
}

} // namespace kdq::bench
