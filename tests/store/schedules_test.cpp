// The table schedules: what it refuses, what follows from its changes, and by which index it is
// read.
#include "store/schedules.h"
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

using Rows = std::vector<std::string>;

struct Fixture : QueueFixture {
  Schedules schedules{database};

  void insert(const std::string& name, const std::string& columns = "",
              const std::string& values = "") {
    user.exec("INSERT INTO schedules(name, cron, file_token, script" + columns + ") VALUES ('" +
              name + "', '@daily', 'f', 'x'" + values + ")");
  }
  Schedule find(const std::string& name) {
    std::optional<Schedule> found;
    database.read([&] { found = schedules.find(name); });
    REQUIRE(found);
    return *found;
  }
  ScheduledRun run(const std::string& name, const char* at) {
    const Schedule schedule = find(name);
    ScheduledRun run;
    database.write([&] {
      const WallTime time = *parse_time(at);
      run = schedules.run(schedule, {time, time, std::nullopt}, now);
      if (run.outcome == ScheduledRun::Outcome::made)
        schedules.save(name, {std::nullopt, 0, "", {{time, run.job, run.state}}});
    });
    return run;
  }
  Rows changed() { return user.column("SELECT schedule FROM schedule_changes"); }
  void none_changed() { user.exec("DELETE FROM schedule_changes"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a bad schedule is refused with a sentence, however it is INSERTed") {
  struct Row {
    const char* column;
    const char* value;
    const char* sentence;
  };
  const Row refusals[] = {
      {"name", "''", "name must not be empty"},
      {"name", "NULL", "name must not be empty"},
      {"cron", "''", "cron must not be empty"},
      {"cron", "NULL", "cron must not be empty"},
      {"timezone", "''", "timezone must not be empty"},
      {"timezone", "NULL", "timezone must not be empty"},
      {"overlap", "'queue'", "overlap must be skip, queue_one, queue_all or replace"},
      {"overlap", "NULL", "overlap must be skip"},
      {"missed", "'never'", "missed must be once, skip or all"},
      {"missed", "NULL", "missed must be once"},
      {"catch_up_s", "-1", "catch_up_s must be a number of seconds from 0 to 2592000"},
      {"catch_up_s", "2592001", "catch_up_s must be"},
      {"catch_up_s", "NULL", "catch_up_s must be"},
      {"catch_up_s", "'1d'", "cannot store TEXT value in INTEGER"},
      {"jitter_s", "-1", "jitter_s must be a number of seconds from 0 to 86400"},
      {"jitter_s", "86401", "jitter_s must be"},
      {"jitter_s", "NULL", "jitter_s must be"},
      {"expires_s", "0", "expires_s must be a positive number of seconds"},
      {"expires_s", "2592001", "expires_s must be"},
      {"jitter_s, expires_s", "60, 60", "expires_s must be more than jitter_s"},
      {"starts_at", "'tomorrow'", "starts_at must be a UTC time"},
      {"starts_at", "'2026-02-30 09:00:00'", "starts_at must be a UTC time"},
      {"ends_at", "'2026-01-31T09:00:00Z'", "ends_at must be a UTC time"},
      {"starts_at, ends_at", "'2026-01-31 09:00:00', '2026-01-30 09:00:00'",
       "ends_at must not be before starts_at"},
      {"paused", "2", "paused must be 0 or 1"},
      {"paused", "NULL", "paused must be 0 or 1"},
      // What a job refuses, in the words of a job.
      {"file_token", "''", "file_token must not be empty"},
      {"file_token", "'https://www.kdocs.cn/l/cabc'", "not its browser address"},
      {"script", "NULL", "script must not be NULL"},
      {"script", "''", "script must not be empty"},
      {"argv", "'[]'", "argv must be a JSON object"},
      {"app", "''", "app must not be empty"},
      {"priority", "NULL", "priority must be a number"},
      {"max_attempts", "0", "max_attempts must be from 1 to 1000"},
      {"timeout_s", "0", "timeout_s must be a positive number"},
      {"on_unconfirmed", "'no'", "on_unconfirmed must be hold, retry or fail"},
      {"class", "''", "class must not be empty"},
      // What the daemon writes.
      {"next_at", "'2026-01-31 09:00:00'", "a new schedule has no times yet"},
      {"last_at", "'2026-01-31 09:00:00'", "a new schedule has no times yet"},
      {"last_job_id", "1", "a new schedule has no times yet"},
      {"last_state", "'queued'", "a new schedule has no times yet"},
      {"skipped", "1", "a new schedule has no times yet"},
      {"error", "'x'", "a new schedule has no times yet"},
      {"rev", "1", "a new schedule has no times yet"},
      {"padding", "x''", "a new schedule has no times yet"},
  };
  insert("good");
  for (const Row& row : refusals) {
    CAPTURE(row.column);
    CAPTURE(row.value);
    std::map<std::string, std::string> columns = {
        {"name", "'n'"}, {"cron", "'@daily'"}, {"file_token", "'f'"}, {"script", "'x'"}};
    columns.erase(row.column);
    std::string names = row.column;
    std::string values = row.value;
    for (const auto& [name, value] : columns) {
      names += ", " + name;
      values += ", " + value;
    }
    for (const std::string insert : {"INSERT", "INSERT OR IGNORE", "INSERT OR FAIL", "REPLACE"}) {
      const std::string refusal =
          user.attempt(insert + " INTO schedules(" + names + ") VALUES (" + values + ")");
      CAPTURE(refusal);
      CHECK(contains(refusal, row.sentence));
    }
    // An UPDATE of one column may say no more.
    if (contains(row.column, ",") || contains(row.column, "name") || contains(row.column, "rev"))
      continue;
    const std::string sentence = contains(row.sentence, "a new schedule")
                                     ? "are written by the daemon: change cron"
                                     : row.sentence;
    for (const std::string update : {"UPDATE ", "UPDATE OR IGNORE "}) {
      const std::string refusal =
          user.attempt(update + "schedules SET " + row.column + " = " + row.value);
      CAPTURE(refusal);
      CHECK(contains(refusal, sentence));
    }
  }
  CHECK(contains(user.attempt("UPDATE schedules SET name = 'other'"), "cannot change, its jobs"));
  CHECK(user.number("SELECT count(*) FROM schedules") == 1);
}

TEST_CASE_FIXTURE(Fixture, "what changes the times is noted, and nothing else") {
  insert("a");
  user.exec("INSERT OR FAIL INTO schedules(name, cron, file_token, script) VALUES "
            "('b', '@daily', 'f', 'x')");
  CHECK(changed() == Rows{"a", "b"});
  user.exec("UPDATE OR FAIL schedules SET cron = '@hourly'"); // noted already
  none_changed();
  for (const char* set : {"cron = '@weekly'", "timezone = 'UTC'", "paused = 1",
                          "ends_at = '2126-01-01 00:00:00'", "starts_at = '2026-01-01 00:00:00'"}) {
    CAPTURE(set);
    user.exec("UPDATE schedules SET " + std::string(set) + " WHERE name = 'b'");
    CHECK(changed() == Rows{"b"});
    none_changed();
    user.exec("UPDATE schedules SET " + std::string(set) + " WHERE name = 'b'"); // the same
    CHECK(changed().empty());
  }
  user.exec("UPDATE schedules SET priority = 5, overlap = 'replace', missed = 'all', script = 'y'");
  CHECK(changed().empty());
  database.write([&] { schedules.save("a", {now, 3, "why", {}}); });
  CHECK(changed().empty());
  user.exec("REPLACE INTO schedules(name, cron, file_token, script) VALUES ('a', '@daily', 'f', "
            "'x')");
  CHECK(changed() == Rows{"a"});
  CHECK(user.text("SELECT skipped || coalesce(next_at, '') FROM schedules WHERE name = 'a'") ==
        "0");
  database.write([&] { schedules.set_times("a", {now, now + 1h}); });
  CHECK(user.column("SELECT at FROM upcoming") ==
        Rows{"2126-01-01 00:00:00.000", "2126-01-01 01:00:00.000"});
  user.exec("DELETE FROM schedules");
  CHECK(changed() == Rows{"a", "b"});
  CHECK(user.number("SELECT count(*) FROM upcoming") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a schedule is read as it was written, and what is no number is bounded") {
  insert("a", ", overlap, missed, catch_up_s, jitter_s, expires_s, starts_at, ends_at, paused",
         ", 'queue_all', 'skip', 5, 6, 7, '2026-01-01 00:00:00', '2027-01-01 00:00:00', 1");
  Schedule schedule = find("a");
  CHECK(schedule.cron == "@daily");
  CHECK(schedule.timezone == "Asia/Shanghai");
  CHECK(schedule.overlap == Overlap::queue_all);
  CHECK(schedule.missed == Missed::skip);
  CHECK(schedule.catch_up == 5s);
  CHECK(schedule.jitter == 6s);
  CHECK(schedule.expires == 7s);
  CHECK(schedule.starts_at == "2026-01-01 00:00:00");
  CHECK(schedule.ends_at == "2027-01-01 00:00:00");
  CHECK(schedule.paused);
  CHECK(!schedule.next_at);
  CHECK(schedule == find("a"));
  user.exec("DROP TRIGGER schedules_update; UPDATE schedules SET catch_up_s = 9000000000000, "
            "jitter_s = -5, overlap = '', missed = '', next_at = 'soon', expires_s = NULL");
  schedule = find("a");
  CHECK(schedule.catch_up == 2'592'000s);
  CHECK(schedule.jitter == 0s);
  CHECK(schedule.overlap == Overlap::skip);
  CHECK(schedule.missed == Missed::once);
  CHECK(!schedule.next_at);
  CHECK(!schedule.expires);
  std::optional<WallTime> next;
  database.read([&] { next = schedules.next_time(now); });
  CHECK(next == WallTime::max()); // no reason to look again and again
}

TEST_CASE_FIXTURE(Fixture, "a time has one job, whoever has INSERTed it") {
  insert("a", ", overlap", ", 'queue_all'");
  const ScheduledRun first = run("a", "2126-01-01 00:00:00");
  CHECK(first.outcome == ScheduledRun::Outcome::made);
  CHECK(first.job == JobId{1});
  REQUIRE(claim(1));
  const ScheduledRun again = run("a", "2126-01-01 00:00:00");
  CHECK(again.outcome == ScheduledRun::Outcome::made);
  CHECK(again.job == JobId{1});
  CHECK(again.state == JobState::submitting);
  CHECK(user.number("SELECT count(*) FROM jobs") == 1);
  CHECK(contains(user.attempt("INSERT INTO jobs(file_token, script, schedule, scheduled_at) VALUES "
                              "('f', 'x', 'a', '2126-01-01 00:00:00.000')"),
                 "UNIQUE constraint failed"));
  // Those that a user runs at once have no time, and do not clash.
  for (int i = 0; i < 2; ++i)
    CHECK(user.attempt("INSERT INTO jobs(file_token, script, schedule) VALUES ('f', 'x', 'a')") ==
          "");
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture, "of many that are queued since overlap was another one, replace takes a "
                           "bounded number a time") {
  insert("a", ", overlap", ", 'queue_all'");
  for (int minute = 10; minute < 58; ++minute)
    run("a", ("2126-01-01 00:" + std::to_string(minute) + ":00").c_str());
  for (int minute = 10; minute < 58; ++minute)
    run("a", ("2126-01-01 01:" + std::to_string(minute) + ":00").c_str());
  CHECK(user.number("SELECT count(*) FROM jobs WHERE state = 'queued'") == 96);
  user.exec("UPDATE schedules SET overlap = 'replace'");
  CHECK(run("a", "2126-01-02 00:00:00").job == JobId{97});
  CHECK(user.number("SELECT count(*) FROM jobs WHERE state = 'queued'") == 47);
  CHECK(user.text("SELECT count(*) || ' ' || min(needs) || ' ' || max(needs) FROM dependencies "
                  "WHERE job_id = 97") == "46 51 96");
  run("a", "2126-01-03 00:00:00");
  CHECK(user.column("SELECT id FROM jobs WHERE state = 'queued'") == Rows{"98"});
  settle();
  CHECK(lane(98) == "future");
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a job that is refused leaves nothing behind, and the transaction goes on") {
  insert("a", ", overlap", ", 'replace'");
  run("a", "2126-01-01 00:00:00");
  user.exec("CREATE TRIGGER mine AFTER UPDATE OF state ON jobs BEGIN SELECT RAISE(ABORT, 'no'); "
            "END");
  const ScheduledRun refused = run("a", "2126-01-01 00:01:00");
  CHECK(refused.outcome == ScheduledRun::Outcome::refused);
  CHECK(refused.why == "no");
  CHECK(user.column("SELECT id || state FROM jobs") == Rows{"1queued"});
  CHECK(user.number("SELECT count(*) FROM queue") == 1);
  insert("long");
  user.exec("INSERT INTO daemon(one, max_script_bytes) VALUES (1, 0)");
  CHECK(contains(run("long", "2126-01-01 00:01:00").why, "script is too long"));
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture, "last_state follows each change of the last job, by whomever") {
  insert("a");
  const auto last = [&] { return user.text("SELECT last_state FROM schedules"); };
  run("a", "2126-01-01 00:00:00");
  CHECK(last() == "queued");
  REQUIRE(claim(1));
  CHECK(last() == "submitting");
  REQUIRE(QueueFixture::run(1));
  CHECK(last() == "running");
  REQUIRE(end(1, JobState::failed));
  CHECK(last() == "failed");
  user.exec("UPDATE jobs SET state = 'queued'");
  CHECK(last() == "queued");
  user.exec("UPDATE jobs SET state = 'cancelled'");
  CHECK(last() == "cancelled");
  CHECK(user.number("SELECT length(padding) + length(last_state) FROM schedules") == 11);
  user.exec("DELETE FROM jobs");
  CHECK(user.text("SELECT last_job_id || last_state FROM schedules") == "1cancelled");
}

TEST_CASE_FIXTURE(Fixture,
                  "schedules and their open jobs are found by index, others cost nothing") {
  const auto uses = [&](const std::string& sql, const std::string& index) {
    const auto steps = plan(sql);
    return std::any_of(steps.begin(), steps.end(),
                       [&](const std::string& step) { return contains(step, index); }) &&
           std::none_of(steps.begin(), steps.end(), [](const std::string& step) {
             return step.starts_with("SCAN") || contains(step, "TEMP B-TREE");
           });
  };
  CHECK(uses("SELECT * FROM schedules WHERE next_at IS NOT NULL AND next_at <= '2126' ORDER BY "
             "next_at DESC LIMIT 5",
             "schedules_next"));
  CHECK(uses("SELECT 1 FROM schedules WHERE last_job_id = 5", "schedules_last_job"));
  CHECK(uses("SELECT id FROM jobs INDEXED BY jobs_of_schedule WHERE schedule = 'a' AND state IN "
             "('queued', 'submitting', 'running', 'unconfirmed') AND id < 5 ORDER BY id DESC",
             "jobs_of_schedule"));
  CHECK(uses("SELECT id FROM jobs WHERE schedule = 'a' AND scheduled_at = 'b'", "jobs_scheduled"));
  CHECK(contains(plan("SELECT name, error FROM schedules WHERE error IS NOT NULL").front(),
                 "USING INDEX schedules_in_trouble"));
}

TEST_CASE_FIXTURE(Fixture, "a job waits for all of its schedule that have not ended") {
  const char* overlap = "";
  SUBCASE("queue_one") {
    overlap = "queue_one";
  }
  SUBCASE("queue_all") {
    overlap = "queue_all";
  }
  SUBCASE("replace") {
    overlap = "replace";
  }
  insert("a", ", overlap", ", '" + std::string(overlap) + "'");
  run("a", "2126-01-01 00:00:00");
  REQUIRE(claim(1));
  // Beside it a user has run it by hand.
  user.exec("INSERT INTO jobs(file_token, script, schedule) VALUES ('g', 'x', 'a')");
  REQUIRE(claim(2));
  REQUIRE(run("a", "2126-01-02 00:00:00").job == JobId{3});
  CHECK(user.column("SELECT needs FROM dependencies WHERE job_id = 3 AND when_needed = 'ended' "
                    "ORDER BY needs") == Rows{"1", "2"});
  const auto end_it = [&](std::int64_t job) {
    REQUIRE(QueueFixture::run(job));
    REQUIRE(end(job, JobState::succeeded));
    settle();
  };
  end_it(2);
  CHECK(lane(3) == "dependent");
  end_it(1);
  CHECK(lane(3) != "dependent");
}

TEST_CASE_FIXTURE(Fixture, "of very many that have not ended a job waits for the latest hundred") {
  insert("a", ", overlap", ", 'queue_all'");
  user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO jobs(file_token, script, schedule) SELECT 'f', 'x', 'a' FROM n");
  run("a", "2126-01-01 00:00:00");
  CHECK(user.text("SELECT count(*) || ' ' || min(needs) || ' ' || max(needs) FROM dependencies") ==
        "100 2901 3000");
}
