// Of which changes somebody is told: by a row each, written with the change itself.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* command = R"(["/bin/tell"])";
constexpr const char* failing = R"({"ms": 1000, "error": "TypeError: x"})";

EngineSettings with_rule(std::set<std::string, std::less<>> on, const std::string& app = "") {
  EngineSettings settings = one_app();
  settings.notify.push_back({std::move(on), app, command, 30s});
  return settings;
}

std::vector<std::string> told(EngineWorld& world) {
  return world.user->column("SELECT event || ' ' || coalesce(job_id, app, 'nobody') "
                            "FROM notifications ORDER BY id");
}

using Rows = std::vector<std::string>;

} // namespace

TEST_CASE("each way into a state that was asked for makes one row, other states make none") {
  EngineWorld world(with_rule({"failed", "timed_out", "unconfirmed"}));
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 1, endpoint, n, {.kind = Fault::Kind::drop_after});
  };
  const auto insert = [&](const std::string& columns, const std::string& values) {
    world.user->exec("INSERT INTO jobs(file_token, script" + columns + ") VALUES (" + values + ")");
    REQUIRE(world.run_until_idle());
  };
  insert("", "'a', 'x'");                                    // succeeds
  insert("", "'a', 'x'");                                    // its start is lost
  insert("", std::string("'b', '") + failing + "'");         // fails
  insert(", timeout_s", R"('c', '{"ms": 600000}', 5)");      // takes too long
  insert(", app", "'d', 'x', 'nobody'");                     // cannot be started
  insert(", expires_at", "'e', 'x', '2126-01-01 00:00:00'"); // too late
  insert("", "'f', CAST(x'ff' AS TEXT)");                    // cannot be sent
  CHECK(told(world) ==
        Rows{"unconfirmed 2", "failed 3", "timed_out 4", "failed 5", "timed_out 6", "failed 7"});
  CHECK(world.user->number("SELECT count(*) FROM notifications n JOIN jobs j ON j.id = n.job_id "
                           "WHERE json_extract(payload, '$.job.state') = j.state "
                           "AND json_extract(payload, '$.job.error') = j.error "
                           "AND n.state = 'waiting' AND command = '" +
                           std::string(command) + "'") == 6);
  CHECK(world.engine->notices_left() == 6);
}

TEST_CASE("a failure is told when it is final, and again when the job is run again") {
  EngineWorld world(with_rule({"failed"}));
  world.user->exec("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('a', '" +
                   std::string(failing) + "', 3)");
  world.run_for(10s);
  CHECK(world.state(1) == "queued");
  CHECK(told(world).empty());
  REQUIRE(world.run_until_idle());
  CHECK(told(world) == Rows{"failed 1"});
  CHECK(world.user->text("SELECT json_extract(payload, '$.job.attempt') FROM notifications") ==
        "3");
  world.user->exec("UPDATE jobs SET state = 'queued'");
  REQUIRE(world.run_until_idle());
  CHECK(told(world) == Rows{"failed 1", "failed 1"});
}

TEST_CASE("what a user does is not told") {
  EngineWorld world(with_rule({"failed", "timed_out", "unconfirmed"}));
  world.user->enqueue("a", R"({"ms": 60000})", "n");
  world.user->enqueue("b", R"({"ms": 60000})", "n");
  world.run_for(5s);
  world.user->exec("UPDATE jobs SET state = 'failed' WHERE id = 1;"
                   "UPDATE jobs SET state = 'cancelled' WHERE id = 2");
  world.run_for(5min);
  CHECK(told(world).empty());
}

TEST_CASE("a rule for an app hears of no other, and each rule that matches makes a row") {
  EngineSettings settings = with_rule({"failed"}, "second");
  settings.notify.push_back({{"failed", "blocked"}, "", R"(["/bin/other"])", 30s});
  settings.apps["second"] = settings.apps["default"];
  EngineWorld world(settings);
  world.user->exec("INSERT INTO jobs(file_token, script, app) VALUES ('a', '" +
                   std::string(failing) + "', 'default'), ('b', '" + failing + "', 'second')");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->column("SELECT app || command FROM notifications ORDER BY app, id") ==
        Rows{R"(default["/bin/other"])", R"(second["/bin/tell"])", R"(second["/bin/other"])"});
}

TEST_CASE("without rules nothing touches the table") {
  EngineWorld world;
  world.user->exec("DROP TABLE notifications; DROP TABLE health_told; DROP VIEW health");
  world.kdocs.token = "another";
  world.user->enqueue("a", failing, "n");
  world.run_for(15min);
  CHECK(world.user->text("SELECT state FROM apps") == "blocked");
  CHECK(world.engine->notices_left() == 0);
}

TEST_CASE("rules cost nothing but for the events that they name") {
  EngineWorld world(with_rule({"unconfirmed"}));
  world.user->exec("DROP TABLE notifications; DROP TABLE health_told; DROP VIEW health");
  world.user->enqueue("a", failing, "n");
  world.user->enqueue("b", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.state(2) == "succeeded");
}

TEST_CASE("an app that becomes blocked is told once, also over a restart, and once more if again") {
  EngineWorld world(with_rule({"blocked"}));
  const auto refuse = [&] {
    world.kdocs.token = "another";
    world.user->enqueue("a", two_seconds, "n");
    REQUIRE(
        world.run_until([&] { return world.user->text("SELECT state FROM apps") == "blocked"; }));
  };
  refuse();
  CHECK(told(world) == Rows{"blocked default"});
  CHECK(world.user->text("SELECT json_extract(payload, '$.reason') = reason "
                         "FROM notifications, apps") == "1");
  world.run_for(15min);
  world.kill();
  world.start();
  world.run_for(15min);
  CHECK(told(world).size() == 1);
  world.kdocs.token = "renewed";
  world.tokens.current = lone_token("renewed");
  REQUIRE(world.run_until_idle());
  refuse();
  CHECK(told(world).size() == 2);
}

TEST_CASE("a new row of health is told once until it went away, whatever its numbers") {
  EngineWorld world(with_rule({"health"}));
  world.run_for(10min);
  CHECK(told(world).empty());
  world.user->exec("INSERT INTO pauses(scope, key) VALUES ('file', 'f1')");
  world.run_for(2min);
  REQUIRE(told(world) == Rows{"health nobody"});
  CHECK(world.user->text("SELECT json_extract(payload, '$.health.subject') FROM notifications") ==
        "file f1");
  world.run_for(1h);
  world.kill();
  world.start();
  world.run_for(1h);
  CHECK(told(world).size() == 1);
  world.user->exec("UPDATE pauses SET reason = 'still'");
  world.run_for(2min);
  CHECK(told(world).size() == 2);
  world.user->exec("UPDATE pauses SET reason = NULL");
  world.run_for(2min);
  CHECK(told(world).size() == 3);
  world.user->exec("DELETE FROM pauses");
  world.run_for(2min);
  CHECK(told(world).size() == 3);
}

TEST_CASE("how many there are is no news") {
  EngineWorld world(with_rule({"health"}));
  world.kdocs.faults = [](Endpoint endpoint, std::size_t) {
    Fault fault;
    if (endpoint == Endpoint::submit)
      fault.kind = Fault::Kind::drop_after;
    return fault;
  };
  for (int i = 0; i < 3; ++i) {
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
    world.user->enqueue("g" + std::to_string(i), two_seconds, "n");
    world.run_for(10min);
  }
  CHECK(world.user->number("SELECT count(*) FROM notifications WHERE "
                           "json_extract(payload, '$.health.subject') = 'jobs'") == 1);
}

TEST_CASE("a notification that cannot be delivered makes no other one") {
  EngineWorld world(with_rule({"health"}));
  world.user->exec("INSERT INTO notifications(at, event, payload, command, last_error) "
                   "VALUES ('t', 'health', '{}', 'c', 'e')");
  world.run_for(5min);
  CHECK(world.user->text("SELECT subject FROM health") == "notifications");
  CHECK(told(world).size() == 1);
}

TEST_CASE("wherever the process is killed, a failed job has its one row") {
  for (int steps = 1; steps < 40; steps += 3) {
    CAPTURE(steps);
    EngineWorld world(with_rule({"failed", "unconfirmed", "timed_out"}));
    for (int job = 0; job < 3; ++job)
      world.user->enqueue("f" + std::to_string(job), failing, "n");
    for (int step = 0; step < steps; ++step)
      world.step(world.clock.steady() + 100ms);
    world.kill();
    const auto lacking = [&] {
      return world.user->number(
          "SELECT count(*) FROM jobs j WHERE state IN ('failed', 'unconfirmed', 'timed_out') AND 1 "
          "<> (SELECT count(*) FROM notifications n WHERE n.job_id = j.id AND n.event = j.state)");
    };
    CHECK(lacking() == 0);
    world.start();
    REQUIRE(world.run_until_idle());
    CHECK(lacking() == 0);
    CHECK(world.user->number("SELECT count(*) FROM notifications") == 3);
  }
}
