// How jobs end: each way has its word in jobs.cause; and how far a job is.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* soon = R"({"ms": 100})";
constexpr const char* fails = R"({"ms": 100, "error": "TypeError"})";
constexpr const char* for_hours = R"({"ms": 36000000})";

struct EndsWorld : EngineWorld {
  explicit EndsWorld(EngineSettings wanted = one_app()) : EngineWorld(std::move(wanted)) {}

  void insert(const std::string& columns, const std::string& values) {
    user->exec("INSERT INTO jobs(file_token, " + columns + ") VALUES ('f', " + values + ")");
  }
  void refuse_starts(Fault fault) {
    kdocs.faults = [fault](Endpoint endpoint, std::size_t) {
      return endpoint == Endpoint::submit ? fault : Fault{};
    };
  }
  void lose_polls() {
    kdocs.faults = [](Endpoint endpoint, std::size_t) {
      return endpoint == Endpoint::status ? Fault{Fault::Kind::drop_after} : Fault{};
    };
  }
  /// State and cause of the job with the greatest id.
  std::string last_end() {
    return user->text("SELECT state || ' ' || coalesce(cause, '-') FROM jobs ORDER BY id DESC");
  }
};

std::string quoted(const char* script) {
  return "'" + std::string(script) + "'";
}

/// Has a job end for this reason; it is the one with the greatest id.
void end_by(EndsWorld& world, EndCause cause) {
  switch (cause) {
  case EndCause::script:
    world.insert("script", quoted(fails));
    break;
  case EndCause::refused:
    world.refuse_starts({Fault::Kind::code, 30006});
    world.insert("script", quoted(soon));
    break;
  case EndCause::invalid:
    world.insert("script", "x'ff'");
    break;
  case EndCause::input:
    world.insert("script", quoted(R"({"ms": 1, "result": "as long as nothing else is"})"));
    world.insert("script, depends_on, pass_as",
                 quoted(R"({"ms": 1,       "lines": 0})") + ", 1, 'a'");
    break;
  case EndCause::app:
    world.insert("script, app", "'x', 'other'");
    break;
  case EndCause::unconfirmed:
    world.refuse_starts({Fault::Kind::drop_after});
    world.insert("script, on_unconfirmed", "'x', 'fail'");
    break;
  case EndCause::lost:
    world.kdocs.task_ttl = 0ms;
    world.insert("script", quoted(soon));
    break;
  case EndCause::timeout:
    world.insert("script, timeout_s", quoted(for_hours) + ", 10");
    break;
  case EndCause::silent:
    world.lose_polls();
    world.insert("script, timeout_s", quoted(for_hours) + ", 10");
    break;
  case EndCause::expired:
    world.insert("script, expires_at", "'x', '2026-01-01 00:00:00'");
    break;
  case EndCause::dependency:
    world.insert("script", quoted(fails));
    world.insert("script, depends_on, on_dependency_failed", "'x', 1, 'cancel'");
    break;
  case EndCause::superseded:
    world.user->exec("INSERT INTO jobs(id, file_token, script, unique_key, run_at) "
                     "VALUES (5, 'f', 'x', 'k', '2200-01-01 00:00:00')");
    world.user->exec("INSERT INTO jobs(id, file_token, script, unique_key, supersede) "
                     "VALUES (4, 'f', 'x', 'k', 1)");
    break;
  case EndCause::user:
    world.insert("script, run_at", "'x', '2200-01-01 00:00:00'");
    world.user->exec("UPDATE jobs SET state = 'cancelled'");
    break;
  }
}

} // namespace

TEST_CASE("every way to end has its word, its state, and leaves it when the job is queued again") {
  for (int i = 0; i <= static_cast<int>(last_end_cause); ++i) {
    const auto cause = static_cast<EndCause>(i);
    CAPTURE(to_text(cause));
    EngineSettings settings = one_app();
    if (cause == EndCause::input)
      settings.max_script_bytes = 50;
    EndsWorld world(settings);
    end_by(world, cause);
    REQUIRE(world.run_until_idle(48h));
    CHECK(world.last_end() ==
          std::string(to_text(end_state(cause))) + " " + std::string(to_text(cause)));
    CHECK(world.user->number("SELECT count(*) FROM jobs WHERE (state <> 'succeeded') <> "
                             "(cause IS NOT NULL)") == 0);
    CHECK(world.user->number("SELECT count(*) FROM dead_letters WHERE cause = '" +
                             std::string(to_text(cause)) + "'") ==
          (end_state(cause) == JobState::cancelled ? 0 : 1));
    world.user->exec("UPDATE jobs SET state = 'queued' WHERE state <> 'succeeded'");
    CHECK(world.user->number("SELECT count(*) FROM jobs WHERE cause IS NOT NULL") == 0);
  }
}

TEST_CASE("a job that fails and whose place is taken has failed for that, and is not run again") {
  EndsWorld world;
  world.insert("script, max_attempts, unique_key",
               quoted(R"({"ms": 60000, "error": "E"})") + ", 3, 'k'");
  REQUIRE(world.run_until([&] { return world.state(1) == "running"; }));
  world.insert("script, unique_key, supersede", quoted(soon) + ", 'k', 1");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text("SELECT state || ' ' || cause FROM jobs WHERE id = 1") ==
        "failed superseded");
  CHECK(world.state(2) == "succeeded");
}

TEST_CASE("a job that is to run again is no dead letter, only its last failure is") {
  EndsWorld world;
  world.insert("script, max_attempts", quoted(fails) + ", 2");
  REQUIRE(world.run_until([&] {
    return world.state(1) == "queued" && world.user->number("SELECT attempt FROM jobs") == 1;
  }));
  CHECK(world.user->number("SELECT count(*) FROM dead_letters") == 0);
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text("SELECT job_id || ' ' || cause || ' ' || attempt FROM dead_letters") ==
        "1 script 2");
}

TEST_CASE("a user's trigger sees why a job has failed that is to run again") {
  EndsWorld world;
  world.user->exec("CREATE TABLE seen(cause); CREATE TRIGGER mine AFTER UPDATE OF state ON jobs "
                   "WHEN NEW.state = 'failed' BEGIN INSERT INTO seen VALUES (NEW.cause); END");
  world.insert("script, max_attempts", quoted(fails) + ", 2");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text("SELECT group_concat(cause) FROM seen") == "script,script");
}

// --- progress -----------------------------------------------------------------------------------

TEST_CASE(
    "the progress of a job is what its last such line says, and a new attempt begins at none") {
  EndsWorld world;
  const auto progress = [&] {
    return world.user->text("SELECT coalesce(progress || ' ' || progress_text, '-') FROM jobs");
  };
  world.insert("script, max_attempts", quoted(R"({"ms": 600000, "error": "E", "log": [
      {"at": 1000, "args": ["##progress 10 begins"]},
      {"at": 120000, "args": ["##progress", 40, "half done"]},
      {"at": 300000, "args": ["##progress is a word"]}]})") +
                                           ", 2");
  REQUIRE(world.run_until([&] { return progress() == "10 begins"; }));
  CHECK(world.state(1) == "running");
  REQUIRE(world.run_until([&] { return progress() == "40 half done"; }));
  CHECK(world.user->text("SELECT message FROM logs WHERE message LIKE '%half%'") ==
        "##progress 40 half done");
  world.kill();
  world.start();
  REQUIRE(world.run_until([&] { return world.state(1) == "queued"; }));
  CHECK(progress() == "-");
  REQUIRE(world.run_until([&] { return world.state(1) == "running"; }));
  CHECK(progress() == "-");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(progress() == "40 half done");
  world.user->exec("UPDATE jobs SET state = 'queued'");
  CHECK(progress() == "-");
}

TEST_CASE("a long reply loses no progress, wherever in it the line is, also over a restart") {
  for (const int at : {1, 2500, 10'000})
    for (const bool restart : {false, true}) {
      CAPTURE(at);
      CAPTURE(restart);
      EndsWorld world;
      world.kdocs.edit = [&](Endpoint endpoint, std::string& body) {
        if (endpoint == Endpoint::submit || body.find("\"the end\"") == std::string::npos)
          return;
        body = R"({"error":"","status":"finish","data":{"logs":[0)";
        for (int i = 1; i <= 10'000; ++i)
          body += i == at ? R"(,{"args":["##progress 70 here"]})" : R"(,{"args":["x"]})";
        body += R"(],"result":"the end"}})";
      };
      world.insert("script", quoted(R"({"ms": 2000, "lines": 0, "result": "the end"})"));
      REQUIRE(
          world.run_until([&] { return world.user->number("SELECT count(*) FROM logs") >= 3000; }));
      CHECK(world.state(1) == "running");
      if (restart) {
        world.engine->stop();
        world.engine->tick();
        world.engine->finish();
        world.kill();
        world.start();
      }
      REQUIRE(world.run_until_idle());
      CHECK(world.user->text("SELECT state || progress || progress_text FROM jobs") ==
            "succeeded70here");
    }
}
