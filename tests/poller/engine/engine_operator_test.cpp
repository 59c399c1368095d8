// What an operator tells the engine by tables, and the engine an operator.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

std::string app_state(EngineWorld& world) {
  return world.user->text("SELECT state FROM apps WHERE name = 'default'");
}

} // namespace

TEST_CASE("a pause stops new starts, what runs goes on to its end, and a DELETE goes on") {
  struct Row {
    const char* insert;
    std::vector<std::int64_t> started; ///< by job, of those that are queued under the pause
  };
  for (const Row& row : {Row{"INSERT INTO pauses(scope) VALUES ('all')", {}},
                         Row{"INSERT INTO pauses(scope, key) VALUES ('app', 'default')", {5}},
                         Row{"INSERT INTO pauses(scope, key) VALUES ('file', 'b')", {4, 5}}}) {
    CAPTURE(row.insert);
    EngineSettings settings = one_app();
    settings.apps["second"] = settings.apps["default"];
    EngineWorld world(settings);
    world.user->enqueue("a", R"({"ms": 60000})", "n");
    world.run_for(1s);
    world.user->exec(row.insert);
    world.user->enqueue("b", two_seconds, "n");
    world.user->enqueue("b", two_seconds, "n");
    world.user->enqueue("c", two_seconds, "n");
    world.user->exec("INSERT INTO jobs(file_token, script, app) VALUES ('d', 'x', 'second')");
    world.run_for(5min);
    CHECK(world.state(1) == "succeeded");
    for (std::int64_t job = 2; job <= 5; ++job) {
      const bool started =
          std::find(row.started.begin(), row.started.end(), job) != row.started.end();
      CAPTURE(job);
      CHECK(world.state(job) == (started ? "succeeded" : "queued"));
    }
    world.user->exec("DELETE FROM pauses");
    REQUIRE(world.run_until_idle());
    CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 5);
  }
}

TEST_CASE("a pause from before the start counts") {
  EngineWorld world;
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  world.kill();
  world.start();
  world.user->enqueue("a", two_seconds, "n");
  world.run_for(1min);
  CHECK(world.state(1) == "queued");
}

TEST_CASE("a paused file with many jobs does not hide those of other files") {
  EngineWorld world;
  world.user->exec("INSERT INTO pauses(scope, key) VALUES ('file', 'a')");
  for (int i = 0; i < 500; ++i)
    world.user->enqueue("a", two_seconds, "n");
  world.user->enqueue("b", two_seconds, "n");
  world.run_for(1min);
  CHECK(world.state(501) == "succeeded");
  CHECK(world.state(1) == "queued");
}

TEST_CASE("a job that someone watches is asked more often") {
  const auto polls = [](bool watched, bool before_start) {
    EngineWorld world(test_app(500, 1'500));
    const auto job = world.user->enqueue("a", R"({"ms": 1200000, "lines": 100})", "n");
    const auto watch = [&] {
      world.user->exec("INSERT INTO watches(job_id, until) VALUES (" + std::to_string(job) +
                       ", '2126-03-02 12:00:00')");
    };
    if (watched && before_start)
      watch();
    world.run_for(10s);
    if (watched && !before_start)
      watch();
    REQUIRE(world.run_until_idle());
    return world.user->number("SELECT polls FROM jobs");
  };
  const auto alone = polls(false, false);
  CHECK(polls(true, false) > 2 * alone);
  CHECK(polls(true, true) > 2 * alone);
}

TEST_CASE("a script that fails is started again as often as its job asks for, each time later") {
  EngineWorld world;
  const char* const failing = R"({"ms": 1000, "error": "TypeError: x"})";
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('a', '" +
                   std::string(failing) + "', 3), ('b', '" + failing + "', 1)");
  world.run_for(10s);
  CHECK(world.state(2) == "failed");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1) == "TypeError: x");
  CHECK(world.user->number("SELECT attempt FROM jobs WHERE id = 1") == 3);
  CHECK(world.user->number("SELECT count(DISTINCT attempt) FROM logs WHERE job_id = 1") == 3);
  CHECK(world.kdocs.received(Endpoint::submit) == 4);
  // Whoever runs it again gets one more attempt.
  world.user->exec("UPDATE jobs SET state = 'queued' WHERE id = 1");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT attempt FROM jobs WHERE id = 1") == 4);
}

TEST_CASE("a script that fails once and then works has succeeded") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {.kind = Fault::Kind::code, .number = 30011});
  };
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('a', 'x', 2)");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 2);
}

TEST_CASE("a task that KDocs does not know any more is not started again unasked") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t) {
    return endpoint == Endpoint::status ? Fault{.kind = Fault::Kind::code, .number = 10001}
                                        : Fault{};
  };
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('a', 'x', 3)");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
}

TEST_CASE("a script that may not start any more by then keeps its own reason") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts, expires_at) VALUES "
                   "('a', '{\"ms\": 1000, \"error\": \"TypeError: x\"}', 3, "
                   "'2126-03-02 09:00:02')");
  REQUIRE(world.run_until_idle());
  CHECK(world.error(1) == "TypeError: x");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 1);
}

TEST_CASE("a job that is changed at the last moment is not started as it was found") {
  EngineSettings settings = one_app();
  settings.apps["second"] = settings.apps["default"];
  for (const char* change : {"app = 'second'", "app = 'unknown'", "file_token = 'b'",
                             "run_at = '2126-03-02 10:00:00'", "state = 'cancelled'"}) {
    CAPTURE(change);
    EngineWorld world(settings);
    const auto job = world.user->enqueue("a", two_seconds, "n");
    bool changed = false;
    world.database->before_write([&] {
      if (!changed)
        world.user->exec("UPDATE jobs SET " + std::string(change) +
                         " WHERE id = " + std::to_string(job));
      changed = true;
    });
    world.engine->tick();
    REQUIRE(changed);
    CHECK(world.engine->in_flight() == 0);
    world.database->before_write([] {});
    REQUIRE(world.run_until_idle(24h));
  }
}

TEST_CASE("future jobs of an app that is not configured do not keep the engine busy") {
  EngineWorld world;
  for (int i = 0; i < 150; ++i)
    world.user->exec("INSERT INTO jobs(file_token, script, run_at) VALUES ('f', 'x', "
                     "'2126-03-03 10:00:00')");
  world.user->exec("UPDATE jobs SET app = 'typo'");
  world.run_for(1min);
  CHECK(world.engine->tick() > world.clock.steady());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'queued'") == 150);
  REQUIRE(world.run_until_idle(48h));
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'failed'") == 150);
}

TEST_CASE("waiting for the service costs a job no attempt") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    Fault fault;
    if (endpoint == Endpoint::submit && n < 5) {
      constexpr std::array codes{30002, 30010, 40008, 20003, 30010};
      fault.kind = Fault::Kind::code;
      fault.number = codes[n];
      fault.retry_after = 30s;
    }
    return fault;
  };
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('a', 'x', 2)");
  REQUIRE(world.run_until_idle(24h));
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 1);
}

TEST_CASE("a refused token blocks its app until there is another, and apps says so") {
  EngineWorld world;
  CHECK(app_state(world) == "ready");
  world.kdocs.token = "fresh";
  world.user->enqueue("a", two_seconds, "n");
  world.run_for(1h);
  CHECK(app_state(world) == "blocked");
  CHECK(world.user->text("SELECT start_wait FROM apps").find("token") != std::string::npos);
  CHECK(world.user->text("SELECT start_wait FROM apps") ==
        world.user->text("SELECT poll_wait FROM apps"));
  CHECK(world.kdocs.received(Endpoint::submit) == 1); // it is not asked again with that token
  world.tokens.current = lone_token("fresh");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(app_state(world) == "ready");
  CHECK(world.user->number("SELECT count(*) FROM apps WHERE start_wait IS NOT NULL") == 0);
}

TEST_CASE("an outage is no news once the day's starts are used up and nothing runs") {
  EngineWorld world(test_app(1, 100));
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {.kind = Fault::Kind::drop_after});
  };
  world.user->enqueue("a", two_seconds, "n");
  world.user->enqueue("b", two_seconds, "n");
  world.run_for(1h);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.user->text("SELECT reason FROM apps") ==
        "no starts: today's one start is used up until 2126-03-02 16:00:00 UTC");
}

TEST_CASE("the app's row has the day, what is reserved, and goes when the app is not configured") {
  EngineSettings settings = test_app();
  settings.apps["old"] = settings.apps["default"];
  EngineWorld world(settings);
  CHECK(world.user->number("SELECT count(*) FROM apps") == 2);
  CHECK(world.user->text("SELECT day_ends FROM apps WHERE name = 'default'") ==
        "2126-03-02 16:00:00.000");
  world.user->enqueue("a", R"({"ms": 600000})", "n");
  world.run_for(1min);
  CHECK(world.user->number("SELECT reserved_polls FROM apps WHERE name = 'default'") > 0);
  CHECK(world.user->number("SELECT running FROM apps WHERE name = 'default'") == 1);
  world.run_for(24h);
  CHECK(world.user->text("SELECT day FROM apps WHERE name = 'default'") == "2126-03-03");
  world.kill();
  world.settings.apps.erase("old");
  world.start();
  CHECK(world.user->number("SELECT count(*) FROM apps") == 1);
}

TEST_CASE("an orderly end is noted, a start takes the note back") {
  EngineWorld world;
  CHECK(world.user->number("SELECT count(*) FROM daemon WHERE stopped_at IS NULL") == 1);
  world.engine->stop();
  world.engine->finish();
  CHECK(world.user->number("SELECT count(*) FROM daemon WHERE stopped_at IS NOT NULL") == 1);
  world.kill();
  world.start();
  CHECK(world.user->number("SELECT count(*) FROM daemon WHERE stopped_at IS NULL") == 1);
}

TEST_CASE("a reader who stays is named by health as long as he keeps the log growing") {
  EngineSettings settings = one_app();
  settings.long_log_mb = 1;
  EngineWorld world(settings);
  const auto told = [&] {
    return world.user->number("SELECT count(*) FROM health WHERE subject = 'database'");
  };
  User reader(world.file());
  reader.exec("BEGIN");
  reader.number("SELECT count(*) FROM jobs");
  for (int i = 0; i < 300 && told() == 0; ++i) {
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
    REQUIRE(world.run_until_idle());
  }
  CHECK(told() == 1);
  reader.exec("COMMIT");
  world.user->exec("PRAGMA wal_checkpoint(TRUNCATE)");
  world.run_for(1min);
  CHECK(told() == 0);
}

TEST_CASE("an idle daemon writes nothing, with tasks that are to be asked later as well") {
  EngineWorld world(test_app(500, 300));
  for (int i = 0; i < 20; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 1700000})", "n");
  world.run_for(1min);
  std::int64_t before = 0;
  std::size_t polls = 0;
  // Half a minute in which nobody is asked.
  REQUIRE(world.run_until([&] {
    before = world.user->number("PRAGMA data_version");
    polls = world.kdocs.received(Endpoint::status);
    world.run_for(30s);
    return world.kdocs.received(Endpoint::status) == polls && world.engine->in_flight() == 0;
  }));
  CHECK(world.user->number("PRAGMA data_version") == before);
}

TEST_CASE("the tables say each minute that the daemon runs, while a job needs it") {
  EngineWorld world;
  const std::string seen = "SELECT seen_at FROM daemon";
  const std::string started = world.user->text(seen);
  world.run_for(10min);
  CHECK(world.user->text(seen) == started); // idle: nothing is written
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  world.user->enqueue("f", two_seconds, "n");
  for (int i = 0; i < 5; ++i) {
    world.run_for(2min);
    CHECK(world.clock.wall() - *parse_time(world.user->text(seen)) <= 70s);
  }
}
