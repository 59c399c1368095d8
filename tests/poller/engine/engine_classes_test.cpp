// Classes of jobs: they share an app's starts by weight, each within its limits.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

// The worlds begin at 09:00 UTC; 16:00 UTC is midnight in Shanghai.
const WallTime roll = *parse_time("2126-03-02 16:00:00");

EngineSettings with_places(std::size_t places) {
  EngineSettings settings = one_app();
  settings.max_running = places;
  return settings;
}

struct ClassWorld : EngineWorld {
  explicit ClassWorld(const EngineSettings& wanted = one_app()) : EngineWorld(wanted) {}

  /// Jobs on files of their own; `job_class` empty: without.
  void enqueue_many(const std::string& job_class, int count, int ms,
                    const std::string& run_at = "") {
    user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(count) +
               ") INSERT INTO jobs(file_token, script, script_name, class, run_at) SELECT '" +
               job_class + "' || i, '{\"ms\": " + std::to_string(ms) + "}', 'n', nullif('" +
               job_class + "', ''), nullif('" + run_at + "', '') FROM n");
  }
  std::int64_t count(const std::string& job_class, const std::string& states) {
    return user->number("SELECT count(*) FROM jobs WHERE coalesce(class, '') = '" + job_class +
                        "' AND state IN (" + states + ")");
  }
  std::int64_t started(const std::string& job_class) {
    return count(job_class, "'submitting','running','succeeded'");
  }
  std::int64_t running(const std::string& job_class) {
    return count(job_class, "'submitting','running'");
  }
  std::int64_t counted(const std::string& job_class, const std::string& day = "2126-03-02") {
    return user->number("SELECT coalesce(sum(starts), 0) FROM class_starts WHERE class = '" +
                        job_class + "' AND day = '" + day + "'");
  }
  void run_until_wall(WallTime moment) { run_for(moment - clock.wall()); }
};

} // namespace

TEST_CASE("two classes that have more to do than a day share its 500 starts by weight") {
  ClassWorld world(test_app());
  world.kdocs.submit_quota = 500;
  world.user->exec("INSERT INTO classes(name, weight) VALUES ('heavy', 3)");
  world.enqueue_many("light", 600, 2000);
  world.enqueue_many("heavy", 600, 2000);
  world.run_until_wall(roll - 1s);
  CHECK(world.started("heavy") == 375);
  CHECK(world.started("light") == 125);
  CHECK(world.counted("heavy") == 375);
  CHECK(world.counted("light") == 125);
}

TEST_CASE("what a class does not need the others use") {
  ClassWorld world(test_app());
  world.user->exec("INSERT INTO classes(name, weight) VALUES ('heavy', 1000)");
  world.enqueue_many("heavy", 50, 2000);
  world.enqueue_many("", 600, 2000);
  world.run_until_wall(roll - 1s);
  CHECK(world.started("heavy") == 50);
  CHECK(world.started("") == 450);
}

TEST_CASE("jobs of a nightly class start when they are due, however much was queued before them") {
  ClassWorld world(with_places(10));
  world.user->exec("INSERT INTO classes(name, max_running) VALUES ('bulk', 5)");
  world.enqueue_many("bulk", 2000, 20'000);
  world.enqueue_many("nightly", 20, 2000, "2126-03-02 10:00:00");
  world.run_for(1h - 1s);
  CHECK(world.running("bulk") == 5);
  CHECK(world.started("nightly") == 0);
  world.run_for(2s);
  CHECK(world.started("nightly") == 5);
  world.run_for(1min);
  CHECK(world.count("nightly", "'succeeded'") == 20);
  CHECK(world.running("bulk") == 5);
}

TEST_CASE("without a limit a class of nightly jobs gets each second place that becomes free") {
  ClassWorld world(with_places(10));
  world.enqueue_many("bulk", 2000, 20'000);
  world.run_for(1min);
  world.enqueue_many("nightly", 20, 20'000);
  const std::int64_t before = world.started("bulk");
  world.run_for(65s);
  CHECK(world.started("nightly") >= 15);
  CHECK(world.started("bulk") - before <= world.started("nightly") + 1);
}

TEST_CASE("of a class no more run at once than it may, and a change acts at once") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, max_running) VALUES ('bulk', 2)");
  world.enqueue_many("bulk", 40, 30'000);
  world.enqueue_many("", 5, 30'000);
  world.run_for(1s);
  CHECK(world.running("bulk") == 2);
  CHECK(world.running("") == 5);
  CHECK(world.user->text("SELECT reason FROM waiting WHERE job_id = 40") ==
        "its class bulk runs as many jobs as it may (max_running in classes is 2)");
  world.user->exec("UPDATE classes SET max_running = 7");
  world.run_for(1s);
  CHECK(world.running("bulk") == 7);
  world.user->exec("UPDATE classes SET max_running = 0");
  world.run_for(2min);
  CHECK(world.started("bulk") == 7);
  CHECK(world.running("bulk") == 0);
  world.user->exec("DELETE FROM classes");
  world.run_for(1s);
  CHECK(world.running("bulk") == 33);
}

TEST_CASE("a restart knows of which class the running jobs are") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, max_running) VALUES ('bulk', 1)");
  world.enqueue_many("bulk", 2, 60'000);
  world.run_for(2s);
  world.kill();
  world.start();
  world.run_for(30s);
  CHECK(world.running("bulk") == 1);
  REQUIRE(world.run_until_idle());
  CHECK(world.count("bulk", "'succeeded'") == 2);
}

TEST_CASE(
    "a class has its starts of a day, over restarts, and those of the next day after the roll") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, starts_per_day) VALUES ('bulk', 10)");
  world.enqueue_many("bulk", 40, 30'000);
  world.enqueue_many("", 30, 30'000);
  world.run_for(5s);
  REQUIRE(world.count("bulk", "'running'") == 10);
  for (int i = 0; i < 3; ++i) {
    world.kill();
    world.start();
    world.run_for(10min);
  }
  CHECK(world.started("bulk") == 10);
  CHECK(world.counted("bulk") == 10);
  CHECK(world.count("", "'succeeded'") == 30);
  CHECK(world.user->text("SELECT reason || expected_at FROM waiting WHERE job_id = 40") ==
        "its class bulk has had its starts of today (starts_per_day in classes is 10), until "
        "2126-03-02 16:00:00 UTC2126-03-02 16:00:00.000");
  world.user->exec("UPDATE classes SET starts_per_day = 12");
  world.run_for(1s);
  CHECK(world.started("bulk") == 12);
  world.user->exec("UPDATE classes SET starts_per_day = 5");
  world.run_until_wall(roll - 1s);
  CHECK(world.started("bulk") == 12);
  world.run_for(2s); // nothing else would wake it
  CHECK(world.started("bulk") == 17);
  CHECK(world.counted("bulk", "2126-03-03") == 5);
}

TEST_CASE("a start that was not sent is given back to its class, one without an answer is not") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, starts_per_day) VALUES ('bulk', 3)");
  world.kdocs.faults = [](Endpoint endpoint, std::size_t n) {
    Fault fault;
    if (endpoint == Endpoint::submit && n < 2)
      fault.kind = n == 0 ? Fault::Kind::not_sent : Fault::Kind::drop_after;
    return fault;
  };
  world.enqueue_many("bulk", 5, 2000);
  world.run_for(1h);
  CHECK(world.counted("bulk") == 3);
  CHECK(world.count("bulk", "'succeeded'") == 2);
  CHECK(world.count("bulk", "'unconfirmed'") == 1);
  CHECK(world.count("bulk", "'queued'") == 2);
}

TEST_CASE("a daemon that is killed with starts on their way has counted them") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, starts_per_day) VALUES ('bulk', 4)");
  world.enqueue_many("bulk", 6, 2000);
  world.engine->tick();
  world.kill();
  world.start();
  world.run_for(1h);
  CHECK(world.counted("bulk") == 4);
  CHECK(world.kdocs.received(Endpoint::submit) <= 4);
  CHECK(world.count("bulk", "'queued'") == 2);
}

TEST_CASE("a job that ends unsent is no start of its class") {
  EngineSettings settings = one_app();
  settings.max_script_bytes = 100;
  ClassWorld world(settings);
  world.user->exec("UPDATE daemon SET max_script_bytes = NULL;"
                   "INSERT INTO classes(name, starts_per_day) VALUES ('bulk', 1);"
                   "INSERT INTO jobs(file_token, script, class) VALUES ('f', '" +
                   std::string(200, 'x') + "', 'bulk')");
  world.enqueue_many("bulk", 1, 2000);
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "failed");
  CHECK(world.state(2) == "succeeded");
  CHECK(world.counted("bulk") == 1);
}

TEST_CASE("a file that two classes use is not held up by the one that is at its limit") {
  ClassWorld world;
  world.user->exec("INSERT INTO classes(name, max_running) VALUES ('bulk', 0);"
                   "INSERT INTO jobs(file_token, script, class) VALUES ('f', 'x', 'bulk'), "
                   "('f', 'x', 'bulk'), ('f', 'x', 'nightly'), ('f', 'x', 'nightly'), "
                   "('f', 'x', NULL)");
  world.run_for(1min);
  CHECK(world.count("nightly", "'succeeded'") == 2);
  CHECK(world.count("", "'succeeded'") == 1);
  CHECK(world.count("bulk", "'queued'") == 2);
  world.user->exec("UPDATE classes SET max_running = 1");
  REQUIRE(world.run_until_idle());
  CHECK(world.count("bulk", "'succeeded'") == 2);
  CHECK(world.kdocs.most_on_one_file() == 1);
}

TEST_CASE("a class is found behind hundreds that may start nothing") {
  ClassWorld world;
  world.user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) "
                   "INSERT INTO classes(name, max_running) SELECT printf('c%04d', i), 0 FROM n");
  world.user->exec(
      "INSERT INTO jobs(file_token, script, class) SELECT name, 'x', name FROM classes");
  world.enqueue_many("zz", 3, 2000);
  world.run_for(2s);
  CHECK(world.started("zz") == 3);
  world.user->exec("UPDATE classes SET max_running = 1 WHERE name IN ('c0001', 'c0400', 'c0700')");
  REQUIRE(world.run_until(
      [&] {
        return world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 6;
      },
      1min));
}

TEST_CASE("jobs of an app that is not configured end, of whatever class they are") {
  ClassWorld world;
  world.user->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                   "INSERT INTO jobs(file_token, script, app, class) "
                   "SELECT 'f' || i, 'x', 'unknown', 'c' || i % 50 FROM n");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'failed'") == 100);
}

TEST_CASE("classes of one app do not change the order between apps") {
  EngineSettings settings = with_places(1);
  settings.apps["second"] = settings.apps["default"];
  ClassWorld world(settings);
  world.user->exec("INSERT INTO jobs(file_token, script, app, class, priority) VALUES "
                   "('a', 'x', 'default', 'c', 5), ('b', 'x', 'second', NULL, 3), "
                   "('c', 'x', 'default', NULL, 1), ('d', 'x', 'second', NULL, 0)");
  REQUIRE(world.run_until_idle());
  CHECK(world.user->text(
            "SELECT group_concat(id) FROM (SELECT id FROM jobs ORDER BY submitted_at)") ==
        "4,3,2,1");
}
