// What the daemon does to every job keeps queue and counters in step, as users' changes do.
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  std::vector<QueueScan::Entry> startable() {
    QueueScan found;
    database.read([&] {
      found =
          scanner.scan({"default"}, now, 100, 0, [](const std::string&) { return std::size_t{1}; });
    });
    return found.startable;
  }
  std::optional<ClaimedJob> claim_found(const QueueScan::Entry& entry) {
    std::optional<ClaimedJob> job;
    database.write([&] { job = queue.claim(entry, now); });
    return job;
  }
  void start(std::int64_t job) {
    REQUIRE(claim(job));
    REQUIRE(run(job));
  }
  std::int64_t wrong() { return user.number(wrong_counters); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "counters and queue agree with the jobs after each step of the daemon") {
  for (const JobState last : {JobState::succeeded, JobState::failed, JobState::timed_out}) {
    CAPTURE(to_text(last));
    user.exec("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'; DELETE FROM jobs; "
              "DELETE FROM sqlite_sequence WHERE name = 'jobs'");
    user.enqueue("a", "x", "");
    user.enqueue("a", "x", "");
    user.exec("UPDATE queue SET lane = 'parked' WHERE job_id = 2");
    REQUIRE(claim(1));
    CHECK(wrong() == 0);
    CHECK(user.number("SELECT count(*) FROM queue WHERE job_id = 1") == 0);
    CHECK(lane(2) == "ready"); // it takes the place of the one that left
    REQUIRE(run(1));
    CHECK(wrong() == 0);
    REQUIRE(end(1, last));
    CHECK(wrong() == 0);
    CHECK(queue.counts_are_right());
  }
}

TEST_CASE_FIXTURE(Fixture, "what a user does to a job in the daemon's hands is counted, too") {
  user.enqueue("a", "x", "");
  start(1);
  SUBCASE("cancelled while it runs") {
    user.exec("UPDATE jobs SET state = 'cancelled'");
  }
  SUBCASE("ended by hand") {
    user.exec("UPDATE jobs SET state = 'succeeded'");
  }
  SUBCASE("ended by hand, with its time") {
    user.exec("UPDATE jobs SET state = 'failed', finished_at = '2126-01-01 00:00:00.000'");
  }
  SUBCASE("ended by hand, after its time was written") {
    user.exec("UPDATE jobs SET finished_at = '2126-01-01 00:00:00.000'");
    user.exec("UPDATE jobs SET state = 'failed'");
  }
  SUBCASE("ended by the daemon, after its time was written by hand") {
    user.exec("UPDATE jobs SET finished_at = '2126-01-01 00:00:00.000'");
    REQUIRE(end(1, JobState::succeeded));
  }
  SUBCASE("claimed by hand") {
    user.enqueue("b", "x", "");
    user.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id = 2");
    CHECK(user.number("SELECT count(*) FROM queue") == 0);
  }
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "an end that the daemon writes frees or holds up the jobs that wait for it") {
  user.enqueue("a", "x", "");
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('b', 'x', 1)");
  start(1);
  CHECK(lane(2) == "dependent");
  SUBCASE("succeeded") {
    REQUIRE(end(1, JobState::succeeded));
    settle();
    CHECK(lane(2) == "ready");
  }
  SUBCASE("failed") {
    REQUIRE(end(1, JobState::failed));
    settle();
    CHECK(lane(2) == "dependent");
    CHECK(user.number("SELECT stuck FROM needs WHERE job_id = 2") == 1);
  }
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a job that is not any more what the scan found is not claimed") {
  user.enqueue("a", "x", "");
  const auto found = startable();
  REQUIRE(found.size() == 1);
  SUBCASE("another file") {
    user.exec("UPDATE jobs SET file_token = 'b'");
  }
  SUBCASE("another app") {
    user.exec("UPDATE jobs SET app = 'other'");
  }
  SUBCASE("later") {
    user.exec("UPDATE jobs SET run_at = '2126-01-02 00:00:00'");
  }
  SUBCASE("cancelled") {
    user.exec("UPDATE jobs SET state = 'cancelled'");
  }
  CHECK(!claim_found(found.front()));
  CHECK(user.number("SELECT attempt FROM jobs") == 0);
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a user's own trigger sees the daemon's changes, and may enqueue by them") {
  user.enqueue("a", "x", "");
  user.exec("CREATE TRIGGER mine AFTER UPDATE OF state ON jobs WHEN NEW.state = 'failed' BEGIN "
            "  UPDATE jobs SET state = 'queued' WHERE id = NEW.id; "
            "  INSERT INTO jobs(file_token, script) VALUES ('next', 'x'); END");
  start(1);
  REQUIRE(end(1, JobState::failed));
  CHECK(user.text("SELECT state FROM jobs WHERE id = 1") == "queued");
  CHECK(startable().size() == 2);
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a user's trigger that ignores the claim stops the start, and loses no job") {
  user.enqueue("a", "x", "");
  const auto found = startable();
  user.exec("CREATE TRIGGER mine BEFORE UPDATE OF state ON jobs BEGIN SELECT RAISE(IGNORE); END");
  CHECK_THROWS_AS(claim_found(found.front()), StoreUnavailable);
  CHECK(wrong() == 0);
  user.exec("DROP TRIGGER mine");
  CHECK(claim_found(found.front()));
}

TEST_CASE_FIXTURE(Fixture, "a job whose dependents wait is queued again by a user's trigger") {
  user.enqueue("a", "x", "");
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('b', 'x', 1);"
            "CREATE TRIGGER mine AFTER UPDATE OF state ON jobs WHEN NEW.state = 'failed' BEGIN "
            "  UPDATE jobs SET state = 'queued' WHERE id = NEW.id; END");
  start(1);
  REQUIRE(end(1, JobState::failed));
  settle();
  CHECK(lane(2) == "dependent");
  CHECK(user.number("SELECT count(*) FROM needs WHERE stuck = 1") == 0);
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a transaction that is not committed leaves no counts behind") {
  user.enqueue("a", "x", "");
  CHECK_THROWS_AS(database.write([&] {
    REQUIRE(claim_job(database, queue, 1));
    throw StoreUnavailable("as a full disk");
  }),
                  StoreUnavailable);
  REQUIRE(claim(1));
  CHECK(wrong() == 0);
  CHECK(queue.busy() == 1);
  CHECK(queue.queued() == 0);
}
