// The counters of metrics are a recount of what happened, over failures, restarts and restores.
#include "tests/support/engine_world.h"

#include <SQLiteCpp/Backup.h>
#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct CountersWorld : EngineWorld {
  CountersWorld() : EngineWorld(settings_of_two()) {}

  static EngineSettings settings_of_two() {
    EngineSettings settings = one_app();
    settings.apps["other"] = settings.apps["default"];
    settings.apps["other"].base_url = "https://other.test";
    return settings;
  }
  void insert(const std::string& columns, const std::string& values) {
    user->exec("INSERT INTO jobs(file_token, " + columns + ") VALUES ('f' || abs(random()), " +
               values + ")");
  }
  std::int64_t sum(const std::string& name, const std::string& app = "default",
                   const std::string& label = "%", const std::string& outcome = "%") {
    return user->number("SELECT coalesce(sum(value), 0) FROM counters WHERE name = '" + name +
                        "' AND app LIKE '" + app + "' AND label LIKE '" + label +
                        "' AND outcome LIKE '" + outcome + "'");
  }
  std::int64_t jobs_in(const std::string& state) {
    return user->number("SELECT count(*) FROM jobs WHERE state = '" + state + "'");
  }
  /// Jobs that end in all ways, each once.
  void run_all_kinds() {
    insert("script", "'" + std::string(two_seconds) + "'");
    insert("script, app", "'" + std::string(two_seconds) + "', 'other'");
    insert("script, app", "'x', 'nobody'");
    insert("script, max_attempts", R"('{"ms": 10, "error": "no"}', 3)");
    insert("script, timeout_s", R"('{"ms": 90000000}', 10)");
    insert("script, expires_at", "'x', '2026-01-01 00:00:00'");
    insert("script", R"('{"ms": 10, "error": "no"}')");
    const std::int64_t failing = user->number("SELECT max(id) FROM jobs");
    insert("script, depends_on, on_dependency_failed",
           "'x', " + std::to_string(failing) + ", 'cancel'");
    insert("script, run_at", "'x', '2200-01-01 00:00:00'");
    user->exec("UPDATE jobs SET state = 'cancelled' WHERE run_at > '2190'");
  }
  void check_ends() {
    for (const char* state : {"succeeded", "failed", "timed_out", "cancelled"}) {
      CAPTURE(state);
      CHECK(sum("jobs_finished", "%", state) == jobs_in(state));
    }
  }
  void check_requests() {
    for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status})
      for (const auto& [app, configured] : settings.apps) {
        const std::string label(to_text(endpoint));
        const std::string& name = app; // clang 14 captures no binding
        CAPTURE(label);
        CAPTURE(name);
        CHECK(sum("requests", app, label) - sum("requests", app, label, "not_sent") ==
              static_cast<std::int64_t>(kdocs.received(endpoint, configured.base_url)));
      }
  }
};

} // namespace

TEST_CASE("each end and each request is counted once, over restarts and by app") {
  CountersWorld world;
  world.run_all_kinds();
  world.run_for(20s);
  world.engine.reset(); // in an orderly way
  world.database.reset();
  world.start();
  REQUIRE(world.run_until_idle(10h));
  CHECK(world.sum("jobs_finished", "other", "succeeded") == 1);
  CHECK(world.sum("jobs_finished", "", "failed") == 1);
  CHECK(world.user->number("SELECT attempt FROM jobs WHERE max_attempts = 3") == 3);
  world.check_ends();
  world.check_requests();
  SUBCASE("those of deleted jobs stay, those that are run again count again") {
    const std::int64_t failed = world.sum("jobs_finished", "%", "failed");
    world.user->exec("UPDATE jobs SET state = 'queued', max_attempts = 1 WHERE state = 'failed'");
    REQUIRE(world.run_until_idle(10h));
    CHECK(world.sum("jobs_finished", "%", "failed") == 2 * failed);
    world.user->exec("DELETE FROM jobs");
    CHECK(world.sum("jobs_finished", "%", "failed") == 2 * failed);
  }
}

TEST_CASE("a request that a kill has cut off is counted once, as lost") {
  CountersWorld world;
  world.kdocs.latency = 400ms;
  world.user->enqueue("f", R"({"ms": 20000, "lines": 9})", "n");
  REQUIRE(world.run_until([&] {
    return world.user->number("SELECT count(*) FROM in_flight JOIN jobs ON jobs.id = job_id "
                              "WHERE endpoint = 'status' AND polls >= 2") == 1;
  }));
  world.kill();
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.sum("requests", "default", "status", "lost") == 1);
  CHECK(world.sum("log_gaps", "") == 1);
  CHECK(world.sum("log_gaps", "") ==
        world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'"));
  CHECK(world.sum("requests", "default", "status", "report") ==
        world.user->number("SELECT polls FROM jobs") - 1);
  world.check_ends();
}

TEST_CASE("how long scripts ran, and how long their end was not seen") {
  CountersWorld world;
  for (int i = 0; i < 10; ++i)
    world.insert("script", "'" + std::string(two_seconds) + "'");
  REQUIRE(world.run_until_idle());
  CHECK(world.sum("job_run_seconds") == 10);
  CHECK(world.sum("job_run_seconds", "default", "2.5") == 10);
  CHECK(world.sum("end_seen_delay_seconds") == 10);
  // What the script ran and what its end was not seen make up the job's time.
  CHECK(world.user->number("SELECT sum(sum_ms) FROM counters WHERE name IN ('job_run_seconds', "
                           "'end_seen_delay_seconds')") ==
        world.user->number("SELECT sum(round((julianday(finished_at) - julianday(submitted_at)) * "
                           "86400000)) FROM jobs"));
}

TEST_CASE("after a restore the counters are those of the restored file") {
  CountersWorld world;
  world.insert("script", "'" + std::string(two_seconds) + "'");
  REQUIRE(world.run_until_idle());
  SQLite::Database copy((world.dir.path() / "copy.db").string(),
                        SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  SQLite::Backup(copy, world.user->connection()).executeStep();
  const std::int64_t polls = world.sum("requests", "default", "status");
  world.insert("script", "'" + std::string(two_seconds) + "'");
  REQUIRE(world.run_until_idle());
  REQUIRE(world.sum("jobs_finished") == 2);
  SQLite::Backup(world.user->connection(), copy).executeStep();
  world.run_for(1min);
  CHECK(world.sum("jobs_finished") == 1);
  CHECK(world.sum("requests", "default", "status") == polls);
  world.insert("script", "'" + std::string(two_seconds) + "'");
  REQUIRE(world.run_until_idle());
  CHECK(world.sum("jobs_finished") == 2);
}
