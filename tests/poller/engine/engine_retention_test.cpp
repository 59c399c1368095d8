// What the engine keeps, and for how long.
#include "tests/support/engine_world.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds one_day = 24h;
constexpr std::int64_t mebibyte = 1 << 20;

EngineSettings keeping(Days ended, Days logs = Days(0), std::int64_t max_bytes = 0) {
  EngineSettings settings = one_app();
  settings.retention.days_ended = ended;
  settings.retention.days_logs = logs;
  settings.retention.max_bytes = max_bytes;
  return settings;
}

/// Lets time pass with no more ticks than the engine asks for.
void pass(EngineWorld& world, std::chrono::milliseconds span) {
  const SteadyTime end = world.clock.steady() + span;
  while (world.clock.steady() < end)
    world.step(end);
  world.engine->tick();
}

std::int64_t rows(EngineWorld& world, const std::string& table) {
  return world.user->number("SELECT count(*) FROM " + table);
}

/// Log lines and requests that belong to no job, and counters that are wrong.
std::int64_t disorder(EngineWorld& world) {
  return world.user->number(
      "SELECT (SELECT count(*) FROM logs WHERE job_id NOT IN (SELECT id FROM jobs)) + "
      "(SELECT count(*) FROM requests WHERE job_id NOT IN (SELECT id FROM jobs)) + "
      "(" +
      std::string(test::wrong_counters) + ")");
}

std::int64_t used_bytes(EngineWorld& world) {
  return (world.user->number("PRAGMA page_count") - world.user->number("PRAGMA freelist_count")) *
         world.user->number("PRAGMA page_size");
}

/// Not those whose time has not come.
constexpr const char* unfinished = "jobs WHERE state IN ('queued', 'submitting', 'running') AND "
                                   "run_at IS NULL";

void run_jobs(EngineWorld& world, int count, const std::string& script = two_seconds) {
  for (int i = 0; i < count; ++i)
    world.user->enqueue("file " + std::to_string(i), script, "n");
  REQUIRE(world.run_until([&] { return rows(world, unfinished) == 0; }));
}

} // namespace

TEST_CASE("without limits everything is kept, and nothing wakes the engine") {
  EngineWorld world;
  run_jobs(world, 3);
  pass(world, 365 * one_day);
  CHECK(rows(world, "jobs") == 3);
  CHECK(rows(world, "logs") > 0);
  CHECK(world.engine->tick() - world.clock.steady() > one_day);
}

TEST_CASE("ended jobs go after their days, what has not ended stays") {
  EngineWorld world(keeping(Days(2)));
  world.user->exec(
      "INSERT INTO jobs(file_token, script, run_at) VALUES ('a', 'x', '2126-05-01 00:00:00');"
      "INSERT INTO jobs(file_token, script) VALUES ('b', 'x');");
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {Fault::Kind::drop_after});
  };
  run_jobs(world, 0);
  REQUIRE(world.state(2) == "unconfirmed");
  run_jobs(world, 40);
  run_jobs(world, 1, R"({"ms": 1000, "error": "it broke"})");
  REQUIRE(rows(world, "jobs") == 43);
  pass(world, 2 * one_day - 1h);
  CHECK(rows(world, "jobs") == 43);
  world.user->enqueue("long", R"({"ms": 20000000})", "n");
  pass(world, 2h);
  CHECK(world.user->column("SELECT id || state FROM jobs ORDER BY id") ==
        std::vector<std::string>{"1queued", "2unconfirmed", "44timed_out"});
  CHECK(disorder(world) == 0);
}

TEST_CASE("with nothing to delete it looks every ten minutes and writes nothing") {
  EngineWorld world(keeping(Days(1), Days(1), 100 * mebibyte));
  run_jobs(world, 3);
  world.user->number("PRAGMA data_version");
  world.engine->tick();
  pass(world, 1min);
  const auto version = world.user->number("PRAGMA data_version");
  CHECK(world.engine->tick() - world.clock.steady() > 8min);
  int ticks = 0;
  for (const SteadyTime end = world.clock.steady() + 5h; world.clock.steady() < end; ++ticks)
    world.step(end);
  CHECK(ticks < 35);
  CHECK(world.user->number("PRAGMA data_version") == version);
}

TEST_CASE("a job with 2,000 lines goes little by little, and requests go out between") {
  EngineWorld world(keeping(Days(1)));
  run_jobs(world, 1, R"({"ms": 5000, "lines": 2000})");
  pass(world, one_day - 5min);
  REQUIRE(rows(world, "logs") > 2000);
  world.user->exec("INSERT INTO jobs(file_token, script, timeout_s) "
                   "VALUES ('b', '{\"ms\": 20000000}', 30000)");
  std::int64_t most = 0;
  int steps = 0;
  const SteadyTime end = world.clock.steady() + 20min;
  SteadyTime last{};
  while (world.clock.steady() < end && rows(world, "logs WHERE job_id = 1") > 0) {
    const std::int64_t before = rows(world, "logs WHERE job_id = 1");
    const SteadyTime now = world.clock.steady();
    world.step(end);
    if (const std::int64_t gone = before - rows(world, "logs WHERE job_id = 1"); gone > 0) {
      most = std::max(most, gone);
      ++steps;
      CHECK(now - last >= 50ms);
      last = now;
    }
  }
  CHECK(steps >= 20);
  CHECK(most <= 100);
  pass(world, 1s);
  CHECK(world.user->column("SELECT id || state FROM jobs") == std::vector<std::string>{"2running"});
  CHECK(disorder(world) == 0);
}

TEST_CASE("log lines go before their job, which can be run again") {
  EngineWorld world(keeping(Days(30), Days(1)));
  run_jobs(world, 20, R"({"ms": 1000, "lines": 3, "error": "it broke", "result": 1})");
  pass(world, one_day + 1h);
  CHECK(rows(world, "logs") + rows(world, "requests") == 0);
  CHECK(world.user->number(
            "SELECT count(*) FROM jobs WHERE state = 'failed' AND error IS NOT NULL") == 20);
  world.user->exec("UPDATE jobs SET state = 'queued' WHERE id = 7");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(DISTINCT attempt) FROM logs WHERE job_id = 7") == 1);
  CHECK(world.user->number("SELECT attempt FROM jobs WHERE id = 7") == 2);
  pass(world, one_day + 1h);
  CHECK(rows(world, "logs") == 0);
  pass(world, 30 * one_day);
  CHECK(rows(world, "jobs") == 0);
  CHECK(disorder(world) == 0);
}

TEST_CASE("beyond max_bytes the oldest ended jobs go, the newest stay") {
  EngineWorld world(keeping(Days(0), Days(0), 2 * mebibyte));
  world.user->exec(
      "INSERT INTO jobs(file_token, script, run_at) VALUES ('a', 'x', '2126-05-01 00:00:00')");
  for (int i = 0; i < 12; ++i) {
    run_jobs(world, 50, R"({"ms": 1000, "lines": 60})");
    pass(world, 1h);
  }
  CHECK(used_bytes(world) <= 2 * mebibyte);
  CHECK(used_bytes(world) > mebibyte);
  CHECK(world.state(1) == "queued");
  CHECK(world.state(601) == "succeeded");
  CHECK(world.state(2) == "(no row)");
  CHECK(world.user->number("SELECT max(id) - min(id) + 1 - count(*) FROM jobs WHERE id > 1") == 0);
  CHECK(disorder(world) == 0);
}

TEST_CASE("the size settles: the file does not grow once days are over") {
  EngineWorld world(keeping(Days(3), Days(1)));
  std::vector<std::int64_t> pages;
  for (int day = 0; day < 30; ++day) {
    const SteadyTime end = world.clock.steady() + one_day;
    run_jobs(world, 60, R"({"ms": 1000, "lines": 30, "result": "something"})");
    pass(world, end - world.clock.steady());
    pages.push_back(world.user->number("PRAGMA page_count"));
  }
  CHECK(rows(world, "jobs") <= 4 * 60);
  CHECK(rows(world, "jobs") >= 3 * 60);
  const std::int64_t settled = pages[5];
  CHECK(*std::max_element(pages.begin() + 5, pages.end()) <= settled + settled / 20);
  CHECK(disorder(world) == 0);
}

TEST_CASE("a database that is locked just then puts it off, without a word") {
  EngineWorld world(keeping(Days(1)));
  run_jobs(world, 3);
  pass(world, one_day - 1h);
  world.user->exec("BEGIN IMMEDIATE");
  pass(world, 2h);
  world.user->exec("COMMIT");
  CHECK(rows(world, "jobs") == 3);
  pass(world, 1min);
  CHECK(rows(world, "jobs") == 0);
  CHECK_FALSE(world.events.told("trouble"));
}

TEST_CASE("after a stop nothing is deleted, the next run goes on where it was") {
  EngineWorld world(keeping(Days(1)));
  run_jobs(world, 100, R"({"ms": 1000, "lines": 20})");
  pass(world, one_day - 1h);
  REQUIRE(rows(world, "jobs") == 100);
  while (rows(world, "jobs") > 50)
    world.step(world.clock.steady() + 1h);
  world.engine->stop();
  const std::int64_t left = rows(world, "jobs");
  pass(world, 1h);
  CHECK(rows(world, "jobs") == left);
  world.kill();
  world.start();
  pass(world, 1h);
  CHECK(rows(world, "jobs") == 0);
  CHECK(disorder(world) == 0);
}

TEST_CASE("raw bodies of replies that are in rows are kept only if wanted") {
  for (const bool keep : {false, true}) {
    CAPTURE(keep);
    EngineSettings settings = one_app();
    settings.keep_raw = keep;
    EngineWorld world(settings);
    world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
      return on(Endpoint::status, 0, endpoint, n, {Fault::Kind::garbage});
    };
    run_jobs(world, 2);
    const std::string stored = "requests WHERE outcome IN ('accepted', 'report') AND "
                               "http_status = 200 AND answered_at IS NOT NULL";
    if (keep)
      CHECK(rows(world, stored) >= 4);
    else
      CHECK(rows(world, stored) == 2); // the starts
    CHECK(rows(world, stored + " AND body IS NOT NULL") == (keep ? rows(world, stored) : 0));
    CHECK(world.user->number("SELECT count(*) FROM requests WHERE outcome = 'damaged' "
                             "AND length(body) > 0") == 1);
    CHECK(rows(world, "logs WHERE level <> 'gap'") > 4);
  }
}

TEST_CASE("the raw body stays if the user has cancelled the job before its reply was stored") {
  for (const char* endpoint : {"submit", "status"}) {
    CAPTURE(endpoint);
    EngineWorld world;
    world.kdocs.latency = 2s;
    world.user->enqueue("a", two_seconds, "n");
    const std::string open = std::string("in_flight WHERE endpoint = '") + endpoint + "'";
    REQUIRE(world.run_until([&] { return rows(world, open) == 1; }));
    world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
    REQUIRE(world.run_until([&] { return rows(world, open) == 0; }));
    CHECK(world.user->number(std::string("SELECT count(*) FROM requests WHERE body IS NOT NULL AND "
                                         "endpoint = '") +
                             endpoint + "'") == 1);
  }
}
