#include "tests/bench/web/large_queue.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kdq::bench {
namespace {

constexpr std::int64_t jobs_at_once = 20'000;

/// The rows of `n`: numbers from ?1 to ?2 that count the jobs. ?3: how many there are in all.
constexpr auto numbers =
    "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2), "
    "t(i, at) AS (SELECT i, julianday('now', '-1 hour') - 30.0 * (?3 - i) / ?3 FROM n) ";
constexpr auto insert_jobs =
    "INSERT INTO jobs(id, file_token, script, script_name, class, batch_id, state, created_at, "
    "attempt, polls, result, error, cause, submitted_at, reported_at, finished_at, task_id, "
    "remote_status, rev) SELECT i, 'file-' || (i % 1000), 'console.log(\"order\", ' || i || ')', "
    "'script-' || (i % 50), iif(i % 3, 'bulk', NULL), 1 + i / 1000, "
    "CASE WHEN i % 20 THEN 'succeeded' WHEN i % 100 THEN 'failed' ELSE 'timed_out' END, "
    "strftime('%Y-%m-%d %H:%M:%f', at), 1, 3, iif(i % 20, '{\"order\": ' || i || '}', NULL), "
    "iif(i % 20, NULL, 'row ' || (i % 7) || ' is empty'), "
    "CASE WHEN i % 20 THEN NULL WHEN i % 100 THEN 'script' ELSE 'timeout' END, "
    "strftime('%Y-%m-%d %H:%M:%f', at + 1e-5), strftime('%Y-%m-%d %H:%M:%f', at + 5e-5), "
    "strftime('%Y-%m-%d %H:%M:%f', at + 5e-5 + (i % 60) * 1e-6), 'task-' || i, 'finish', 5 FROM t";
/// ?4: lines of each.
constexpr auto insert_lines =
    ", k(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM k WHERE seq < ?4) "
    "INSERT INTO logs(job_id, attempt, seq, level, filename, unix_time, timestamp, args, message, "
    "fetched_at) SELECT i, 1, seq, iif(seq % 9, 'info', 'warn'), 'script.ks:3:1', 1767225600, "
    "'17:29:58.114', '[\"order\",' || i || ']', 'order ' || i, "
    "strftime('%Y-%m-%d %H:%M:%f', at + 5e-5) FROM t CROSS JOIN k";
constexpr auto insert_requests =
    "INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, outcome) "
    "SELECT i, 1, 'submit', strftime('%Y-%m-%d %H:%M:%f', at + 1e-5), "
    "strftime('%Y-%m-%d %H:%M:%f', at + 2e-5), 200, 'accepted' FROM t";

struct Trigger {
  std::string name;
  std::string sql;
};

std::vector<Trigger> triggers_of(SQLite::Database& database) {
  std::vector<Trigger> triggers;
  SQLite::Statement query(database, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'");
  while (query.executeStep())
    triggers.push_back({query.getColumn(0).getString(), query.getColumn(1).getString()});
  return triggers;
}

} // namespace

void fill_with_ended_jobs(const std::filesystem::path& file, std::int64_t jobs,
                          std::int64_t lines_each) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
  const std::vector<Trigger> triggers = triggers_of(database);
  for (const Trigger& trigger : triggers)
    database.exec("DROP TRIGGER \"" + trigger.name + "\"");
  const auto run = [&](const std::string& sql, std::int64_t from, std::int64_t to, bool lines) {
    SQLite::Statement statement(database, numbers + sql);
    statement.bind(1, from);
    statement.bind(2, to);
    statement.bind(3, jobs);
    if (lines)
      statement.bind(4, lines_each);
    statement.exec();
  };
  for (std::int64_t from = 1; from <= jobs; from += jobs_at_once) {
    const std::int64_t to = std::min(jobs, from + jobs_at_once - 1);
    SQLite::Transaction transaction(database);
    run(insert_jobs, from, to, false);
    run(insert_requests, from, to, false);
    if (lines_each > 0)
      run(insert_lines, from, to, true);
    transaction.commit();
  }
  database.exec("BEGIN;"
                "INSERT INTO batches(id, name, jobs, succeeded, failed, ended_at) "
                "SELECT batch_id, 'batch ' || batch_id, count(*), sum(state = 'succeeded'), "
                "sum(state <> 'succeeded'), max(finished_at) FROM jobs GROUP BY batch_id;"
                "UPDATE job_counts SET jobs = (SELECT count(*) FROM jobs WHERE jobs.state = "
                "job_counts.state);");
  for (const Trigger& trigger : triggers)
    database.exec(trigger.sql);
  database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
}

} // namespace kdq::bench
