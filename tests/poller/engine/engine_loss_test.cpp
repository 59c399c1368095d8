// What may get lost, and what becomes of it: kills, lost replies, a database that cannot be
// written.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// The first `count` starts are acted on, but their replies are lost.
void lose_starts(EngineWorld& world, std::size_t count) {
  world.kdocs.faults = [count](Endpoint endpoint, std::size_t n) {
    Fault fault;
    if (endpoint == Endpoint::submit && n < count)
      fault.kind = Fault::Kind::drop_after;
    return fault;
  };
}

} // namespace

TEST_CASE("a restart goes on with running tasks and starts nothing twice") {
  EngineWorld world;
  for (int i = 0; i < 5; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 30000, "lines": 5})", "n");
  world.run_for(10s);
  // A quiet moment: nothing on its way.
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  world.kill();
  world.clock.advance(1min);
  world.start();
  CHECK(world.events.told("recovered 5 running, 0 gaps, 0 unconfirmed"));
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.received(Endpoint::submit) == 5);
  CHECK(world.user->number("SELECT count(*) FROM logs") == 35);
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
}

TEST_CASE("a kill with a question on its way leaves a gap row, and no line is lost unmarked") {
  EngineWorld world;
  world.kdocs.latency = 400ms;
  world.user->enqueue("f", R"({"ms": 20000, "lines": 9})", "n");
  REQUIRE(world.run_until([&] {
    return world.user->number("SELECT count(*) FROM in_flight JOIN jobs ON jobs.id = job_id "
                              "WHERE endpoint = 'status' AND polls >= 2") == 1;
  }));
  world.kill();
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
}

TEST_CASE("the gap of a kill holds the lines that a slow service takes away after the restart") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    Fault fault;
    if (endpoint == Endpoint::status && n == 2)
      fault.delay = 10s;
    if (endpoint == Endpoint::status && n == 3) // the next one comes later still
      fault.delay = 20s;
    return fault;
  };
  world.user->enqueue("f", R"({"ms": 60000, "lines": 59})", "n");
  REQUIRE(world.run_until([&] {
    return world.user->number("SELECT count(*) FROM in_flight JOIN jobs ON jobs.id = job_id "
                              "WHERE endpoint = 'status' AND polls = 2") == 1;
  }));
  world.engine.reset();
  world.database.reset();
  world.kdocs.client_died(false); // what is on its way is acted upon when it gets there
  world.start();
  REQUIRE(world.run_until_idle());
  const auto stored = world.user->number("SELECT count(*) FROM logs WHERE level <> 'gap'");
  const std::string end =
      world.user->text("SELECT json_extract(args, '$[2]') FROM logs WHERE level = 'gap'");
  std::int64_t in_gap = 0;
  for (const FakeTask::Line& line : world.kdocs.tasks().front().lines) {
    const auto message = line.entry.at("args").at(0).get<std::string>();
    const bool is_stored =
        world.user->number("SELECT count(*) FROM logs WHERE message = '" + message + "'") > 0;
    in_gap += !is_stored && to_text(line.at) <= end ? 1 : 0;
  }
  CHECK(in_gap > 0);
  CHECK(stored + in_gap == 61);
}

TEST_CASE("a kill with a start on its way leaves the job unconfirmed, never started again") {
  EngineWorld world;
  world.user->enqueue("f", two_seconds, "n");
  world.engine->tick();
  world.kill();
  world.start();
  world.run_for(1h);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.error(1).find("not known whether the script was started") != std::string::npos);
}

TEST_CASE("a start without an answer is unconfirmed, a lost status reply is a gap") {
  EngineWorld world;
  SUBCASE("start") {
    world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
      return on(Endpoint::submit, 0, endpoint, n, {Fault::Kind::drop_after, 0, {}, 0ms});
    };
    world.user->enqueue("f", two_seconds, "n");
    world.run_for(10min);
    CHECK(world.state(1) == "unconfirmed");
    CHECK(world.kdocs.received(Endpoint::submit) == 1);
  }
  SUBCASE("status") {
    world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
      return on(Endpoint::status, 1, endpoint, n, {Fault::Kind::drop_after, 0, {}, 0ms});
    };
    world.user->enqueue("f", two_seconds, "n");
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
  }
}

TEST_CASE("what was not sent costs nothing and is sent again") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint, std::size_t n) {
    return Fault{n < 3 ? Fault::Kind::not_sent : Fault::Kind::none, 0, {}, 0ms};
  };
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 1);
  CHECK(world.user->number("SELECT sum(used) FROM quota") ==
        static_cast<std::int64_t>(world.kdocs.received(Endpoint::submit) +
                                  world.kdocs.received(Endpoint::status)));
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 0);
  CHECK(world.events.told("no answer from KDocs"));
  CHECK(world.events.told("relief app default works again"));
}

TEST_CASE("a cut-off status reply keeps its complete lines and marks the rest as a gap") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::status, 0, endpoint, n, {Fault::Kind::truncate, 0, {}, 10s});
  };
  world.user->enqueue("f", R"({"ms": 8000, "lines": 6})", "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text("SELECT message FROM logs WHERE seq = 1") == "已开始执行");
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
  CHECK(world.user->number(
            "SELECT length(body) > 100 FROM requests WHERE outcome = 'unanswered'") == 1);
}

TEST_CASE("while another program holds the lock nothing is sent, and what arrived is kept") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 30000, "lines": 9})", "n");
  world.run_for(3s);
  // The lock comes while a reply is on its way.
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 1; }));
  world.user->exec("BEGIN IMMEDIATE");
  world.run_for(1min);
  const auto asked = world.kdocs.received(Endpoint::status);
  CHECK(world.engine->status().unsaved_replies == 1);
  CHECK(world.engine->status().trouble.find("locked") != std::string::npos);
  world.run_for(1min);
  CHECK(world.kdocs.received(Endpoint::status) == asked);
  world.user->exec("COMMIT");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM logs") == 11);
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
}

TEST_CASE("that the database cannot be written is said once, and its end once") {
  EngineSettings settings = one_app();
  // Each try takes a place of the rate. Between two tries there is nothing to write then: that is
  // no sign that it would work.
  settings.apps["default"].requests_per_second = 10;
  EngineWorld world(settings);
  world.user->enqueue("file", R"({"ms": 120000})", "");
  world.run_for(3s);
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  world.user->exec("BEGIN IMMEDIATE");
  for (int woken = 0; woken < 3000; ++woken) { // by what others do to the file
    world.engine->tick();
    world.kdocs.wait_until(world.clock.steady() + 7ms);
  }
  world.user->exec("COMMIT");
  REQUIRE(world.run_until_idle());
  const auto said = [&](const std::string& what) {
    return std::count_if(world.events.texts.begin(), world.events.texts.end(),
                         [&](const std::string& text) { return text.starts_with(what); });
  };
  CHECK(said("trouble ") == 1);
  CHECK(said("relief ") == 1);
  CHECK(world.engine->status().trouble.empty());
}

TEST_CASE("on_unconfirmed = retry starts again, a bounded number of times, fail fails") {
  EngineWorld world;
  SUBCASE("retry") {
    lose_starts(world, 1);
    world.user->exec(
        "INSERT INTO jobs(file_token, script, on_unconfirmed) VALUES ('f', 'x', 'retry')");
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->number("SELECT attempt FROM jobs") == 2);
    CHECK(world.kdocs.received(Endpoint::submit) == 2);
  }
  SUBCASE("retry without end") {
    lose_starts(world, 1000);
    world.user->exec(
        "INSERT INTO jobs(file_token, script, on_unconfirmed) VALUES ('f', 'x', 'retry')");
    world.run_for(24h);
    CHECK(world.state(1) == "unconfirmed");
    CHECK(world.kdocs.received(Endpoint::submit) == 4);
  }
  SUBCASE("fail") {
    lose_starts(world, 1);
    world.user->exec(
        "INSERT INTO jobs(file_token, script, on_unconfirmed) VALUES ('f', 'x', 'fail')");
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "failed");
    CHECK(world.error(1).find("not known whether the script was started") != std::string::npos);
    CHECK(world.kdocs.received(Endpoint::submit) == 1);
  }
  SUBCASE("hold, and the user decides") {
    lose_starts(world, 1);
    world.user->enqueue("f", two_seconds, "n");
    world.run_for(1h);
    CHECK(world.state(1) == "unconfirmed");
    world.user->exec("UPDATE jobs SET state = 'queued'");
    REQUIRE(world.run_until_idle());
    CHECK(world.state(1) == "succeeded");
  }
}

TEST_CASE("on_unconfirmed is judged at the start as well") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, on_unconfirmed) VALUES "
                   "('a', 'x', 'retry'), ('b', 'x', 'fail'), ('c', 'x', 'hold')");
  world.engine->tick();
  world.kill();
  world.start();
  world.run_for(1h);
  CHECK(world.state(1) == "succeeded");
  CHECK(world.state(2) == "failed");
  CHECK(world.state(3) == "unconfirmed");
  CHECK(world.events.told("3 unconfirmed"));
}

TEST_CASE("a log without its opening or closing line is marked, once, and only if no gap says so") {
  EngineWorld world;
  int lost = 0;
  SUBCASE("opening") {
    lost = 1;
  }
  SUBCASE("closing") {
    lost = -1;
  }
  SUBCASE("none") {
    lost = 0;
  }
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until([&] { return !world.kdocs.tasks().empty(); }));
  FakeTask& task = *world.kdocs.task_of("n");
  if (lost == 1)
    task.lines.erase(task.lines.begin());
  if (lost == -1)
    task.lines.pop_back();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == std::abs(lost));
  if (lost != 0)
    CHECK(world.user->text("SELECT json_extract(args, '$[1]') FROM logs WHERE level = 'gap'") ==
          world.user->text("SELECT submitted_at FROM jobs"));
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == std::abs(lost));
}

TEST_CASE("replies that the database cannot take at a stop are stored by the next start") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 30000, "lines": 9})", "n");
  world.user->enqueue("g", two_seconds, "m");
  world.run_for(200ms);
  REQUIRE(world.run_until([&] { return world.engine->in_flight() > 0; }));
  world.user->exec("BEGIN IMMEDIATE");
  world.run_for(1min);
  REQUIRE(world.engine->status().unsaved_replies > 0);
  world.engine->stop();
  world.engine->tick();
  world.engine->spill();
  world.kill();
  world.user->exec("COMMIT");
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.state(2) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM logs") == 15);
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 2);
  // The spill file was emptied: another start takes nothing in twice.
  world.kill();
  world.start();
  CHECK(world.user->number("SELECT count(*) FROM logs") == 15);
}

TEST_CASE("an outage longer than the timeout does not end a job that could not be asked about") {
  EngineWorld world;
  bool out = false;
  world.kdocs.faults = [&out](Endpoint, std::size_t) {
    Fault fault;
    fault.kind = out ? Fault::Kind::not_sent : Fault::Kind::none;
    return fault;
  };
  world.user->enqueue("f", R"({"ms": 60000, "lines": 3})", "n");
  world.run_for(10s);
  out = true;
  world.run_for(5h);
  CHECK(world.state(1) == "running");
  out = false;
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM logs") == 5);
}

TEST_CASE("a daemon that was down for days asks about its tasks before it gives them up") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 60000, "lines": 3})", "n");
  world.run_for(10s);
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  world.kill();
  world.clock.advance(72h);
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("a task that could not be asked about for a day is given up, with a gap that says so") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 60000, "lines": 3})", "n");
  world.run_for(10s);
  world.tokens.current = TokenProblem{"no token"};
  REQUIRE(world.run_until_idle(30h));
  CHECK(world.state(1) == "timed_out");
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
}

TEST_CASE("a stray reply that is not understood fails no job, and holds one only for a while") {
  EngineWorld world;
  int code = 0;
  world.kdocs.faults = [&code](Endpoint endpoint, std::size_t) {
    Fault fault;
    if (endpoint == Endpoint::status && code != 0)
      fault = {Fault::Kind::code, code, {}, 0ms};
    return fault;
  };
  world.user->enqueue("f", R"({"ms": 5000})", "n");
  world.run_for(2s);
  code = 77777;
  world.run_for(15min);
  CHECK(world.state(1) == "running");
  CHECK(world.error(1).find("77777") != std::string::npos);
  code = 0;
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.error(1).empty());
}

TEST_CASE("a submitting job whose request row is missing is unconfirmed, not started again") {
  EngineWorld world;
  world.user->enqueue("f", two_seconds, "n");
  world.user->exec("UPDATE jobs SET state = 'submitting'");
  world.kill();
  world.start();
  world.run_for(1h);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.kdocs.received(Endpoint::submit) == 0);
}
