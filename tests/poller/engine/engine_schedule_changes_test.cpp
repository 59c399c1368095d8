// Schedules that users change, stop, restore or get wrong.
#include "tests/poller/engine/schedule_world.h"
#include "tests/support/text.h"
#include "tests/support/wrong_counters.h"

#include <SQLiteCpp/Backup.h>
#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
using World = ScheduleWorld;

TEST_CASE("paused: no times come, and none are made up for") {
  World world;
  world.insert("*/10 * * * *", "missed", "'all'");
  world.run_for(15min);
  world.user->exec("UPDATE schedules SET paused = 1");
  world.run_for(1min);
  CHECK(world.word("next_at") == "NULL");
  CHECK(world.user->number("SELECT count(*) FROM upcoming") == 0);
  world.run_for(1h);
  world.user->exec("UPDATE schedules SET paused = 0");
  world.run_for(10min);
  CHECK(world.times() == Rows{"02 09:10", "02 10:20"});
  CHECK(world.skipped() == 0);
}

TEST_CASE("changes act at once") {
  World world;
  world.insert("0 0 1 1 *");
  world.run_for(1s);
  CHECK(world.word("next_at") == "2127-01-01 00:00:00.000");
  world.user->exec("UPDATE schedules SET cron = '*/30 * * * *', script = '{\"ms\": 5}'");
  world.run_for(31min);
  CHECK(world.times() == Rows{"02 09:30"});
  CHECK(world.kdocs.tasks().at(0).script == "{\"ms\": 5}");
  world.user->exec("UPDATE schedules SET starts_at = '2126-03-02 12:00:00', "
                   "ends_at = '2126-03-02 12:30:00'");
  world.run_for(4h);
  CHECK(world.times() == Rows{"02 09:30", "02 12:00", "02 12:30"});
  CHECK(world.word("next_at") == "NULL");
  CHECK(world.word("error") == "NULL");
  world.user->exec("UPDATE schedules SET ends_at = NULL");
  world.run_for(1s);
  CHECK(world.word("next_at") != "NULL");
  world.user->exec("DELETE FROM schedules");
  world.run_for(2h);
  CHECK(world.times().size() == 3); // its jobs stay
  CHECK(world.user->number("SELECT count(*) FROM schedule_times") == 0);
}

TEST_CASE("starts_at in the past does not make up for anything") {
  World world;
  world.insert("*/10 * * * *", "starts_at, missed", "'2126-01-01 00:00:00', 'all'");
  world.run_for(11min);
  CHECK(world.times() == Rows{"02 09:10"});
  CHECK(world.skipped() == 0);
}

TEST_CASE("a time that had come before a change, and was not looked at, is counted") {
  World world;
  world.insert("*/10 * * * *");
  world.run_for(1s);
  world.kill();
  world.clock.advance(10min);
  world.user->exec("UPDATE schedules SET cron = '0 12 * * *'");
  world.start();
  world.run_for(1min);
  CHECK(world.times().empty());
  CHECK(world.skipped() == 1);
  CHECK(world.word("next_at") == "2126-03-02 12:00:00.000");
}

TEST_CASE("what cannot be read is told, stops nothing, and is looked at again after a repair") {
  World world;
  world.insert("0 25 * * *");
  world.user->exec("INSERT INTO schedules(name, cron, timezone, file_token, script) VALUES "
                   "('zone', '0 9 * * *', 'Mars/Olympus', 'f', 'x'), "
                   "('good', '*/10 * * * *', 'UTC', 'g', 'x')");
  world.run_for(11min);
  CHECK(world.word("error").starts_with("the field hour of the cron text is 25: "));
  CHECK(world.word("next_at") == "NULL");
  CHECK(world.user->column("SELECT subject FROM health ORDER BY subject") ==
        Rows{"schedule s", "schedule zone"});
  CHECK(contains(world.user->text("SELECT message FROM health WHERE subject = 'schedule zone'"),
                 "no time zone \"Mars/Olympus\""));
  CHECK(world.user->column("SELECT schedule FROM jobs") == Rows{"good"});
  world.kill();
  world.start(); // also not at a start
  world.run_for(1s);
  CHECK(world.user->number("SELECT count(*) FROM health") == 2);
  world.user->exec("UPDATE schedules SET cron = '0 23 * * *' WHERE name = 's'; "
                   "DELETE FROM schedules WHERE name = 'zone'");
  world.run_for(1s);
  CHECK(world.word("next_at") == "2126-03-02 23:00:00.000");
  CHECK(world.user->number("SELECT count(*) FROM health") == 0);
}

TEST_CASE("a job that the database refuses is told and counted, and holds up no other schedule") {
  World world;
  world.insert("*/10 * * * *");
  world.user->exec("INSERT INTO schedules(name, cron, timezone, file_token, script) VALUES "
                   "('good', '*/10 * * * *', 'UTC', 'g', 'x')");
  SUBCASE("by a trigger") {
    world.user->exec("CREATE TRIGGER mine BEFORE INSERT ON jobs WHEN NEW.schedule = 's' BEGIN "
                     "  SELECT RAISE(ABORT, 'not here'); END");
  }
  SUBCASE("by a trigger, after it was there") {
    world.user->exec("CREATE TRIGGER mine AFTER INSERT ON jobs WHEN NEW.schedule = 's' BEGIN "
                     "  SELECT RAISE(ABORT, 'not here'); END");
  }
  SUBCASE("by a trigger that drops it") {
    world.user->exec("CREATE TRIGGER mine BEFORE INSERT ON jobs WHEN NEW.schedule = 's' BEGIN "
                     "  SELECT RAISE(IGNORE); END");
  }
  world.run_for(11min);
  CHECK(world.user->column("SELECT schedule FROM jobs") == Rows{"good"});
  CHECK(world.skipped() == 1);
  CHECK(world.word("error").starts_with("no job could be INSERTed for 2126-03-02 09:10:00 UTC: "));
  CHECK(world.user->number("SELECT count(*) FROM health WHERE subject = 'schedule s'") == 1);
  world.user->exec("DROP TRIGGER mine");
  world.run_for(10min);
  CHECK(world.times() == Rows{"02 09:10", "02 09:20", "02 09:20"});
  CHECK(world.word("error") == "NULL");
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("last_state follows the job, also by the user's hand") {
  World world;
  world.insert("*/10 * * * *", "max_attempts", "2", R"({"error": "boom"})");
  world.run_for(10min + 1s);
  CHECK(world.word("last_state") == "running");
  world.run_for(8min);
  CHECK(world.word("last_state") == "failed");
  world.user->exec("UPDATE jobs SET state = 'queued'");
  CHECK(world.word("last_state") == "queued");
  world.user->exec("UPDATE jobs SET state = 'cancelled'");
  CHECK(world.word("last_state") == "cancelled");
  world.user->exec("DELETE FROM jobs");
  world.run_for(10min);
  CHECK(world.word("last_job_id") == "2");
  CHECK(world.user->number("SELECT length(padding) + length(last_state) FROM schedules") == 11);
}

TEST_CASE("a restored queue skips what may have run since the backup, and goes on from now") {
  World world;
  world.insert("*/10 * * * *", "missed", "'all'");
  world.run_for(15min);
  const std::filesystem::path backup = world.dir.path() / "backup.db";
  {
    SQLite::Database to(backup.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(to, world.user->connection()).executeStep();
  }
  world.run_for(1h);
  CHECK(world.times().size() == 7);
  {
    SQLite::Database from(backup.string(), SQLite::OPEN_READONLY);
    SQLite::Backup(world.user->connection(), from).executeStep();
  }
  world.run_for(1min);
  CHECK(world.times() == Rows{"02 09:10"});
  CHECK(world.skipped() == 6);
  CHECK(world.word("next_at") == "2126-03-02 10:20:00.000");
  world.run_for(5min);
  CHECK(world.times() == Rows{"02 09:10", "02 10:20"});
}
