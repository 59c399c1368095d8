// Schedules of which the database takes no change as a whole: they wait, and no other does.
#include "tests/poller/engine/schedule_world.h"
#include "tests/support/text.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// Beside s there is a schedule named good. The trigger is a user's: it stays while the table `off`
/// has a row, so that its end is no change of the schema.
struct World : ScheduleWorld {
  World() {
    user->exec("CREATE TABLE off(x); INSERT INTO off VALUES (1);"
               "INSERT INTO schedules(name, cron, timezone, file_token, script) VALUES "
               "('good', '*/10 * * * *', 'UTC', 'g', '" +
               std::string(two_seconds) + "')");
  }
  void refuse(const std::string& when, const std::string& then) {
    user->exec("CREATE TRIGGER mine " + when + " AND EXISTS (SELECT 1 FROM off) BEGIN " + then +
               "; END");
  }
  void refuse_jobs() {
    refuse("BEFORE INSERT ON jobs WHEN NEW.schedule = 's'", "SELECT RAISE(ROLLBACK, 'not here')");
  }
  Rows times_of(const std::string& name) {
    return user->column("SELECT substr(scheduled_at, 9, 8) FROM jobs WHERE schedule = '" + name +
                        "' ORDER BY id");
  }
  std::int64_t skipped_of(const std::string& name) {
    return user->number("SELECT skipped FROM schedules WHERE name = '" + name + "'");
  }
};

constexpr char endless[] =
    "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i FROM n)";

/// Until just after the first time, which good has a job for, and s has not.
void refuse_s(World& world, const std::string& words) {
  world.insert("*/10 * * * *");
  if (words == "not here")
    world.refuse_jobs();
  else
    world.refuse("BEFORE INSERT ON jobs WHEN NEW.schedule = 's'", endless);
  world.run_for(10min + 10s);
  CHECK(world.times_of("good") == Rows{"02 09:10"});
  CHECK(world.times_of("s").empty());
  const std::string error = world.word("error");
  CHECK(error.starts_with("no job could be INSERTed for 2126-03-02 09:10:00 UTC yet"));
  CHECK(contains(error, words));
  CHECK(contains(error, "DROP TRIGGER \"mine\""));
  CHECK(world.user->column("SELECT message FROM health WHERE subject = 'schedule s'") ==
        Rows{error});
  CHECK(world.user->number("SELECT count(*) FROM health") == 1);
  CHECK(world.events.told("no job could be INSERTed for 2126-03-02 09:10:00 UTC yet"));
  CHECK(world.word("next_at") == "2126-03-02 09:10:00.000");
  CHECK(world.skipped_of("s") == 0);
  world.user->enqueue("h", two_seconds, "");
  world.run_for(30s);
  CHECK(world.state(2) == "succeeded");
}

void is_made_up(World& world) {
  CHECK(world.times_of("s") == Rows{"02 09:10"});
  CHECK(world.word("error") == "NULL");
  CHECK(world.user->number("SELECT count(*) FROM health") == 0);
  world.run_for(10min);
  CHECK(world.times_of("s") == Rows{"02 09:10", "02 09:20"});
  CHECK(world.times_of("good") == Rows{"02 09:10", "02 09:20"});
  CHECK(world.skipped_of("s") + world.skipped_of("good") == 0);
  CHECK(world.user->number(wrong_counters) == 0);
}

} // namespace

TEST_CASE("a schedule whose transaction is ended waits, is told, and holds up nothing") {
  for (const char* words : {"not here", "did not come to an end"})
    for (const char* relief : {"the trigger is dropped", "it allows it", "it does after a start"}) {
      CAPTURE(words);
      CAPTURE(relief);
      World world;
      refuse_s(world, words);
      if (contains(relief, "dropped")) {
        world.user->exec("DROP TRIGGER mine");
        world.run_for(2s); // at once
        is_made_up(world);
        continue;
      }
      if (contains(relief, "start")) {
        world.kill();
        world.start(); // and meets the trigger once more
        world.run_for(2s);
        CHECK(world.times_of("s").empty());
      }
      world.user->exec("DELETE FROM off");
      world.run_for(5min);
      is_made_up(world);
    }
}

TEST_CASE("times that wait are neither lost nor doubled: missed says which have a job") {
  struct Row {
    const char* missed;
    std::size_t least; ///< the last time may be found within its minute
    std::size_t most;
  };
  for (const Row& row : {Row{"once", 1, 2}, Row{"skip", 0, 1}, Row{"all", 6, 6}}) {
    CAPTURE(row.missed);
    World world;
    world.insert("*/10 * * * *", "missed, overlap",
                 "'" + std::string(row.missed) + "', 'queue_all'");
    world.refuse_jobs();
    world.run_for(55min);
    CHECK(world.times_of("s").empty());
    CHECK(world.times_of("good").size() == 5);
    world.user->exec("DELETE FROM off");
    world.run_for(13min); // it is tried every ten minutes
    const std::size_t jobs = world.times_of("s").size();
    CHECK(jobs >= row.least);
    CHECK(jobs <= row.most);
    CHECK(world.skipped_of("s") + static_cast<std::int64_t>(jobs) == 6);
    CHECK(world.word("next_at") == "2126-03-02 10:10:00.000");
  }
}

TEST_CASE("very many that fail keep none of the others, and not the loop") {
  World world;
  world.refuse("BEFORE INSERT ON jobs WHEN NEW.schedule GLOB 'bad*'",
               "SELECT RAISE(ROLLBACK, 'not here')");
  world.user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 240) "
                   "INSERT INTO schedules(name, cron, timezone, file_token, script) "
                   "SELECT iif(i % 3 = 0, 'ok', 'bad') || i, '30 9 * * *', 'UTC', 'f' || i, '" +
                   std::string(two_seconds) + "' FROM n");
  world.run_for(30min - 5s);
  std::int64_t made = 0;
  std::int64_t most = 0;
  std::uint64_t most_commits = 0;
  const SteadyTime end = world.clock.steady() + 20s;
  while (world.clock.steady() < end) {
    const std::uint64_t before = world.database->commits();
    world.step(world.clock.steady() + 5s);
    most_commits = std::max(most_commits, world.database->commits() - before);
    const std::int64_t now =
        world.user->number("SELECT count(*) FROM jobs WHERE schedule GLOB 'ok*'");
    most = std::max(most, now - made);
    made = now;
  }
  CHECK(made == 80);
  CHECK(most <= 50);
  CHECK(most_commits < 50);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE schedule GLOB 'bad*'") == 0);
  CHECK(world.user->number("SELECT count(*) FROM schedules WHERE name GLOB 'bad*' AND error "
                           "LIKE '%not here%'") == 160);
  world.user->exec("DELETE FROM off");
  world.run_for(11min);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE schedule GLOB 'bad*'") == 160);
  CHECK(world.user->number("SELECT count(*) FROM schedules WHERE error IS NOT NULL") == 0);
}

TEST_CASE("a schedule that a user changes is looked at within a second while another one fails") {
  for (const std::string then : {"SELECT RAISE(ROLLBACK, 'not here')", endless}) {
    CAPTURE(then);
    World world;
    world.insert("*/10 * * * *");
    world.refuse("BEFORE INSERT ON jobs WHEN NEW.schedule = 's'", then);
    for (int i = 0; i < 20; ++i) {
      world.run_for(i == 0 ? 10min : 7s); // at the moment when it fails, and later
      const std::string cron = i % 2 == 0 ? "30 * * * *" : "40 * * * *";
      world.user->exec("UPDATE schedules SET cron = '" + cron + "' WHERE name = 'good'");
      world.run_for(1s);
      CHECK(world.user->number("SELECT count(*) FROM schedule_changes") == 0);
    }
    world.user->exec("UPDATE schedules SET cron = '50 * * * *' WHERE name = 's'"); // this one, too
    world.run_for(1s);
    CHECK(world.word("next_at") == "2126-03-02 09:50:00.000");
    CHECK(world.word("error") == "NULL");
    CHECK(world.skipped_of("s") == 1);
  }
}

TEST_CASE("a schedule whose own row cannot be written holds up no other, and doubles no job") {
  World world;
  world.insert("*/10 * * * *");
  const std::string when = "BEFORE UPDATE ON schedules WHEN NEW.name = 's' AND NEW.rev <> OLD.rev";
  SUBCASE("when its time comes") {
    world.run_for(1s);
    world.refuse(when, "SELECT RAISE(ABORT, 'not here')");
    world.run_for(10min);
  }
  SUBCASE("when it is changed") {
    world.run_for(1s);
    world.refuse(when, "SELECT RAISE(IGNORE)");
    world.user->exec("UPDATE schedules SET cron = '5-59/10 * * * *' WHERE name = 's'");
    world.run_for(10min);
    CHECK(world.user->column("SELECT schedule FROM schedule_changes") == Rows{"s"});
  }
  world.run_for(10min);
  CHECK(world.times_of("good") == Rows{"02 09:10", "02 09:20"});
  CHECK(world.times_of("s").empty());
  CHECK(world.events.told("DROP TRIGGER \"mine\""));
  world.user->exec("DROP TRIGGER mine");
  world.run_for(10min);
  const Rows times = world.times_of("s");
  REQUIRE_FALSE(times.empty());
  CHECK(std::adjacent_find(times.begin(), times.end()) == times.end());
  CHECK(world.user->number("SELECT count(*) FROM schedule_changes") == 0);
  CHECK(world.user->number("SELECT count(*) FROM health") == 0);
}

TEST_CASE("a daemon whose only work fails is seen all the same") {
  World world;
  world.user->exec("DELETE FROM schedules");
  world.insert("*/10 * * * *");
  world.refuse_jobs();
  world.run_for(30min);
  const auto seen = parse_time(world.user->text("SELECT seen_at FROM daemon"));
  REQUIRE(seen);
  CHECK(world.clock.wall() - *seen < 2min);
}
