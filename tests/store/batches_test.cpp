// Batches: how they are counted, when they end, what comes after them, and what is refused.
#include "tests/store/dependency_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

using Fixture = DependencyFixture;
using Texts = std::vector<std::string>;

} // namespace

TEST_CASE_FIXTURE(Fixture, "a batch is counted, and what comes after it starts when it has ended") {
  user.exec("INSERT INTO batches(name) VALUES ('report')");
  job("after_batch, when_needed", "1, 'ended'");
  job("after_batch, when_needed", "1, 'failed'");
  job("after_batch", "1");
  CHECK(batch(1) == "empty 0 0: 0 0 0 0 0");
  for (int i = 0; i < 4; ++i)
    job("batch_id", "1");
  CHECK(batch(1) == "waiting 0 4: 4 0 0 0 0");
  go(4, {"submitting"});
  CHECK(batch(1) == "running 0 4: 3 1 0 0 0");
  go(4, {"running", "succeeded"});
  go(5, {"submitting", "unconfirmed"});
  CHECK(batch(1) == "waiting 25 4: 3 0 1 0 0");
  settle();
  CHECK(lane(1) == "dependent");
  go(5, {"cancelled"});
  end(6);
  SUBCASE("with a failure") {
    end(7, "failed");
    settle();
    CHECK(batch(1) == "failed 100 4: 0 0 2 1 1");
    CHECK(lane(1) == "ready");
    CHECK(lane(2) == "ready");
    CHECK(lane(3) == "dependent");
    CHECK(user.text("SELECT what || advice FROM need_reasons WHERE job_id = 3") ==
          "batch 1, which must succeed first, has ended, but 2 of its 4 jobs did not succeed: run "
          "those again or cancel this one");
    go(7, {"queued"});
    CHECK(batch(1) == "waiting 75 4: 1 0 2 0 1");
    CHECK(lane(1) == "dependent");
    CHECK(lane(2) == "dependent");
    user.exec("DELETE FROM jobs WHERE id = 5");
    end(7);
    settle();
    CHECK(batch(1) == "succeeded 100 3: 0 0 3 0 0");
    CHECK(lane(3) == "ready");
    CHECK(hopeless() == Texts{"2 not needed: batch 1 has succeeded"});
  }
  SUBCASE("that is open") {
    user.exec("UPDATE batches SET open = 1");
    end(7);
    settle();
    CHECK(batch(1) == "open 99 4: 0 0 3 0 1");
    CHECK(lane(1) == "dependent");
    CHECK(contains(user.text("SELECT what FROM need_reasons WHERE job_id = 1"),
                   "batch 1, of whose 4 jobs 4 have ended, and which is open for more"));
    user.exec("UPDATE batches SET open = 0");
    settle();
    CHECK(lane(1) == "ready");
  }
  SUBCASE("and its last job leaves it") {
    user.exec("UPDATE jobs SET batch_id = NULL WHERE id = 7");
    settle();
    CHECK(batch(1) == "failed 100 3: 0 0 2 0 1");
    CHECK(lane(1) == "ready");
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "how far a batch is takes no look at each of its jobs, nor at all started ones") {
  user.exec(
      "INSERT INTO batches(name) VALUES ('large'), ('small');"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
      "INSERT INTO jobs(file_token, script, batch_id) SELECT 'f', 'x', iif(i < 3, 2, 1) FROM n");
  go(1, {"submitting", "running"});
  go(3, {"submitting", "running"});
  user.exec("UPDATE jobs SET progress = 60 WHERE id IN (1, 3)");
  CHECK(steps_of("CREATE TEMP TABLE one AS SELECT percent FROM batch_progress") < 1000);
  CHECK(user.text("SELECT group_concat(percent) FROM batch_progress") == "0,30");
  user.exec("INSERT INTO jobs(file_token, script) SELECT 'g', 'x' FROM jobs;"
            "UPDATE jobs SET state = 'submitting' WHERE file_token = 'g';"
            "UPDATE jobs SET state = 'unconfirmed' WHERE file_token = 'g'");
  CHECK(steps_of("CREATE TEMP TABLE two AS SELECT percent FROM batch_progress WHERE batch_id = 2") <
        1000);
  CHECK(user.text("SELECT percent FROM batch_progress WHERE batch_id = 2") == "30");
}

TEST_CASE_FIXTURE(Fixture, "an open batch that nothing was added to ends when it is closed") {
  user.exec("INSERT INTO batches(name, open) VALUES ('none', 1)");
  job("after_batch", "1");
  CHECK(batch(1) == "open 0 0: 0 0 0 0 0");
  user.exec("UPDATE batches SET open = 0");
  settle();
  CHECK(batch(1) == "succeeded 100 0: 0 0 0 0 0");
  CHECK(lane(1) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "a batch that has lost its jobs ends when somebody closes it") {
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  job("after_batch", "1");
  user.exec("DELETE FROM jobs WHERE id = 1");
  settle();
  CHECK(user.number("SELECT ended_at IS NULL FROM batches") == 1);
  CHECK(contains(user.text("SELECT what FROM need_reasons WHERE job_id = 2"),
                 "has no jobs: INSERT them, or end it without "
                 "(UPDATE batches SET open = 0 WHERE id = 1)"));
  user.exec("UPDATE batches SET open = 0 WHERE id = 1");
  settle();
  CHECK(user.number("SELECT ended_at IS NULL FROM batches") == 0);
  CHECK(user.number("SELECT count(*) FROM needs") == 0);
}

TEST_CASE("whatever a user's statement does about conflicts, what follows from it is the same") {
  for (const std::string how :
       {"", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK", " OR REPLACE"}) {
    CAPTURE(how);
    Fixture f;
    f.user.exec("INSERT INTO batches(name) VALUES ('b')");
    f.job("batch_id", "1");
    f.end(1, "failed");
    f.job("after_batch", "1");
    f.job("depends_on", "1");
    f.settle();
    const std::string more =
        "INSERT" + how + " INTO jobs(file_token, script, batch_id) VALUES ('g', 'x', 1)";
    CHECK(f.user.attempt(more) == "");
    CHECK(f.user.attempt("UPDATE" + how + " jobs SET state = 'queued' WHERE id = 1") == "");
    CHECK(f.user.attempt("UPDATE" + how + " jobs SET state = 'cancelled' WHERE id = 1") == "");
    CHECK(f.user.attempt("UPDATE" + how + " jobs SET state = 'queued' WHERE id = 1") == "");
    CHECK(f.user.number(wrong_counters) == 0);
    CHECK(f.user.number("SELECT count(*) FROM queue") == 4);
    CHECK(f.user.number("SELECT count(*) FROM needs WHERE stuck = 0") == 2);
  }
}

TEST_CASE_FIXTURE(Fixture, "what comes after a batch runs once, though a job of it is run again") {
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  job("after_batch, when_needed", "1, 'ended'");
  end(1, "failed");
  settle();
  end(2);
  go(1, {"queued"});
  end(1);
  settle();
  CHECK(state(2) == "succeeded");
  CHECK(user.number("SELECT count(*) FROM queue") == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is refused of batches, in sentences, also to OR IGNORE") {
  for (const std::string how : {"INSERT", "INSERT OR IGNORE"}) {
    CHECK(contains(user.attempt(how + " INTO batches(open) VALUES (2)"), "open must be 0 or 1"));
    CHECK(
        contains(user.attempt(how + " INTO batches(jobs) VALUES (2)"), "a new batch has no jobs"));
  }
  CHECK(contains(user.attempt("INSERT INTO batches(id) VALUES (9223372036854775807)"),
                 "beyond those that there are"));
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  for (const char* column : {"jobs = 0", "waiting = 7", "ended_at = '2026-01-01 00:00:00'"})
    CHECK(contains(user.attempt("UPDATE OR IGNORE batches SET " + std::string(column)),
                   "counted by the database"));
  CHECK(contains(user.attempt("UPDATE batches SET id = 2"), "the id of a batch cannot change"));
  CHECK(contains(user.attempt("DELETE FROM batches"), "jobs of this batch have not ended"));
  job("after_batch", "1");
  go(1, {"cancelled"});
  CHECK(contains(user.attempt("DELETE FROM batches"), "jobs wait for this batch"));
  go(2, {"cancelled"});
  CHECK(user.attempt("DELETE FROM batches") == "");
  // What came after it can still be queued again, and says what it lacks.
  CHECK(user.attempt("UPDATE jobs SET state = 'queued' WHERE id = 2") == "");
  CHECK(contains(user.text("SELECT what FROM need_reasons WHERE job_id = 2"), "was deleted"));
}

TEST_CASE_FIXTURE(Fixture, "a batch whose results are passed on stays until its child has ended") {
  user.exec("INSERT INTO batches(name, open) VALUES ('b', 1)");
  job("after_batch, pass_as", "1, 'in'");
  user.exec("UPDATE batches SET open = 0");
  settle();
  REQUIRE(user.text("SELECT lane FROM queue WHERE job_id = 1") == "ready");
  CHECK(contains(user.attempt("DELETE FROM batches"), "get the results of this batch (pass_as)"));
  go(1, {"cancelled"});
  CHECK(user.attempt("DELETE FROM batches") == "");
}

TEST_CASE_FIXTURE(Fixture, "a batch goes with its last job, once it has ended") {
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  user.exec("DELETE FROM jobs");
  CHECK(batch(1) == "empty 0 0: 0 0 0 0 0"); // there may be more to come
  job("batch_id", "1");
  end(2);
  user.exec("DELETE FROM jobs");
  CHECK(user.number("SELECT count(*) FROM batches") == 0);
}

TEST_CASE_FIXTURE(QueueFixture, "the daemon counts the jobs of a batch as a user's changes do") {
  user.exec("INSERT INTO batches(name) VALUES ('b');"
            "INSERT INTO jobs(file_token, script, batch_id) VALUES ('f', 'x', 1), ('g', 'x', 1)");
  const auto counts = [&] {
    return user.text("SELECT waiting || ' ' || running || ' ' || succeeded || ' ' || "
                     "(ended_at IS NOT NULL) FROM batches");
  };
  REQUIRE(claim(1));
  CHECK(counts() == "1 1 0 0");
  REQUIRE(run(1));
  REQUIRE(end(1, JobState::succeeded));
  CHECK(counts() == "1 0 1 0");
  REQUIRE(claim(2));
  REQUIRE(run(2));
  CHECK_THROWS(database.write([&] {
    JobRow row = rows[2];
    row.state = JobState::succeeded;
    ++row.rev;
    REQUIRE(queue.save(JobId{2}, rows[2], row));
    throw StoreUnavailable("as a full disk");
  }));
  CHECK(counts() == "0 1 1 0");
  REQUIRE(end(2, JobState::succeeded));
  CHECK(counts() == "0 0 2 1");
}

TEST_CASE_FIXTURE(Fixture, "a batch that gets rid of its failed job lets go who waits for it") {
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  job("batch_id", "1");
  job("after_batch", "1");
  job("after_batch, on_dependency_failed", "1, 'cancel'");
  go(1, {"cancelled"});
  end(2);
  settle();
  REQUIRE(lane(3) == "dependent");
  user.exec("DELETE FROM jobs WHERE id = 1");
  settle();
  CHECK(lane(3) == "ready");
  CHECK(lane(4) == "ready");
  CHECK(hopeless().empty());
}
