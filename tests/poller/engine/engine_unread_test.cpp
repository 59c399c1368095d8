// Replies of which something cannot be read: the end counts, what can be read is stored, and the
// rest stays as it was received, beside a gap.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// Puts `now` in the place of `was` in each status reply that has it.
void replace_in_replies(EngineWorld& world, const std::string& was, const std::string& now) {
  world.kdocs.edit = [was, now](Endpoint endpoint, std::string& body) {
    const std::size_t at = body.find(was);
    if (endpoint == Endpoint::status && at != std::string::npos)
      body.replace(at, was.size(), now);
  };
}

std::int64_t count(EngineWorld& world, const std::string& of) {
  return world.user->number("SELECT count(*) FROM " + of);
}

constexpr const char* script = R"({"ms": 2000, "lines": 3, "result": "the result"})";

} // namespace

TEST_CASE("a result that cannot be read ends its job all the same") {
  struct Row {
    std::string json;
    const char* stored; ///< null: nothing
  };
  for (const Row& row : {Row{"1e400", "1e400"}, Row{"[1,-1e999]", "[1,-1e999]"},
                         Row{"NaN", nullptr}, Row{"\"cut \xE4\xBD\"", nullptr},
                         Row{std::string(1500, '[') + std::string(1500, ']'), nullptr}}) {
    CAPTURE(row.json);
    EngineWorld world;
    replace_in_replies(world, R"("the result")", row.json);
    world.user->enqueue("f", script, "n");
    REQUIRE(world.run_until_idle(5min));
    CHECK(world.state(1) == "succeeded");
    CHECK(world.error(1).empty());
    CHECK(world.user->text("SELECT coalesce(result, 'none') FROM jobs") ==
          (row.stored ? row.stored : "none"));
    CHECK(count(world, "logs WHERE level <> 'gap'") == 5);
    const int gaps = row.stored ? 0 : 1;
    CHECK(count(world, "logs WHERE level = 'gap'") == gaps);
    CHECK(world.user->number("SELECT log_gaps FROM jobs") == gaps);
    CHECK(count(world, "requests WHERE endpoint = 'status' AND outcome = 'report' AND "
                       "instr(body, CAST('finish' AS BLOB)) > 0") == gaps);
  }
}

TEST_CASE("a log line that cannot be read costs no other line, and no end") {
  for (const std::string bad : {"NaN", "\"half a \xE6\x89\"", "\"\\x\""}) {
    CAPTURE(bad);
    EngineWorld world;
    replace_in_replies(world, R"("n line 2")", bad);
    world.user->enqueue("f", script, "n");
    REQUIRE(world.run_until_idle(5min));
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->text("SELECT result FROM jobs") == R"("the result")");
    CHECK(count(world, "logs WHERE message IN ('n line 1', 'n line 3')") == 2);
    CHECK(count(world, "logs WHERE level = 'gap'") == 1);
    CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
    CHECK(count(world, "requests WHERE instr(body, CAST('n.ks:2:1' AS BLOB)) > 0") == 1);
  }
}

TEST_CASE("an end in front of a damage is believed when the service says it a second time") {
  EngineWorld world;
  world.kdocs.shape_a = false;
  std::size_t damaged = 0;
  std::size_t at_most = 1000;
  world.kdocs.edit = [&](Endpoint endpoint, std::string& body) {
    if (endpoint == Endpoint::submit || body.find("finish") == std::string::npos)
      return;
    if (damaged == at_most)
      return;
    ++damaged;
    const std::string error = body.find("it broke") == std::string::npos ? "" : "it broke";
    body = R"({"error":")" + error + R"(","status":"finish","data":{"logs":[],"result":"the re)";
  };
  SUBCASE("always") {
    world.user->enqueue("f", script, "n");
    REQUIRE(world.run_until_idle(5min));
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->text("SELECT coalesce(result, 'none') FROM jobs") == "none");
    CHECK(damaged == 2);
    CHECK(count(world, "logs WHERE level = 'gap'") == 2);
    CHECK(count(world, "requests WHERE outcome = 'damaged' AND length(body) > 0") == 2);
  }
  SUBCASE("once") {
    at_most = 1;
    world.user->enqueue("f", script, "n");
    REQUIRE(world.run_until_idle(5min));
    CHECK(world.state(1) == "succeeded");
    CHECK(world.user->text("SELECT result FROM jobs") == R"("the result")");
  }
  SUBCASE("of a script that failed") {
    world.user->enqueue("f", R"({"ms": 2000, "error": "it broke"})", "n");
    REQUIRE(world.run_until_idle(5min));
    CHECK(world.state(1) == "failed");
    CHECK(world.error(1) == "it broke");
  }
}

TEST_CASE("an end in replies that are cut off each time is believed after some") {
  EngineWorld world;
  world.kdocs.faults = [](Endpoint endpoint, std::size_t) {
    Fault fault;
    if (endpoint == Endpoint::status)
      fault.kind = Fault::Kind::oversize; // a result that is longer than what is taken
    return fault;
  };
  world.kdocs.max_reply_bytes = 5000;
  world.user->enqueue("f", script, "n");
  REQUIRE(world.run_until_idle(5min));
  CHECK(world.state(1) == "succeeded");
  CHECK(count(world, "logs WHERE level <> 'gap'") == 5);
  CHECK(count(world, "requests WHERE outcome = 'unanswered' AND length(body) > 0") >= 5);
}

TEST_CASE("a task id stands in its job's row and nowhere else") {
  EngineSettings settings = one_app();
  settings.keep_raw = true;
  EngineWorld world(settings);
  const auto shown = [&] {
    return count(world, "requests, jobs WHERE jobs.id = job_id AND "
                        "instr(body, CAST('T' || job_id || '%2Fx' AS BLOB)) > 0");
  };
  world.user->enqueue("f", script, "n");
  REQUIRE(world.run_until_idle(5min));
  CHECK(world.user->text("SELECT task_id FROM jobs") == "T1%2Fx%3D%3D");
  CHECK(count(world, "requests WHERE endpoint = 'submit' AND instr(body, CAST('***' AS BLOB))") ==
        1);
  CHECK(shown() == 0);
  // Of a job that takes no task id any more the reply has all that is left of it.
  world.kdocs.latency = 1s;
  world.user->enqueue("f", script, "m");
  REQUIRE(world.run_until([&] { return world.kdocs.received(Endpoint::submit) == 2; }));
  world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 2");
  world.run_for(10s);
  CHECK(shown() == 1);
}
