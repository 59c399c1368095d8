// Batches, dependencies, results that are passed on, and jobs that take another one's place,
// through the engine.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

constexpr const char* failing = R"({"ms": 1000, "error": "no such sheet"})";

/// The task of the script with this name.
const FakeTask& task(const EngineWorld& world, const std::string& name) {
  for (const FakeTask& each : world.kdocs.tasks())
    if (each.name == name)
      return each;
  FAIL("there is no task " << name);
  throw std::logic_error(name);
}

/// In the order of their starts.
Texts names(const EngineWorld& world) {
  Texts names;
  for (const FakeTask& each : world.kdocs.tasks())
    names.push_back(each.name);
  return names;
}

} // namespace

TEST_CASE("what depends on a job starts as soon as its end is known") {
  EngineWorld world;
  world.user->enqueue("f", two_seconds, "first");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on) "
                   "VALUES ('g', '{\"ms\": 1000}', 'second', 1)");
  REQUIRE(world.run_until_idle());
  CHECK(names(world) == Texts{"first", "second"});
  CHECK(world.user->text("SELECT b.submitted_at FROM jobs a, jobs b WHERE a.id = 1 AND b.id = 2 "
                         "AND b.submitted_at = a.finished_at") != "");
  CHECK(world.user->number("SELECT count(*) FROM needs") == 0);
  CHECK(world.user->number("SELECT count(*) FROM ended_needs") == 0);
}

TEST_CASE("on_dependency_failed = cancel ends all that depends on a job, one after the other") {
  EngineWorld world;
  world.user->enqueue("f", failing, "first");
  world.user->exec("INSERT INTO jobs(file_token, script, depends_on, on_dependency_failed) VALUES "
                   "('g', '{}', 1, 'cancel'), ('g', '{}', 2, 'cancel'), ('g', '{}', 3, 'wait')");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on, "
                   "on_dependency_failed) VALUES ('h', '{}', 'all the same', 3, 'run')");
  world.run_for(30s);
  CHECK(world.state(2) == "cancelled");
  CHECK(world.error(2) == "job 1, which must succeed first, has failed");
  CHECK(world.state(3) == "cancelled");
  CHECK(world.error(3) == "job 2, which must succeed first, was cancelled");
  CHECK(world.user->number("SELECT attempt FROM jobs WHERE id = 3") == 0);
  CHECK(world.state(4) == "queued");
  CHECK(world.state(5) == "succeeded");
  CHECK(world.user->text("SELECT reason FROM waiting WHERE job_id = 4") ==
        "job 3, which must succeed first, was cancelled: run that one again or cancel this one");
  CHECK(world.user->number("SELECT count(*) FROM health WHERE message LIKE '1 job waits for%'") ==
        1);
  CHECK(world.user->number(wrong_counters) == 0);
  // Run again and successful, they go on.
  world.user->exec("UPDATE jobs SET script = '{}', state = 'queued' WHERE id = 1;"
                   "UPDATE jobs SET state = 'queued' WHERE id IN (2, 3)");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 5);
}

TEST_CASE("a batch runs, and what comes after it gets all results, once") {
  EngineWorld world;
  world.user->exec(
      "BEGIN; INSERT INTO batches(name) VALUES ('report');"
      "INSERT INTO jobs(file_token, script, script_name, batch_id) VALUES "
      "('a', '{\"ms\": 1000, \"result\": 5}', 'good', 1),"
      "('b', '{\"ms\": 3000, \"error\": \"no such sheet\"}', 'bad', 1);"
      "INSERT INTO jobs(file_token, script, script_name, after_batch, when_needed, pass_as, argv) "
      "VALUES ('c', '{}', 'sum', 1, 'ended', 'parts', '{\"title\": \"x\"}'),"
      "('c', '{}', 'repair', 1, 'failed', NULL, NULL);"
      "INSERT INTO jobs(file_token, script, script_name, after_batch) VALUES "
      "('d', '{}', 'publish', 1); COMMIT");
  world.run_for(30s);
  CHECK(names(world) == Texts{"good", "bad", "sum", "repair"});
  const nlohmann::json parts =
      nlohmann::json::parse(R"([{"job": 1, "state": "succeeded", "result": 5, "error": null},
        {"job": 2, "state": "failed", "result": null, "error": "no such sheet"}])");
  nlohmann::json sent = task(world, "sum").argv;
  sent["parts"][1].erase("result"); // what a failed script returns is its own affair
  nlohmann::json expected = parts;
  expected[1].erase("result");
  CHECK(sent["parts"] == expected);
  CHECK(sent["title"] == "x");
  CHECK(nlohmann::json::parse(
            world.user->text("SELECT argv FROM job_inputs WHERE job_id = 3 AND attempt = 1")) ==
        task(world, "sum").argv);
  CHECK(world.user->text("SELECT state FROM batch_progress") == "failed");
  // The failed one again: what came after the batch is not run for a second time.
  world.user->exec("UPDATE jobs SET script = '{}', state = 'queued' WHERE id = 2");
  REQUIRE(world.run_until_idle());
  CHECK(names(world) == Texts{"good", "bad", "sum", "repair", "bad", "publish"});
  CHECK(world.user->text("SELECT state || percent FROM batch_progress") == "succeeded100");
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("a callback for failures is not needed if all went well") {
  EngineWorld world;
  world.user->exec("INSERT INTO batches(name) VALUES ('b'); INSERT INTO jobs(file_token, script, "
                   "batch_id) VALUES ('a', '{}', 1); INSERT INTO jobs(file_token, script, "
                   "after_batch, when_needed) VALUES ('b', '{}', 1, 'failed')");
  world.run_for(10s);
  CHECK(world.state(2) == "cancelled");
  CHECK(world.error(2) == "not needed: batch 1 has succeeded");
}

TEST_CASE("results that are too long for a request end the job with a sentence") {
  EngineSettings settings = one_app();
  settings.max_script_bytes = 2000;
  EngineWorld world(settings);
  world.user->exec("INSERT INTO batches(name) VALUES ('b')");
  const std::string result(300, 'x');
  for (int i = 0; i < 8; ++i)
    world.user->exec("INSERT INTO jobs(file_token, script, batch_id) VALUES ('f" +
                     std::to_string(i) + "', '{\"result\": \"" + result + "\"}', 1)");
  world.user->exec("INSERT INTO jobs(file_token, script, after_batch, pass_as) "
                   "VALUES ('g', '{}', 1, 'all')");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(9) == "failed");
  CHECK(contains(world.error(9), "what it gets by pass_as cannot be sent"));
  CHECK(world.kdocs.received(Endpoint::submit) == 8);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 8);
}

TEST_CASE("a start that was lost sends the same inputs again") {
  EngineWorld world;
  world.user->enqueue("f", R"({"result": [1, 2]})", "first");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as, "
                   "on_unconfirmed) VALUES ('g', '{}', 'second', 1, 'rows', 'retry')");
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 1, endpoint, n, Fault{Fault::Kind::drop_before});
  };
  REQUIRE(world.run_until_idle());
  CHECK(task(world, "second").argv == nlohmann::json::parse(R"({"rows": [1, 2]})"));
  CHECK(world.user->number("SELECT count(*) FROM sent_inputs WHERE job_id = 2") == 2);
}

TEST_CASE("a start that was lost sends the same inputs again, whatever a user deletes meanwhile") {
  EngineWorld world;
  world.user->enqueue("f", R"({"result": [1, 2]})", "first");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as, "
                   "on_unconfirmed) VALUES ('g', '{}', 'second', 1, 'rows', 'retry')");
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 1, endpoint, n, Fault{Fault::Kind::drop_before});
  };
  REQUIRE(world.run_until([&] { return world.state(2) == "submitting"; }));
  const char* clean_up = "DELETE FROM jobs WHERE state = 'succeeded'";
  CHECK(contains(world.user->attempt(clean_up), "get the result of this one (pass_as)"));
  REQUIRE(world.run_until_idle());
  CHECK(task(world, "second").argv == nlohmann::json::parse(R"({"rows": [1, 2]})"));
  CHECK(world.user->attempt(clean_up) == "");
  CHECK(world.user->number("SELECT count(*) FROM jobs") == 0);
}

TEST_CASE("a result that nests too deep for SQLite to put it into argv arrives as a text") {
  EngineWorld world;
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  world.user->enqueue("f", R"({"result": )" + nested(900) + "}", "first");
  world.user->enqueue("f", "{}", "second");
  REQUIRE(world.run_until_idle());
  // No reply can bring such a one, but a user can.
  world.user->exec("UPDATE jobs SET result = '" + nested(1'999) + "' WHERE id = 2");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as) VALUES "
                   "('g', '{}', 'of first', 1, 'in'), ('h', '{}', 'of second', 2, 'in'),"
                   "('i', '{}', 'of both', 1, 'in');"
                   "INSERT INTO dependencies(job_id, needs) VALUES (5, 2)");
  REQUIRE(world.run_until_idle());
  // Not told by doctest: it would be long.
  const auto is_json = [&](const nlohmann::json& value) {
    return value == nlohmann::json::parse(nested(900));
  };
  const auto is_text = [&](const nlohmann::json& value) { return value == nested(1'999); };
  CHECK(is_json(task(world, "of first").argv.at("in")));
  CHECK(is_text(task(world, "of second").argv.at("in")));
  CHECK(is_json(task(world, "of both").argv.at("in").at(0).at("result")));
  CHECK(is_text(task(world, "of both").argv.at("in").at(1).at("result")));
}

TEST_CASE("a batch ends though INSERT OR REPLACE has removed a job of it") {
  EngineWorld world;
  world.user->exec("INSERT INTO batches(name) VALUES ('b');"
                   "INSERT INTO jobs(file_token, script, unique_key, batch_id) VALUES "
                   "('f', '{\"ms\": 60000}', 'k', 1), ('g', '{}', NULL, 1);"
                   "INSERT INTO jobs(file_token, script, script_name, after_batch) VALUES "
                   "('h', '{}', 'after', 1)");
  const auto replace = [&] {
    world.user->exec("INSERT OR REPLACE INTO jobs(file_token, script, unique_key, batch_id) "
                     "VALUES ('f', '{}', 'k', 1)");
  };
  SUBCASE("queued") {
    replace();
  }
  SUBCASE("running") {
    world.run_for(5s);
    REQUIRE(world.state(1) == "running");
    replace();
    world.run_for(5s);
    CHECK(world.events.told("its row was deleted"));
  }
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text("SELECT state || jobs FROM batch_progress") == "succeeded2");
  CHECK(names(world).back() == "after");
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("three thousand jobs that wait for one are let go without holding up a poll") {
  EngineSettings settings = one_app();
  settings.max_running = 10'000;
  EngineWorld world(settings);
  world.user->enqueue("f", two_seconds, "first");
  world.user->exec("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                   "INSERT INTO jobs(file_token, script, depends_on) "
                   "SELECT 'f' || i, '{\"ms\": 1000}', 1 FROM n");
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.tasks().size() == 3001);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 3001);
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE(
    "a newer job takes the place of the one that is queued, and waits for the one that runs") {
  EngineWorld world;
  const auto insert = [&](const std::string& name) {
    world.user->exec("INSERT INTO jobs(file_token, script, script_name, unique_key, supersede, "
                     "max_attempts) VALUES ('f', '{\"ms\": 20000, \"error\": \"e\"}', '" +
                     name + "', 'k', 1, 3)");
  };
  insert("first");
  world.run_for(5s);
  insert("second");
  insert("third");
  world.run_for(5s);
  CHECK(world.state(1) == "running");
  CHECK(world.state(2) == "cancelled");
  CHECK(contains(world.user->text("SELECT reason FROM waiting WHERE job_id = 3"),
                 "waits for job 1, which is running"));
  // The first one fails: its next attempt has no place any more.
  world.run_for(30s);
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1) == "e; it is not run again: job 3 has taken its place (supersede)");
  CHECK(world.state(3) == "running");
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("a newer job that is not to be started any more ends beside the one that runs") {
  EngineWorld world;
  world.user->enqueue("f", R"({"error": "e"})", "needed");
  REQUIRE(world.run_until_idle());
  world.user->exec("INSERT INTO jobs(file_token, script, unique_key) "
                   "VALUES ('f', '{\"ms\": 3600000}', 'k'), ('g', '{\"ms\": 3600000}', 'l')");
  REQUIRE(
      world.run_until([&] { return world.state(2) == "running" && world.state(3) == "running"; }));
  world.user->exec("INSERT INTO jobs(file_token, script, unique_key, supersede, expires_at) "
                   "SELECT 'f', '{}', 'k', 1, datetime(value, '+1 minute') FROM "
                   "(SELECT max(sent_at) AS value FROM requests)");
  world.user->exec("INSERT INTO jobs(file_token, script, unique_key, supersede, depends_on, "
                   "on_dependency_failed) VALUES ('g', '{}', 'l', 1, 1, 'cancel')");
  world.run_for(3min);
  CHECK(world.state(4) == "timed_out");
  CHECK(world.state(5) == "cancelled");
  CHECK(world.user->text("SELECT group_concat(cause || attempt) FROM jobs WHERE id > 3") ==
        "expired0,dependency0");
  CHECK(world.user->number(wrong_counters) == 0);
  world.user->enqueue("h", R"({"ms": 100})", "other"); // and nobody is held up by them
  CHECK(world.run_until([&] { return world.state(6) == "succeeded"; }));
}

TEST_CASE("a start that KDocs did not take is not queued again in the place of a newer job") {
  EngineWorld world;
  const char* sql = "INSERT INTO jobs(file_token, script, script_name, unique_key, supersede) "
                    "VALUES ('f', '{}', 'n', 'k', 1)";
  world.kdocs.faults = [&](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 0, endpoint, n, Fault{Fault::Kind::not_sent});
  };
  world.user->exec(sql);
  world.step(world.clock.steady()); // it is on its way
  REQUIRE(world.state(1) == "submitting");
  world.user->exec(sql);
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "cancelled");
  CHECK(contains(world.error(1), "job 2 has taken its place"));
  CHECK(world.state(2) == "succeeded");
  CHECK(world.user->number(wrong_counters) == 0);
}

TEST_CASE("a start that was put back sends the inputs when it is sent") {
  EngineWorld world;
  world.user->enqueue("f", R"({"result": 42})", "first");
  world.user->exec("INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as, argv) "
                   "VALUES ('g', '{}', 'second', 1, 'in', '{\"k\": 1}')");
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    return on(Endpoint::submit, 1, endpoint, n, Fault{Fault::Kind::not_sent});
  };
  REQUIRE(world.run_until_idle());
  CHECK(task(world, "second").argv == nlohmann::json::parse(R"({"k": 1, "in": 42})"));
}
