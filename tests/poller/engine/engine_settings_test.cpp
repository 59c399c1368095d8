// Settings that change while the engine works.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* long_script = R"({"ms": 600000, "lines": 3})";

struct Fixture : EngineWorld {
  Fixture() { settings.apps["default"].quota_reset = 8h; } // not in the middle of a test

  void configure() {
    engine->configure(settings);
    run_for(1s);
  }
  std::int64_t running() {
    return user->number("SELECT count(*) FROM jobs WHERE state = 'running'");
  }
  std::int64_t enqueue(const std::string& file, const std::string& app = "default",
                       const char* script = long_script) {
    user->exec("INSERT INTO jobs(file_token, script, app) VALUES('" + file + "', '" + script +
               "', '" + app + "')");
    return user->number("SELECT max(id) FROM jobs");
  }
  std::string health() {
    return user->text("SELECT coalesce(group_concat(message, '; '), '') FROM health");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "limits count for the next starts, what runs goes on") {
  for (int i = 0; i < 6; ++i)
    enqueue("f" + std::to_string(i % 2));
  run_for(10s);
  CHECK(running() == 2);
  settings.max_running_per_file = 2;
  configure();
  CHECK(running() == 4);
  settings.max_running = 1;
  settings.max_running_per_file = 0;
  configure();
  CHECK(running() == 4);
  CHECK(user->text("SELECT max_running || ' ' || max_running_per_file FROM daemon") == "1 0");
  REQUIRE(run_until_idle(3h));
  CHECK(kdocs.most_on_one_file() == 2);
  CHECK(user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND attempt = 1") == 6);
  CHECK(user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a quota that is raised lets starts through that it held back") {
  settings.apps["default"].submit_quota = 2;
  configure();
  for (int i = 0; i < 5; ++i)
    enqueue("f" + std::to_string(i), "default", two_seconds);
  run_for(1min);
  CHECK(kdocs.received(Endpoint::submit) == 2);
  CHECK(user->text("SELECT state FROM apps") == "waiting");
  settings.apps["default"].submit_quota = 4;
  configure();
  run_for(1min);
  CHECK(kdocs.received(Endpoint::submit) == 4);
  CHECK(user->number("SELECT allowed FROM quota_today WHERE endpoint = 'submit'") == 4);
  settings.apps["default"].submit_quota = 1; // less than was spent
  configure();
  run_for(1min);
  CHECK(kdocs.received(Endpoint::submit) == 4);
  settings.apps["default"].submit_quota = 100;
  configure();
  REQUIRE(run_until_idle());
  CHECK(kdocs.received(Endpoint::submit) == 5);
}

TEST_CASE_FIXTURE(Fixture, "an app that is new takes up what waits for it and what runs of it") {
  const auto followed = enqueue("f");
  run_for(10s);
  settings.apps["second"] = settings.apps["default"];
  configure();
  CHECK(user->number("SELECT count(*) FROM apps WHERE state = 'ready'") == 2);
  const auto job = enqueue("g", "second", two_seconds);
  REQUIRE(run_until([&] { return state(job) == "succeeded"; }));

  settings.apps.erase("default");
  configure();
  CHECK(user->text("SELECT group_concat(name) FROM apps") == "second");
  CHECK(health().find("1 job of the app runs, but it is not configured") != std::string::npos);
  const auto polls = kdocs.received(Endpoint::status);
  run_for(15min);
  CHECK(kdocs.received(Endpoint::status) == polls);
  CHECK(state(followed) == "running");

  settings.apps["default"] = settings.apps["second"];
  configure();
  REQUIRE(run_until([&] { return state(followed) == "succeeded"; }));
  CHECK(health().empty());
  CHECK(user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "an app that goes while its requests are under way: replies are stored") {
  settings.apps["second"] = settings.apps["default"];
  configure();
  kdocs.latency = 10s;
  const auto job = enqueue("f", "second", two_seconds);
  REQUIRE(run_until([&] { return kdocs.received(Endpoint::status) == 1; }));
  REQUIRE(engine->in_flight() == 1);
  settings.apps.erase("second");
  configure();
  REQUIRE(run_until([&] { return state(job) == "succeeded"; }));
  CHECK(engine->in_flight() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an app whose address was wrong is tried at once") {
  settings.apps["default"].status_path = "/wrong";
  configure();
  const auto job = enqueue("f", "default", two_seconds);
  run_for(1min);
  CHECK(user->text("SELECT state FROM apps") == "blocked");
  settings.apps["default"] = one_app().apps["default"];
  engine->configure(settings);
  REQUIRE(run_until([&] { return state(job) == "succeeded"; }, 1min));
}

TEST_CASE_FIXTURE(Fixture,
                  "settings that come while the database is locked are taken later, whole") {
  for (int i = 0; i < 4; ++i)
    enqueue("f" + std::to_string(i));
  settings.max_running = 2;
  configure();
  REQUIRE(run_until_idle());
  user->exec("BEGIN IMMEDIATE");
  settings.max_running = 7;
  settings.apps["second"] = settings.apps["default"];
  engine->configure(settings);
  run_for(10s);
  user->exec("ROLLBACK");
  run_for(10s);
  CHECK(user->number("SELECT max_running FROM daemon") == 7);
  CHECK(user->number("SELECT count(*) FROM apps") == 2);
}

TEST_CASE_FIXTURE(Fixture, "why a configuration is not taken stands in health until one is") {
  engine->tell_config_trouble("max_runing: no such key");
  run_for(1s);
  CHECK(health() == "max_runing: no such key");
  configure();
  CHECK(health() == "max_runing: no such key");
  engine->tell_config_trouble({});
  run_for(1s);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "retention that is switched on deletes, and ends when it is switched off") {
  for (int i = 0; i < 3; ++i) {
    enqueue("f", "default", two_seconds);
    REQUIRE(run_until_idle());
    run_for(24h);
  }
  CHECK(user->number("SELECT count(*) FROM jobs") == 3);
  settings.retention.days_ended = Days(2.5);
  configure();
  run_for(1min);
  CHECK(user->number("SELECT count(*) FROM jobs") == 2);
  settings.retention = {};
  configure();
  run_for(3 * 24h);
  CHECK(user->number("SELECT count(*) FROM jobs") == 2);
}

TEST_CASE_FIXTURE(Fixture, "backups that are switched on are made, and end when they are off") {
  const auto made = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
      count += entry.path().filename().string().starts_with("queue-") ? 1 : 0;
    return count;
  };
  settings.backup.directory = dir.path();
  settings.backup.every = 1h;
  configure();
  // The copy is made by another thread, which knows no fake clock.
  const auto noted = [&] {
    return user->number("SELECT count(*) FROM backup WHERE made_at IS NOT NULL") == 1;
  };
  for (int i = 0; i < 6000 && !noted(); ++i) {
    run_for(200ms);
    std::this_thread::sleep_for(5ms);
  }
  REQUIRE(noted());
  CHECK(made() == 1);
  settings.backup.directory.clear();
  configure();
  CHECK(user->number("SELECT count(*) FROM backup") == 0);
  run_for(24h);
  CHECK(made() == 1);
  CHECK(health().empty());
}
