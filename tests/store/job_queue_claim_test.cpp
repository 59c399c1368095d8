// Finding the next job to start: the order, and what stands in the way.
#include "store/job_queue.h"
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <set>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  std::set<std::string> busy;

  /// One scan, its rows set aside, as the engine does it.
  std::vector<std::int64_t> startable(std::size_t limit = 100) {
    const QueueScan scan =
        scanner.scan({"default"}, now, limit, busy.size(), [&](const std::string& name) {
          return std::size_t{busy.contains(name) ? 0u : 1u};
        });
    database.write([&] { queue.set_aside(scan); });
    std::vector<std::int64_t> ids;
    for (const auto& entry : scan.startable)
      ids.push_back(entry.id.value);
    return ids;
  }
  std::int64_t in_lane(const std::string& name) {
    return user.number("SELECT count(*) FROM queue WHERE lane = '" + name + "'");
  }
};

using Ids = std::vector<std::int64_t>;

} // namespace

TEST_CASE_FIXTURE(Fixture, "the scan gives one job a file, in order, and parks the others") {
  for (int i = 0; i < 6; ++i)
    user.enqueue(i % 2 ? "b" : "a", "x", "");
  CHECK(startable() == Ids{1, 2});
  CHECK(in_lane("parked") == 4);
  CHECK(startable() == Ids{1, 2});
}

TEST_CASE_FIXTURE(Fixture, "when a file's first job leaves, its next one is found again") {
  for (int i = 0; i < 4; ++i)
    user.enqueue("a", "x", "");
  CHECK(startable() == Ids{1});
  SUBCASE("because it was started") {
    claim(1);
  }
  SUBCASE("because it was cancelled") {
    user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  }
  SUBCASE("because it was deleted") {
    user.exec("DELETE FROM jobs WHERE id = 1");
  }
  SUBCASE("because it was put off") {
    user.exec("UPDATE jobs SET run_at = '2200-01-01 00:00:00' WHERE id = 1");
  }
  SUBCASE("because it was moved to another file and behind") {
    user.exec("UPDATE jobs SET file_token = 'b', priority = 9 WHERE id = 1");
    busy.insert("b");
  }
  CHECK(startable() == Ids{2});
  CHECK(startable() == Ids{2});
  CHECK(in_lane("parked") == 2);
}

TEST_CASE_FIXTURE(Fixture, "a job of higher priority overtakes the parked ones of its file") {
  for (int i = 0; i < 3; ++i)
    user.enqueue("a", "x", "");
  CHECK(startable() == Ids{1});
  user.exec("INSERT INTO jobs(file_token, script, priority) VALUES ('a', 'x', -1)");
  CHECK(startable() == Ids{4});
}

TEST_CASE_FIXTURE(Fixture, "a busy file's jobs are passed over once, not at each scan") {
  busy.insert("a");
  user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 350) "
            "INSERT INTO jobs(file_token, script) SELECT 'a', 'x' FROM n");
  user.enqueue("b", "x", "");
  Ids found;
  for (int scans = 0; found.empty() && scans < 10; ++scans)
    found = startable();
  CHECK(found == Ids{351});
  CHECK(in_lane("ready") == 2);
  busy.clear();
  CHECK(startable() == Ids{1, 351});
}

TEST_CASE_FIXTURE(Fixture, "jobs with a later run_at leave the way and come back when it is time") {
  user.exec("INSERT INTO jobs(file_token, script, priority, run_at) VALUES "
            "('a', 'x', -9, '2126-01-01 00:00:01'), ('b', 'x', 0, '2126-01-01 00:00:00')");
  CHECK(in_lane("future") == 2); // they do not pass through the way of the scan
  database.write([&] { CHECK(queue.promote(now) == 1); });
  CHECK(startable() == Ids{2});
  CHECK(queue.next_run() == parse_time("2126-01-01 00:00:01"));
  now += std::chrono::seconds(1);
  database.write([&] { CHECK(queue.promote(now) == 1); });
  CHECK(startable() == Ids{1, 2});
}

TEST_CASE_FIXTURE(Fixture,
                  "a file's parked jobs are not lost behind one that becomes a future job") {
  user.exec("INSERT INTO jobs(file_token, script, run_at) VALUES "
            "('a', 'x', '2025-01-01 00:00:00'), ('a', 'x', '2025-01-01 00:00:00')");
  CHECK(startable() == Ids{1});
  CHECK(in_lane("parked") == 1);
  // The clock is set back: job 1 is early now, and so is job 2, once it is looked at.
  now = *parse_time("2020-01-01 00:00:00");
  CHECK(startable().empty());
  CHECK(startable().empty());
  CHECK(in_lane("future") == 2);
  now = *parse_time("2126-01-01 00:00:00");
  database.write([&] { queue.promote(now); });
  CHECK(startable() == Ids{1});
}

TEST_CASE_FIXTURE(Fixture, "a row that INSERT OR REPLACE left behind does not hold its file up") {
  user.exec("INSERT INTO jobs(file_token, script, unique_key) VALUES ('a', 'x', 'k')");
  user.exec("INSERT OR REPLACE INTO jobs(file_token, script, unique_key) VALUES ('a', 'x', 'k')");
  CHECK(startable() == Ids{1});
  database.write([&] { CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now)); });
  CHECK(queue.counts_are_right());
  CHECK(startable() == Ids{2});
  CHECK(user.number("SELECT jobs FROM job_counts WHERE state = 'queued'") == 1);
}

TEST_CASE_FIXTURE(Fixture, "two such rows do not hold their file up either") {
  for (int i = 0; i < 3; ++i)
    user.exec("INSERT OR REPLACE INTO jobs(file_token, script, unique_key) VALUES ('a', 'x', 'k')");
  CHECK(startable() == Ids{1});
  database.write([&] { CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now)); });
  CHECK(queue.counts_are_right());
  user.enqueue("a", "x", "");
  CHECK(startable() == Ids{3});
  CHECK(in_lane("ready") == 1);
  REQUIRE(claim(3));
  CHECK(startable() == Ids{4});
}

TEST_CASE_FIXTURE(Fixture, "a start of the daemon finds a file of which no job is the next one") {
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('a', 'x'), ('a', 'x')");
  CHECK(startable() == Ids{1});
  user.exec("DELETE FROM queue WHERE job_id = 1; DELETE FROM jobs WHERE id = 1;"
            "UPDATE job_counts SET jobs = 1 WHERE state = 'queued'");
  user.exec("UPDATE queue SET lane = 'parked'");
  CHECK(!queue.counts_are_right());
  database.write([&] { queue.recount(); });
  CHECK(queue.counts_are_right());
  CHECK(startable() == Ids{2});
}

TEST_CASE_FIXTURE(Fixture, "thousands of such rows go with the first one that is found") {
  const std::string jobs =
      " INTO jobs(file_token, script, unique_key) WITH n(i) AS (SELECT 1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < 6000) SELECT 'f' || i, 'x', i FROM n";
  user.exec("INSERT" + jobs);
  user.exec("INSERT OR REPLACE" + jobs);
  database.write([&] { CHECK(!queue.claim({JobId{1}, "default", "f1", 0, ""}, now)); });
  CHECK(user.number("SELECT count(*) FROM queue") == 7000);
  database.write([&] { CHECK(!queue.claim({JobId{5001}, "default", "f5001", 0, ""}, now)); });
  CHECK(user.number("SELECT count(*) FROM queue") == 6000);
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture, "what INSERT OR REPLACE removed holds nothing that it waited for") {
  user.exec(
      "INSERT INTO jobs(file_token, script) VALUES ('a', 'x'), ('a', 'x');"
      "INSERT INTO jobs(file_token, script, depends_on, unique_key) VALUES ('b', 'x', 1, 'k');"
      "INSERT INTO dependencies(job_id, needs) VALUES (3, 2);"
      "INSERT OR REPLACE INTO jobs(file_token, script, unique_key) VALUES ('b', 'x', 'k')");
  CHECK(!queue.counts_are_right());
  database.write([&] { queue.recount(); });
  CHECK(queue.counts_are_right());
  CHECK(user.number("SELECT count(*) FROM queue WHERE job_id = 3") == 0);
  CHECK(user.number("SELECT count(*) FROM dependencies") == 0);
  CHECK(user.attempt("DELETE FROM jobs WHERE id < 3") == "");
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a batch does not count a job for ever that INSERT OR REPLACE removed") {
  user.exec("INSERT INTO batches(name) VALUES ('one'), ('two');"
            "INSERT INTO jobs(file_token, script, batch_id, unique_key) VALUES "
            "('a', 'x', 1, 'k'), ('b', 'x', 1, NULL)");
  const std::string replace = "INSERT OR REPLACE INTO jobs(file_token, script, unique_key, "
                              "batch_id) VALUES ('c', 'x', 'k', ";
  SUBCASE("queued: its row in the queue is found") {
    user.exec(replace + "2)");
    database.write([&] {
      REQUIRE(claim_job(database, queue, 2)); // what else this transaction changes is counted once
      CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now));
      REQUIRE(claim_job(database, queue, 3));
    });
    user.exec("UPDATE jobs SET state = 'cancelled'");
  }
  SUBCASE("on its way: a start of the daemon finds it") {
    REQUIRE(claim(1));
    user.exec(replace + "1)");
    CHECK(!queue.counts_are_right());
    database.write([&] { queue.recount(); });
    REQUIRE(claim(2));
    CHECK(user.number(wrong_counters) == 0);
    user.exec("UPDATE jobs SET state = 'cancelled'");
  }
  SUBCASE("the last one that had not ended") {
    REQUIRE(claim(2));
    REQUIRE(run(2));
    REQUIRE(end(2, JobState::succeeded));
    user.exec(replace + "NULL)");
    database.write([&] { CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now)); });
  }
  CHECK(queue.counts_are_right());
  CHECK(user.number(wrong_counters) == 0);
  CHECK(user.number("SELECT ended_at IS NOT NULL FROM batches WHERE id = 1") == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "what is counted afresh in a transaction that is undone stays as it was") {
  user.exec("INSERT INTO jobs(file_token, script, unique_key) VALUES ('a', 'x', 'k');"
            "INSERT OR REPLACE INTO jobs(file_token, script, unique_key) VALUES ('a', 'x', 'k')");
  CHECK_THROWS(database.write([&] {
    CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now));
    throw StoreUnavailable("as a full disk");
  }));
  REQUIRE(claim(2));
  CHECK(user.number("SELECT jobs FROM job_counts WHERE state = 'queued'") == 1);
  database.write([&] { CHECK(!queue.claim({JobId{1}, "default", "a", 0, ""}, now)); });
  CHECK(user.number(wrong_counters) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a job without run_at does not wait for a clock that was set back") {
  user.enqueue("a", "x", "");
  now = *parse_time("2020-01-01 00:00:00");
  CHECK(startable() == Ids{1});
}

TEST_CASE_FIXTURE(Fixture, "a claim applies once, and only to a queued job") {
  user.enqueue("a", "script", "name");
  database.write([&] {
    const auto job = claim_job(database, queue, 1);
    REQUIRE(job);
    CHECK(job->row.attempt == 1);
    CHECK(job->row.state == JobState::submitting);
    CHECK(job->script == "script");
    CHECK(job->script_name == "name");
    CHECK(!claim_job(database, queue, 1));
    CHECK(!claim_job(database, queue, 7));
  });
}

TEST_CASE_FIXTURE(Fixture, "a change applies to the row it is about, and to no later one") {
  user.enqueue("a", "x", "");
  REQUIRE(claim(1));
  const JobRow claimed = rows[1];
  REQUIRE(run(1, "first"));
  const JobRow first = rows[1];
  SUBCASE("of another attempt") {
    user.exec("UPDATE jobs SET state = 'cancelled'; UPDATE jobs SET state = 'queued'");
    REQUIRE(claim(1));
    REQUIRE(run(1, "second"));
    const JobRow second = rows[1];
    rows[1] = first;
    CHECK_FALSE(end(1, JobState::succeeded));
    rows[1] = second;
  }
  SUBCASE("of an older revision, as after a restored file") {
    rows[1].rev += 1;
    CHECK_FALSE(end(1, JobState::succeeded));
    rows[1] = claimed;
    CHECK_FALSE(run(1, "other"));
    rows[1] = first;
  }
  CHECK(end(1, JobState::succeeded));
  CHECK(user.number("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND task_id <> 'other'") ==
        1);
}

TEST_CASE_FIXTURE(Fixture, "what comes late is counted for its attempt, and for no later one") {
  user.enqueue("a", "x", "");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  REQUIRE(report(1));
  CHECK(user.number("SELECT polls FROM jobs") == 1);
  user.exec("UPDATE jobs SET state = 'cancelled'");
  CHECK_FALSE(report(1));
  database.write([&] { queue.count_late(JobId{1}, 1, 1, 2); });
  CHECK(user.text("SELECT polls || log_gaps FROM jobs") == "22");
  user.exec("UPDATE jobs SET state = 'queued'");
  REQUIRE(claim(1));
  database.write([&] { queue.count_late(JobId{1}, 1, 1, 0); });
  CHECK(user.number("SELECT polls FROM jobs") == 0); // the next attempt begins at none
}

TEST_CASE_FIXTURE(Fixture, "a job that goes back to the queue waits for its time there") {
  user.enqueue("a", "x", "");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  JobRow row = rows[1];
  row.state = JobState::queued;
  row.rev += 1;
  bool applied = false;
  const auto later = now + std::chrono::seconds(30);
  database.write(
      [&] { applied = queue.save_for_later(JobId{1}, rows[1], row, later, EndCause::script); });
  CHECK(applied);
  CHECK(user.text("SELECT run_at FROM jobs WHERE state = 'queued'") == to_text(later));
  CHECK(user.text("SELECT lane || due FROM queue") == "future" + to_text(later));
  CHECK(queue.counts_are_right());
  database.write(
      [&] { CHECK_FALSE(queue.save_for_later(JobId{1}, rows[1], row, later, EndCause::script)); });
}

TEST_CASE_FIXTURE(Fixture,
                  "a job whose time has passed when it goes back is not parked behind itself") {
  user.exec("INSERT INTO daemon(one, started_at, max_running_per_file) VALUES (1, 'then', 1)");
  user.exec("INSERT INTO jobs(file_token, script, created_at) "
            "VALUES ('a', 'x', '2020-01-01 00:00:00')");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  JobRow row = rows[1];
  row.state = JobState::queued;
  row.rev += 1;
  const WallTime passed = *parse_time("2020-01-01 00:00:30");
  database.write(
      [&] { REQUIRE(queue.save_for_later(JobId{1}, rows[1], row, passed, EndCause::script)); });
  CHECK(lane(1) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "jobs of one file are found together where a file has many places") {
  user.exec("INSERT INTO daemon(one, started_at, max_running_per_file) VALUES (1, 'then', 0)");
  for (int i = 0; i < 5; ++i)
    user.enqueue("a", "x", "");
  CHECK(in_lane("ready") == 5);
  user.exec("UPDATE daemon SET max_running_per_file = 1");
  user.enqueue("a", "x", "");
  CHECK(lane(6) == "parked");
}

TEST_CASE_FIXTURE(Fixture, "what retries a job's columns allow is read as they are now") {
  user.exec("INSERT INTO jobs(file_token, script, max_attempts, on_unconfirmed, expires_at) "
            "VALUES ('a', 'x', 3, 'retry', '2126-02-01 00:00:00');"
            "INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome) VALUES "
            "(1, 1, 'submit', 'x', 'lost'), (1, 2, 'submit', 'x', 'unknown'), "
            "(1, 3, 'submit', 'x', 'accepted'), (1, 3, 'status', 'x', 'lost')");
  const RetryPolicy policy = queue.retry_policy(JobId{1});
  CHECK(policy.on_unconfirmed == OnUnconfirmed::retry);
  CHECK(policy.unconfirmed_starts == 2);
  CHECK(policy.max_attempts == 3);
  CHECK(policy.expires_at == parse_time("2126-02-01 00:00:00"));
  CHECK(queue.retry_policy(JobId{9}).max_attempts == 1);
}
