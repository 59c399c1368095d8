// Many ended jobs at once: found in dead_letters, run again by one UPDATE, deleted by one DELETE.
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

/// Batches whose counters are not what their jobs say, or which have ended and should not have, or
/// the other way round.
constexpr const char* wrong_batches =
    "SELECT count(*) FROM batches AS b WHERE (jobs, waiting, running, succeeded, failed, "
    "cancelled) "
    "IS NOT (SELECT count(*), count(*) FILTER (WHERE state IN ('queued', 'unconfirmed')), "
    "  count(*) FILTER (WHERE state IN ('submitting', 'running')), "
    "  count(*) FILTER (WHERE state = 'succeeded'), "
    "  count(*) FILTER (WHERE state IN ('failed', 'timed_out')), "
    "  count(*) FILTER (WHERE state = 'cancelled') FROM jobs WHERE batch_id = b.id) "
    "OR (ended_at IS NULL) <> (waiting + running > 0 OR jobs = 0)";

struct Fixture : QueueFixture {
  Fixture() {
    daemon_runs();
    user.exec("INSERT INTO batches(name) VALUES ('one'), ('two')");
  }
  /// Jobs that all end so.
  void add(int count, JobState state, const std::string& columns = "",
           const std::string& values = "") {
    for (int i = 0; i < count; ++i) {
      user.exec("INSERT INTO jobs(file_token, script" + columns + ") VALUES ('f" +
                std::to_string(i % 7) + "', 'x'" + values + ")");
      const std::int64_t job = user.number("SELECT max(id) FROM jobs");
      REQUIRE(claim(job));
      REQUIRE(run(job));
      REQUIRE(end(job, state));
    }
    settle();
  }
  /// Whatever follows from the jobs is as they say.
  void check_all() {
    CHECK(user.number(wrong_counters) == 0);
    CHECK(user.number(wrong_batches) == 0);
    CHECK(user.number("SELECT count(*) FROM queue AS q FULL JOIN (SELECT * FROM jobs WHERE "
                      "state = 'queued') AS j ON j.id = q.job_id WHERE (q.app, q.file_token, "
                      "q.priority, q.due, q.timed, q.expires_at) IS NOT (j.app, j.file_token, "
                      "j.priority, coalesce(j.run_at, j.created_at), j.run_at IS NOT NULL, "
                      "j.expires_at)") == 0);
    CHECK(user.number("SELECT count(*) FROM queue WHERE (lane = 'dependent') <> (job_id IN "
                      "(SELECT job_id FROM needs))") == 0);
    CHECK(user.text("PRAGMA integrity_check") == "ok");
  }
  std::int64_t dead(const std::string& condition = "1") {
    return user.number("SELECT count(*) FROM dead_letters WHERE " + condition);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "dead_letters has what failed or timed out, and is found by an index") {
  add(2, JobState::succeeded);
  add(2, JobState::failed, ", batch_id, class, script_name", ", 1, 'c', 'n'");
  add(1, JobState::timed_out);
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')");
  user.exec("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'");
  CHECK(user.column("SELECT job_id || state || cause FROM dead_letters") ==
        std::vector<std::string>{"3failedscript", "4failedscript", "5timed_outtimeout"});
  CHECK(user.text("SELECT app || class || file_token || script_name || batch_id || attempt || "
                  "finished_at FROM dead_letters") == "defaultcf0n112126-01-01 00:00:00.000");
  for (const char* sql :
       {"SELECT * FROM dead_letters", "SELECT count(*) FROM dead_letters WHERE batch_id = 1",
        "SELECT * FROM dead_letters WHERE cause = 'script'",
        "UPDATE jobs SET state = 'queued' WHERE cause = 'script'",
        "UPDATE jobs SET state = 'queued' WHERE id IN (SELECT job_id FROM dead_letters)"}) {
    CAPTURE(sql);
    bool by_index = false;
    for (const std::string& step : plan(sql)) {
      by_index = by_index || step.find("INDEX jobs_cause") != std::string::npos;
      CHECK(step.find("SCAN jobs") == std::string::npos);
    }
    CHECK(by_index);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "one UPDATE runs dead letters again, and nothing is lost or miscounted") {
  add(60, JobState::failed, ", batch_id", ", 1");
  add(40, JobState::failed);
  add(20, JobState::timed_out, ", batch_id", ", 2");
  add(30, JobState::succeeded, ", batch_id", ", 1");
  user.exec("INSERT INTO jobs(file_token, script, depends_on) SELECT 'g', 'x', id FROM jobs "
            "WHERE state = 'failed' AND id % 3 = 0");
  user.exec(
      "INSERT INTO jobs(file_token, script, after_batch) VALUES ('g', 'x', 1), ('g', 'x', 2)");
  settle();
  const std::int64_t waiting = user.number("SELECT count(*) FROM queue");
  CHECK(user.number("SELECT count(*) FROM needs WHERE stuck = 1") == waiting);
  check_all();
  SUBCASE("by cause") {
    user.exec("UPDATE jobs SET state = 'queued' WHERE cause = 'script'");
    CHECK(dead() == 20);
    CHECK(user.number("SELECT count(*) FROM queue") == waiting + 100);
    CHECK(user.number("SELECT count(*) FROM needs WHERE stuck = 1") == 1); // for batch 2
  }
  SUBCASE("by batch") {
    user.exec("UPDATE jobs SET state = 'queued' "
              "WHERE id IN (SELECT job_id FROM dead_letters WHERE batch_id = 2)");
    CHECK(dead() == 100);
    CHECK(dead("batch_id = 2") == 0);
    CHECK(user.text("SELECT state || waiting FROM batch_progress WHERE batch_id = 2") ==
          "waiting20");
  }
  SUBCASE("spread over an hour") {
    user.exec(
        "UPDATE jobs SET state = 'queued', run_at = strftime('%Y-%m-%d %H:%M:%f', 'now', "
        "(abs(random()) % 3600) || ' seconds') WHERE id IN (SELECT job_id FROM dead_letters)");
    CHECK(dead() == 0);
    CHECK(user.number("SELECT count(DISTINCT run_at) FROM jobs") > 60);
    CHECK(user.number("SELECT count(*) FROM jobs WHERE run_at > datetime('now', '+1 hour')") == 0);
    CHECK(user.number("SELECT count(*) FROM queue WHERE lane = 'future'") >= 118);
  }
  check_all();
  // And all of them run, those that waited for them as well.
  user.exec("UPDATE jobs SET run_at = NULL WHERE state = 'queued'");
  for (int rounds = 0; rounds < 3; ++rounds) {
    for (const std::string& id :
         user.column("SELECT job_id FROM queue WHERE lane IN ('ready', 'parked')")) {
      REQUIRE(claim(std::stoll(id)));
      REQUIRE(run(std::stoll(id)));
      REQUIRE(end(std::stoll(id), JobState::succeeded));
    }
    settle();
  }
  check_all();
  CHECK(user.number("SELECT count(*) FROM jobs WHERE state = 'queued'") ==
        user.number("SELECT count(DISTINCT job_id) FROM needs WHERE stuck = 1"));
}

TEST_CASE_FIXTURE(Fixture,
                  "of jobs with the same unique_key one is run again by UPDATE OR IGNORE") {
  add(3, JobState::failed, ", unique_key", ", 'k'");
  add(2, JobState::failed);
  const char* sentence = "another job with this unique_key has not ended: cancel that one first, "
                         "or leave this one out by OR IGNORE";
  CHECK(
      contains(user.attempt("UPDATE jobs SET state = 'queued' WHERE cause = 'script'"), sentence));
  for (const char* key : {"'k'", "'l'"}) {
    const std::string sql = "INSERT INTO jobs(file_token, script, unique_key) VALUES ('f', 'x', ";
    user.exec(sql + key + ")");
    CHECK(contains(user.attempt(sql + key + ")"), sentence));
    CHECK(user.attempt(sql + key + ") ON CONFLICT DO NOTHING") == "");
  }
  CHECK(contains(user.attempt("UPDATE jobs SET state = 'queued' WHERE id = 1"), sentence));
  CHECK(
      contains(user.attempt("UPDATE jobs SET unique_key = 'k' WHERE unique_key = 'l'"), sentence));
  user.exec("DELETE FROM jobs WHERE state = 'queued'");
  CHECK(dead() == 5);
  user.exec("UPDATE OR IGNORE jobs SET state = 'queued' WHERE cause = 'script'");
  CHECK(dead() == 2);
  CHECK(user.number("SELECT count(*) FROM queue") == 3);
  check_all();
}

TEST_CASE_FIXTURE(Fixture,
                  "one DELETE of ended jobs leaves nothing of them, and the counters right") {
  add(30, JobState::failed, ", batch_id", ", 1");
  add(30, JobState::succeeded, ", batch_id", ", 2");
  add(20, JobState::succeeded);
  user.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome) "
            "SELECT id, 1, 'submit', 'x', 'accepted' FROM jobs;"
            "INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
            "SELECT id, 1, 1, 'info', '[]', '', 'x' FROM jobs");
  user.exec("DELETE FROM jobs WHERE state = 'succeeded'");
  CHECK(user.number("SELECT count(*) FROM jobs") == 30);
  CHECK(user.number("SELECT count(*) FROM requests") == 30);
  CHECK(user.number("SELECT count(*) FROM logs") == 30);
  CHECK(user.number("SELECT count(*) FROM batches WHERE id = 2") == 0);
  check_all();
  user.exec("DELETE FROM jobs");
  CHECK(user.number("SELECT count(*) FROM batches") == 0);
  CHECK(dead() == 0);
  check_all();
}

TEST_CASE_FIXTURE(Fixture, "what a user does to a job costs the same beside few and many others") {
  add(4, JobState::failed, ", batch_id", ", 1");
  add(2, JobState::succeeded);
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('g', 'x', 1), ('g', 'x', 2)");
  settle();
  const std::int64_t again = steps_of("UPDATE jobs SET state = 'queued' WHERE id = 1");
  const std::int64_t cancel = steps_of("UPDATE jobs SET state = 'cancelled' WHERE id = 7");
  const std::int64_t remove = steps_of("DELETE FROM jobs WHERE id = 5");
  user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO jobs(file_token, script) SELECT 'h', 'x' FROM n");
  CHECK(steps_of("UPDATE jobs SET state = 'queued' WHERE id = 2") < 2 * again);
  CHECK(steps_of("UPDATE jobs SET state = 'cancelled' WHERE id = 8") < 2 * cancel);
  CHECK(steps_of("DELETE FROM jobs WHERE id = 6") < 2 * remove);
}
