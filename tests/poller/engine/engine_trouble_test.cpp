// What users have put into the database and what it does to the engine: nothing is lost, and all
// who look are told.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

std::string health(EngineWorld& world) {
  return world.user->text("SELECT coalesce(group_concat(subject || ': ' || message), '') "
                          "FROM health");
}

/// Of three jobs one of which has lines to be stored.
void check_all_ended(EngineWorld& world) {
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 3);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level <> 'gap'") ==
        world.user->number("SELECT count(*) FROM jobs") * 4);
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 3);
  world.run_for(15s);
  CHECK(health(world).empty());
  CHECK(world.events.told("relief the database can be written again"));
}

} // namespace

TEST_CASE("a trigger that refuses is told in health, and nothing is lost") {
  EngineWorld world;
  for (int i = 0; i < 3; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  const char* trigger = "";
  const char* says = "";
  SUBCASE("starts") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN "
              "SELECT RAISE(ABORT, 'not now'); END";
    says = "refuses what kdocs-queued writes: not now";
  }
  SUBCASE("starts, without a word") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into jobs of job";
  }
  SUBCASE("ends, without a word") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'succeeded' BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into jobs of job";
  }
  SUBCASE("lines, without a word") {
    trigger = "BEFORE INSERT ON logs BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into logs of job";
  }
  SUBCASE("intents") {
    trigger = "BEFORE INSERT ON in_flight BEGIN SELECT RAISE(FAIL, 'not now'); END";
    says = "refuses what kdocs-queued writes: not now";
  }
  world.user->exec("CREATE TRIGGER ann " + std::string(trigger));
  REQUIRE(world.run_until([&] { return !health(world).empty(); }));
  const std::string told = health(world);
  CHECK(contains(told, "database: " + world.file().string()));
  CHECK(contains(told, says));
  CHECK(contains(told, "DROP TRIGGER \"ann\""));
  CHECK(world.events.told(says));
  CHECK(contains(world.engine->status().trouble, says));
  world.run_for(1min);
  CHECK(health(world) == told);
  world.user->exec("DROP TRIGGER ann");
  check_all_ended(world);
}

TEST_CASE("after a trigger without end others can write for a while, longer each time") {
  EngineWorld world;
  // A clock that goes on while the daemon works.
  world.database->bound_time([&] { return world.clock.advance(1ms), world.clock.steady(); });
  world.user->exec("CREATE TRIGGER evil BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM "
                   "n) SELECT i FROM n); END");
  for (int i = 0; i < 3; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  SteadyTime wake = world.engine->tick();
  REQUIRE(contains(health(world), "DROP TRIGGER \"evil\""));
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 8; ++i) {
    const auto rest = wake - world.clock.steady();
    CHECK(rest >= std::max(last, std::chrono::milliseconds(1s)));
    last = std::chrono::duration_cast<std::chrono::milliseconds>(rest);
    world.user->exec("UPDATE jobs SET priority = priority + 1"); // whatever happens meanwhile
    const SteadyTime before = world.clock.steady();
    CHECK(world.engine->tick() == wake);
    CHECK(world.clock.steady() == before); // nothing was tried
    world.clock.advance(rest);
    wake = world.engine->tick();
  }
  CHECK(last <= 20s);
  world.user->exec("DROP TRIGGER evil");
  world.clock.advance(wake - world.clock.steady());
  check_all_ended(world);
}

TEST_CASE("replies that take too long together are stored one by one") {
  EngineWorld world;
  for (int i = 0; i < 20; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.user->exec("CREATE TRIGGER slow AFTER INSERT ON logs WHEN NEW.level <> 'gap' BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                   "FROM n LIMIT 4000) SELECT i FROM n); END");
  // Each line takes about 50 looks at the clock; of all replies together there are 80 lines.
  world.database->bound_time([&] { return world.clock.advance(2ms), world.clock.steady(); });
  CHECK(world.run_until_idle());
  CHECK(world.events.told("did not come to an end and was given up"));
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level <> 'gap'") == 80);
}

TEST_CASE("what a refused change would have spent of the quota is not spent") {
  EngineWorld world;
  for (int i = 0; i < 10; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.user->exec("CREATE TRIGGER ann BEFORE INSERT ON in_flight WHEN NEW.endpoint = 'submit' "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END");
  world.run_for(10s);
  world.user->exec("DROP TRIGGER ann");
  world.run_for(0ms);
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 10);
}

TEST_CASE("a job starts whatever somebody has written into the kept counters") {
  EngineWorld world;
  for (const char* mischief : {"UPDATE job_counts SET jobs = -5", "DELETE FROM job_counts"}) {
    const auto job = world.user->enqueue("f", two_seconds, "n");
    world.user->exec(mischief);
    CHECK(world.run_until([&] { return world.state(job) == "succeeded"; }, 1min));
  }
}

TEST_CASE("a start that finds such a trigger waits for it to go") {
  EngineWorld world;
  world.kill();
  world.user->exec(
      "CREATE TRIGGER ann BEFORE INSERT ON daemon BEGIN SELECT RAISE(ABORT, 'no'); END");
  CHECK_THROWS_AS(world.start(), StoreUnavailable);
  world.user->exec("DROP TRIGGER ann");
  world.engine->recover();
  CHECK(health(world).empty());
}

TEST_CASE("a trigger that keeps what has ended is told") {
  EngineSettings settings = one_app();
  settings.retention.days_ended = Days(0.01);
  EngineWorld world(settings);
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  world.user->exec("CREATE TRIGGER evil BEFORE DELETE ON logs BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM "
                   "n) SELECT i FROM n); END");
  world.run_for(1h);
  CHECK(world.events.told("what has ended cannot be deleted"));
  CHECK(world.events.told("DROP TRIGGER \"evil\""));
}

TEST_CASE("a script that is longer than the setting is not started") {
  EngineSettings settings = one_app();
  EngineWorld world(settings);
  world.user->enqueue("f", std::string(100, ' '), "n");
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  world.kill();
  world.settings.max_script_bytes = 99;
  world.start();
  world.user->enqueue("g", std::string(99, ' '), "n");
  CHECK(contains(world.user->attempt("INSERT INTO jobs(file_token, script) VALUES "
                                     "('h', hex(zeroblob(50)))"),
                 "script is too long"));
  world.user->exec("DELETE FROM pauses");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1) == "script is too long: with argv it has 100 bytes, the setting "
                          "max_script_bytes allows 99");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 1);
}
