// What a start makes of what the last run left.
#include "store/spill_file.h"
#include "tests/support/engine_world.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// One job whose second or a later status request is on its way.
struct Asked : EngineWorld {
  Asked() {
    kdocs.latency = 400ms;
    user->enqueue("f", R"({"ms": 60000, "lines": 600})", "n");
    REQUIRE(run_until([&] {
      return user->number("SELECT count(*) FROM in_flight JOIN jobs ON jobs.id = job_id "
                          "WHERE endpoint = 'status' AND reported_at IS NOT NULL") == 1;
    }));
  }
  std::string one(const std::string& sql) { return user->text(sql); }
  /// A start that cannot write at first.
  void start_locked() {
    database = std::make_unique<Database>(file(), 0ms);
    engine = std::make_unique<Engine>(settings, *database, kdocs, clock, tokens, events);
    user->exec("BEGIN IMMEDIATE");
    CHECK_THROWS_AS(engine->recover(), StoreUnavailable);
    CHECK_THROWS_AS(engine->recover(), StoreUnavailable);
    engine->spill(); // a stop just then takes nothing away
    user->exec("COMMIT");
    engine->recover();
  }
  /// A start whose database breaks while it is used, and another one when it is whole again.
  void start_broken() {
    database = std::make_unique<Database>(file(), 0ms);
    engine = std::make_unique<Engine>(settings, *database, kdocs, clock, tokens, events);
    const std::string logs = user->text("SELECT sql FROM sqlite_schema WHERE name = 'logs'");
    user->exec("CREATE TABLE kept AS SELECT * FROM logs; DROP TABLE logs");
    CHECK_THROWS_AS(engine->recover(), StoreIncomplete);
    engine->spill();
    kill();
    user->exec(logs);
    user->exec("INSERT INTO logs SELECT * FROM kept; DROP TABLE kept");
    start();
  }
};

constexpr const char* gap_from = "SELECT json_extract(args, '$[1]') FROM logs WHERE level = 'gap'";
constexpr const char* gap_to = "SELECT json_extract(args, '$[2]') FROM logs WHERE level = 'gap'";

} // namespace

TEST_CASE("a lost status request is a poll that was spent, and a gap from the last report on") {
  Asked world;
  const std::string reported_at = world.one("SELECT reported_at FROM jobs");
  const std::string sent_at = world.one("SELECT sent_at FROM in_flight");
  const auto polls = world.user->number("SELECT polls FROM jobs");
  world.kill();
  SUBCASE("at once") {
    world.start();
  }
  SUBCASE("after tries that could not write") {
    world.start_locked();
  }
  SUBCASE("after a start that broke") {
    world.start_broken();
  }
  CHECK(world.user->number("SELECT polls FROM jobs") == polls + 1);
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
  CHECK(world.one(gap_from) == reported_at);
  CHECK(world.one(gap_to) == to_text(*parse_time(sent_at) + 2min));
  CHECK(world.one("SELECT outcome FROM requests WHERE endpoint = 'status'") == "lost");
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.state(1) == "running");
  CHECK(world.events.told("recovered 1 running, 1 gaps, 0 unconfirmed"));
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE(
    "the gap of a job that was cancelled meanwhile goes to its attempt, one deleted has none") {
  Asked world;
  const std::string reported_at = world.one("SELECT reported_at FROM jobs");
  const std::string started_at = world.one("SELECT submitted_at FROM jobs");
  world.kill();
  SUBCASE("cancelled") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'");
    world.start();
    CHECK(world.state(1) == "cancelled");
    CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
    CHECK(world.one(gap_from) == reported_at);
    CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap' AND attempt = 1") == 1);
  }
  SUBCASE("cancelled and queued again") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'");
    world.user->exec("UPDATE jobs SET state = 'queued'");
    world.start();
    CHECK(world.state(1) == "queued");
    CHECK(world.one(gap_from) == started_at);
    CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap' AND attempt = 1") == 1);
  }
  SUBCASE("deleted") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
    world.start();
    CHECK(world.user->number("SELECT count(*) FROM logs") == 0);
    CHECK(world.user->number("SELECT count(*) FROM requests") == 0);
  }
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.events.told("recovered 0 running"));
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("replies in the spill file are stored as if they had just come") {
  Asked world;
  world.user->exec("BEGIN IMMEDIATE");
  world.run_for(5s);
  REQUIRE(world.engine->status().unsaved_replies == 1);
  world.engine->stop();
  world.engine->spill();
  CHECK(world.engine->in_flight() == 0);
  world.kill();
  world.user->exec("COMMIT");
  const auto lines = world.user->number("SELECT count(*) FROM logs");
  const std::string sent_at = world.one("SELECT sent_at FROM in_flight");
  SUBCASE("of a job that runs") {
    world.start();
    CHECK(world.one("SELECT reported_at FROM jobs") == sent_at);
  }
  SUBCASE("after tries that could not write") {
    world.start_locked();
    CHECK(world.one("SELECT reported_at FROM jobs") == sent_at);
  }
  SUBCASE("of a job that was cancelled meanwhile: with the body as received") {
    world.user->exec("UPDATE jobs SET state = 'cancelled'");
    world.start();
    CHECK(world.user->number("SELECT length(body) > 0 FROM requests WHERE outcome = 'report'") ==
          1);
  }
  SUBCASE("long after the deadline: the job is asked once more") {
    world.clock.advance(72h);
    world.start();
    CHECK(world.state(1) == "running");
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "succeeded");
  }
  CHECK(world.user->number("SELECT count(*) FROM logs") > lines);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 0);
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  // It was emptied: the next start finds nothing to store.
  CHECK(SpillFile(world.file()).read().empty());
}

TEST_CASE("a spilled reply to another request than the one that is noted is not taken for its") {
  Asked world;
  world.kill();
  SpilledReply reply;
  reply.intent = {JobId{1}, 1, Endpoint::status, *parse_time("2126-03-02 08:00:00"), 1};
  reply.http_status = 200;
  reply.text = R"({"error":"","status":"finish","data":{"logs":[],"result":""}})";
  SpillFile file(world.file());
  REQUIRE(file.reserve() == "");
  REQUIRE(file.write({reply}));
  world.start();
  CHECK(world.state(1) == "running");
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
  CHECK(file.read().empty());
}

TEST_CASE("a start that was never sent and could not be stored costs neither quota nor attempt") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {.kind = Fault::Kind::not_sent});
  };
  world.user->enqueue("f", two_seconds, "n");
  world.engine->tick();
  REQUIRE(world.engine->in_flight() == 1);
  world.user->exec("BEGIN IMMEDIATE");
  world.run_for(1s);
  world.engine->stop();
  world.engine->spill();
  world.kill();
  world.user->exec("COMMIT");
  CHECK(world.state(1) == "submitting");
  world.start();
  CHECK(world.state(1) == "queued");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 0);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 0);
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("a start whose intent is missing is not confirmed, whatever its columns say then") {
  struct Row {
    const char* on_unconfirmed;
    const char* state;
  };
  for (const Row& row :
       {Row{"hold", "unconfirmed"}, Row{"fail", "failed"}, Row{"retry", "queued"}}) {
    CAPTURE(row.on_unconfirmed);
    EngineWorld world;
    world.user->exec("INSERT INTO jobs(file_token, script, on_unconfirmed) VALUES ('f', 'x', '" +
                     std::string(row.on_unconfirmed) + "'); UPDATE jobs SET state = 'submitting'");
    world.kill();
    world.start();
    CHECK(world.state(1) == row.state);
    CHECK(world.error(1).find("the row of its request is missing") != std::string::npos);
    CHECK(world.user->number(wrong_counters) == 0);
  }
}

TEST_CASE("counters that do not say what is there are counted afresh") {
  EngineWorld world;
  world.user->enqueue("f", two_seconds, "n");
  world.user->exec("UPDATE job_counts SET jobs = 17");
  world.kill();
  world.start();
  CHECK(world.user->number(wrong_counters) == 0);
  REQUIRE(world.run_until_idle());
}

TEST_CASE("the tasks of an app that is not configured any more are kept, and not asked") {
  EngineSettings settings = one_app();
  settings.apps["old"] = settings.apps["default"];
  EngineWorld world(settings);
  world.user->exec("INSERT INTO jobs(file_token, script, app) VALUES "
                   "('f', '{\"ms\": 60000}', 'old')");
  world.run_for(10s);
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  world.kill();
  const auto polls = world.kdocs.received(Endpoint::status);
  world.settings.apps.erase("old");
  world.start();
  world.run_for(1h);
  CHECK(world.kdocs.received(Endpoint::status) == polls);
  CHECK(world.state(1) == "running");
  world.kill();
  world.settings = settings;
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("a reply that answers no request on its way is told as trouble and ignored") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 60000})", "n");
  world.run_for(10s);
  // As the rest of another process's conversation would be.
  world.kdocs.send(RequestId{987654}, {HttpRequest::Method::get, "https://kdocs.test/x", {}, {}});
  REQUIRE(world.run_until([&] { return world.events.told("answers no request"); }));
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}
