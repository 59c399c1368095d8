// A reply with very many log lines: it is stored in pieces, in order and once, while other work
// goes on, whatever happens between the pieces.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// The reply that says the end of the job `n` has so many entries, each of them its number.
struct LongWorld : EngineWorld {
  explicit LongWorld(std::int64_t count, EngineSettings wanted = one_app())
      : EngineWorld(std::move(wanted)), entries(count) {
    kdocs.edit = [this](Endpoint endpoint, std::string& body) {
      if (endpoint == Endpoint::submit || body.find("\"the end\"") == std::string::npos)
        return;
      ++replies;
      body = R"({"error":"","status":"finish","data":{"logs":[1)";
      for (std::int64_t i = 2; i <= entries; ++i)
        body.append(",").append(std::to_string(i));
      body += R"(],"result":"the end"}})";
    };
    slow_writes();
    user->enqueue("f", R"({"ms": 2000, "lines": 0, "result": "the end"})", "n");
  }
  /// Each transaction takes a millisecond.
  void slow_writes() {
    database->before_write([this] { clock.advance(1ms); });
  }
  void restart() {
    kill();
    start();
    slow_writes();
  }
  std::int64_t stored() {
    return user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level = ''");
  }
  bool run_until_stored(std::int64_t lines) {
    return run_until([&] { return stored() >= lines; }, 10min);
  }
  /// Whether lines 1 to `last` are there, in order and once each.
  bool in_order(std::int64_t last) {
    return stored() == last &&
           user->number(
               "SELECT count(*) FROM (SELECT message, row_number() OVER (ORDER BY seq) AS n "
               "FROM logs WHERE job_id = 1 AND level = '') "
               "WHERE message = CAST(n AS TEXT)") == last;
  }
  std::int64_t gaps() { return user->number("SELECT count(*) FROM logs WHERE level = 'gap'"); }
  void check_end() {
    REQUIRE(run_until_idle(10min));
    CHECK(state(1) == "succeeded");
    CHECK(user->text("SELECT result FROM jobs WHERE id = 1") == R"("the end")");
    CHECK(in_order(entries));
    CHECK(user->number("SELECT count(*) FROM in_flight") == 0);
    CHECK(user->number("SELECT count(*) FROM reply_parts") == 0);
    CHECK(replies == 1); // it was not asked again before all was stored
  }

  std::int64_t entries;
  int replies = 0;
};

} // namespace

TEST_CASE("while a reply of 300,000 lines is stored, other jobs run and users INSERT") {
  LongWorld world(300'000);
  REQUIRE(world.run_until_stored(1000));
  CHECK(world.state(1) == "running");
  world.user->enqueue("g", R"({"ms": 300, "lines": 1})", "m");
  REQUIRE(world.run_until([&] { return world.state(2) == "succeeded"; }, 10min));
  CHECK(world.stored() < world.entries / 2);
  CHECK(world.state(1) == "running");
  CHECK(world.user->number("SELECT count(*) FROM in_flight WHERE job_id = 1") == 1);
  world.check_end();
  CHECK(world.gaps() == 1); // it has no closing line
}

TEST_CASE("a long reply goes on where it was when the database can be written again") {
  LongWorld world(20'000);
  REQUIRE(world.run_until_stored(3000));
  const auto before = world.stored();
  world.user->exec("BEGIN IMMEDIATE");
  world.run_for(1min);
  CHECK(world.stored() == before);
  CHECK(world.engine->status().unsaved_replies == 1);
  world.user->exec("COMMIT");
  world.check_end();
}

TEST_CASE("a kill between two pieces leaves what is stored, and a gap behind it") {
  LongWorld world(20'000);
  REQUIRE(world.run_until_stored(3000));
  const auto before = world.stored();
  world.restart();
  CHECK(world.events.told("1 gaps"));
  CHECK(world.in_order(before));
  CHECK(world.gaps() == 1);
  CHECK(world.user->number("SELECT count(*) FROM reply_parts") == 0);
}

TEST_CASE("what a stop leaves of a long reply the next start stores, from the next line on") {
  for (const bool locked : {false, true})
    for (const bool killed : {false, true}) {
      CAPTURE(locked);
      CAPTURE(killed);
      LongWorld world(20'000);
      REQUIRE(world.run_until_stored(3000));
      world.engine->stop();
      world.engine->tick();
      if (locked) {
        world.user->exec("BEGIN IMMEDIATE");
        world.run_for(1s);
      }
      world.engine->finish();
      if (locked)
        world.user->exec("COMMIT");
      world.restart();
      CHECK(world.stored() < world.entries); // a start does not wait for all of it
      CHECK(world.events.told("recovered 1 running, 0 gaps"));
      if (killed) { // the spill file still has it
        REQUIRE(world.run_until_stored(9000));
        world.restart();
        REQUIRE(world.run_until_stored(15000));
        world.restart();
      }
      world.check_end();
      CHECK(world.gaps() == 1); // it has no closing line
    }
}

TEST_CASE("a user's DDL while a spilled long reply is stored is no restored file") {
  LongWorld world(20'000);
  REQUIRE(world.run_until_stored(3000));
  world.engine->finish();
  world.restart();
  world.user->enqueue("g", R"({"ms": 60000, "lines": 3})", "m");
  REQUIRE(world.run_until_stored(9000));
  world.user->exec("CREATE TABLE mine(x)");
  world.check_end();
  CHECK_FALSE(world.events.told("restored from"));
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 1); // it has no closing line
}

TEST_CASE("a task whose long report was spilled is asked again when it is stored") {
  LongWorld world(0);
  bool sent = false;
  world.kdocs.edit = [&](Endpoint endpoint, std::string& body) {
    if (endpoint == Endpoint::submit || sent)
      return;
    sent = true;
    std::string more;
    for (int i = 0; i < 5000; ++i)
      more += R"(,{"args":["x"]})";
    body.insert(body.find(R"(],"result")"), more);
  };
  world.user->exec("UPDATE jobs SET state = 'cancelled'");
  world.user->enqueue("g", R"({"ms": 60000, "lines": 3})", "m");
  REQUIRE(world.run_until([&] { return world.user->number("SELECT count(*) FROM logs") > 1000; }));
  world.engine->finish();
  world.restart();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(2) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE job_id = 2") == 5005);
  CHECK(world.gaps() == 0);
}

TEST_CASE("the user's will counts between the pieces of a long reply") {
  LongWorld world(20'000);
  REQUIRE(world.run_until_stored(3000));
  SUBCASE("a cancelled job keeps all its lines") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'");
    REQUIRE(world.run_until_stored(world.entries));
    CHECK(world.state(1) == "cancelled");
    CHECK(world.in_order(world.entries));
  }
  SUBCASE("a deleted one leaves nothing") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
    world.run_for(10s);
    CHECK(world.user->number("SELECT count(*) FROM logs") == 0);
    CHECK(world.user->number("SELECT count(*) FROM requests WHERE endpoint = 'status'") == 0);
  }
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.user->number("SELECT count(*) FROM reply_parts") == 0);
  CHECK(world.engine->status().unsaved_replies == 0);
}

TEST_CASE("an entry that cannot be read is told at the end of a long reply, also over a restart") {
  LongWorld world(20'000);
  const auto edit = world.kdocs.edit;
  world.kdocs.edit = [edit](Endpoint endpoint, std::string& body) {
    edit(endpoint, body);
    if (const std::size_t at = body.find(",500,"); at != std::string::npos)
      body.replace(at + 1, 3, "NaN");
  };
  REQUIRE(world.run_until_stored(3000));
  world.engine->finish();
  world.restart();
  REQUIRE(world.run_until_idle(10min));
  CHECK(world.state(1) == "succeeded");
  CHECK(world.stored() == 19'999);
  CHECK(world.user->text("SELECT message FROM logs WHERE level = 'gap'").find("cannot be read") !=
        std::string::npos);
  CHECK(world.user->number(
            "SELECT length(body) > 100000 FROM requests WHERE endpoint = 'status'") == 1);
}
