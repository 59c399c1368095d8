// A database and its user, for tests of what the schema itself does.
#pragma once

#include "store/base/time.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"

#include <string>

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

/// The same with the daemon's verbs, at a time after every created_at.
struct QueueFixture : SqlFixture {
  JobQueue queue{database};
  const WallTime now = *parse_time("2126-01-01 00:00:00");
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace kdq::test
