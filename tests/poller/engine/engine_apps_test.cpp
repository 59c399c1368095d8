// Several apps beside each other: what is wrong with one is no matter of the others.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

EngineSettings two_apps(std::size_t max_running) {
  EngineSettings settings = one_app();
  settings.max_running = max_running;
  settings.max_running_per_file = 0;
  settings.apps["ill"] = settings.apps["default"];
  settings.apps["ill"].base_url = "https://ill.test";
  return settings;
}

struct AppsWorld : EngineWorld {
  explicit AppsWorld(std::size_t max_running) : EngineWorld(two_apps(max_running)) {}

  void enqueue(int count, const std::string& app, const std::string& script) {
    user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(count) + ") INSERT INTO jobs(app, file_token, script) SELECT '" +
               app + "', '" + app + "', '" + script + "' FROM n");
  }
  /// Requests of the ill app to the endpoint get no answer.
  void hang(Endpoint hanging) {
    kdocs.hangs = [hanging](Endpoint endpoint, const std::string& url) {
      return endpoint == hanging && url.starts_with("https://ill.test");
    };
  }
  std::int64_t running() {
    return user->number("SELECT count(*) FROM jobs WHERE state = 'running'");
  }
  std::int64_t ended(const std::string& app) {
    return user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND app = '" + app +
                        "'");
  }
};

} // namespace

TEST_CASE("an app whose status requests hang holds up neither starts nor polls of another") {
  AppsWorld world(1000);
  world.hang(Endpoint::status);
  world.enqueue(300, "ill", R"({"ms": 3600000})");
  world.run_for(50s);
  REQUIRE(world.engine->in_flight() > 40);
  world.enqueue(40, "default", R"({"ms": 2000})");
  world.run_for(8s);
  CHECK(world.ended("default") == 40);
}

TEST_CASE("an app whose starts hang holds up no other, and is said to wait") {
  AppsWorld world(1000);
  world.hang(Endpoint::submit);
  world.enqueue(300, "ill", R"({"ms": 1000})");
  world.run_for(15s);
  REQUIRE(world.engine->in_flight() > 30);
  CHECK(
      world.user->text("SELECT reason FROM waiting WHERE app = 'ill' ORDER BY job_id DESC LIMIT 1")
          .find("many starts of this app without an answer") != std::string::npos);
  world.enqueue(40, "default", R"({"ms": 2000})");
  world.run_for(8s);
  CHECK(world.ended("default") == 40);
  CHECK(world.user->text("SELECT state FROM apps WHERE name = 'default'") == "ready");
}

TEST_CASE("scripts that hang do not take the places to run that are kept for another app") {
  AppsWorld world(100);
  world.enqueue(300, "ill", R"({"ms": 3600000})");
  world.run_for(60s);
  CHECK(world.running() == 75);
  CHECK(
      world.user->text("SELECT reason FROM waiting WHERE app = 'ill' ORDER BY job_id DESC LIMIT 1")
          .find("kept for the other apps") != std::string::npos);
  world.enqueue(25, "default", R"({"ms": 2000})");
  world.run_for(8s);
  CHECK(world.ended("default") == 25);
}

TEST_CASE("an app without others has all places to run") {
  EngineSettings settings = one_app();
  settings.max_running = 10;
  settings.max_running_per_file = 0;
  EngineWorld world(settings);
  for (int i = 0; i < 30; ++i)
    world.user->enqueue("f", R"({"ms": 60000})", "n");
  world.run_for(5s);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'running'") == 10);
}
