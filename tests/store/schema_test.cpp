// What the database itself refuses, read as a user of sqlite3 reads it.
#include "store/schema.h"
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace kdq;
using namespace kdq::test;

TEST_CASE_FIXTURE(SqlFixture, "a bad INSERT is refused with a sentence") {
  struct Row {
    const char* columns;
    const char* values;
    const char* sentence;
  };
  const Row rows[] = {
      {"file_token, script", "'', 'x'", "file_token must not be empty"},
      {"file_token, script", "NULL, 'x'", "file_token must be given as text"},
      {"script", "'x'", "file_token must be given as text"},
      {"file_token, script", "42, 'x'", "file_token must be given as text"},
      {"file_token, script", "x'41', 'x'", "file_token must be given as text"},
      {"file_token, script", "'a' || char(0) || 'b', 'x'", "must not contain a NUL"},
      {"file_token, script", "' f', 'x'", "must not begin or end with blanks"},
      {"file_token, script", "printf('%1001c', 'f'), 'x'", "must not be longer than 1000 bytes"},
      {"file_token, script, argv", "'f', 'x', '{}' || char(0) || 'x'", "must be a JSON object"},
      {"file_token, script", "'f' || char(13, 10), 'x'", "must not begin or end with blanks"},
      {"file_token, script, unique_key", "'f', 'x', ''", "unique_key must not be empty"},
      {"file_token, script, app", "'f', 'x', NULL", "app must not be empty"},
      {"file_token, script, priority", "'f', 'x', NULL", "priority must be a number"},
      {"file_token, script, max_attempts", "'f', 'x', 0", "max_attempts must be from 1"},
      {"file_token, script, max_attempts", "'f', 'x', NULL", "max_attempts must be from 1"},
      {"file_token, script, on_unconfirmed", "'f', 'x', 'no'", "on_unconfirmed must be hold"},
      {"file_token, script, on_unconfirmed", "'f', 'x', NULL", "on_unconfirmed must be hold"},
      {"file_token, script, depends_on", "'f', 'x', 7", "there is no job with this id"},
      {"file_token, script, created_at", "'f', 'x', NULL", "created_at is written"},
      {"file_token, script, state", "'f', 'x', NULL", "a new job is queued"},
      {"file_token, script, padding", "'f', 'x', NULL", "a new job is queued"},
      {"file_token, script, script_name", "'f', 'x', x'41'", "cannot store BLOB value in TEXT"},
      {"file_token, script", "'https://www.kdocs.cn/l/cabc', 'x'", "not its browser address"},
      {"file_token, script", "'/l/cabc', 'x'", "share id"},
      {"file_token, script", "'l/cabc', 'x'", "share id"},
      {"file_token, script", "'www.kdocs.cn/l/cabc', 'x'", "share id"},
      {"file_token", "'f'", "script must not be NULL"},
      {"file_token, script", "'f', ''", "script must not be empty"},
      {"file_token, script", "'f', x''", "script must not be empty"},
      {"file_token, script", "'f', 5", "script must be given as text"},
      {"file_token, script, argv", "'f', 'x', '[1]'", "argv must be a JSON object"},
      {"file_token, script, argv", "'f', 'x', '{'", "argv must be a JSON object"},
      {"file_token, script, argv", "'f', 'x', ''", "argv must be a JSON object"},
      {"file_token, script, argv", "'f', 'x', 7", "argv must be a JSON object"},
      {"file_token, script, app", "'f', 'x', ''", "app must not be empty"},
      {"file_token, script, run_at", "'f', 'x', 'tomorrow'", "run_at must be a UTC time"},
      {"file_token, script, run_at", "'f', 'x', '2026-02-30 09:00:00'",
       "run_at must be a UTC time"},
      {"file_token, script, run_at", "'f', 'x', '2026-01-31T09:00:00Z'",
       "run_at must be a UTC time"},
      {"file_token, script, run_at", "'f', 'x', '2026-01-31 25:00:00'",
       "run_at must be a UTC time"},
      {"file_token, script, run_at", "'f', 'x', 1767225600", "run_at must be a UTC time"},
      {"file_token, script, expires_at", "'f', 'x', 'never'", "expires_at must be a UTC time"},
      {"file_token, script, timeout_s", "'f', 'x', 0", "timeout_s must be a positive number"},
      {"file_token, script, timeout_s", "'f', 'x', 'soon'", "cannot store TEXT value in INTEGER"},
      {"file_token, script, priority", "'f', 'x', 'high'", "cannot store TEXT value in INTEGER"},
      {"file_token, script, state", "'f', 'x', 'running'", "a new job is queued"},
      {"file_token, script, attempt", "'f', 'x', 3", "a new job is queued"},
      {"file_token, script, result", "'f', 'x', '1'", "a new job is queued"},
      {"id, file_token, script", "0, 'f', 'x'", "must be positive"},
      {"id, file_token, script", "9223372036854775807, 'f', 'x'", "beyond those that there are"},
      {"id, file_token, script", "1000000001, 'f', 'x'", "beyond those that there are"},
      {"file_token, script, created_at", "'f', 'x', 'zzz'",
       "created_at is written by the database"},
      {"file_token, script, created_at", "'f', 'x', '2026-01-01 10:00:00+08:00'",
       "created_at is written by the database"},
  };
  for (const Row& row : rows) {
    // With OR IGNORE, too: it is how one enqueues once, and must not drop a job without a word.
    for (const std::string insert :
         {"INSERT", "INSERT OR IGNORE", "INSERT OR FAIL", "INSERT OR REPLACE"}) {
      const std::string refusal =
          user.attempt(insert + " INTO jobs(" + row.columns + ") VALUES (" + row.values + ")");
      const std::string shown = std::string(row.columns) + ": " + row.values + " -> " + refusal;
      CHECK_MESSAGE(contains(refusal, row.sentence), shown);
    }
  }
  CHECK(user.number("SELECT count(*) FROM jobs") == 0);
  CHECK(user.number("SELECT count(*) FROM queue") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "what an INSERT may not say, an UPDATE may not either") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  for (const std::string update : {"UPDATE jobs SET ", "UPDATE OR IGNORE jobs SET "})
    for (const auto& row : std::map<std::string, std::string>{
             {"file_token = ''", "file_token must not be empty"},
             {"script = NULL", "script must not be NULL"},
             {"argv = '[]'", "argv must be a JSON object"},
             {"app = ''", "app must not be empty"},
             {"priority = NULL", "priority must be a number"},
             {"run_at = 'soon'", "run_at must be a UTC time"},
             {"expires_at = 'soon'", "expires_at must be a UTC time"},
             {"created_at = 'soon'", "created_at is written"},
             {"depends_on = id", "a smaller id than its own"},
             {"unique_key = ''", "unique_key must not be empty"},
             {"max_attempts = 1001", "max_attempts must be"},
             {"timeout_s = 2592001", "timeout_s must be"},
             {"on_unconfirmed = ''", "on_unconfirmed must be"},
             {"state = NULL", "this job is queued and cannot become that"}})
      CHECK_MESSAGE(contains(user.attempt(update + row.first), row.second), row.first);
}

TEST_CASE_FIXTURE(SqlFixture, "a NULL that a table does not take is not dropped without a word") {
  for (const auto& row : std::map<std::string, std::string>{
           {"pauses(scope, key) VALUES ('all', NULL)", "a pause of all has no key"},
           {"pauses(scope, created_at) VALUES ('all', NULL)",
            "created_at is written by the database"},
           {"batches(name, created_at) VALUES ('b', NULL)",
            "created_at is written by the database"}})
    CHECK_MESSAGE(contains(user.attempt("INSERT OR IGNORE INTO " + row.first), row.second),
                  row.first);
}

TEST_CASE_FIXTURE(SqlFixture, "a job that is there is not replaced by another of its id") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  for (const auto* insert : {"REPLACE", "INSERT OR REPLACE", "INSERT", "INSERT OR IGNORE"})
    CHECK(contains(user.attempt(insert + std::string(" INTO jobs(id, file_token, script) VALUES "
                                                     "(1, 'g', 'y')")),
                   "there is a job with this id"));
  CHECK(user.text("SELECT file_token FROM jobs") == "f");
  CHECK(user.attempt("INSERT INTO jobs(id, file_token, script) VALUES (7, 'g', 'y')") == "");
}

TEST_CASE_FIXTURE(SqlFixture, "good INSERTs are taken in all their forms") {
  for (const char* sql :
       {"INSERT INTO jobs(file_token, script) VALUES ('G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo', "
        "'x')",
        "INSERT INTO jobs(file_token, script) VALUES ('f', x'636f6e736f6c65')",
        "INSERT INTO jobs(file_token, script, argv) VALUES ('f', 'x', '{\"a\": [1, null]}')",
        "INSERT INTO jobs(file_token, script, argv) VALUES ('f', 'x', CAST('{}' AS BLOB))",
        "INSERT INTO jobs(file_token, script, run_at) VALUES ('f', 'x', datetime('now', '+1 "
        "hour'))",
        "INSERT INTO jobs(file_token, script, run_at) "
        "VALUES ('f', 'x', strftime('%Y-%m-%d %H:%M:%f', 'now'))",
        "INSERT INTO jobs(file_token, script, run_at, expires_at, timeout_s) "
        "VALUES ('f', 'x', NULL, NULL, NULL)"})
    CHECK_MESSAGE(user.attempt(sql) == "", sql);
  CHECK(user.number("SELECT jobs FROM job_counts WHERE state = 'queued'") == 7);
}

TEST_CASE_FIXTURE(SqlFixture,
                  "every pair of states: allowed as in the picture, refused with what is allowed") {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"queued", {"submitting", "cancelled"}},
      {"submitting", {"running", "unconfirmed", "failed", "timed_out", "cancelled"}},
      {"running", {"succeeded", "failed", "timed_out", "cancelled"}},
      {"unconfirmed", {"queued", "cancelled"}},
      {"succeeded", {}},
      {"failed", {"queued"}},
      {"timed_out", {"queued"}},
      {"cancelled", {"queued"}}};
  const std::map<std::string, std::vector<std::string>> way = {
      {"queued", {}},
      {"submitting", {"submitting"}},
      {"running", {"submitting", "running"}},
      {"unconfirmed", {"submitting", "unconfirmed"}},
      {"succeeded", {"submitting", "running", "succeeded"}},
      {"failed", {"submitting", "running", "failed"}},
      {"timed_out", {"submitting", "running", "timed_out"}},
      {"cancelled", {"cancelled"}}};
  for (const auto& [from, targets] : allowed)
    for (const auto& [to, ignored] : allowed) {
      user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
      const std::string last = " WHERE id = (SELECT max(id) FROM jobs)";
      for (const std::string& step : way.at(from))
        user.exec("UPDATE jobs SET state = '" + step + "'" + last);
      const std::string refusal = user.attempt("UPDATE jobs SET state = '" + to + "'" + last);
      if (from == to || targets.contains(to)) {
        const std::string pair = from + " -> " + to;
        CHECK_MESSAGE(refusal == "", pair);
      } else {
        CHECK_MESSAGE(contains(refusal, "this job is " + from), refusal);
        const bool cancel = targets.contains("cancelled");
        CHECK_MESSAGE(contains(refusal, "cancelled") == (cancel || from == "cancelled"), refusal);
        CHECK_MESSAGE(contains(refusal, "set its state to queued") == targets.contains("queued"),
                      refusal);
        CHECK(user.text("SELECT state FROM jobs" + last) == from);
      }
    }
  // The kept counters agree with the rows.
  CHECK(user.number(test::wrong_counters) == 0);
  CHECK(user.number("SELECT count(*) FROM queue") == user.number("SELECT count(*) FROM jobs "
                                                                 "WHERE state = 'queued'"));
}

TEST_CASE_FIXTURE(SqlFixture, "a start on its way does not go back to the queue by a user's hand") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  user.exec("UPDATE jobs SET state = 'submitting', attempt = 1");
  CHECK(contains(user.attempt("UPDATE jobs SET state = 'queued', attempt = 0"),
                 "its start is on its way"));
}

TEST_CASE_FIXTURE(SqlFixture, "a word that is no state is refused") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  CHECK(contains(user.attempt("UPDATE jobs SET state = 'done'"),
                 "this job is queued and cannot become that: you may"));
  CHECK(contains(user.attempt("UPDATE jobs SET state = NULL"),
                 "this job is queued and cannot become that"));
}

TEST_CASE_FIXTURE(SqlFixture, "a shell with recursive triggers changes jobs as any other") {
  user.exec("PRAGMA recursive_triggers = ON;"
            "INSERT INTO jobs(file_token, script) VALUES ('f', 'x');"
            "UPDATE jobs SET state = 'cancelled'; UPDATE jobs SET state = 'queued'");
  CHECK(user.text("SELECT state || finished_at IS NULL FROM jobs") != "(no row)");
  CHECK(user.number("SELECT count(*) FROM jobs WHERE state = 'queued' AND finished_at IS NULL") ==
        1);
  CHECK(user.number(test::wrong_counters) == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "unique_key admits one live job") {
  const std::string insert = "INTO jobs(file_token, script, unique_key) VALUES ('f', 'x', 'daily')";
  user.exec("INSERT " + insert);
  CHECK(contains(user.attempt("INSERT " + insert), "unique_key"));
  user.exec("INSERT OR IGNORE " + insert);
  CHECK(user.number("SELECT count(*) FROM jobs") == 1);
  user.exec("UPDATE jobs SET state = 'cancelled'");
  CHECK(user.attempt("INSERT " + insert) == "");
  CHECK(user.number("SELECT count(*) FROM queue") == 1);
}

TEST_CASE_FIXTURE(SqlFixture,
                  "what runs cannot be changed or deleted, and the sentence says what to do") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  user.exec("UPDATE jobs SET script = 'y', priority = 3");
  user.exec("UPDATE jobs SET state = 'submitting'");
  CHECK(contains(user.attempt("UPDATE jobs SET script = 'z'"), "cancel it first"));
  CHECK(contains(user.attempt("DELETE FROM jobs"), "set its state to cancelled first"));
  CHECK(contains(user.attempt("UPDATE jobs SET id = 9"), "the id of a job cannot change"));
  user.exec("UPDATE jobs SET state = 'cancelled'");
  CHECK(user.attempt("UPDATE jobs SET script = 'z', state = 'queued'") == "");
  CHECK(user.attempt("DELETE FROM jobs") == "");
  CHECK(user.number("SELECT count(*) FROM queue") == 0);
  CHECK(user.number("SELECT sum(jobs) FROM job_counts") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, ".schema jobs explains every column, on one and a half screens") {
  const std::string schema = user.text("SELECT sql FROM sqlite_schema WHERE name = 'jobs'");
  for (const char* word : {"-- the file's open_id", "-- not before this time", "a JSON object",
                           "smaller runs first", "-- what to run"})
    CHECK_MESSAGE(contains(schema, word), word);
  CHECK(std::count(schema.begin(), schema.end(), '\n') < 90);
}

TEST_CASE_FIXTURE(SqlFixture, "every table and view says in its own text what it is") {
  CHECK(user.column("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND "
                    "name NOT LIKE 'sqlite_%' AND instr(sql, '--') = 0")
            .empty());
}

TEST_CASE("a file of the development's layout is refused with the way to bring its jobs over") {
  TempDir dir;
  const std::string old_file = (dir.path() / "old.db").string();
  {
    SQLite::Database old(old_file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(
        "CREATE TABLE jobs(id INTEGER PRIMARY KEY, file_token, script_name, argv, app, "
        "priority, run_at, expires_at, unique_key, timeout_s, on_unconfirmed, state, script);"
        "INSERT INTO jobs VALUES "
        "(1, 'f', 'done', NULL, 'default', 0, NULL, NULL, NULL, NULL, 'hold', 'succeeded', 'x'),"
        "(2, 'f', 'next', '{}', 'other', 3, NULL, NULL, 'k', 60, 'fail', 'queued', x'78');"
        "PRAGMA application_id = 0x4b445131; PRAGMA user_version = 7");
  }
  std::string refusal;
  try {
    Database database(old_file);
  } catch (const StoreBroken& error) {
    refusal = error.what();
  }
  CHECK(contains(refusal, "development version"));
  // The command in the sentence, as a user runs it.
  const auto begin = refusal.find("ATTACH");
  REQUIRE(begin != std::string::npos);
  std::string sql = refusal.substr(begin, refusal.size() - 1 - begin);
  sql.replace(sql.find("old.db"), 6, old_file);
  const Database database(dir.path() / "queue.db");
  User user(dir.path() / "queue.db");
  user.exec(sql);
  CHECK(user.text("SELECT script_name || app || priority || unique_key || timeout_s || "
                  "on_unconfirmed || CAST(script AS TEXT) FROM jobs") == "nextother3k60failx");
  CHECK(user.number("SELECT count(*) FROM queue") == 1);
}
