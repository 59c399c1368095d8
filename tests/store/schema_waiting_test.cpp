// The view waiting: for every job that has not started, the one sentence why.
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : SqlFixture {
  Fixture() { daemon_runs(); }

  std::string reason(std::int64_t job = 1) {
    return user.text("SELECT reason FROM waiting WHERE job_id = " + std::to_string(job));
  }
  /// Empty: not known.
  std::string expected(std::int64_t job = 1) {
    return user.text("SELECT expected_at FROM waiting WHERE job_id = " + std::to_string(job));
  }
  void set_daemon(const std::string& assignment) { user.exec("UPDATE daemon SET " + assignment); }
  void set_app(const std::string& assignment) { user.exec("UPDATE apps SET " + assignment); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job with nothing in its way is next in line, now") {
  user.enqueue("f", "x", "name");
  CHECK(reason() == "it is next in line");
  CHECK(user.number("SELECT abs(julianday(expected_at) - julianday('now')) < 1.0 / 1440 "
                    "FROM waiting") == 1);
  CHECK(user.text("SELECT app || file_token || script_name || priority FROM waiting") ==
        "defaultfname0");
}

TEST_CASE_FIXTURE(SqlFixture, "without a daemon all jobs wait for it") {
  user.enqueue("f", "x", "");
  CHECK(user.text("SELECT reason FROM waiting") ==
        "the daemon has not run with this database yet: start kdocs-queued");
  daemon_runs();
  user.exec("UPDATE daemon SET stopped_at = '2026-01-02 03:04:05.678'");
  CHECK(user.text("SELECT reason FROM waiting") ==
        "the daemon is stopped since 2026-01-02 03:04:05 UTC: start kdocs-queued");
  CHECK(user.text("SELECT expected_at FROM waiting") == "");
}

TEST_CASE_FIXTURE(Fixture, "what keeps the daemon from writing keeps jobs from starting") {
  user.enqueue("f", "x", "");
  set_daemon("trouble = 'a trigger refuses it'");
  CHECK(reason() == "nothing is started as long as the daemon cannot write: a trigger refuses it");
  CHECK(expected() == "");
}

TEST_CASE_FIXTURE(Fixture, "an unconfirmed job waits for a decision") {
  user.enqueue("f", "x", "");
  go(1, {"submitting", "unconfirmed"});
  CHECK(contains(reason(), "it is not known whether the script was started: set state"));
  user.exec("UPDATE jobs SET error = 'it is not known: the reply was lost'");
  CHECK(reason() == "it is not known: the reply was lost");
  CHECK(expected() == "");
  go(1, {"cancelled"});
  CHECK(reason() == "(no row)");
}

TEST_CASE_FIXTURE(Fixture, "a job whose time has not come waits for it") {
  user.exec("INSERT INTO jobs(file_token, script, run_at) VALUES ('f', 'x', '2126-01-01 09:00:00'),"
            " ('g', 'x', '2020-01-01 09:00:00')");
  CHECK(reason() == "its time has not come: run_at is 2126-01-01 09:00:00 UTC");
  CHECK(expected() == "2126-01-01 09:00:00");
  CHECK(reason(2) == "it is next in line");
}

TEST_CASE_FIXTURE(Fixture, "between two attempts the last error is told") {
  user.exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('f', 'x', 3)");
  user.exec("UPDATE jobs SET state = 'submitting', attempt = attempt + 1;"
            "UPDATE jobs SET state = 'failed', error = 'no such sheet';"
            "UPDATE jobs SET state = 'queued', run_at = '2126-01-01 09:00:00.500'");
  CHECK(reason() ==
        "attempt 2 of 3 starts at 2126-01-01 09:00:00 UTC; the last one failed: no such sheet");
  CHECK(expected() == "2126-01-01 09:00:00.500");
  user.exec("UPDATE jobs SET max_attempts = 1");
  CHECK(reason() ==
        "attempt 2 starts at 2126-01-01 09:00:00 UTC; the last one failed: no such sheet");
}

TEST_CASE_FIXTURE(Fixture, "a job that depends on another one says how that one is") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('g', 'x', 1)");
  CHECK(reason(2) == "waits for job 1, which is queued");
  go(1, {"submitting", "running"});
  CHECK(reason(2) == "waits for job 1, which is running");
  SUBCASE("failed") {
    go(1, {"failed"});
    CHECK(reason(2) ==
          "job 1, which must succeed first, has failed: run that one again or cancel this one");
  }
  SUBCASE("timed out") {
    go(1, {"timed_out"});
    CHECK(contains(reason(2), "must succeed first, has timed out: run"));
  }
  SUBCASE("cancelled") {
    go(1, {"cancelled"});
    CHECK(contains(reason(2), "must succeed first, was cancelled: run"));
  }
  SUBCASE("deleted") {
    go(2, {"cancelled"});
    go(1, {"failed"});
    user.exec("DELETE FROM jobs WHERE id = 1");
    go(2, {"queued"});
    CHECK(contains(reason(2), "job 1, which must succeed first, was deleted: set depends_on"));
  }
  SUBCASE("succeeded") {
    go(1, {"succeeded"});
    CHECK(reason(2) == "job 1, which must succeed first, has ended: this one is next in line");
    settle();
    CHECK(reason(2) == "it is next in line");
  }
}

TEST_CASE_FIXTURE(Fixture, "pauses are told with their reasons, the widest first") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO pauses(scope, key, reason) VALUES ('file', 'f', 'being edited'), "
            "('file', 'other', 'n'), ('app', 'other', 'n')");
  CHECK(reason() == "starts on its file are paused: being edited");
  user.exec("INSERT INTO pauses(scope, key, reason) VALUES ('app', 'default', 'new token')");
  CHECK(reason() == "starts of the app default are paused: new token");
  user.exec("INSERT INTO pauses(scope) VALUES ('all')");
  CHECK(reason() == "all starts are paused");
  CHECK(expected() == "");
}

TEST_CASE_FIXTURE(Fixture, "a job of an app that is not configured is told so") {
  user.exec("INSERT INTO jobs(file_token, script, app) VALUES ('f', 'x', 'nope')");
  CHECK(contains(reason(), "the app nope is not configured"));
}

TEST_CASE_FIXTURE(Fixture, "what the app's starts wait for is passed on with its end") {
  user.enqueue("f", "x", "");
  set_app("state = 'blocked', reason = 'the token has expired'");
  CHECK(reason() == "the app default is blocked: the token has expired");
  set_app("start_wait = 'today''s starts are used up', start_at = '2126-01-31 16:00:00.000'");
  CHECK(reason() == "today's starts are used up");
  CHECK(expected() == "2126-01-31 16:00:00.000");
  set_app("state = 'waiting', start_wait = NULL");
  CHECK(reason() == "it is next in line");
}

TEST_CASE_FIXTURE(Fixture, "a busy file is told with the job that keeps it busy") {
  user.enqueue("f", "x", "");
  user.enqueue("f", "x", "");
  user.enqueue("g", "x", "");
  go(1, {"submitting"});
  CHECK(reason(2) == "its file is busy with job 1 (being started)");
  user.exec("UPDATE jobs SET state = 'running', submitted_at = '2026-01-01 00:00:01.000' "
            "WHERE id = 1");
  CHECK(reason(2) == "its file is busy with job 1 (running since 2026-01-01 00:00:01 UTC)");
  CHECK(reason(3) == "it is next in line");
  SUBCASE("until it ends") {
    go(1, {"succeeded"});
    CHECK(reason(2) == "it is next in line");
  }
  SUBCASE("unless more jobs of a file may run") {
    set_daemon("max_running_per_file = 2");
    CHECK(reason(2) == "it is next in line");
    user.enqueue("f", "x", "");
    go(2, {"submitting"});
    CHECK(contains(reason(4), "its file is busy with job 2"));
  }
  SUBCASE("unless there is no limit") {
    set_daemon("max_running_per_file = 0");
    CHECK(reason(2) == "it is next in line");
  }
}

TEST_CASE_FIXTURE(Fixture, "behind an earlier job of the same file, that one is named") {
  for (int i = 0; i < 3; ++i)
    user.enqueue("f", "x", "");
  CHECK(reason(1) == "it is next in line");
  CHECK(reason(2) == "job 1 of the same file goes first");
  user.exec("UPDATE jobs SET priority = -1 WHERE id = 3");
  CHECK(reason(1) == "job 3 of the same file goes first");
  CHECK(reason(3) == "it is next in line");
  user.exec("UPDATE jobs SET run_at = '2126-01-01 00:00:00' WHERE id = 3");
  CHECK(reason(1) == "it is next in line");
}

TEST_CASE_FIXTURE(Fixture, "when all places are taken, that is the reason") {
  user.enqueue("f", "x", "");
  user.enqueue("g", "x", "");
  user.enqueue("h", "x", "");
  set_daemon("max_running = 2");
  go(1, {"submitting", "running"});
  CHECK(reason(3) == "it is next in line");
  go(2, {"submitting"});
  CHECK(reason(3) == "all 2 places (max_running) are taken");
  set_daemon("max_running = 0");
  CHECK(reason(3) == "it is next in line");
}

TEST_CASE_FIXTURE(Fixture, "each waiting job has one row, and no other job has one") {
  user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
            "INSERT INTO jobs(file_token, script) SELECT 'f' || i, 'x' FROM n;"
            "UPDATE jobs SET state = 'submitting' WHERE id % 4 <> 0;"
            "UPDATE jobs SET state = 'unconfirmed' WHERE id % 4 = 1;"
            "UPDATE jobs SET state = 'failed' WHERE id % 4 = 2");
  CHECK(user.column("SELECT job_id FROM waiting ORDER BY job_id") ==
        user.column("SELECT id FROM jobs WHERE state IN ('queued', 'unconfirmed') ORDER BY id"));
  CHECK(user.number("SELECT count(*) FROM waiting WHERE reason IS NULL") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "rows are found by index: one job's, and the first ten of a long queue") {
  for (const std::string& step : plan("SELECT * FROM waiting WHERE job_id = 5"))
    for (const char* table : {"SCAN jobs", "SCAN j", "SCAN queue", "SCAN q", "SCAN dep", "SCAN f"})
      CHECK_MESSAGE(!step.starts_with(table), step);
  // The ten rows come from queue in its own order, without a sort of all.
  for (const std::string& step : plan("SELECT * FROM waiting LIMIT 10")) {
    CHECK_MESSAGE(!contains(step, "TEMP B-TREE"), step);
    CHECK_MESSAGE((!step.starts_with("SCAN j") || contains(step, "USING INDEX jobs_open")), step);
    CHECK_MESSAGE((!step.starts_with("SCAN f") && !step.starts_with("SCAN queue")), step);
  }
}

TEST_CASE_FIXTURE(Fixture, "a daemon that was killed is said not to run, once a job waits for it") {
  user.exec("UPDATE daemon SET seen_at = '2026-01-02 03:04:05.678'");
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's')");
  CHECK(reason() == "it is next in line"); // it may be looking just now
  CHECK(user.number("SELECT count(*) FROM health") == 0);
  user.exec("INSERT INTO jobs(file_token, script, created_at) "
            "VALUES ('g', 's', '2026-01-02 03:04:05')");
  CHECK(reason(2) ==
        "the daemon does not run (last seen 2026-01-02 03:04:05 UTC): start kdocs-queued");
  CHECK(user.text("SELECT message FROM health WHERE subject = 'daemon'") == reason(2));
  user.exec("UPDATE daemon SET seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 minutes')");
  CHECK(reason(2) == "it is next in line");
  CHECK(user.number("SELECT count(*) FROM health") == 0);
}
