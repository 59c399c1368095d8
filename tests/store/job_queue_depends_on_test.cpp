// Jobs that wait for another one, and how often a job is tried.
#include "store/job_queue.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : SqlFixture {
  /// Jobs 1 and 2; 2 waits for 1.
  Fixture() {
    user.exec("INSERT INTO jobs(file_token, script) VALUES ('a', 'x');"
              "INSERT INTO jobs(file_token, script, depends_on) VALUES ('b', 'x', 1)");
  }
  std::int64_t stuck() { return user.number("SELECT count(*) FROM needs WHERE stuck = 1"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job is not found by the scan before the one it waits for succeeded") {
  QueueScanner scanner(database);
  const auto startable = [&] {
    const auto scan = scanner.scan({"default"}, *parse_time("2126-01-01 00:00:00"), 10, 0,
                                   [](const std::string&) { return std::size_t{1}; });
    std::vector<std::int64_t> ids;
    for (const auto& entry : scan.startable)
      ids.push_back(entry.id.value);
    return ids;
  };
  CHECK(lane(2) == "dependent");
  CHECK(startable() == std::vector<std::int64_t>{1});
  go(1, {"submitting", "running"});
  CHECK(startable().empty());
  go(1, {"succeeded"});
  settle();
  CHECK(lane(2) == "ready");
  CHECK(user.number("SELECT count(*) FROM needs") == 0);
  CHECK(startable() == std::vector<std::int64_t>{2});
}

TEST_CASE_FIXTURE(Fixture, "only the jobs that wait for the one that succeeded are let go") {
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('c', 'x', 1), ('d', 'x', 2)");
  go(1, {"submitting", "running", "succeeded"});
  settle();
  CHECK(lane(2) == "ready");
  CHECK(lane(3) == "ready");
  CHECK(lane(4) == "dependent");
}

TEST_CASE_FIXTURE(Fixture, "a job may wait for one that has succeeded already: it does not wait") {
  go(1, {"submitting", "running", "succeeded"});
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('c', 'x', 1)");
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "after another end the job waits on, until that one is run again") {
  SUBCASE("failed") {
    go(1, {"submitting", "running", "failed"});
  }
  SUBCASE("timed out") {
    go(1, {"submitting", "timed_out"});
  }
  SUBCASE("cancelled") {
    go(1, {"cancelled"});
  }
  settle();
  CHECK(lane(2) == "dependent");
  CHECK(stuck() == 1);
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('c', 'x', 1)");
  CHECK(lane(3) == "dependent");
  CHECK(stuck() == 2);
  go(1, {"queued"});
  CHECK(stuck() == 0);
  go(1, {"submitting", "running", "succeeded"});
  settle();
  CHECK(lane(2) == "ready");
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "depends_on may be changed while the job is queued, and it moves") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('b', 'x')");
  CHECK(lane(3) == "ready");
  user.exec("UPDATE jobs SET depends_on = NULL WHERE id = 2");
  CHECK(lane(2) == "ready");
  user.exec("UPDATE jobs SET depends_on = 2 WHERE id = 3");
  CHECK(lane(3) == "dependent");
  user.exec("UPDATE jobs SET priority = 5 WHERE id = 3");
  CHECK(lane(3) == "dependent");
  go(2, {"submitting", "running", "succeeded"});
  settle();
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "the next job of a file takes the place of one that starts to wait") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('a', 'x'), ('a', 'x'), ('z', 'x');"
            "UPDATE jobs SET priority = 1 WHERE id = 4");
  go(1, {"cancelled"});
  CHECK(lane(3) == "ready");
  user.exec("UPDATE queue SET lane = 'parked' WHERE job_id = 4");
  user.exec("UPDATE jobs SET depends_on = 1 WHERE id = 3");
  CHECK(lane(3) == "dependent");
  CHECK(lane(4) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "a job that is run again waits again, if it must") {
  go(2, {"cancelled", "queued"});
  CHECK(lane(2) == "dependent");
  go(1, {"submitting", "running", "succeeded"});
  go(2, {"cancelled", "queued"});
  CHECK(lane(2) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "what depends_on may name, in sentences") {
  const auto insert = [&](const std::string& columns, const std::string& values) {
    return user.attempt("INSERT INTO jobs(file_token, script, " + columns + ") VALUES ('f', 'x', " +
                        values + ")");
  };
  CHECK(contains(insert("depends_on", "77"), "there is no job with this id"));
  CHECK(contains(insert("id, depends_on", "9, 9"), "a smaller id than its own"));
  CHECK(contains(insert("depends_on", "'one'"), "cannot store TEXT value in INTEGER"));
  CHECK(contains(user.attempt("UPDATE jobs SET depends_on = 2 WHERE id = 1"),
                 "depends_on must be the id of an earlier job (a smaller id than its own)"));
  CHECK(contains(user.attempt("UPDATE jobs SET depends_on = 1 WHERE id = 1"), "an earlier job"));
  CHECK(contains(user.attempt("UPDATE jobs SET depends_on = 0 WHERE id = 2"),
                 "there is no job with this id"));
  CHECK(user.number("SELECT count(*) FROM jobs") == 2);
}

TEST_CASE_FIXTURE(Fixture, "a job that others wait for cannot be deleted") {
  CHECK(contains(user.attempt("DELETE FROM jobs WHERE id = 1"),
                 "SELECT job_id FROM needs WHERE kind = 'job' AND needs = its id"));
  SUBCASE("before they are cancelled") {
    go(2, {"cancelled"});
  }
  SUBCASE("before they wait for nothing") {
    user.exec("UPDATE jobs SET depends_on = NULL WHERE id = 2");
  }
  SUBCASE("before it succeeded") {
    go(1, {"submitting", "running", "succeeded"});
    settle();
  }
  CHECK(user.attempt("DELETE FROM jobs WHERE id = 1") == "");
}

TEST_CASE_FIXTURE(Fixture, "a job that is run again after the other one was deleted does not run") {
  go(2, {"cancelled"});
  user.exec("DELETE FROM jobs WHERE id = 1");
  go(2, {"queued"});
  CHECK(lane(2) == "dependent");
  CHECK(stuck() == 1);
  user.exec("UPDATE jobs SET depends_on = NULL WHERE id = 2");
  CHECK(lane(2) == "ready");
  CHECK(stuck() == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "max_attempts is one unless told, and bounded") {
  for (const char* bad : {"0", "-1", "1001"})
    CHECK(contains(user.attempt("INSERT INTO jobs(file_token, script, max_attempts) "
                                "VALUES ('f', 'x', " +
                                std::string(bad) + ")"),
                   "max_attempts must be from 1 to 1000"));
  for (const char* good : {"1", "1000"})
    CHECK(user.attempt("INSERT INTO jobs(file_token, script, max_attempts) VALUES ('f', 'x', " +
                       std::string(good) + ")") == "");
  user.enqueue("f", "x", "");
  CHECK(user.number("SELECT max_attempts FROM jobs ORDER BY id DESC") == 1);
}

TEST_CASE_FIXTURE(SqlFixture, "a job that is run again has the padding of a new one") {
  user.enqueue("f", "x", "");
  CHECK(user.number("SELECT length(padding) FROM jobs") == 256);
  go(1, {"submitting", "running"});
  user.exec("UPDATE jobs SET task_id = 'a task', state = 'failed', error = 'e', padding = x''");
  go(1, {"queued"});
  CHECK(user.number("SELECT length(padding) FROM jobs WHERE task_id IS NULL") == 256);
}
