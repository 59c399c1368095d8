// The rows of the table dependencies: what one of them costs, what it changes, and doubled ones.
#include "tests/store/dependency_fixture.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : DependencyFixture {
  /// Jobs without anything.
  void jobs(int count) {
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(count) +
              ") INSERT INTO jobs(file_token, script) SELECT 'f' || i, 'x' FROM n");
  }
  void need(std::int64_t job, std::int64_t needs, const std::string& when = "succeeded") {
    user.exec("INSERT INTO dependencies VALUES (" + std::to_string(job) + ", " +
              std::to_string(needs) + ", '" + when + "')");
  }
  /// What is kept of the queued jobs is what would be reckoned from all that they need.
  void check_kept() {
    const std::string kept = "SELECT job_id, kind, needs, when_needed, stuck FROM needs";
    const std::string all = "SELECT job_id, kind, needs, when_needed, stuck FROM conditions WHERE "
                            "stuck IS NOT NULL AND job_id IN (SELECT job_id FROM queue)";
    CHECK(user.column(kept + " EXCEPT " + all).empty());
    CHECK(user.column(all + " EXCEPT " + kept).empty());
    CHECK(user.number("SELECT count(*) FROM queue WHERE (lane = 'dependent') <> (job_id IN "
                      "(SELECT job_id FROM needs))") == 0);
    CHECK(user.number("SELECT count(*) FROM batch_levels WHERE level <> waits_for_batch") == 0);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a dependency costs the same whatever its job needs beside it") {
  jobs(2'002);
  const std::int64_t job = this->job();
  const std::string id = std::to_string(job);
  need(job, 1);
  need(job, 2);
  const std::int64_t insert =
      steps_of("INSERT INTO dependencies(job_id, needs) VALUES (" + id + ", 3)");
  const std::int64_t remove = steps_of("DELETE FROM dependencies WHERE needs = 3");
  end(2'001); // met from the beginning
  const std::int64_t met =
      steps_of("INSERT INTO dependencies(job_id, needs) VALUES (" + id + ", 2001)");
  const std::int64_t remove_met = steps_of("DELETE FROM dependencies WHERE needs = 2001");
  user.exec("INSERT INTO dependencies(job_id, needs) SELECT " + id +
            ", id FROM jobs WHERE id BETWEEN 4 AND 2000");
  CHECK(user.number("SELECT count(*) FROM needs") == 1'999);
  CHECK(steps_of("INSERT INTO dependencies(job_id, needs) VALUES (" + id + ", 3)") < 2 * insert);
  CHECK(steps_of("DELETE FROM dependencies WHERE needs = 3") < 2 * remove);
  CHECK(steps_of("INSERT INTO dependencies(job_id, needs) VALUES (" + id + ", 2001)") < 2 * met);
  CHECK(steps_of("DELETE FROM dependencies WHERE needs = 2001") < 2 * remove_met);
  check_kept();
  user.exec("DELETE FROM dependencies");
  CHECK(lane(job) == "ready");
  check_kept();
}

TEST_CASE_FIXTURE(Fixture,
                  "nor does it cost more to take one away because its job waits for a batch") {
  jobs(2'002);
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  const std::string id = std::to_string(job("after_batch", "1"));
  user.exec("INSERT INTO dependencies(job_id, needs) VALUES (" + id + ", 1), (" + id + ", 2)");
  const std::int64_t remove = steps_of("DELETE FROM dependencies WHERE needs = 2");
  user.exec("INSERT INTO dependencies(job_id, needs) SELECT " + id +
            ", id FROM jobs WHERE id BETWEEN 2 AND 2000");
  CHECK(steps_of("DELETE FROM dependencies WHERE needs = 2") < 2 * remove);
  check_kept();
}

TEST_CASE_FIXTURE(Fixture, "a dependency changes what its job waits for as if all were new") {
  jobs(4);
  end(1);
  end(2, "failed");
  const char* policy = "";
  SUBCASE("wait") {
    policy = "'wait'";
  }
  SUBCASE("cancel") {
    policy = "'cancel'";
  }
  SUBCASE("run") {
    policy = "'run'";
  }
  job("depends_on, on_dependency_failed", "3, " + std::string(policy)); // 5
  job("on_dependency_failed", policy);                                  // 6
  need(6, 1);
  CHECK(lane(6) == "ready"); // it has succeeded
  check_kept();
  need(6, 2, "succeeded");
  CHECK(lane(6) == (std::string(policy) == "'run'" ? "ready" : "dependent"));
  check_kept();
  need(6, 4, "ended");
  CHECK(lane(6) == "dependent");
  check_kept();
  // What depends_on asks as well stays when the row goes.
  need(5, 3);
  need(5, 4);
  user.exec("DELETE FROM dependencies WHERE job_id = 5");
  CHECK(lane(5) == "dependent");
  check_kept();
  user.exec("UPDATE jobs SET depends_on = NULL WHERE id = 5");
  need(5, 2, "failed");
  CHECK(lane(5) == "ready");
  check_kept();
  user.exec("DELETE FROM dependencies WHERE job_id = 6 AND needs = 4");
  check_kept();
  user.exec("DELETE FROM dependencies WHERE job_id = 6 AND needs = 2");
  CHECK(lane(6) == "ready");
  check_kept();
}

TEST_CASE_FIXTURE(Fixture, "a job that needs something waits in whatever place it had") {
  user.exec("INSERT INTO daemon(one, max_running_per_file) VALUES (1, 1)");
  jobs(1);
  job("run_at", "'2126-01-01 00:00:00'");
  job();
  job();
  REQUIRE(lane(2) == "future");
  REQUIRE(lane(4) == "parked");
  need(2, 1);
  need(4, 1);
  CHECK(lane(2) == "dependent");
  CHECK(lane(4) == "dependent");
  user.exec("DELETE FROM dependencies");
  CHECK(lane(2) == "future");
  CHECK(lane(4) == "parked");
}

TEST_CASE_FIXTURE(Fixture,
                  "a dependency brings its job behind the batches that the other waits for") {
  user.exec("INSERT INTO batches(name) VALUES ('one'), ('two'), ('three')");
  job("after_batch", "1"); // 1
  job("after_batch", "2"); // 2
  job("batch_id", "3");    // 3
  job("batch_id", "2");    // 4
  const auto level = [&](std::int64_t id) {
    return user.number("SELECT waits_for_batch FROM jobs WHERE id = " + std::to_string(id));
  };
  need(3, 2);
  need(3, 1);
  CHECK(level(3) == 2);
  check_kept();
  user.exec("DELETE FROM dependencies WHERE needs = 2");
  CHECK(level(3) == 1);
  check_kept();
  need(4, 1);
  CHECK(contains(user.attempt("INSERT INTO dependencies(job_id, needs) VALUES (4, 2)"),
                 "a job of a batch can wait only for batches with a smaller id"));
  CHECK(level(4) == 1);
  check_kept();
}

TEST_CASE_FIXTURE(Fixture,
                  "a doubled dependency is refused with a sentence, and ignored if wanted") {
  jobs(2);
  need(2, 1);
  const std::string row = " INTO dependencies(job_id, needs) VALUES (2, 1)";
  CHECK(contains(user.attempt("INSERT" + row), "this job needs that one already, in this way"));
  for (const std::string& sql : {"INSERT OR IGNORE" + row, "INSERT OR REPLACE" + row,
                                 "INSERT" + row + " ON CONFLICT DO NOTHING",
                                 "INSERT" + row + " ON CONFLICT(job_id, needs) DO NOTHING"}) {
    CAPTURE(sql);
    CHECK(user.attempt(sql) == "");
    CHECK(user.number("SELECT count(*) FROM dependencies") == 1);
    check_kept();
  }
  // One that is not the same would be lost without a word.
  for (const std::string how : {"INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"})
    CHECK(contains(user.attempt(how + " INTO dependencies VALUES (2, 1, 'ended')"),
                   "but when_needed is another there: DELETE that row first"));
}
