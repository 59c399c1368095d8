// A database and its user, for tests of what the schema itself does.
#pragma once

#include "store/base/time.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/support/user.h"

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
};

/// The same with the daemon's verbs, at a time after every created_at. Each of them is one
/// transaction, and says whether it applied.
struct QueueFixture : SqlFixture {
  JobQueue queue{database};
  WallTime now = *parse_time("2126-01-01 00:00:00");
  std::map<std::int64_t, JobRow> rows; ///< what the daemon knows of its jobs

  bool claim(std::int64_t job) {
    std::optional<ClaimedJob> claimed;
    database.write([&] { claimed = queue.claim(JobId{job}); });
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
    row.remote_status = "finish";
    row.result = result;
    row.error = error;
    row.finished_at = now;
    ++row.polls;
    return save(job, row);
  }
};

} // namespace kdq::test
