// A file of the first version goes on as it was: every row, id, lane and counter.
#include "store/database.h"
#include "store/migrate.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

/// What the older schema knows of a job, as one text in which NULLs and types show.
std::string old_columns() {
  std::string text = "quote(id)";
  for (const char* column :
       {"file_token",  "script_name", "argv",       "app",           "priority",
        "run_at",      "expires_at",  "unique_key", "timeout_s",     "on_unconfirmed",
        "state",       "attempt",     "task_id",    "remote_status", "result",
        "error",       "polls",       "log_gaps",   "created_at",    "submitted_at",
        "finished_at", "script"})
    text += " || '|' || quote(" + std::string(column) + ")";
  return text;
}

struct OldFile {
  TempDir dir;
  std::filesystem::path file = dir.path() / "queue.db";

  OldFile() {
    SQLite::Database old(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(migrations().at(0));
    old.exec(migrations().at(1));
    old.exec("PRAGMA user_version = 2; PRAGMA application_id = " + std::to_string(application_id));
  }

  /// Some hundred jobs in all states and lanes, with every column in use somewhere.
  void fill(User& user) {
    user.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
        "INSERT INTO jobs(file_token, script, script_name, argv, app, priority, run_at, expires_at,"
        "                 unique_key, timeout_s, on_unconfirmed) "
        "SELECT 'file ' || (i % 60), iif(i % 2, 'return ' || i, CAST('return ' || i AS BLOB)),"
        "  iif(i % 3, NULL, 'name ' || i), iif(i % 5, NULL, '{\"i\": 1}'),"
        "  iif(i % 7, 'default', 'other'), i % 4 - 1,"
        "  iif(i % 11, NULL, '2126-01-01 00:00:00'), iif(i % 13, NULL, '2127-01-01 00:00:00.500'),"
        "  iif(i % 17, NULL, 'key ' || i), iif(i % 19, NULL, i),"
        "  iif(i % 23, 'hold', 'retry') FROM n");
    user.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id % 8 IN (1, 2, 3, 4, 5);"
              "UPDATE jobs SET state = 'running', task_id = 'task ' || id, polls = 3, log_gaps = 1,"
              "  submitted_at = '2126-01-01 00:00:01.000' WHERE id % 8 IN (2, 3, 4);"
              "UPDATE jobs SET state = 'unconfirmed', error = 'not known' WHERE id % 8 = 5;"
              "UPDATE jobs SET state = 'succeeded', result = '[1]', remote_status = 'finished',"
              "  finished_at = '2126-01-01 00:00:02.000' WHERE id % 8 = 3;"
              "UPDATE jobs SET state = iif(id % 16 = 4, 'failed', 'timed_out'), error = 'it did'"
              "  WHERE id % 8 = 4;"
              "UPDATE jobs SET state = 'cancelled' WHERE id % 8 = 6;"
              "UPDATE queue SET lane = 'future' WHERE timed;"
              "INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at)"
              "  SELECT id, 1, 1, 'info', '[]', 'm', 'then' FROM jobs WHERE state = 'succeeded';"
              "INSERT INTO requests(job_id, attempt, endpoint, sent_at)"
              "  SELECT id, 1, 'submit', 'then' FROM jobs WHERE state = 'submitting';"
              "INSERT INTO quota(app, endpoint, day, allowed, used) VALUES"
              "  ('default', 'submit', '2126-01-01', 500, 7);"
              // The highest ids were given and are gone.
              "UPDATE jobs SET state = 'cancelled' WHERE id > 390 AND state IN"
              "  ('queued', 'submitting', 'running', 'unconfirmed');"
              "DELETE FROM jobs WHERE id > 390");
  }
};

/// All that must not change, as text.
std::vector<std::string> contents(User& user) {
  std::vector<std::string> all;
  for (const std::string& sql :
       {"SELECT " + old_columns() + " FROM jobs ORDER BY id",
        std::string("SELECT job_id || '|' || app || '|' || file_token || '|' || priority || '|' || "
                    "due || '|' || timed || '|' || lane FROM queue ORDER BY job_id"),
        std::string("SELECT job_id || message FROM logs ORDER BY job_id"),
        std::string("SELECT id || '|' || job_id || endpoint FROM requests ORDER BY id"),
        std::string("SELECT app || endpoint || day || allowed || used FROM quota"),
        std::string("SELECT name || seq FROM sqlite_sequence ORDER BY name"),
        std::string("SELECT job_id || state FROM results"),
        std::string("SELECT job_id || message FROM job_logs")})
    for (std::string& row : user.column(sql))
      all.push_back(std::move(row));
  return all;
}

} // namespace

TEST_CASE_FIXTURE(OldFile, "an older file with jobs in all states comes through unchanged") {
  std::vector<std::string> before;
  {
    User user(file);
    fill(user);
    for (const char* state : {"queued", "submitting", "running", "unconfirmed", "succeeded",
                              "failed", "timed_out", "cancelled"})
      REQUIRE_MESSAGE(
          user.number("SELECT jobs FROM job_counts WHERE state = '" + std::string(state) + "'") > 5,
          state);
    for (const char* lane : {"ready", "parked", "future"})
      REQUIRE_MESSAGE(
          user.number("SELECT count(*) FROM queue WHERE lane = '" + std::string(lane) + "'") > 2,
          lane);
    before = contents(user);
  }
  Database database(file);
  User user(file);
  CHECK(contents(user) == before);
  CHECK(user.number(test::wrong_counters) == 0);
  CHECK(user.text("PRAGMA integrity_check") == "ok");
  CHECK(user.number("SELECT count(*) FROM jobs WHERE max_attempts <> 1 OR depends_on IS NOT NULL "
                    "OR length(room) <> 256") == 0);
  CHECK(user.number("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%before%' "
                    "OR sql LIKE '%\\_before%' ESCAPE '\\'") == 0);
  CHECK(user.enqueue("f", "x", "") == 401);
}

TEST_CASE_FIXTURE(OldFile, "an older file that never had a job is like a new one") {
  { Database database(file); }
  Database fresh(dir.path() / "fresh.db");
  User migrated(file);
  User other(dir.path() / "fresh.db");
  const std::string schema = "SELECT type || name || coalesce(sql, '') FROM sqlite_schema "
                             "ORDER BY type, name";
  CHECK(migrated.column(schema) == other.column(schema));
  CHECK(migrated.enqueue("f", "x", "") == 1);
}

TEST_CASE_FIXTURE(OldFile, "the triggers of an older file work after it") {
  {
    User user(file);
    fill(user);
  }
  Database database(file);
  User user(file);
  CHECK(user.attempt("UPDATE jobs SET state = 'succeeded' WHERE id = 8") != "");
  user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = 8;"
            "UPDATE jobs SET state = 'queued' WHERE state IN ('failed', 'unconfirmed');"
            "DELETE FROM jobs WHERE state = 'succeeded'");
  CHECK(user.number(test::wrong_counters) == 0);
  CHECK(user.number("SELECT count(*) FROM queue") ==
        user.number("SELECT count(*) FROM jobs WHERE state = 'queued'"));
  CHECK(user.number("SELECT count(*) FROM logs") == 0);
}

TEST_CASE_FIXTURE(OldFile, "a user's own table that refers to the jobs keeps its rows") {
  {
    User user(file);
    user.exec("INSERT INTO jobs(file_token, script) VALUES ('a', 'x');"
              "CREATE TABLE mine(job_id INTEGER REFERENCES jobs(id) ON DELETE CASCADE);"
              "INSERT INTO mine VALUES (1)");
  }
  Database database(file);
  User user(file);
  CHECK(user.number("SELECT job_id FROM mine") == 1);
  user.exec("PRAGMA foreign_keys = ON; DELETE FROM jobs");
  CHECK(user.number("SELECT count(*) FROM mine") == 0);
}

TEST_CASE_FIXTURE(OldFile, "views and triggers that users made elsewhere still mean the jobs") {
  {
    User user(file);
    user.exec("CREATE VIEW mine AS SELECT id FROM jobs WHERE state = 'queued';"
              "CREATE TABLE seen(id);"
              "CREATE TRIGGER notes AFTER INSERT ON logs BEGIN"
              "  INSERT INTO seen SELECT id FROM jobs WHERE id = NEW.job_id; END");
    user.enqueue("f", "x", "");
  }
  Database database(file);
  User user(file);
  CHECK(user.number("SELECT id FROM mine") == 1);
  user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
            "VALUES (1, 1, 1, 'info', '[]', 'm', 'then')");
  CHECK(user.number("SELECT id FROM seen") == 1);
}
