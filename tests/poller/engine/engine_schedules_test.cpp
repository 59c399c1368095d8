// Schedules in a running engine: jobs come at their times, once each, whatever happens meanwhile.
#include "tests/poller/engine/schedule_world.h"
#include "tests/support/text.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
using World = ScheduleWorld;

TEST_CASE("a job comes at each time of a schedule, and runs as any other") {
  World world;
  world.user->exec("INSERT INTO schedules(name, cron, timezone, file_token, script, script_name, "
                   "argv, priority, max_attempts, timeout_s, on_unconfirmed, class, expires_s) "
                   "VALUES ('s', '*/10 * * * *', 'UTC', 'f', '" +
                   std::string(two_seconds) + "', 'n', '{\"a\": 1}', 3, 2, 77, 'retry', 'c', 300)");
  world.run_for(1s);
  CHECK(world.word("next_at") == "2126-03-02 09:10:00.000");
  CHECK(world.user->column("SELECT at FROM upcoming WHERE schedule = 's'") ==
        Rows{"2126-03-02 09:10:00.000", "2126-03-02 09:20:00.000", "2126-03-02 09:30:00.000",
             "2126-03-02 09:40:00.000", "2126-03-02 09:50:00.000"});
  world.run_for(9min + 58s);
  CHECK(world.times().empty());
  REQUIRE(world.run_until([&] { return world.kdocs.tasks().size() == 1; }, 1min));
  CHECK(world.kdocs.tasks().at(0).started - *parse_time("2126-03-02 09:10:00") < 1s);
  CHECK(world.word("last_state") == "submitting");
  world.run_for(1s);
  CHECK(world.word("last_state") == "running");
  world.run_for(20min + 10s);
  CHECK(world.times() == Rows{"02 09:10", "02 09:20", "02 09:30"});
  CHECK(world.word("last_at") == "2126-03-02 09:30:00.000");
  CHECK(world.word("last_job_id") == "3");
  CHECK(world.word("last_state") == "succeeded");
  CHECK(world.word("next_at") == "2126-03-02 09:40:00.000");
  CHECK(world.user->number("SELECT count(*) FROM upcoming WHERE at > '2126-03-02 09:30:01'") == 5);
  CHECK(world.user->text("SELECT file_token || script_name || argv || app || priority || "
                         "max_attempts || timeout_s || on_unconfirmed || class || schedule || "
                         "run_at || expires_at FROM jobs WHERE id = 1") ==
        "fn{\"a\": 1}default3277retrycs2126-03-02 09:10:00.0002126-03-02 09:15:00.000");
  CHECK(world.user->text("SELECT script FROM jobs WHERE id = 1") == two_seconds);
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("skip: a time that comes before the last job has ended has none") {
  World world;
  world.insert("*/4 * * * *", "", "", ten_minutes);
  world.run_for(23min + 30s); // 9:04 runs until 9:14, so 9:08 and 9:12 find it; 9:16 runs
  CHECK(world.times() == Rows{"02 09:04", "02 09:16"});
  CHECK(world.skipped() == 3);
  CHECK(world.user->number("SELECT count(*) FROM health") == 0);
}

TEST_CASE("queue_one: one job waits for the one that has not ended") {
  World world;
  world.insert("*/4 * * * *", "overlap", "'queue_one'", ten_minutes);
  world.run_for(13min);
  CHECK(world.times() == Rows{"02 09:04", "02 09:08"});
  CHECK(world.states() == Rows{"running", "queued"});
  CHECK(world.skipped() == 1);
  CHECK(world.user->column("SELECT job_id || ' ' || needs || ' ' || when_needed FROM "
                           "dependencies") == Rows{"2 1 ended"});
  CHECK(world.user->text("SELECT what FROM need_reasons") == "waits for job 1, which is running");
  world.run_for(5min); // 9:14 the second one begins; 9:16 finds none queued
  CHECK(world.times() == Rows{"02 09:04", "02 09:08", "02 09:16"});
  CHECK(world.states() == Rows{"succeeded", "running", "queued"});
}

TEST_CASE("queue_one: a job that a user runs at once beside it is waited for as well") {
  EngineSettings settings = one_app();
  settings.max_running_per_file = 0;
  World world(settings);
  world.insert("*/4 * * * *", "overlap", "'queue_one'", ten_minutes);
  world.run_for(7min);
  world.user->exec("INSERT INTO jobs(file_token, script, schedule) "
                   "VALUES ('g', '{\"ms\": 180000}', 's')");
  world.run_for(5min); // 9:08 finds both, and this one has ended at 9:10
  CHECK(world.states() == Rows{"running", "succeeded", "queued"});
}

TEST_CASE("queue_all: each waits for those before, on different files as well") {
  EngineSettings settings = one_app();
  settings.max_running_per_file = 0;
  World world(settings);
  world.insert("*/4 * * * *", "overlap", "'queue_all'", ten_minutes);
  world.run_for(17min);
  CHECK(world.times() == Rows{"02 09:04", "02 09:08", "02 09:12", "02 09:16"});
  CHECK(world.states() == Rows{"succeeded", "running", "queued", "queued"});
  CHECK(world.user->column("SELECT job_id || ' ' || needs FROM dependencies") ==
        Rows{"2 1", "3 1", "3 2", "4 2", "4 3"});
  CHECK(world.kdocs.most_on_one_file() == 1);
  CHECK(world.skipped() == 0);
  world.user->exec("UPDATE schedules SET paused = 1");
  REQUIRE(world.run_until_idle());
  CHECK(world.states() == Rows(4, "succeeded"));
  CHECK(world.word("last_state") == "succeeded");
}

TEST_CASE("replace: the new job takes the place of one that is queued, and waits for what runs") {
  World world;
  world.insert("*/4 * * * *", "overlap", "'replace'", ten_minutes);
  world.run_for(13min);
  CHECK(world.times() == Rows{"02 09:04", "02 09:08", "02 09:12"});
  CHECK(world.states() == Rows{"running", "cancelled", "queued"});
  CHECK(world.error(2) == "job 3 of the same schedule has taken its place (overlap is replace)");
  CHECK(world.user->text("SELECT finished_at FROM jobs WHERE id = 2").substr(0, 16) ==
        "2126-03-02 09:12");
  CHECK(world.user->column("SELECT job_id || ' ' || needs FROM dependencies WHERE job_id = 3") ==
        Rows{"3 1"});
  CHECK(world.word("last_job_id") == "3");
  CHECK(world.word("last_state") == "queued");
  world.run_for(2min);
  CHECK(world.states() == Rows{"succeeded", "cancelled", "running"});
  CHECK(world.kdocs.tasks().size() == 2);
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("what is unconfirmed, and what a user runs at once, has not ended either") {
  World world;
  world.insert("*/4 * * * *");
  world.run_for(1s);
  const std::string run_now =
      "INSERT INTO jobs(file_token, script, script_name, argv, app, priority, max_attempts, "
      "timeout_s, on_unconfirmed, schedule) SELECT file_token, script, script_name, argv, app, "
      "priority, max_attempts, timeout_s, on_unconfirmed, name FROM schedules WHERE name = 's'";
  SUBCASE("run at once") {
    world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
    world.user->exec(run_now);
    world.user->exec(run_now); // two without a time do not clash
  }
  SUBCASE("unconfirmed") {
    world.user->exec(run_now);
    world.user->exec("UPDATE jobs SET state = 'submitting'; UPDATE jobs SET state = 'unconfirmed'");
  }
  world.run_for(10min);
  CHECK(world.times().empty());
  CHECK(world.skipped() == 2);
  world.user->exec("DELETE FROM pauses; UPDATE jobs SET state = 'cancelled'");
  world.run_for(3min);
  CHECK(world.times() == Rows{"02 09:12"});
}

TEST_CASE("missed: what came while the daemon was down") {
  struct Row {
    const char* missed;
    Rows times;
    std::int64_t skipped;
  };
  const Row rows[] = {
      {"once", {"02 09:10", "02 12:50", "02 13:00"}, 21},
      {"skip", {"02 09:10", "02 13:00"}, 22},
      {"all",
       {"02 09:10", "02 11:40", "02 11:50", "02 12:00", "02 12:10", "02 12:20", "02 12:30",
        "02 12:40", "02 12:50", "02 13:00"},
       14},
  };
  for (const Row& row : rows) {
    CAPTURE(row.missed);
    World world;
    world.insert("*/10 * * * *", "missed, catch_up_s, overlap",
                 "'" + std::string(row.missed) + "', 4800, 'queue_all'");
    world.run_for(15min);
    world.kill();
    world.clock.advance(3h + 45min - 5s); // 12:59:55
    world.start();
    world.run_for(5min);
    CHECK(world.times() == row.times);
    CHECK(world.skipped() == row.skipped);
    CHECK(world.skipped() + static_cast<std::int64_t>(world.times().size()) == 24);
  }
}

TEST_CASE("what is overdue by the wall clock is missed, too; what has happened does not again") {
  World world;
  world.insert("0 * * * *", "overlap", "'queue_all'");
  world.run_for(1h + 1min);
  CHECK(world.times() == Rows{"02 10:00"});
  SUBCASE("forward") {
    world.clock.step_wall(4h + 1min); // 14:02: 14:00 is more than a minute past
    world.run_for(10min);
    CHECK(world.times() == Rows{"02 10:00", "02 14:00"});
    CHECK(world.skipped() == 3);
  }
  SUBCASE("backward") {
    world.clock.step_wall(-2h); // 08:01
    world.run_for(2h + 30min);
    CHECK(world.times() == Rows{"02 10:00"});
    CHECK(world.word("next_at") == "2126-03-02 11:00:00.000");
    world.run_for(30min);
    CHECK(world.times() == Rows{"02 10:00", "02 11:00"});
    CHECK(world.skipped() == 0);
  }
  SUBCASE("backward, and changed then") {
    world.clock.step_wall(-2h);
    world.user->exec("UPDATE schedules SET cron = '*/30 * * * *'");
    world.run_for(2h + 10min);
    CHECK(world.times() == Rows{"02 10:00"});
    CHECK(world.word("next_at") == "2126-03-02 10:30:00.000");
  }
  SUBCASE("the last time is forgotten: there is a job for it") {
    world.clock.step_wall(-2h);
    world.user->exec("DELETE FROM schedules");
    world.insert("0 * * * *");
    world.run_for(2h + 1min);
    CHECK(world.times() == Rows{"02 10:00", "02 09:00"}); // which had none before
  }
}

TEST_CASE("clocks that change: in Berlin a fixed time comes once, in the gap right after it") {
  World world;
  // The system's rules end with 2037.
  world.clock.step_wall(*parse_time("2030-03-29 12:00:00") - world.clock.wall());
  world.insert("30 2 * * *");
  world.user->exec("UPDATE schedules SET timezone = 'Europe/Berlin'");
  world.run_for(3 * 24h);
  CHECK(world.times() == Rows{"30 01:30", "31 01:00", "01 00:30"});
  world.clock.advance(*parse_time("2030-10-26 12:00:00") - world.clock.wall());
  world.user->exec("UPDATE schedules SET missed = 'skip'");
  world.run_for(3 * 24h);
  CHECK(world.times() ==
        Rows{"30 01:30", "31 01:00", "01 00:30", "27 00:30", "28 01:30", "29 01:30"});
}

TEST_CASE("a daemon that is killed at the moment neither loses a time nor doubles it") {
  World world;
  world.insert("* * * * *", "overlap", "'queue_all'");
  for (int i = 0; i < 8; ++i) {
    world.run_for(37s);
    world.kill();
    world.clock.advance(3s);
    world.start();
  }
  world.run_for(40s);
  CHECK(world.times() ==
        Rows{"02 09:01", "02 09:02", "02 09:03", "02 09:04", "02 09:05", "02 09:06"});
  CHECK(world.skipped() == 0);
}

TEST_CASE("a job that is there already counts as made") {
  World world;
  world.insert("*/10 * * * *");
  world.run_for(1s);
  world.user->exec("INSERT INTO jobs(file_token, script, schedule, scheduled_at) VALUES ('f', '" +
                   std::string(two_seconds) + "', 's', '2126-03-02 09:10:00.000')");
  world.run_for(10min + 1s);
  CHECK(world.times() == Rows{"02 09:10"});
  CHECK(world.word("last_job_id") == "1");
  CHECK(world.word("last_state") == "succeeded");
  CHECK(world.word("error") == "NULL");
  CHECK(world.skipped() == 0);
}

TEST_CASE("jitter and expires_at are reckoned from the time") {
  World world;
  world.insert("*/10 * * * *", "jitter_s, expires_s", "120, 300");
  world.run_for(31min);
  const Rows jitters = world.user->column(
      "SELECT strftime('%s', run_at) - strftime('%s', scheduled_at) FROM jobs ORDER BY id");
  REQUIRE(jitters.size() == 3);
  for (const std::string& jitter : jitters)
    CHECK(std::stoi(jitter) < 120);
  CHECK(jitters != Rows(3, jitters[0]));
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE strftime('%s', expires_at) - "
                           "strftime('%s', scheduled_at) = 300") == 3);
  for (const FakeTask& task : world.kdocs.tasks())
    CHECK(task.started >= *parse_time(world.user->text("SELECT min(run_at) FROM jobs")));
}

TEST_CASE("a minute's schedule that was away for years is worked off in short steps") {
  World world;
  world.insert("* * * * *");
  world.run_for(1s);
  world.kill();
  world.clock.advance(24h * 365 * 3);
  world.start();
  const auto before = world.database->commits();
  world.run_for(1min);
  CHECK(world.database->commits() - before > 700); // of 2,000 times each
  CHECK(world.times().size() == 2);
  CHECK(world.skipped() + 2 == 3 * 365 * 24 * 60 + 1);
  CHECK(world.user->number("SELECT count(*) FROM upcoming") == 5);
}

TEST_CASE("what comes now does not wait for schedules that were away for years") {
  World world;
  world.insert("* * * * *", "missed", "'skip'");
  world.user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
                   "INSERT INTO schedules(name, cron, timezone, file_token, script) "
                   "SELECT 'old' || i, '* * * * *', 'UTC', 'g', 'x' FROM n");
  world.run_for(1s);
  world.kill();
  world.user->exec("UPDATE schedules SET rev = rev + 1, next_at = '2120-01-01 00:00:00.000' "
                   "WHERE name <> 's'");
  world.clock.advance(58s);
  world.start();
  world.run_for(5s);
  CHECK(world.user->number("SELECT count(*) FROM schedules WHERE next_at < '2126'") == 60);
  CHECK(world.user->column("SELECT schedule FROM jobs") == Rows{"s"});
  CHECK(world.word("skipped") == "0");
}

TEST_CASE("ten thousand schedules cost no tick, and all at once some of them in each") {
  World world;
  world.user->exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
      "INSERT INTO schedules(name, cron, timezone, file_token, script, priority) "
      "SELECT 's' || i, '0 12 * * *', 'UTC', 'f' || i, '{\"ms\": 60000}', i % 3 FROM n");
  world.run_for(30s);
  CHECK(world.user->number("SELECT count(*) FROM schedules WHERE next_at IS NOT NULL") == 10'000);
  CHECK(world.user->number("SELECT count(*) FROM schedule_times") == 50'000);
  world.run_for(1min); // whatever the start had to write is written
  const auto before = world.database->commits();
  world.clock.advance_to(world.clock.steady() + 2h);
  CHECK(world.engine->tick() - world.clock.steady() > 50min); // nothing is due before 12:00
  CHECK(world.database->commits() == before);

  world.clock.advance(58min + 30s);
  std::int64_t jobs = 0;
  std::int64_t most = 0;
  for (int tick = 0; tick < 2'000 && jobs < 10'000; ++tick) {
    world.step(world.clock.steady() + 5s);
    const std::int64_t now = world.user->number("SELECT max(id) FROM jobs");
    most = std::max(most, now - jobs);
    jobs = std::max(jobs, now);
  }
  CHECK(jobs == 10'000);
  CHECK(most <= 50);
  CHECK(world.user->number("SELECT count(DISTINCT schedule) FROM jobs WHERE scheduled_at = "
                           "'2126-03-02 12:00:00.000'") == 10'000);
  CHECK(world.user->number("SELECT sum(skipped) FROM schedules") == 0);
  CHECK(world.user->number(wrong_counters) == 0);
}
