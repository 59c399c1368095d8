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
      found = queue.scan("default", now, 100, 0, [](const std::string&) { return std::size_t{1}; });
    });
    return found.startable;
  }
  std::optional<ClaimedJob> claim(const QueueScan::Entry& entry) {
    std::optional<ClaimedJob> job;
    database.write([&] { job = queue.begin_submit(entry, now); });
    return job;
  }
  void run() {
    database.write([&] {
      REQUIRE(queue.begin_submit(JobId{1}));
      REQUIRE(queue.submitted(JobId{1}, 1, TaskId{"t"}, now));
    });
  }
  void end(JobState state) {
    StatusChange change;
    change.end = state;
    database.write([&] { REQUIRE(queue.status_seen(JobId{1}, 1, change, now)); });
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
    CHECK(lane(2) == "parked");
    database.write([&] { REQUIRE(queue.begin_submit(JobId{1})); });
    CHECK(wrong() == 0);
    CHECK(user.number("SELECT count(*) FROM queue WHERE job_id = 1") == 0);
    CHECK(lane(2) == "ready"); // it takes the place of the one that left
    database.write([&] { REQUIRE(queue.submitted(JobId{1}, 1, TaskId{"t"}, now)); });
    CHECK(wrong() == 0);
    end(last);
    CHECK(wrong() == 0);
    CHECK(queue.counts_are_right());
  }
}

TEST_CASE_FIXTURE(Fixture, "what a user does to a job in the daemon's hands is counted, too") {
  user.enqueue("a", "x", "");
  run();
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
    end(JobState::succeeded);
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
  run();
  CHECK(lane(2) == "dependent");
  SUBCASE("succeeded") {
    end(JobState::succeeded);
    CHECK(lane(2) == "ready");
  }
  SUBCASE("failed") {
    end(JobState::failed);
    CHECK(lane(2) == "dependent");
    CHECK(user.number("SELECT stuck FROM queue WHERE job_id = 2") == 1);
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
  CHECK(!claim(found.front()));
  CHECK(user.number("SELECT attempt FROM jobs") == 0);
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a user's own trigger sees the daemon's changes, and may enqueue by them") {
  user.enqueue("a", "x", "");
  user.exec("CREATE TRIGGER mine AFTER UPDATE OF state ON jobs WHEN NEW.state = 'failed' BEGIN "
            "  UPDATE jobs SET state = 'queued' WHERE id = NEW.id; "
            "  INSERT INTO jobs(file_token, script) VALUES ('next', 'x'); END");
  run();
  end(JobState::failed);
  CHECK(user.text("SELECT state FROM jobs WHERE id = 1") == "queued");
  CHECK(startable().size() == 2);
  CHECK(wrong() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a user's trigger that ignores the claim stops the start, and loses no job") {
  user.enqueue("a", "x", "");
  const auto found = startable();
  user.exec("CREATE TRIGGER mine BEFORE UPDATE OF state ON jobs BEGIN SELECT RAISE(IGNORE); END");
  CHECK_THROWS_AS(claim(found.front()), StoreUnavailable);
  CHECK(wrong() == 0);
  user.exec("DROP TRIGGER mine");
  CHECK(claim(found.front()));
}

TEST_CASE_FIXTURE(Fixture, "the columns that change with every job are checked without a list") {
  // SQLite builds a table anew for each check against a list of more than two.
  CHECK(user.number("SELECT count(*) FROM sqlite_schema WHERE name IN ('jobs', 'queue') "
                    "AND (sql LIKE '%CHECK (state IN%' OR sql LIKE '%CHECK (lane IN%')") == 0);
  user.enqueue("a", "x", "");
  CHECK(contains(user.attempt("UPDATE jobs SET state = 'done'"),
                 "state must be queued, submitting, running, unconfirmed, succeeded, failed, "
                 "timed_out or cancelled"));
  CHECK(!user.attempt("UPDATE queue SET lane = 'fast'").empty());
}
