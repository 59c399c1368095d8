#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

TEST_CASE("an inserted script runs, and its lines and result come back as rows") {
  EngineWorld world;
  const auto job = world.user->enqueue("file-a", two_seconds, "test");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(job) == "succeeded");
  CHECK(world.user->text("SELECT result FROM results WHERE job_id = 1") == "\"bar\"");
  CHECK(world.user->column("SELECT message FROM job_logs") ==
        std::vector<std::string>{"已开始执行", "test line 1", "test line 2", "执行完毕"});
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.user->text("SELECT submitted_at FROM jobs") == "2126-03-02 09:00:00.000");
}

TEST_CASE("each request is counted in the day's quota, and leaves no intent behind") {
  EngineWorld world;
  world.user->enqueue("file-a", two_seconds, "test");
  REQUIRE(world.run_until_idle());
  const auto polls = static_cast<std::int64_t>(world.kdocs.received(Endpoint::status));
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 1);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'status'") == polls);
  CHECK(world.user->number("SELECT polls FROM jobs") == polls);
  CHECK(world.user->column("SELECT endpoint || ' ' || outcome FROM requests") ==
        std::vector<std::string>{"submit accepted"}); // of plain reports only jobs.polls tells
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.user->text("SELECT day FROM quota LIMIT 1") == "2126-03-02");
}

TEST_CASE("a script that fails ends failed, with the service's error") {
  EngineWorld world;
  const auto job = world.user->enqueue("f", R"({"error": "ReferenceError: x"})", "bad");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(job) == "failed");
  CHECK(world.error(job) == "ReferenceError: x");
}

TEST_CASE("jobs start by priority, then run_at, then id") {
  EngineSettings settings = one_app();
  settings.max_running = 1;
  EngineWorld world(settings);
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, priority, run_at) VALUES "
                   "('a', 'x', 'third', 0, '2020-01-02 00:00:00'),"
                   "('b', 'x', 'fourth', 0, '2020-01-02 00:00:00.500'),"
                   "('c', 'x', 'second', 0, '2020-01-01 00:00:00'),"
                   "('d', 'x', 'first', -5, '2020-01-03 00:00:00'),"
                   "('e', 'x', 'fifth', 1, '2020-01-01 00:00:00')");
  REQUIRE(world.run_until_idle());
  std::vector<std::string> order;
  for (const FakeTask& task : world.kdocs.tasks())
    order.push_back(task.name);
  CHECK(order == std::vector<std::string>{"first", "second", "third", "fourth", "fifth"});
}

TEST_CASE("a job with run_at waits for its time, and only as long") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, run_at) VALUES "
                   "('a', 'x', '2126-03-02 10:00:00')");
  world.run_for(59min);
  CHECK(world.kdocs.tasks().empty());
  REQUIRE(world.run_until_idle());
  CHECK(to_text(world.kdocs.tasks().at(0).started).substr(0, 17) == "2126-03-02 10:00:");
}

TEST_CASE("a job past expires_at is not started and says so") {
  EngineSettings settings = one_app();
  settings.max_running = 1;
  EngineWorld world(settings);
  world.user->enqueue("a", R"({"ms": 600000})", "long");
  world.user->exec("INSERT INTO jobs(file_token, script, expires_at) VALUES "
                   "('b', 'x', '2126-03-02 09:05:00')");
  world.run_for(6min);
  CHECK(world.state(2) == "timed_out");
  CHECK(world.error(2).find("expires_at") != std::string::npos);
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.tasks().size() == 1);
}

TEST_CASE("one script runs on a file at a time, and files do not wait for each other") {
  EngineWorld world;
  for (int i = 0; i < 40; ++i)
    world.user->enqueue("file-" + std::to_string(i % 4), two_seconds, "n" + std::to_string(i));
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.most_on_one_file() == 1);
  CHECK(world.kdocs.tasks().size() == 40);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 40);
  CHECK(world.user->number("SELECT count(*) FROM logs") == 160);
}

TEST_CASE("max_running_per_file 0 lets scripts of one file run together, max_running bounds all") {
  EngineSettings settings = one_app();
  settings.max_running_per_file = 0;
  settings.max_running = 3;
  EngineWorld world(settings);
  for (int i = 0; i < 9; ++i)
    world.user->enqueue("same", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.most_on_one_file() == 3);
}

TEST_CASE("a cancelled running job is left alone, and its late lines are kept") {
  EngineWorld world;
  world.kdocs.latency = 400ms;
  const auto job = world.user->enqueue("f", R"({"ms": 60000, "lines": 3})", "long");
  REQUIRE(world.run_until([&] {
    return world.user->number("SELECT count(*) FROM in_flight WHERE endpoint = 'status'") == 1;
  }));
  world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  world.run_for(5min);
  CHECK(world.state(job) == "cancelled");
  CHECK(world.user->text("SELECT message FROM job_logs") == "已开始执行");
  CHECK(world.kdocs.received(Endpoint::status) == 1);
  CHECK(world.user->text("SELECT finished_at IS NOT NULL FROM jobs") == "1");
}

TEST_CASE("a cancelled queued job is never sent, and runs when it is queued again") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, run_at) VALUES "
                   "('a', 'x', '2126-03-02 09:10:00'); UPDATE jobs SET state = 'cancelled'");
  world.run_for(20min);
  CHECK(world.kdocs.tasks().empty());
  world.user->exec("UPDATE jobs SET state = 'queued'");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 1);
}

TEST_CASE("a job that was run again keeps the log of each attempt") {
  EngineWorld world;
  world.user->enqueue("f", R"({"error": "boom", "lines": 1})", "bad");
  REQUIRE(world.run_until_idle());
  world.user->exec("UPDATE jobs SET state = 'queued'");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT attempt FROM jobs") == 2);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE attempt = 1") == 2);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE attempt = 2") == 2);
}

TEST_CASE("a deleted job takes its rows with it, even with a reply on its way") {
  EngineWorld world;
  world.kdocs.latency = 400ms;
  world.user->enqueue("f", R"({"ms": 60000})", "long");
  REQUIRE(world.run_until([&] {
    return world.user->number("SELECT count(*) FROM in_flight WHERE endpoint = 'status'") == 1;
  }));
  world.user->exec("UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
  world.run_for(1min);
  CHECK(world.user->number("SELECT count(*) FROM logs") == 0);
  CHECK(world.user->number("SELECT count(*) FROM requests") == 0);
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.user->number("SELECT sum(jobs) FROM job_counts") == 0);
}

TEST_CASE("timeout_s ends a job that is still running, with one last question at the deadline") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, timeout_s) VALUES "
                   "('a', '{\"ms\": 3600000}', 90), ('b', '{\"ms\": 89000}', 90)");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "timed_out");
  CHECK(world.error(1).find("90 s") != std::string::npos);
  CHECK(world.state(2) == "succeeded");
}

TEST_CASE("a timeout is kept to the second, also while the job is asked about slowly") {
  for (const bool gone : {false, true}) {
    EngineWorld world;
    world.kdocs.style.running_word = "paused"; // no word of the API
    if (gone)
      world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
        Fault fault;
        if (endpoint == Endpoint::status && n == 0) {
          fault.kind = Fault::Kind::code;
          fault.number = 10001;
        }
        return fault;
      };
    world.user->exec("INSERT INTO jobs(file_token, script, timeout_s) VALUES "
                     "('a', '{\"ms\": 3600000}', 5)");
    world.run_for(6s);
    CHECK(world.state(1) == "timed_out");
  }
}

TEST_CASE("an unknown app fails the job with a sentence that names the configured ones") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, app) VALUES ('a', 'x', 'nope')");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1).find("'nope' is not configured (configured: default)") != std::string::npos);
}

TEST_CASE("a script that is not UTF-8 fails alone, costs nothing, and blocks nobody") {
  EngineWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script) VALUES ('a', x'666f6fff')");
  world.user->enqueue("a", two_seconds, "good");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1).find("UTF-8") != std::string::npos);
  CHECK(world.state(2) == "succeeded");
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 1);
}

TEST_CASE("a spent quota stops the requests until the roll and is never exceeded") {
  EngineSettings settings = one_app();
  settings.apps["default"].submit_quota = 3;
  EngineWorld world(settings);
  world.kdocs.submit_quota = 3;
  for (int i = 0; i < 5; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.run_for(1h);
  CHECK(world.kdocs.received(Endpoint::submit) == 3);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'queued'") == 2);
  REQUIRE(world.run_until_idle(24h));
  CHECK(world.kdocs.refused_by_quota() == 0);
  // 2126-03-02 16:00 UTC is 2126-03-03 00:00 in Shanghai.
  CHECK(to_text(world.kdocs.tasks().back().started).substr(0, 16) == "2126-03-02 16:00");
}

TEST_CASE("a refused token stops the app until its file has another one, no attempt is lost") {
  EngineWorld world;
  world.tokens.current = lone_token("old");
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(10min);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.state(1) == "queued");
  CHECK(world.engine->status().trouble.find("token") != std::string::npos);
  world.tokens.current = lone_token("secret-token");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->number("SELECT attempt FROM jobs") == 1);
}

TEST_CASE("no token, no request, the sentence says why") {
  EngineWorld world;
  world.tokens.current = TokenProblem{"there is no token file"};
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(10min);
  CHECK(world.kdocs.received(Endpoint::submit) == 0);
  CHECK(world.engine->status().trouble.find("there is no token file") != std::string::npos);
}

TEST_CASE("a rate limit pauses the endpoint for as long as the service says") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {Fault::Kind::code, 30002, 1000s, 0ms});
  };
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(999s);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("refusals about the job fail the job, a full service makes it wait") {
  EngineWorld world;
  int code = 0;
  SUBCASE("file error") {
    code = 30006;
  }
  SUBCASE("argument error") {
    code = 10001;
  }
  SUBCASE("too many tasks") {
    code = 30010;
  }
  world.kdocs.faults = [code](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, {Fault::Kind::code, code, {}, 0ms});
  };
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == (code == 30010 ? "succeeded" : "failed"));
}

TEST_CASE("a task that the service does not know fails after three replies in a row") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t) {
    return endpoint == Endpoint::status ? Fault{Fault::Kind::code, 10001, {}, 0ms} : Fault{};
  };
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.kdocs.received(Endpoint::status) == 3);
}

TEST_CASE("requests_per_second bounds bursts of starts") {
  EngineSettings settings = one_app();
  settings.apps["default"].requests_per_second = 2;
  EngineWorld world(settings);
  for (int i = 0; i < 30; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 3600000})", "n");
  world.run_for(5s);
  CHECK(world.kdocs.received(Endpoint::submit) + world.kdocs.received(Endpoint::status) <= 14);
  CHECK(world.kdocs.received(Endpoint::submit) >= 4);
}

TEST_CASE("an idle engine plans no wake-up") {
  EngineWorld world;
  CHECK(world.engine->tick() == SteadyTime::max());
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  world.engine->tick();
  CHECK(world.engine->tick() == SteadyTime::max());
}

TEST_CASE("a stopped engine sends nothing more and stores what is on its way") {
  EngineWorld world;
  world.user->enqueue("f", R"({"ms": 30000, "lines": 9})", "n");
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 1; }));
  world.engine->stop();
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  const auto sent = world.kdocs.received(Endpoint::submit) + world.kdocs.received(Endpoint::status);
  world.run_for(1h);
  CHECK(world.kdocs.received(Endpoint::submit) + world.kdocs.received(Endpoint::status) == sent);
}

TEST_CASE("jobs of an app that has to wait do not hold up those of another") {
  EngineSettings settings = one_app();
  settings.apps["second"] = settings.apps["default"];
  settings.apps["default"].submit_quota = 1;
  EngineWorld world(settings);
  for (int i = 0; i < 50; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.user->exec("INSERT INTO jobs(file_token, script, app) VALUES ('z', 'x', 'second')");
  world.run_for(1min);
  CHECK(world.state(51) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'queued'") == 49);
}

TEST_CASE("many jobs queued for one busy file do not hide those of other files") {
  EngineWorld world;
  world.user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
                   "INSERT INTO jobs(file_token, script) SELECT 'busy', '{\"ms\": 60000}' FROM n");
  world.user->enqueue("free", two_seconds, "n");
  world.run_for(30s);
  CHECK(world.state(5001) == "succeeded");
  CHECK(world.state(1) == "running");
}

TEST_CASE("no more is begun than goes out at once: a crash would lose what waits for its reply") {
  EngineSettings settings = one_app();
  settings.max_running = 1000;
  EngineWorld world(settings);
  const auto open_requests = [&](const std::string& endpoint) {
    return world.user->number("SELECT count(*) FROM in_flight WHERE endpoint = '" + endpoint + "'");
  };
  for (int i = 0; i < 400; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 3600000})", "n");
  world.kdocs.latency = 10s;
  world.run_for(1s);
  CHECK(open_requests("submit") == 64);
  std::int64_t most_polls = 0;
  const bool all_run = world.run_until([&] {
    CHECK(open_requests("submit") <= 64);
    most_polls = std::max(most_polls, open_requests("status"));
    return world.user->number("SELECT count(*) FROM jobs WHERE state = 'running'") == 400;
  });
  CHECK(all_run);
  for (int second = 0; second < 200; ++second) {
    world.run_for(1s);
    most_polls = std::max(most_polls, open_requests("status"));
  }
  CHECK(most_polls == 128);
}

TEST_CASE("a poll that is due waits neither for all replies to be stored nor for all starts") {
  EngineSettings settings = one_app();
  settings.max_running = 1000;
  settings.apps["default"].status_quota = 10'000; // asked rarely: less often than a reply takes
  EngineWorld world(settings);
  const auto polls = [&] { return world.kdocs.received(Endpoint::status); };
  world.user->enqueue("polled", R"({"ms": 3600000})", "n");
  REQUIRE(world.run_until([&] { return polls() == 1; }));
  const SteadyTime due = world.engine->tick();
  REQUIRE(world.engine->in_flight() == 0);
  for (int i = 0; i < 400; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 3600000})", "n");
  world.clock.advance_to(due - world.kdocs.latency);
  world.engine->tick();
  world.kdocs.wait_until(due); // to the replies of all starts
  REQUIRE(world.clock.steady() == due);
  REQUIRE(polls() == 1);
  world.clock.each_look = 5ms;
  world.engine->tick();
  world.clock.each_look = 0ms;
  CHECK(world.engine->status().unsaved_replies > 0);
  world.kdocs.wait_until(world.clock.steady() + world.kdocs.latency);
  CHECK(polls() > 1);
  world.run_for(10s);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'running'") == 401);
}

TEST_CASE("a checkpoint waits for a poll that is due soon, unless the log grows on and on") {
  EngineSettings settings = one_app();
  settings.max_running = 1000;
  EngineWorld world(settings);
  const auto polls = [&] { return world.kdocs.received(Endpoint::status); };
  const auto megabytes = [](int count) {
    return R"({"ms": 3600000, "pad": ")" + std::string(static_cast<std::size_t>(count) << 20, 'x') +
           "\"}";
  };
  world.user->exec("PRAGMA wal_autocheckpoint = 0");
  world.user->enqueue("polled", R"({"ms": 3600000})", "n");
  REQUIRE(world.run_until([&] { return polls() == 1; }));
  const SteadyTime due = world.engine->tick();
  world.clock.advance_to(due - 10ms);
  SUBCASE("a long log waits until the poll is sent") {
    world.user->enqueue("f", megabytes(4), "n");
    CHECK(world.engine->tick() == due);
    CHECK(polls() == 1);
    CHECK(world.database->log_is_long());
    world.run_for(1s);
    CHECK(polls() > 1);
    CHECK(!world.database->log_is_long());
  }
  SUBCASE("one that has grown since does not") {
    world.user->enqueue("f", megabytes(4), "n");
    world.engine->tick();
    world.user->enqueue("g", megabytes(4), "n");
    CHECK(world.engine->tick() == world.clock.steady());
    REQUIRE(world.database->log_is_too_long());
    world.engine->tick();
    CHECK(!world.database->log_is_too_long());
    CHECK(polls() == 1);
  }
}
