// What users have put into the database and what it does to the engine: nothing is lost, and all
// who look are told.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <SQLiteCpp/Backup.h>
#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

std::string health(EngineWorld& world) {
  return world.user->text("SELECT coalesce(group_concat(subject || ': ' || message), '') "
                          "FROM health");
}

/// Of three jobs one of which has lines to be stored.
void check_all_ended(EngineWorld& world) {
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 3);
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level <> 'gap'") ==
        world.user->number("SELECT count(*) FROM jobs") * 4);
  CHECK(world.user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  CHECK(world.kdocs.received(Endpoint::submit) == 3);
  world.run_for(15s);
  CHECK(health(world).empty());
  CHECK(world.events.told("relief "));
}

} // namespace

TEST_CASE("a trigger that refuses is told in health, and nothing is lost") {
  EngineWorld world;
  for (int i = 0; i < 3; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  const char* trigger = "";
  const char* says = "";
  SUBCASE("starts") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN "
              "SELECT RAISE(ABORT, 'not now'); END";
    says = "refuses what kdocs-queued writes: not now";
  }
  SUBCASE("starts, without a word") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into jobs of job";
  }
  SUBCASE("ends, without a word") {
    trigger = "BEFORE UPDATE ON jobs WHEN NEW.state = 'succeeded' BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into jobs of job";
  }
  SUBCASE("lines, without a word") {
    trigger = "BEFORE INSERT ON logs BEGIN SELECT RAISE(IGNORE); END";
    says = "ignores what kdocs-queued writes into logs of job";
  }
  SUBCASE("intents") {
    trigger = "BEFORE INSERT ON in_flight BEGIN SELECT RAISE(FAIL, 'not now'); END";
    says = "refuses what kdocs-queued writes: not now";
  }
  world.user->exec("CREATE TRIGGER ann " + std::string(trigger));
  REQUIRE(world.run_until([&] { return !health(world).empty(); }));
  const std::string told = health(world);
  CHECK(told.starts_with("database: "));
  CHECK(contains(told, "cannot be written yet, all other jobs go on: " + world.file().string()));
  CHECK(contains(told, says));
  CHECK(contains(told, "DROP TRIGGER \"ann\""));
  CHECK(world.events.told(says));
  CHECK(contains(world.engine->status().trouble, says));
  world.run_for(1min);
  CHECK(health(world) == told);
  world.user->exec("DROP TRIGGER ann");
  check_all_ended(world);
}

TEST_CASE("after a trigger without end others can write for a while, longer each time") {
  EngineWorld world;
  // A clock that goes on while the daemon works.
  world.database->bound_time([&] { return world.clock.advance(1ms), world.clock.steady(); });
  world.user->exec("CREATE TRIGGER evil BEFORE UPDATE ON jobs WHEN NEW.state = 'submitting' BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM "
                   "n) SELECT i FROM n); END");
  for (int i = 0; i < 3; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  SteadyTime wake = world.engine->tick();
  REQUIRE(contains(health(world), "DROP TRIGGER \"evil\""));
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 8; ++i) {
    const auto rest = wake - world.clock.steady();
    CHECK(rest >= std::max(last, std::chrono::milliseconds(1s)));
    last = std::chrono::duration_cast<std::chrono::milliseconds>(rest);
    world.user->exec("UPDATE jobs SET priority = priority + 1"); // whatever happens meanwhile
    const SteadyTime before = world.clock.steady();
    CHECK(world.engine->tick() == wake);
    CHECK(world.clock.steady() == before); // nothing was tried
    world.clock.advance(rest);
    wake = world.engine->tick();
  }
  CHECK(last <= 20s);
  world.user->exec("DROP TRIGGER evil");
  world.clock.advance(wake - world.clock.steady());
  check_all_ended(world);
}

TEST_CASE("replies that take too long together are stored one by one") {
  EngineWorld world;
  for (int i = 0; i < 20; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.user->exec("CREATE TRIGGER slow AFTER INSERT ON logs WHEN NEW.level <> 'gap' BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                   "FROM n LIMIT 4000) SELECT i FROM n); END");
  // Each line takes about 50 looks at the clock; of all replies together there are 80 lines.
  world.database->bound_time([&] { return world.clock.advance(2ms), world.clock.steady(); });
  CHECK(world.run_until_idle());
  CHECK(world.events.told("did not come to an end and was given up"));
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE level <> 'gap'") == 80);
}

TEST_CASE("what a refused change would have spent of the quota is not spent") {
  EngineWorld world;
  for (int i = 0; i < 10; ++i)
    world.user->enqueue("f" + std::to_string(i), two_seconds, "n");
  world.user->exec("CREATE TRIGGER ann BEFORE INSERT ON in_flight WHEN NEW.endpoint = 'submit' "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END");
  world.run_for(10s);
  world.user->exec("DROP TRIGGER ann");
  world.run_for(0ms);
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 10);
}

TEST_CASE("a job starts whatever somebody has written into the kept counters") {
  EngineWorld world;
  for (const char* mischief : {"UPDATE job_counts SET jobs = -5", "DELETE FROM job_counts"}) {
    const auto job = world.user->enqueue("f", two_seconds, "n");
    world.user->exec(mischief);
    CHECK(world.run_until([&] { return world.state(job) == "succeeded"; }, 1min));
  }
}

TEST_CASE("a start that finds such a trigger waits for it to go") {
  EngineWorld world;
  world.kill();
  world.user->exec(
      "CREATE TRIGGER ann BEFORE INSERT ON daemon BEGIN SELECT RAISE(ABORT, 'no'); END");
  CHECK_THROWS_AS(world.start(), StoreUnavailable);
  world.user->exec("DROP TRIGGER ann");
  world.engine->recover();
  CHECK(health(world).empty());
}

TEST_CASE("a trigger that keeps what has ended is told") {
  EngineSettings settings = one_app();
  settings.retention.days_ended = Days(0.01);
  EngineWorld world(settings);
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  world.user->exec("CREATE TRIGGER evil BEFORE DELETE ON logs BEGIN "
                   "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM "
                   "n) SELECT i FROM n); END");
  world.run_for(1h);
  CHECK(world.events.told("what has ended cannot be deleted"));
  CHECK(world.events.told("DROP TRIGGER \"evil\""));
}

TEST_CASE("a script that is longer than the setting is not started") {
  EngineSettings settings = one_app();
  EngineWorld world(settings);
  world.user->enqueue("f", std::string(100, ' '), "n");
  world.user->exec("INSERT INTO pauses(scope) VALUES ('all')");
  world.kill();
  world.settings.max_script_bytes = 99;
  world.start();
  world.user->enqueue("g", std::string(99, ' '), "n");
  CHECK(contains(world.user->attempt("INSERT INTO jobs(file_token, script) VALUES "
                                     "('h', hex(zeroblob(50)))"),
                 "script is too long"));
  world.user->exec("DELETE FROM pauses");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.error(1) == "script is too long: with argv it has 100 bytes, the setting "
                          "max_script_bytes allows 99");
  CHECK(world.kdocs.received(Endpoint::submit) == 1);
  CHECK(world.user->number("SELECT used FROM quota WHERE endpoint = 'submit'") == 1);
}

// --- one job of which the database refuses what is written --------------------------------------

namespace {

/// Job 1 is the one that the user's trigger minds: named bad, on a file of its own. The trigger
/// stays while the table `off` has a row, so that its end is no change of the schema.
struct OneRefused : EngineWorld {
  OneRefused() { user->exec("CREATE TABLE off(x); INSERT INTO off VALUES (1)"); }
  void refuse(const std::string& when, const std::string& that) {
    user->exec("CREATE TRIGGER mine " + when + " WHEN EXISTS (SELECT 1 FROM off) AND " + that +
               " BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  }
  /// Others that need a start, an answer and an end while that one waits.
  void others_go_on() {
    for (int i = 0; i < 40; ++i)
      user->enqueue("other" + std::to_string(i), two_seconds, "n");
    CHECK(run_until([&] {
      return user->number("SELECT count(*) FROM jobs WHERE id > 1 AND state = 'succeeded'") == 40;
    }));
    CHECK(user->number("SELECT count(*) FROM logs WHERE job_id > 1 AND level <> 'gap'") == 160);
    CHECK(user->number("SELECT sum(log_gaps) FROM jobs WHERE id > 1") == 0);
  }
  void is_told(const std::string& what) {
    const std::string told = health(*this);
    CHECK(told.starts_with("database: " + what +
                           " job 1 cannot be written yet, all other jobs go "
                           "on: "));
    CHECK(contains(told, "not this one. Not ours is the trigger \"mine\""));
    CHECK(user->number("SELECT count(*) FROM health") == 1);
    CHECK(contains(engine->status().trouble, what + " job 1"));
  }
  /// The longest rest is a minute.
  void ends_well(const std::string& state) {
    user->exec("DELETE FROM off");
    run_for(70s);
    CHECK(this->state(1) == state);
    CHECK(health(*this).empty());
    CHECK(user->number("SELECT count(*) FROM refused_jobs") == 0);
    CHECK(engine->status().trouble.empty());
    REQUIRE(run_until_idle());
    CHECK(user->number("SELECT sum(log_gaps) FROM jobs") == 0);
  }
};

} // namespace

TEST_CASE_FIXTURE(OneRefused, "a job of which the database refuses a write holds up no other one") {
  std::string what;
  SUBCASE("its start") {
    refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'submitting'");
    what = "the start of";
  }
  SUBCASE("the answer to its start") {
    refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'running'");
    what = "what came for";
  }
  SUBCASE("a question") {
    refuse("BEFORE INSERT ON in_flight", "NEW.job_id = 1 AND NEW.endpoint = 'status'");
    what = "the next question about";
  }
  SUBCASE("its lines") {
    refuse("BEFORE INSERT ON logs", "NEW.job_id = 1");
    what = "what came for";
  }
  SUBCASE("its end") {
    refuse("AFTER UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'succeeded'");
    what = "what came for";
  }
  user->enqueue("f", two_seconds, "bad");
  run_for(10s);
  is_told(what);
  others_go_on();
  is_told(what);
  if (what == "the start of")
    CHECK(contains(user->text("SELECT reason FROM waiting WHERE job_id = 1"),
                   "the start of it cannot be written yet, it is tried again: "));
  ends_well("succeeded");
  CHECK(user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level <> 'gap'") == 4);
  CHECK(kdocs.received(Endpoint::submit) == 41);
}

TEST_CASE_FIXTURE(OneRefused, "a job that cannot even be ended unsent holds up no other one") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state <> 'queued'");
  std::string state = "timed_out";
  SUBCASE("expired") {
    user->exec("INSERT INTO jobs(file_token, script, run_at, expires_at) VALUES "
               "('f', '{}', '2200-01-01 00:00:00', '2100-01-01 00:00:00')");
  }
  SUBCASE("of an app that nobody has configured") {
    user->exec("INSERT INTO jobs(file_token, script, app) VALUES ('f', '{}', 'nobody')");
    state = "failed";
  }
  run_for(10s);
  is_told("the end of");
  others_go_on();
  ends_well(state);
  CHECK(kdocs.received(Endpoint::submit) == 40);
}

TEST_CASE_FIXTURE(OneRefused, "a long reply of which a piece is refused holds up no other one") {
  refuse("BEFORE INSERT ON logs", "NEW.job_id = 1 AND NEW.seq = 3000");
  user->enqueue("f", R"({"ms": 1000, "lines": 5000})", "bad");
  run_for(10s);
  is_told("what came for");
  others_go_on();
  ends_well("succeeded");
  CHECK(user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level <> 'gap'") == 5002);
}

TEST_CASE_FIXTURE(OneRefused, "what came for a job that is cancelled meanwhile is kept") {
  refuse("BEFORE INSERT ON logs", "NEW.job_id = 1");
  user->enqueue("f", two_seconds, "bad");
  run_for(10s);
  user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  ends_well("cancelled");
  CHECK(user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level <> 'gap'") > 0);
}

TEST_CASE_FIXTURE(OneRefused, "a refused job that is cancelled is told no more") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'submitting'");
  user->enqueue("f", two_seconds, "bad");
  run_for(10s);
  is_told("the start of");
  user->exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  run_for(2min + 10s);
  others_go_on();
  CHECK(health(*this).empty());
}

TEST_CASE_FIXTURE(OneRefused, "what came for a refused job outlives a stop of the daemon") {
  refuse("BEFORE INSERT ON logs", "NEW.job_id = 1");
  user->enqueue("f", two_seconds, "bad");
  run_for(10s);
  is_told("what came for");
  engine->stop();
  CHECK(engine->in_flight() == 0); // nobody waits for it
  engine->finish();
  kill();
  start();
  run_for(10s);
  is_told("what came for");
  CHECK(engine->in_flight() == 0);
  others_go_on();
  ends_well("succeeded");
  CHECK(user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level <> 'gap'") == 4);
}

TEST_CASE_FIXTURE(OneRefused, "a refused question about a job whose time is over holds up nobody") {
  user->exec("INSERT INTO jobs(file_token, script, timeout_s) "
             "VALUES ('f', '{\"ms\": 3600000}', 60)");
  run_for(10s);
  refuse("BEFORE INSERT ON in_flight", "NEW.job_id = 1 AND NEW.endpoint = 'status'");
  run_for(2min);
  is_told("the next question about");
  others_go_on();
  ends_well("timed_out");
}

TEST_CASE_FIXTURE(OneRefused, "a refused start holds up no job of its file") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'submitting'");
  user->exec("INSERT INTO jobs(file_token, script) VALUES ('f', '{}'), ('f', '{}'), ('f', '{}')");
  CHECK(run_until([&] { return state(2) == "succeeded" && state(3) == "succeeded"; }, 5min));
  is_told("the start of");
  ends_well("succeeded");
}

TEST_CASE_FIXTURE(OneRefused, "a refused start takes nothing of the rate at which others start") {
  kill();
  settings.apps["default"].requests_per_second = 1; // two at once
  start();
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'submitting'");
  user->exec("INSERT INTO jobs(file_token, script) VALUES ('f', '{}'), ('g', '{}')");
  run_for(100ms);
  CHECK(kdocs.received(Endpoint::submit) == 1);
}

TEST_CASE_FIXTURE(OneRefused, "what a refused reply says of its app is known at once") {
  user->enqueue("f", R"({"ms": 20000})", "bad");
  run_for(2s);
  REQUIRE(state(1) == "running");
  refuse("AFTER UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'succeeded'");
  kdocs.faults = [](Endpoint, std::size_t) { return Fault{Fault::Kind::not_sent}; };
  run_for(30s);
  kdocs.faults = nullptr; // its end comes by the request that tries whether KDocs is there again
  run_for(10min);
  is_told("what came for");
  others_go_on();
  ends_well("succeeded");
}

TEST_CASE_FIXTURE(OneRefused, "replies that are refused take no place on the wire") {
  refuse("BEFORE INSERT ON logs", "NEW.job_id <= 48");
  for (int i = 0; i < 48; ++i)
    user->enqueue("f" + std::to_string(i), two_seconds, "n");
  run_for(1min);
  REQUIRE(user->number("SELECT count(*) FROM refused_jobs") == 48);
  user->enqueue("g", two_seconds, "n");
  CHECK(run_until([&] { return state(49) == "succeeded"; }, 5min));
  user->exec("DELETE FROM off");
  REQUIRE(run_until_idle());
  CHECK(user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 49);
  CHECK(user->number("SELECT sum(log_gaps) FROM jobs") == 0);
}

TEST_CASE_FIXTURE(OneRefused, "a task that is given up is so once, whatever is refused") {
  user->exec("INSERT INTO jobs(file_token, script, timeout_s) "
             "VALUES ('f', '{\"ms\": 3600000}', 600)");
  run_for(10s);
  REQUIRE(state(1) == "running");
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state <> 'running'");
  settings.apps["other"] = settings.apps["default"];
  settings.apps.erase("default"); // so that nobody asks about it
  kill();
  start();
  run_for(30h);
  CHECK(engine->status().unsaved_replies == 1);
  user->exec("DELETE FROM off");
  run_for(2min);
  CHECK(state(1) == "timed_out");
  CHECK(user->number("SELECT count(*) FROM logs WHERE level = 'gap'") == 1);
}

TEST_CASE_FIXTURE(OneRefused, "each refused job is told by its own number") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id <= 3 AND NEW.state = 'submitting'");
  for (int i = 0; i < 3; ++i)
    user->enqueue("f" + std::to_string(i), two_seconds, "n");
  run_for(1s);
  for (const char* job : {"job 1", "job 2", "job 3"})
    CHECK(events.told("the start of " + std::string(job) + " cannot be written yet"));
  CHECK(contains(health(*this), "the start of job 1 and 2 more cannot be written yet"));
}

TEST_CASE_FIXTURE(OneRefused, "too many that are refused make room when they are cancelled") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id <= 60 AND NEW.state = 'submitting'");
  for (int i = 0; i < 60; ++i)
    user->enqueue("f" + std::to_string(i), two_seconds, "n");
  run_for(20s);
  CHECK(user->number("SELECT count(*) FROM refused_jobs") == 50);
  user->exec("UPDATE jobs SET state = 'cancelled' WHERE id < 60");
  run_for(5min);
  user->enqueue("g", two_seconds, "n");
  CHECK(run_until([&] { return state(61) == "succeeded"; }, 5min));
  CHECK(user->column("SELECT job_id FROM refused_jobs") == std::vector<std::string>{"60"});
}

TEST_CASE_FIXTURE(OneRefused, "a job that is refused again after a restore is told again") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.id = 1 AND NEW.state = 'submitting'");
  user->enqueue("f", two_seconds, "bad");
  const std::string backup = (dir.path() / "backup.db").string();
  SQLite::Database copy(backup, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  SQLite::Backup(copy, user->connection()).executeStep();
  run_for(3min);
  is_told("the start of");
  SQLite::Backup(user->connection(), copy).executeStep();
  run_for(5s);
  user->exec("UPDATE jobs SET state = 'queued' WHERE id = 1");
  run_for(1min);
  is_told("the start of");
}

TEST_CASE_FIXTURE(OneRefused, "where too many are refused all wait together") {
  refuse("BEFORE UPDATE OF state ON jobs", "NEW.state = 'submitting'");
  for (int i = 0; i < 300; ++i)
    user->enqueue("f" + std::to_string(i), two_seconds, "n");
  run_for(1min);
  CHECK(contains(health(*this), "database: " + file().string() + " refuses"));
  CHECK(user->number("SELECT count(*) FROM refused_jobs") == 50);
  user->exec("DELETE FROM off");
  run_for(70s);
  CHECK(health(*this).empty());
  REQUIRE(run_until_idle());
  CHECK(user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 300);
}
