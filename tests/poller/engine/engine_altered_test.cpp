// What users have changed of the tables and triggers themselves under the running engine.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// The statement at the end of what health says, by which all goes on.
std::string remedy(EngineWorld& world) {
  return world.user->text("SELECT substr(message, instr(message, 'ALTER TABLE')) FROM health");
}

} // namespace

TEST_CASE("after an ALTER TABLE the engine waits, and tells the statement that undoes it") {
  EngineWorld world;
  const char* change = "";
  const char* says = "";
  SUBCASE("a column") {
    change = "ALTER TABLE jobs RENAME COLUMN progress TO prog";
    says = "the column progress of jobs was renamed to \"prog\"";
  }
  SUBCASE("a column, beside a user's own trigger") {
    change = "CREATE TRIGGER mine AFTER UPDATE ON jobs BEGIN SELECT 1; END;"
             "ALTER TABLE jobs RENAME COLUMN progress TO \"pro \"\"g\"";
    says = "the column progress of jobs was renamed to \"pro \"\"g\"";
  }
  SUBCASE("of a table that only replies are written to") {
    change = "ALTER TABLE logs RENAME COLUMN args TO arguments";
    says = "the column args of logs was renamed to \"arguments\"";
  }
  SUBCASE("a table") {
    change = "ALTER TABLE jobs RENAME TO tasks";
    says = "the table jobs was renamed to \"tasks\"";
  }
  world.user->enqueue("f", two_seconds, "n");
  world.user->enqueue("g", two_seconds, "n");
  world.user->exec(change);
  CHECK(world.run_until([&] { return world.user->number("SELECT count(*) FROM health") > 0; }));
  const std::string told = world.user->text("SELECT message FROM health");
  CHECK(contains(told, world.file().string() + " is not as kdocs-queued made it: "));
  CHECK(contains(told, says));
  CHECK(!contains(told, "Not ours"));
  CHECK(!contains(told, "DROP"));
  CHECK(!contains(told, "all other jobs go on"));
  CHECK(world.events.told(says));
  CHECK(contains(world.engine->status().trouble, says));
  world.run_for(1min);
  CHECK(world.user->number("SELECT count(*) FROM health") == 1);
  world.user->exec(remedy(world));
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.state(2) == "succeeded");
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 2);
  world.run_for(15s);
  CHECK(world.user->number("SELECT count(*) FROM health") == 0);
}

TEST_CASE("a column of ours that is dropped stops the engine when it is needed") {
  EngineWorld world;
  world.user->exec("CREATE TRIGGER mine AFTER UPDATE ON jobs BEGIN SELECT 1; END;"
                   "ALTER TABLE requests DROP COLUMN outcome");
  world.user->enqueue("f", two_seconds, "n");
  CHECK_THROWS_WITH_AS(world.run_for(10s),
                       doctest::Contains("lacks the column outcome of requests"), StoreIncomplete);
}

TEST_CASE("a trigger of ours that is dropped stops the engine: jobs would be lost without a word") {
  EngineWorld world;
  world.run_for(1s);
  SUBCASE("a view of ours does not") {
    world.user->exec("DROP VIEW upcoming");
    world.run_for(1s);
    return;
  }
  world.user->exec("DROP TRIGGER jobs_inserted");
  CHECK_THROWS_WITH_AS(world.run_for(1s), doctest::Contains("lacks the trigger jobs_inserted"),
                       StoreIncomplete);
}
