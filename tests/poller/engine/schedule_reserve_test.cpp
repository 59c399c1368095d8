// Starts of a day that are kept for schedules, by the real ones.
#include "poller/engine/schedule_reserve.h"

#include "store/schedules.h"
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

TEST_CASE("a bulk load leaves the starts that schedules need until the end of the quota day") {
  EngineWorld world(test_app(10));
  world.user->exec(
      "INSERT INTO schedules(name, cron, timezone, file_token, script) "
      "VALUES ('hourly', '30 * * * *', 'UTC', 'f', '{}')"); // seven times before 16:00 UTC
  world.user->exec("INSERT INTO schedules(name, cron, timezone, file_token, script, paused) "
                   "VALUES ('paused', '* * * * *', 'UTC', 'g', '{}', 1)");
  world.user->exec("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) "
                   "INSERT INTO jobs(file_token, script) SELECT 'f' || i, '{}' FROM n");
  world.run_for(1h);
  const auto started = [&](const char* which) {
    return world.user->number("SELECT count(*) FROM jobs WHERE attempt > 0 AND schedule IS " +
                              std::string(which));
  };
  CHECK(started("NULL") == 3);
  CHECK(contains(world.user->text("SELECT reason FROM waiting WHERE app = 'default' LIMIT 1"),
                 "schedule"));
  world.run_for(6h - 1min);
  CHECK(started("NULL") == 3);
  CHECK(started("NOT NULL") == 7);
  CHECK(world.kdocs.refused_by_quota() == 0);
  // A schedule that is gone needs nothing.
  world.user->exec("DELETE FROM schedules");
  world.run_for(1h);
  CHECK(started("NULL") == 13);
}

TEST_CASE("the starts to come are those of the app, of all its schedules, and get fewer") {
  EngineWorld world;
  world.engine.reset(); // only its tables are wanted
  const WallTime now = world.clock.wall();
  for (int i = 0; i < 250; ++i)
    world.user->exec(
        "INSERT INTO schedules(name, cron, timezone, file_token, script, app, jitter_s) "
        "VALUES ('" +
        std::to_string(i) + "', '0,30 10 * * *', 'UTC', 'f', '{}', '" +
        (i < 240 ? "default" : "second") + "', " + (i == 0 ? "3600" : "0") + ")");
  world.user->exec("UPDATE schedules SET next_at = '2126-03-02 10:00:00.000', rev = rev + 1");
  Schedules schedules(*world.database);
  ScheduleReserve reserve(schedules, world.clock);
  const auto needed = [&](const std::string& app, WallTime until) {
    std::int64_t starts = 0;
    for (int i = 0; i < 5; ++i) // a bounded number of schedules at a time
      world.database->read([&] { starts = reserve.starts_needed(app, until); });
    return starts;
  };
  CHECK(needed("second", now + 10h) == 20);
  CHECK(needed("third", now + 10h) == 0);
  CHECK(needed("default", now + 75min) == 240);
  CHECK(needed("default", now + 10h) == 480);
  world.clock.advance(65min);
  CHECK(needed("default", now + 10h) == 241); // one may start an hour later than its time
  world.user->exec("DELETE FROM schedules WHERE name = '1'");
  reserve.forget();
  CHECK(needed("default", now + 10h) == 239);
  world.user->exec("INSERT INTO jobs(file_token, script, schedule) VALUES ('f', '{}', '0')");
  CHECK(needed("default", now + 10h) == 240);
}
