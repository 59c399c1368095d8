// A database and its user, for tests of what the schema itself does.
#pragma once

#include "store/base/time.h"
#include "store/database.h"
#include "store/dependencies.h"
#include "store/job_queue.h"
#include "store/queue_scan.h"
#include "tests/support/claim.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/support/user.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kdq::test {

struct SqlFixture {
  TempDir dir;
  std::filesystem::path file = dir.path() / "queue.db";
  Database database{file};
  User user{file};

  /// Writes what a daemon writes that runs with one app and nothing in the way.
  void daemon_runs() {
    user.exec("INSERT INTO daemon(one, version, started_at, max_running, max_running_per_file) "
              "VALUES (1, '1', '2026-01-01 00:00:00.000', 100, 1);"
              "INSERT INTO apps(name, submit_quota, status_quota) VALUES ('default', 500, 10000)");
  }
  /// Takes a job through states, one after the other.
  void go(std::int64_t job, const std::vector<std::string>& states) {
    for (const std::string& state : states)
      user.exec("UPDATE jobs SET state = '" + state + "' WHERE id = " + std::to_string(job));
  }
  std::string state(std::int64_t job) {
    return user.text("SELECT state FROM jobs WHERE id = " + std::to_string(job));
  }
  /// So many jobs that have failed, from one INSERT.
  void failed_jobs(int count) {
    user.exec("INSERT INTO jobs(file_token, script) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
              "SELECT i + 1 FROM n WHERE i < " +
              std::to_string(count) + ") SELECT 'f' || (i % 7), 'x' FROM n");
    user.exec("UPDATE jobs SET state = 'submitting'; UPDATE jobs SET state = 'running'; UPDATE "
              "jobs SET state = 'failed', cause = 'script'");
  }
  /// Does what the daemon does about jobs that wait for something that has ended; how many steps.
  int settle() {
    Dependencies dependencies(database);
    int steps = 0;
    for (bool due = true; due && steps < 1000; ++steps) {
      database.write([&] { dependencies.settle(); });
      database.read([&] { due = dependencies.is_due(); });
    }
    return steps;
  }
  std::string lane(std::int64_t job) {
    return user.text("SELECT lane FROM queue WHERE job_id = " + std::to_string(job));
  }
  /// The steps in which SQLite finds the rows of a query.
  std::vector<std::string> plan(const std::string& sql) {
    SQLite::Statement query(user.connection(), "EXPLAIN QUERY PLAN " + sql);
    std::vector<std::string> steps;
    while (query.executeStep())
      steps.push_back(query.getColumn(3).getString());
    return steps;
  }
  /// So many steps of SQLite's machine, those of all triggers among them.
  std::int64_t steps_of(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3* const db = user.connection().getHandle();
    REQUIRE(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
    CHECK(sqlite3_step(statement) == SQLITE_DONE);
    const int steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    sqlite3_finalize(statement);
    return steps;
  }
};

/// The same with the daemon's verbs, at a time after every created_at. Each of them is one
/// transaction, and says whether it applied.
struct QueueFixture : SqlFixture {
  JobQueue queue{database};
  QueueScanner scanner{database};
  WallTime now = *parse_time("2126-01-01 00:00:00");
  std::map<std::int64_t, JobRow> rows; ///< what the daemon knows of its jobs

  bool claim(std::int64_t job) {
    std::optional<ClaimedJob> claimed;
    database.write([&] { claimed = claim_job(database, queue, job); });
    if (claimed)
      rows[job] = claimed->row;
    return claimed.has_value();
  }
  bool save(std::int64_t job, JobRow after) {
    after.rev = rows[job].rev + 1;
    bool applied = false;
    database.write([&] { applied = queue.save(JobId{job}, rows[job], after); });
    if (applied)
      rows[job] = after;
    return applied;
  }
  bool run(std::int64_t job, const std::string& task = "t") {
    JobRow row = rows[job];
    row.state = JobState::running;
    row.task_id = task;
    row.submitted_at = now;
    return save(job, row);
  }
  bool report(std::int64_t job) {
    JobRow row = rows[job];
    row.remote_status = "running";
    row.reported_at = now;
    ++row.polls;
    return save(job, row);
  }
  bool end(std::int64_t job, JobState state, const std::string& result = "null",
           const std::string& error = "") {
    JobRow row = rows[job];
    row.state = state;
    if (state != JobState::succeeded)
      row.cause = state == JobState::failed ? EndCause::script : EndCause::timeout;
    row.remote_status = "finish";
    row.result = result;
    row.error = error;
    row.finished_at = now;
    ++row.polls;
    return save(job, row);
  }
};

} // namespace kdq::test
