// A database that is restored, or whose schema changes, while the engine works on it.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"
#include "tests/support/wrong_counters.h"

#include <SQLiteCpp/Backup.h>
#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct RestoredWorld : EngineWorld {
  using EngineWorld::EngineWorld;

  std::filesystem::path backup = dir.path() / "backup.db";

  /// As sqlite3's `.backup`.
  void back_up() {
    SQLite::Database to(backup.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(to, user->connection()).executeStep();
  }
  /// As sqlite3's `.restore`.
  void restore() {
    SQLite::Database from(backup.string(), SQLite::OPEN_READONLY);
    SQLite::Backup(user->connection(), from).executeStep();
  }
  std::int64_t gaps(std::int64_t job) {
    return user->number("SELECT count(*) FROM logs WHERE level = 'gap' AND job_id = " +
                        std::to_string(job));
  }
};

} // namespace

TEST_CASE("what runs in a restored file is held, and what it may lack is marked") {
  RestoredWorld world;
  world.user->enqueue("f", R"({"ms": 100000, "lines": 50})", "n");
  world.run_for(20s);
  world.back_up();
  world.run_for(20s);
  REQUIRE(world.state(1) == "running");
  const std::string task = world.user->text("SELECT task_id FROM jobs");
  const auto lines_of_backup = world.user->number("SELECT count(*) FROM logs");
  REQUIRE(lines_of_backup > 10);
  world.restore();
  REQUIRE(world.user->number("SELECT count(*) FROM logs") < lines_of_backup);
  const auto asked = world.kdocs.received(Endpoint::status);
  world.run_for(1min);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.error(1).starts_with("held: the queue was restored from a copy of about 2126-03-02 "
                                   "09:00:"));
  CHECK(contains(world.error(1), "it was running; its task_id stays"));
  CHECK(world.user->text("SELECT task_id FROM jobs") == task);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.kdocs.received(Endpoint::status) == asked);
  CHECK(world.gaps(1) == 1);
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
  CHECK(world.events.told("restored from"));
}

TEST_CASE(
    "the gap of a restored file lasts to its restore, also where a poll was on its way in it") {
  RestoredWorld world;
  world.user->enqueue("f", R"({"ms": 1000000, "lines": 500})", "n");
  world.run_for(20s);
  world.kdocs.latency = 2s;
  REQUIRE(
      world.run_until([&] { return world.user->number("SELECT count(*) FROM in_flight") == 1; }));
  world.back_up();
  world.run_for(10min);
  const std::string restored_at = to_text(world.clock.wall());
  world.restore();
  world.run_for(1min);
  CHECK(world.user->text("SELECT max(args ->> 2) FROM logs WHERE level = 'gap'") >= restored_at);
  CHECK(world.gaps(1) == 1);
  CHECK(world.user->number("SELECT log_gaps FROM jobs") == 1);
  CHECK(world.user->number("SELECT count(*) FROM in_flight") == 0);
  CHECK(world.state(1) == "unconfirmed");
}

TEST_CASE("a start that a restored file does not know counts on both days if the day rolls") {
  RestoredWorld world(test_app(3));
  world.kdocs.submit_quota = 3;
  world.kdocs.latency = 800ms;
  world.run_for(*parse_time("2126-03-02 15:59:59.800") - world.clock.wall());
  world.back_up();
  world.user->enqueue("f", two_seconds, "on its way");
  world.run_for(100ms);
  world.restore();
  world.run_for(1s);
  REQUIRE(to_text(world.kdocs.tasks().at(0).started) >= "2126-03-02 16:00:00.000");
  for (const char* file : {"g", "h", "i"})
    world.user->enqueue(file, two_seconds, "of the new day");
  world.run_for(12h);
  CHECK(world.kdocs.refused_by_quota() == 0);
  CHECK(world.kdocs.counted_today(Endpoint::submit) == 3);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit' "
                           "AND day = '2126-03-03'") == 3);
}

TEST_CASE("what is queued in a restored file does not run again before a person says so") {
  RestoredWorld world;
  world.user->enqueue("f", R"({"ms": 3600000, "lines": 0})", "in the way");
  world.run_for(2s);
  world.user->enqueue("f", two_seconds, "queued");
  world.user->exec("INSERT INTO jobs(file_token, script, run_at) "
                   "VALUES ('g', '{\"ms\": 1000}', '2126-03-02 09:10:00')");
  world.user->exec("INSERT INTO jobs(file_token, script, depends_on, on_unconfirmed) "
                   "VALUES ('h', '{\"ms\": 1000}', 2, 'retry')");
  world.run_for(2s);
  world.back_up();
  world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  REQUIRE(world.run_until_idle());
  REQUIRE(world.kdocs.received(Endpoint::submit) == 4);
  world.restore();
  world.run_for(1h);
  CHECK(world.kdocs.received(Endpoint::submit) == 4);
  CHECK(world.user->column("SELECT state || attempt FROM jobs") ==
        std::vector<std::string>{"unconfirmed1", "unconfirmed0", "unconfirmed0", "unconfirmed0"});
  CHECK(contains(world.error(2), "may have run since then"));
  CHECK(world.user->number("SELECT count(*) FROM queue") == 0);
  CHECK(world.user->number("SELECT count(*) FROM health WHERE message LIKE '4 jobs are held %'") ==
        1);
  CHECK(world.user->number(
            "SELECT count(*) FROM health WHERE message LIKE '%not known whether%'") == 0);
  CHECK(world.user->number(wrong_counters) == 0);

  // What the view says to do.
  world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  const std::string said =
      world.user->text("SELECT message FROM health WHERE message LIKE '%held%'");
  const std::size_t begin = said.find("UPDATE");
  world.user->exec(said.substr(begin, said.find(" (of one") - begin));
  REQUIRE(world.run_until_idle());
  CHECK(world.kdocs.received(Endpoint::submit) == 7);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 3);
  CHECK(world.user->number("SELECT count(*) FROM health WHERE message LIKE '%held%'") == 0);
}

TEST_CASE("a restore is seen although the same runs in both files, that is, nothing") {
  RestoredWorld world;
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(5s);
  world.back_up();
  world.user->exec("DELETE FROM pauses");
  REQUIRE(world.run_until_idle(20s)); // all of it within a minute
  world.restore();
  world.run_for(1s);
  world.user->exec("DELETE FROM pauses");
  world.run_for(1h);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
}

TEST_CASE("what is INSERTed after a restore runs, also while the rest is still being held") {
  RestoredWorld world;
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  for (int i = 0; i < 500; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.run_for(2min);
  world.back_up();
  world.user->exec("DELETE FROM pauses");
  REQUIRE(world.run_until_idle());
  world.restore();
  world.user->exec("DELETE FROM pauses");
  world.database->before_write([&] { world.clock.advance(1ms); }); // not all within a tick
  world.engine->tick();
  world.user->enqueue("new", two_seconds, "n");
  world.user->enqueue("f499", two_seconds, "n");
  REQUIRE(world.user->text("SELECT lane FROM queue WHERE job_id = 502") == "parked");
  SUBCASE("whatever comes in between") {}
  SUBCASE("such as a death") {
    world.kill();
    world.start();
  }
  REQUIRE(world.run_until_idle());
  CHECK(world.state(501) == "succeeded");
  CHECK(world.state(502) == "succeeded");
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'unconfirmed' AND error LIKE "
                           "'held: %'") == 500);
  CHECK(world.kdocs.received(Endpoint::submit) == 502);
}

TEST_CASE("a reply is not stored for the job that has the id of its own in a restored file") {
  RestoredWorld world;
  world.back_up();
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    Fault fault;
    if (endpoint == Endpoint::submit && n == 0)
      fault.delay_after = 5s;
    return fault;
  };
  world.user->enqueue("f", R"({"ms": 2000, "lines": 1, "result": "of a"})", "a");
  world.run_for(1s);
  REQUIRE(world.state(1) == "submitting");
  world.restore();
  world.engine->tick();
  world.user->enqueue("f", R"({"ms": 20000, "lines": 1, "result": "of b"})", "b");
  REQUIRE(world.user->number("SELECT max(id) FROM jobs") == 1);
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  CHECK(world.user->text("SELECT result FROM jobs") == "\"of b\"");
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE filename LIKE 'a.%'") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 2);
}

TEST_CASE("a start that is on its way in a restored file is held, whatever on_unconfirmed says") {
  RestoredWorld world;
  world.kdocs.latency = 2s;
  const char* wish = "hold";
  SUBCASE("retry") {
    wish = "retry";
  }
  SUBCASE("fail") {
    wish = "fail";
  }
  world.user->enqueue("f", two_seconds, "n");
  world.user->exec("UPDATE jobs SET on_unconfirmed = '" + std::string(wish) + "'");
  REQUIRE(world.run_until([&] { return world.state(1) == "submitting"; }));
  world.back_up();
  REQUIRE(world.run_until([&] { return world.state(1) == "running"; }));
  world.restore();
  world.run_for(1min);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(contains(world.error(1), "where it was being started"));
  CHECK(world.user->text("SELECT outcome FROM requests WHERE endpoint = 'submit'") == "lost");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
}

TEST_CASE("what was spent of the day's quota stays spent in a restored file") {
  RestoredWorld world;
  world.back_up();
  for (int i = 0; i < 7; ++i)
    world.user->enqueue("f" + std::to_string(i), "s", "n");
  REQUIRE(world.run_until_idle());
  world.restore();
  world.engine->tick();
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(5s);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 8);
}

TEST_CASE("what was spent before a restart of the daemon stays spent in a restored file, too") {
  RestoredWorld world;
  world.back_up();
  for (int i = 0; i < 7; ++i)
    world.user->enqueue("f" + std::to_string(i), "s", "n");
  REQUIRE(world.run_until_idle());
  const auto polls = world.user->number("SELECT used FROM quota WHERE endpoint = 'status'");
  world.kill();
  world.start();
  world.restore();
  world.run_for(5s);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 7);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'status'") == polls);
  CHECK(world.user->number("SELECT min(allowed) FROM quota") == 100'000);
}

TEST_CASE("a second restore at any moment of the first one gives no request back") {
  for (int moment = 0; moment < 6; ++moment) {
    CAPTURE(moment);
    RestoredWorld world;
    world.user->enqueue("f", R"({"ms": 100000, "lines": 50})", "n");
    world.run_for(5s);
    world.back_up();
    for (int i = 0; i < 7; ++i)
      world.user->enqueue("f" + std::to_string(i), "s", "n");
    REQUIRE(world.run_until([&] { return world.state(8) == "succeeded"; }));
    world.run_for(5s);
    world.restore();
    int writes = 0;
    world.database->before_write([&] {
      if (writes++ == moment)
        world.restore();
    });
    world.run_for(1s);
    CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 8);
    REQUIRE(world.run_until_idle());
    CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 8);
    CHECK(world.gaps(1) >= 1);
  }
}

TEST_CASE("of a long reply the lines that a restored file lacks are marked") {
  RestoredWorld world;
  world.kdocs.edit = [](Endpoint endpoint, std::string& body) {
    const std::size_t end = body.find(R"({"args":["执行完毕"])");
    if (endpoint == Endpoint::submit || end == std::string::npos)
      return;
    std::string more;
    for (int i = 0; i < 20'000; ++i)
      more += R"({"args":["x"]},)";
    body.insert(end, more);
  };
  world.database->before_write([&] { world.clock.advance(1ms); });
  world.user->enqueue("f", R"({"ms": 2000, "lines": 0, "result": "bar"})", "n");
  const auto stored = [&] { return world.user->number("SELECT count(*) FROM logs"); };
  REQUIRE(world.run_until([&] { return stored() > 3000; }));
  world.back_up();
  const auto lines_of_backup = stored();
  SUBCASE("with the same number of them nothing is lacking") {
    world.restore();
    REQUIRE(world.run_until_idle());
    CHECK(world.gaps(1) == 0);
    CHECK(stored() == 20'002);
    CHECK(world.state(1) == "succeeded");
  }
  SUBCASE("with fewer of them") {
    REQUIRE(world.run_until([&] { return stored() > 9000; }));
    world.restore();
    REQUIRE(stored() == lines_of_backup);
    REQUIRE(world.run_until_idle());
    CHECK(world.gaps(1) == 1);
    CHECK(world.user->text("SELECT message FROM logs WHERE level = 'gap'")
              .find("the database was restored from a copy of about") != std::string::npos);
    CHECK(world.state(1) == "unconfirmed");
  }
}

TEST_CASE("what KDocs asked to wait for is saved again in a restored file") {
  RestoredWorld world;
  world.back_up();
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    Fault busy;
    busy.kind = Fault::Kind::http_status;
    busy.number = 429;
    busy.retry_after = 1h;
    return on(Endpoint::submit, 0, endpoint, n, busy);
  };
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(5s);
  REQUIRE(world.user->number("SELECT count(*) FROM app_pauses") == 1);
  world.restore();
  world.run_for(5s);
  CHECK(world.user->number("SELECT count(*) FROM app_pauses") == 1);
  world.kill();
  world.start();
  world.user->enqueue("f", two_seconds, "n");
  world.run_for(30min);
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
}

TEST_CASE("a user's DDL is no restored file: what runs goes on without a gap") {
  RestoredWorld world;
  world.kdocs.latency = 300ms;
  for (int i = 0; i < 4; ++i)
    world.user->enqueue("f" + std::to_string(i), R"({"ms": 20000, "lines": 5})", "n");
  for (int i = 0; i < 40; ++i) {
    world.run_for(500ms);
    world.user->exec("CREATE TABLE mine" + std::to_string(i) + "(x)");
  }
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 4);
  CHECK(!world.events.told("restored from"));
}

TEST_CASE("of a restored queue a job that waits for its key is held as any other, without it") {
  RestoredWorld world;
  world.user->exec("INSERT INTO jobs(file_token, script, unique_key, supersede) "
                   "VALUES ('f', '{\"ms\": 3600000}', 'k', 1)");
  world.run_for(2s);
  world.user->exec("INSERT INTO jobs(file_token, script, unique_key, supersede) "
                   "VALUES ('g', '{}', 'k', 1)");
  world.run_for(2min);
  world.back_up();
  world.user->exec("UPDATE jobs SET state = 'cancelled'");
  world.run_for(2min);
  world.restore();
  world.run_for(10min);
  CHECK(world.state(1) == "unconfirmed");
  CHECK(world.state(2) == "unconfirmed");
  CHECK(contains(world.error(2), "it has lost its unique_key k, which job 1 has"));
  CHECK(contains(world.user->text("SELECT message FROM health WHERE subject = 'jobs'"),
                 "2 jobs are held"));
  world.user->enqueue("h", two_seconds, "of somebody else");
  REQUIRE(world.run_until([&] { return world.state(3) == "succeeded"; }, 5min));
  world.user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1;"
                   "UPDATE jobs SET state = 'queued' WHERE state = 'unconfirmed' "
                   "AND error LIKE 'held: %'");
  REQUIRE(world.run_until([&] { return world.state(2) == "succeeded"; }, 5min));
  CHECK(world.user->number(wrong_counters) == 0);
}
