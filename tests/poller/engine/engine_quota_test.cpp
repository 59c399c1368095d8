// The two daily quotas as a planned budget, seen at the service.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

// The worlds begin at 09:00 UTC; 16:00 UTC is midnight in Shanghai.
const WallTime roll = *parse_time("2126-03-02 16:00:00");

struct QuotaWorld : EngineWorld {
  QuotaWorld(std::int64_t starts, std::int64_t polls) : EngineWorld(test_app(starts, polls)) {
    kdocs.submit_quota = starts;
    kdocs.status_quota = polls;
  }
  /// Jobs on files of their own, each of a run time between half of `ms` and one and a half.
  void enqueue_many(int count, int ms) {
    for (int i = 0; i < count; ++i, ++last_) {
      const int runs = ms / 2 + (last_ * 7919) % ms;
      user->enqueue("f" + std::to_string(last_), "{\"ms\": " + std::to_string(runs) + "}",
                    "script");
    }
  }
  std::int64_t count(const std::string& state) {
    return user->number("SELECT count(*) FROM jobs WHERE state = '" + state + "'");
  }
  /// Today's row of the ledger.
  std::int64_t ledger(const std::string& column, const std::string& endpoint,
                      const std::string& day = "2126-03-02") {
    return user->number("SELECT coalesce(sum(" + column + "), 0) FROM quota WHERE endpoint = '" +
                        endpoint + "' AND day = '" + day + "'");
  }
  std::int64_t all_days(const std::string& what) {
    return user->number("SELECT coalesce(sum(" + what + "), 0) FROM quota");
  }
  std::int64_t all_received() {
    return static_cast<std::int64_t>(kdocs.received(Endpoint::submit) +
                                     kdocs.received(Endpoint::status));
  }
  void check_ledger_is_the_services(const std::string& day) {
    CHECK(ledger("used", "submit", day) == kdocs.counted_today(Endpoint::submit));
    CHECK(ledger("used", "status", day) == kdocs.counted_today(Endpoint::status));
  }
  void run_until_wall(WallTime moment) { run_for(moment - clock.wall()); }

private:
  int last_ = 0;
};

/// Three starts a day; one is sent before the roll and arrives after it.
struct RollWorld : QuotaWorld {
  explicit RollWorld(std::chrono::milliseconds before = 200ms) : QuotaWorld(3, 10'000) {
    kdocs.latency = 800ms;
    run_until_wall(roll - before);
  }
  void check_second_day() {
    run_for(12h);
    CHECK(kdocs.refused_by_quota() == 0);
    CHECK(kdocs.counted_today(Endpoint::submit) == 3);
    CHECK(ledger("used", "submit", "2126-03-03") == 3);
    CHECK(ledger("others", "submit", "2126-03-03") == 0);
    user->exec("UPDATE jobs SET state = 'cancelled' WHERE state = 'unconfirmed'");
    REQUIRE(run_until_idle(24h));
    CHECK(kdocs.refused_by_quota() == 0);
  }
};

} // namespace

TEST_CASE("700 jobs on a test app take two days, none is refused, none is left behind") {
  QuotaWorld world(500, 10'000);
  world.enqueue_many(700, 90'000);
  world.run_until_wall(roll - 1s);
  CHECK(world.count("succeeded") == 500);
  CHECK(world.count("queued") == 200);
  world.check_ledger_is_the_services("2126-03-02");
  REQUIRE(world.run_until_idle(24h));
  CHECK(world.count("succeeded") == 700);
  CHECK(world.kdocs.refused_by_quota() == 0);
  CHECK(to_text(world.kdocs.tasks()[500].started).substr(0, 16) == "2126-03-02 16:00");
  world.check_ledger_is_the_services("2126-03-03");
}

TEST_CASE("a start that is on its way while the day rolls counts on both days") {
  RollWorld world;
  world.enqueue_many(1, 1'000);
  world.run_for(5s);
  REQUIRE(to_text(world.kdocs.tasks().at(0).started) >= to_text(roll));
  CHECK(world.ledger("used", "submit", "2126-03-02") == 1);
  world.enqueue_many(3, 1'000);
  world.check_second_day();
}

TEST_CASE("the new day does not spend what a start that is still on its way may cost it") {
  RollWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {.delay = 40s});
  };
  world.enqueue_many(1, 1'000);
  world.run_for(5s);
  world.enqueue_many(3, 1'000);
  world.run_for(30s);
  CHECK(world.kdocs.received(Endpoint::submit) == 2);
  world.check_second_day();
}

TEST_CASE("a start whose reply was given up before the roll may yet count on the new day") {
  RollWorld world(70s);
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {.delay = 72s});
  };
  world.enqueue_many(1, 1'000);
  world.run_until_wall(roll - 5s);
  REQUIRE(world.count("unconfirmed") == 1);
  world.run_for(10s);
  REQUIRE(world.kdocs.tasks().size() == 1);
  world.enqueue_many(3, 1'000);
  world.check_second_day();
}

TEST_CASE("a start that was on its way when the daemon was killed counts on both days, too") {
  RollWorld world;
  world.enqueue_many(1, 1'000);
  world.run_for(100ms);
  world.engine.reset();
  world.database.reset();
  world.kdocs.client_died(false);
  world.kdocs.wait_until(world.clock.steady() + 2s);
  REQUIRE(to_text(world.kdocs.tasks().at(0).started) >= to_text(roll));
  world.start();
  world.enqueue_many(3, 1'000);
  world.check_second_day();
}

TEST_CASE("a start that got lost long before the roll costs the new day nothing") {
  RollWorld world;
  world.run_until_wall(roll + 1h);
  world.enqueue_many(1, 1'000);
  world.run_for(100ms);
  world.kill();
  world.clock.step_wall(24h);
  world.start();
  CHECK(world.count("unconfirmed") == 1);
  CHECK(world.ledger("used", "submit", "2126-03-03") == 1);
  CHECK(world.ledger("used", "submit", "2126-03-04") == 0);
}

TEST_CASE("a burst of scripts that run long does not use up the day in its first minutes") {
  QuotaWorld world(30, 3'000);
  world.enqueue_many(30, 1'200'000);
  world.run_for(10min);
  CHECK(world.count("running") > 20);
  CHECK(world.ledger("used", "status") <
        2'700); // no start is left for today: all polls are for these
  REQUIRE(world.run_until_idle(1h));
  CHECK(world.count("succeeded") + world.count("timed_out") == 30);
  CHECK(world.kdocs.refused_by_quota() == 0);
}

TEST_CASE("a restart in the middle of the day goes on with the same ledger") {
  QuotaWorld world(40, 2'000);
  world.enqueue_many(60, 300'000);
  for (int restarts = 0; restarts < 5; ++restarts) {
    world.run_for(4min);
    world.kill();
    world.start();
  }
  world.run_until_wall(roll - 1s);
  CHECK(world.kdocs.received(Endpoint::submit) == 40);
  world.check_ledger_is_the_services("2126-03-02");
  world.user->exec("UPDATE jobs SET state = 'queued' WHERE state = 'unconfirmed'");
  REQUIRE(world.run_until_idle(48h));
  CHECK(world.kdocs.refused_by_quota() == 0);
}

TEST_CASE("a clock set back one hour or forward one day spends no request that is not there") {
  for (const auto step : {-1h, 24h}) {
    CAPTURE(step.count());
    QuotaWorld world(30, 3'000);
    world.enqueue_many(50, 60'000);
    world.run_for(30min);
    world.clock.step_wall(step);
    world.run_for(1h);
    // Whatever day the daemon believes in, it counts what it sends.
    CHECK(world.all_days("used - others") == world.all_received());
    world.clock.step_wall(-step);
    REQUIRE(world.run_until_idle(72h));
    CHECK(world.count("succeeded") == 50);
    CHECK(world.all_days("used - others") == world.all_received());
    CHECK(static_cast<std::int64_t>(world.kdocs.tasks().size()) == 50);
  }
}

TEST_CASE("polls come at the age that was planned, whatever the wall clock does") {
  const auto polls_at = [](std::chrono::milliseconds step) {
    QuotaWorld world(100'000, 1'000'000); // a budget that has no say
    world.user->enqueue("f", R"({"ms": 60000})", "n");
    std::vector<std::int64_t> ages;
    bool stepped = false;
    const SteadyTime start = world.clock.steady();
    while (world.count("succeeded") == 0 && world.clock.steady() < start + 2h) {
      const auto before = world.kdocs.received(Endpoint::status);
      world.step(world.clock.steady() + 1s);
      if (world.kdocs.received(Endpoint::status) > before)
        ages.push_back((world.clock.steady() - start).count());
      if (!stepped && ages.size() == 5) {
        world.clock.step_wall(step);
        stepped = true;
      }
    }
    return ages;
  };
  const auto undisturbed = polls_at(0h);
  CHECK(polls_at(-1h) == undisturbed);
  CHECK(polls_at(1h) == undisturbed);
}

TEST_CASE("another client that eats half of the starts is found out by one burst, not by many") {
  QuotaWorld world(40, 4'000);
  world.kdocs.spend_elsewhere(Endpoint::submit, 20);
  world.enqueue_many(30, 20'000);
  world.run_until_wall(roll - 1s);
  CHECK(world.count("succeeded") == 20);
  CHECK(world.count("queued") == 10);
  const auto refused = world.kdocs.refused_by_quota();
  CHECK(refused > 0);
  CHECK(refused <= 10); // those that were on their way together
  CHECK(world.ledger("used", "submit") == world.kdocs.counted_today(Endpoint::submit));
  CHECK(world.ledger("others", "submit") == 20 - static_cast<std::int64_t>(refused));
  CHECK(world.user->text("SELECT start_wait FROM apps").find("others use this app") !=
        std::string::npos);
  CHECK(world.user->number("SELECT max(attempt) FROM jobs WHERE state = 'queued'") == 0);
  REQUIRE(world.run_until_idle(24h));
  CHECK(world.count("succeeded") == 30);
  CHECK(world.kdocs.refused_by_quota() == refused);
  CHECK(to_text(world.kdocs.tasks()[20].started).substr(0, 16) == "2126-03-02 16:00");
  CHECK(world.user->text("SELECT state FROM apps") == "ready");
}

TEST_CASE("a new day is tried with one request, then all go") {
  QuotaWorld world(40, 4'000);
  world.kdocs.spend_elsewhere(Endpoint::submit, 40);
  world.enqueue_many(30, 20'000);
  world.run_until_wall(roll - 1s);
  CHECK(world.kdocs.tasks().empty());
  world.clock.step_wall(10min); // our day rolls before the service's
  const auto refused = world.kdocs.refused_by_quota();
  world.run_for(9min);
  CHECK(world.kdocs.refused_by_quota() == refused + 1);
  REQUIRE(world.run_until_idle(2h));
  CHECK(world.kdocs.refused_by_quota() == refused + 1);
  CHECK(world.count("succeeded") == 30);
}

TEST_CASE("another client that eats half of the polls delays the ends, and loses nothing") {
  QuotaWorld world(500, 200);
  world.kdocs.spend_elsewhere(Endpoint::status, 100);
  world.enqueue_many(60, 3'600'000);
  REQUIRE(world.run_until_idle(96h));
  CHECK(world.count("succeeded") + world.count("timed_out") == 60);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 0);
  CHECK(world.ledger("used", "status") == 200);
  CHECK(world.ledger("others", "status") > 0);
}

TEST_CASE("a limit with Retry-After is kept in full, and is no end of the day") {
  QuotaWorld world(500, 10'000);
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n,
              {.kind = Fault::Kind::http_status, .number = 429, .retry_after = 1000s});
  };
  world.enqueue_many(1, 1'000);
  world.run_for(1s);
  world.enqueue_many(2, 1'000);
  world.run_for(998s);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  REQUIRE(world.run_until_idle(5min));
  CHECK(world.count("succeeded") == 3);
  CHECK(world.ledger("used", "submit") == 4);
  CHECK(world.ledger("others", "submit") == 0);
}

TEST_CASE("no more scripts are started than the day has polls for, and those are seen to end") {
  QuotaWorld world(500, 60);
  world.enqueue_many(100, 100'000);
  world.run_until_wall(roll - 1s);
  CHECK(world.count("running") == 0);
  const auto first_day = world.count("succeeded");
  CHECK(first_day >= 15);
  CHECK(first_day <= 60);
  CHECK(world.count("queued") == 100 - first_day);
  CHECK(world.user->text("SELECT start_wait FROM apps").find("status requests") !=
        std::string::npos);
  CHECK(world.user->text("SELECT state FROM apps") == "waiting");
  REQUIRE(world.run_until_idle(120h));
  CHECK(world.kdocs.refused_by_quota() == 0);
  CHECK(world.count("succeeded") == 100);
}

TEST_CASE("while the rest of the polls is reserved, the table says for how many tasks") {
  QuotaWorld world(500, 60);
  world.enqueue_many(100, 600'000);
  REQUIRE(world.run_until([&] {
    return world.user->text("SELECT coalesce(start_wait, '') FROM apps").find("reserved for") !=
           std::string::npos;
  }));
  world.run_for(1min);
  CHECK(world.count("running") > 0);
  CHECK(world.user->text("SELECT start_at FROM apps") == to_text(roll));
}

TEST_CASE("what was learnt survives a restart: the same script is asked when it is known to end") {
  QuotaWorld world(50, 200);
  const char* const minute = R"({"ms": 60000})";
  for (int i = 0; i < 20; ++i) {
    world.user->enqueue("f", minute, "n");
    REQUIRE(world.run_until_idle());
  }
  const auto polls = [&](std::int64_t job) {
    return world.user->number("SELECT polls FROM jobs WHERE id = " + std::to_string(job));
  };
  CHECK(polls(1) > 3);
  CHECK(polls(20) <= 3);
  world.kill();
  world.start();
  world.user->enqueue("f", minute, "n");
  REQUIRE(world.run_until_idle());
  CHECK(polls(21) <= 3);
  // A text that was never seen, but a name that was.
  world.user->enqueue("f", R"({"ms": 60500})", "n");
  REQUIRE(world.run_until_idle());
  CHECK(polls(22) <= 4);
  world.user->exec("DELETE FROM run_times");
  world.kill();
  world.start();
  world.user->enqueue("f", minute, "n");
  REQUIRE(world.run_until_idle());
  CHECK(polls(23) > 3);
}
