// What metrics are made of: counted with what happens, and never less.
#include "store/metric_counters.h"

#include "store/request_log.h"
#include "store/result_log.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct Fixture : QueueFixture {
  Fixture() {
    daemon_runs();
    database.write([&] { metrics.begin_series({"default"}); });
  }
  std::int64_t add(const std::string& columns = "", const std::string& values = "") {
    user.exec("INSERT INTO jobs(file_token, script" + columns + ") VALUES ('f', 'x'" + values +
              ")");
    return user.number("SELECT max(id) FROM jobs");
  }
  void run_to(std::int64_t job, JobState state) {
    REQUIRE(claim(job));
    REQUIRE(run(job));
    REQUIRE(end(job, state));
  }
  std::int64_t ends(const std::string& state, const std::string& app = "default") {
    return user.number("SELECT value FROM counters WHERE app = '" + app +
                       "' AND name = 'jobs_finished' AND label = '" + state + "'");
  }
  /// All counts that are not 0.
  std::vector<std::string> counted() {
    return user.column(
        "SELECT app || ' ' || name || ' ' || label || ' ' || outcome || ' ' || value "
        "|| ' ' || sum_ms FROM counters WHERE value > 0");
  }

  MetricCounters metrics{database};
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "each end of a job is counted once, by its state and app") {
  run_to(add(), JobState::succeeded);
  run_to(add(), JobState::succeeded);
  run_to(add(), JobState::failed);
  run_to(add(), JobState::timed_out);
  CHECK(counted() == std::vector<std::string>{"default jobs_finished failed  1 0",
                                              "default jobs_finished succeeded  2 0",
                                              "default jobs_finished timed_out  1 0"});
}

TEST_CASE_FIXTURE(Fixture, "an app that is not configured makes no rows, however it is called") {
  run_to(add(", app", ", 'nobody'"), JobState::succeeded);
  user.exec("INSERT INTO jobs(file_token, script, app) VALUES ('f', 'x', 'a'), ('f', 'x', 'b'); "
            "UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'");
  CHECK(counted() ==
        std::vector<std::string>{" jobs_finished cancelled  2 0", " jobs_finished succeeded  1 0"});
  CHECK(user.number("SELECT count(DISTINCT app) FROM counters") == 2);
}

TEST_CASE_FIXTURE(Fixture, "the ends that users write are counted") {
  SUBCASE("cancelled while it is queued, runs, or is unconfirmed") {
    REQUIRE(claim(add()));
    REQUIRE(claim(add()));
    REQUIRE(run(2));
    add();
    go(add(), {"submitting", "unconfirmed"});
    user.exec("UPDATE jobs SET state = 'cancelled'");
    CHECK(ends("cancelled") == 4);
    user.exec("UPDATE jobs SET state = 'cancelled', error = 'again'");
    CHECK(ends("cancelled") == 4);
  }
  SUBCASE("in whatever way the statement treats conflicts") {
    add();
    add();
    user.exec("UPDATE OR REPLACE jobs SET state = 'cancelled' WHERE id = 1");
    user.exec("UPDATE OR IGNORE jobs SET state = 'cancelled' WHERE id = 2");
    CHECK(ends("cancelled") == 2);
  }
  SUBCASE("another one has taken its place") {
    add(", unique_key", ", 'k'");
    user.exec("INSERT OR IGNORE INTO jobs(file_token, script, unique_key, supersede) "
              "VALUES ('f', 'x', 'k', 1)");
    CHECK(ends("cancelled") == 1);
  }
  SUBCASE("undone with their transaction") {
    add();
    user.exec("BEGIN; UPDATE jobs SET state = 'cancelled'; ROLLBACK");
    CHECK(ends("cancelled") == 0);
  }
  SUBCASE("a row that is not there is made") {
    add();
    user.exec("DELETE FROM counters; UPDATE jobs SET state = 'cancelled'");
    CHECK(counted() == std::vector<std::string>{"default jobs_finished cancelled  1 0"});
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "a job that is run again counts again, one that is deleted still counts") {
  run_to(add(), JobState::failed);
  user.exec("UPDATE jobs SET state = 'queued'");
  CHECK(ends("failed") == 1);
  rows.clear();
  run_to(1, JobState::failed);
  CHECK(ends("failed") == 2);
  user.exec("DELETE FROM jobs");
  CHECK(ends("failed") == 2);
}

TEST_CASE_FIXTURE(Fixture, "what goes back to the queue by max_attempts has not ended") {
  add();
  REQUIRE(claim(1));
  REQUIRE(run(1));
  JobRow queued;
  queued.attempt = 1;
  queued.rev = rows[1].rev + 1;
  const auto again = [&] {
    database.write(
        [&] { queue.save_for_later(JobId{1}, rows[1], queued, now + 1h, EndCause::script); });
  };
  SUBCASE("it does not") {
    again();
    CHECK(user.text("SELECT state FROM jobs") == "queued");
    CHECK(counted().empty());
  }
  SUBCASE("unless a user's trigger ends it on its way") {
    user.exec("CREATE TRIGGER stop AFTER UPDATE OF state ON jobs WHEN NEW.state = 'failed' BEGIN "
              "UPDATE jobs SET state = 'queued' WHERE id = NEW.id; "
              "UPDATE jobs SET state = 'cancelled' WHERE id = NEW.id; END");
    again();
    CHECK(user.text("SELECT state FROM jobs") == "cancelled");
    CHECK(counted() == std::vector<std::string>{"default jobs_finished cancelled  1 0",
                                                "default jobs_finished failed  1 0"});
  }
}

TEST_CASE_FIXTURE(Fixture, "a transaction that is undone has counted nothing") {
  CHECK_THROWS(database.write([&] {
    metrics.request_ended("default", Endpoint::submit, RequestOutcome::accepted);
    metrics.job_ran("default", 2s);
    throw std::runtime_error("no");
  }));
  database.write([&] { metrics.log_gap(); });
  CHECK(counted() == std::vector<std::string>{" log_gaps   1 0"});
}

TEST_CASE_FIXTURE(Fixture, "a gap row counts") {
  ResultLog log{database};
  database.write([&] { log.gap(JobId{1}, 1, {"lost", now, now}, now); });
  database.write([&] { log.gap(JobId{1}, 1, {"lost", now, now}, now); });
  CHECK(counted() == std::vector<std::string>{" log_gaps   2 0"});
}

TEST_CASE_FIXTURE(Fixture, "a span falls into the first bucket that takes it") {
  database.write([&] {
    for (const auto span : {-5ms, 0ms, 100ms, 101ms, 3'600'000ms, 3'600'001ms})
      metrics.job_ran("default", span);
    metrics.end_seen("default", 70ms);
  });
  CHECK(counted() == std::vector<std::string>{"default end_seen_delay_seconds 0.1  1 70",
                                              "default job_run_seconds +Inf  1 3600001",
                                              "default job_run_seconds 0.1  3 100",
                                              "default job_run_seconds 0.25  1 101",
                                              "default job_run_seconds 3600  1 3600000"});
}

TEST_CASE_FIXTURE(Fixture, "series begin at 0 and go on where they are") {
  CHECK(counted().empty());
  CHECK(user.column("SELECT label FROM counters WHERE app = 'default' AND name = 'job_run_seconds' "
                    "ORDER BY label = '+Inf', CAST(label AS REAL)") ==
        std::vector<std::string>{"0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120",
                                 "300", "600", "1800", "3600", "+Inf"});
  database.write([&] { metrics.end_seen("default", 70ms); });
  const std::int64_t rows_of_two = user.number("SELECT count(*) FROM counters");
  database.write([&] { metrics.begin_series({"default"}); });
  CHECK(user.number("SELECT count(*) FROM counters") == rows_of_two);
  CHECK(counted().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "whatever a user writes into the table, jobs end") {
  CHECK(user.attempt("UPDATE counters SET value = -1") != "");
  CHECK(user.attempt("UPDATE counters SET value = 'many'") != "");
  SUBCASE("the greatest number") {
    user.exec("UPDATE counters SET value = 9223372036854775807, sum_ms = 9223372036854775807");
  }
  SUBCASE("nothing") {
    user.exec("DELETE FROM counters");
  }
  run_to(add(), JobState::succeeded);
  add();
  user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = 2");
  database.write([&] { metrics.job_ran("default", 1s); });
  CHECK(user.text("SELECT group_concat(state) FROM jobs") == "succeeded,cancelled");
  CHECK(ends("succeeded") > 0);
}

TEST_CASE_FIXTURE(
    Fixture, "a schedule knows when a job of it succeeded last, also if it is not the last one") {
  user.exec(
      "INSERT INTO schedules(name, cron, file_token, script) VALUES ('s', '@daily', 'f', 'x'), "
      "('t', '@daily', 'f', 'x')");
  CHECK(user.attempt("UPDATE schedules SET last_success_at = '2026-01-01'") != "");
  const std::int64_t first = add(", schedule", ", 's'");
  const std::int64_t last = add(", schedule", ", 's'");
  user.exec("UPDATE schedules SET last_job_id = 2, rev = rev + 1 WHERE name = 's'");
  run_to(first, JobState::succeeded);
  now += 1h;
  run_to(last, JobState::failed);
  CHECK(user.column("SELECT name || ' ' || coalesce(last_state, '-') || ' ' || "
                    "coalesce(last_success_at, '-') FROM schedules ORDER BY name") ==
        std::vector<std::string>{"s failed 2126-01-01 00:00:00.000", "t - -"});
}

TEST_CASE_FIXTURE(Fixture, "a reader finds all of it without passing the rows of jobs or queue") {
  for (const char* sql :
       {"SELECT state, jobs FROM job_counts",
        "SELECT app, name, label, outcome, value, sum_ms FROM counters",
        "SELECT app, endpoint, allowed, used FROM quota_today",
        "SELECT name, state = 'ready', token_expires_at FROM apps",
        "SELECT name, last_success_at FROM schedules", "SELECT made_at FROM backup",
        "SELECT version FROM daemon",
        // The oldest ready job: from ('', '', the least number) on, each row tells where the next
        // begins.
        "SELECT app, class, priority, due FROM queue INDEXED BY queue_ready WHERE lane = 'ready' "
        "AND (app, class, priority) > ('default', '', 0) ORDER BY app, class, priority, due "
        "LIMIT 1"}) {
    CAPTURE(sql);
    for (const std::string& step : plan(sql)) {
      CAPTURE(step);
      for (const char* long_table : {"SCAN jobs", "SCAN queue", "SCAN quota ", "SCAN q "})
        CHECK((step + " ").find(long_table) == std::string::npos);
      if (step.find("queue_ready") != std::string::npos)
        CHECK(step.find("(app,class,priority)>(?,?,?)") != std::string::npos);
    }
  }
}
