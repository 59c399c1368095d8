#include "tests/bench/common/running_tasks.h"

#include <algorithm>
#include <string>

namespace kdq::bench {

namespace {

/// The ids of the jobs that were just inserted are the highest ones.
std::int64_t insert(QueueFile& queue, std::int64_t count, const std::string& file) {
  Jobs jobs;
  jobs.count = count;
  jobs.file = file;
  queue.insert(jobs);
  return static_cast<std::int64_t>(queue.number("SELECT max(id) FROM jobs")) - count + 1;
}

std::string ids(std::int64_t first, std::int64_t count) {
  return " BETWEEN " + std::to_string(first) + " AND " + std::to_string(first + count - 1);
}

void start(SQLite::Database& db, const std::string& range, const std::string& at) {
  db.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id" + range);
  db.exec("UPDATE jobs SET state = 'running', submitted_at = " + at +
          ", task_id = 'before-' || id, timeout_s = 2592000, polls = 1 WHERE id" + range);
  db.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, "
          "outcome) SELECT id, 1, 'submit', submitted_at, submitted_at, 200, 'accepted' FROM jobs "
          "WHERE id" +
          range);
}

} // namespace

void add_running_tasks(QueueFile& queue, std::int64_t count, std::chrono::seconds age,
                       const std::string& file) {
  SQLite::Database& db = queue.connection();
  const std::string range = ids(insert(queue, count, file), count);
  SQLite::Transaction transaction(db);
  start(db, range,
        "strftime('%Y-%m-%d %H:%M:%f', 'now', '-" + std::to_string(age.count()) + " seconds')");
  db.exec("UPDATE jobs SET remote_status = 'running' WHERE id" + range);
  db.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, "
          "outcome) SELECT id, 1, 'status', strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 seconds'), "
          "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 seconds'), 200, 'report' FROM jobs WHERE id" +
          range);
  transaction.commit();
}

void add_ended_jobs(QueueFile& queue, std::int64_t count, std::int64_t lines_each) {
  constexpr std::int64_t batch = 50'000;
  SQLite::Database& db = queue.connection();
  for (std::int64_t done = 0; done < count; done += batch) {
    const std::int64_t size = std::min(batch, count - done);
    const std::string range = ids(insert(queue, size, {}), size);
    SQLite::Transaction transaction(db);
    start(db, range, "strftime('%Y-%m-%d %H:%M:%f', 'now')");
    db.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, "
            "outcome) SELECT id, 1, 'status', submitted_at, submitted_at, 200, 'report' FROM jobs "
            "WHERE id" +
            range);
    SQLite::Statement lines(
        db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
            "INSERT INTO logs SELECT id, 1, i, 'info', 'bench.ks:1:1', 1716888598, "
            "'17:29:58.114', '[\"line ' || i || '\"]', 'line ' || i, submitted_at FROM jobs, n "
            "WHERE id" +
                range);
    lines.bind(1, lines_each);
    if (lines_each > 0)
      lines.exec();
    db.exec("UPDATE jobs SET state = 'succeeded', remote_status = 'finish', result = '\"1\"', "
            "finished_at = submitted_at WHERE id" +
            range);
    transaction.commit();
  }
}

} // namespace kdq::bench
