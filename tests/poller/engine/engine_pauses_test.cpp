// What KDocs asked to wait for is kept over a restart; and what the rate keeps waiting.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// Each request of the endpoint is refused in this way.
void refuse(EngineWorld& world, Endpoint wanted, const Fault& fault) {
  world.kdocs.faults = [wanted, fault](Endpoint endpoint, std::size_t) {
    return endpoint == wanted ? fault : Fault{};
  };
}

std::size_t restart_often(EngineWorld& world, Endpoint endpoint, std::chrono::milliseconds span) {
  const std::size_t before = world.kdocs.received(endpoint);
  for (int i = 0; i < 10; ++i) {
    world.kill();
    world.start();
    world.run_for(span / 10);
  }
  return world.kdocs.received(endpoint) - before;
}

} // namespace

TEST_CASE("a restart waits as long as KDocs has asked to, for starts and for status requests") {
  Fault busy;
  busy.kind = Fault::Kind::http_status;
  busy.number = 429;
  busy.retry_after = 1h;
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status}) {
    EngineWorld world;
    refuse(world, endpoint, busy);
    world.user->enqueue("f", two_seconds, "n");
    world.run_for(10s);
    REQUIRE(world.kdocs.received(endpoint) == 1);
    CHECK(restart_often(world, endpoint, 58min) == 0);
    CHECK(world.user->text("SELECT reason FROM apps").find("it asked to wait until") !=
          std::string::npos);
    world.kdocs.faults = nullptr;
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->number("SELECT count(*) FROM app_pauses") == 0);
  }
}

TEST_CASE("a service that says later is not pressed by restarts, nor one that blocks the app") {
  for (const int code : {30010, 30003}) {
    CAPTURE(code);
    EngineWorld world;
    Fault refusal;
    refusal.kind = Fault::Kind::code;
    refusal.number = code;
    refuse(world, Endpoint::submit, refusal);
    world.user->enqueue("f", two_seconds, "n");
    world.run_for(5s);
    REQUIRE(world.kdocs.received(Endpoint::submit) == 1);
    CHECK(restart_often(world, Endpoint::submit, 50s) == 0);
  }
}

TEST_CASE("what a user has written into the saved pauses holds nobody up for ever") {
  EngineWorld world;
  world.kill();
  world.user->exec(
      "INSERT INTO app_pauses VALUES "
      "('default', 'both', 'never', '9999-12-31 23:59:59', 'x', 1, 1, -5),"
      "('default', 'nonsense', '9999-01-01 00:00:00', '9999-12-31 23:59:59', 'y', 0, 0, "
      "1000000),"
      "('default', 'submit', '0001-01-01 00:00:00', '0001-01-02 00:00:00', 'z', 7, -7, "
      "1)");
  world.start();
  world.user->exec("DELETE FROM app_pauses");
  world.kill();
  world.start();
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("where the rate is short a start is not kept waiting by the polls of what runs") {
  EngineSettings settings = one_app();
  settings.apps["default"].requests_per_second = 10;
  EngineWorld world(settings);
  const std::size_t running = 20;
  for (std::size_t i = 0; i < running; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 600000})", "n");
  REQUIRE(world.run_until([&] { return world.kdocs.received(Endpoint::submit) == running; }));
  world.user->enqueue("g", two_seconds, "n");
  world.run_for(1s);
  CHECK(world.kdocs.received(Endpoint::submit) == running + 1);
}
