// What a job may wait for beside its time: other jobs, batches, one with its unique_key.
#include "store/dependencies.h"

#include "store/job_inputs.h"
#include "tests/store/dependency_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

using Fixture = DependencyFixture;
using Texts = std::vector<std::string>;

} // namespace

// --- more than one job ---------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a job waits for all that it needs") {
  job();
  job();
  user.exec("BEGIN; INSERT INTO jobs(file_token, script, depends_on) VALUES ('f', 'x', 1);"
            "INSERT INTO dependencies(job_id, needs) VALUES (3, 2); COMMIT");
  end(1);
  settle();
  CHECK(lane(3) == "dependent");
  end(2);
  settle();
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "when_needed says what an end is good for") {
  job();
  job("depends_on, when_needed", "1, 'ended'");
  job("depends_on, when_needed", "1, 'failed'");
  job("depends_on, when_needed", "1, 'succeeded'");
  SUBCASE("succeeded") {
    end(1);
    settle();
    CHECK(lane(2) == "ready");
    CHECK(lane(3) == "dependent");
    CHECK(lane(4) == "ready");
    CHECK(hopeless() == Texts{"3 not needed: job 1 has succeeded"});
  }
  SUBCASE("failed, in one of its ways") {
    SUBCASE("itself") {
      end(1, "failed");
    }
    SUBCASE("out of time") {
      end(1, "timed_out");
    }
    SUBCASE("by a user") {
      go(1, {"cancelled"});
    }
    settle();
    CHECK(lane(2) == "ready");
    CHECK(lane(3) == "ready");
    CHECK(lane(4) == "dependent");
    CHECK(hopeless().empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "on_dependency_failed says what becomes of the job") {
  job();
  job("depends_on, on_dependency_failed", "1, 'wait'");
  job("depends_on, on_dependency_failed", "1, 'cancel'");
  job("depends_on, on_dependency_failed", "1, 'run'");
  const auto check = [&](const Texts& to_cancel) {
    CHECK(lane(2) == "dependent");
    CHECK(lane(3) == "dependent");
    CHECK(lane(4) == "ready");
    CHECK(hopeless() == to_cancel);
  };
  end(1, "failed");
  settle();
  check({"3 job 1, which must succeed first, has failed"});
  // The same for those that come afterwards.
  job("depends_on, on_dependency_failed", "1, 'cancel'");
  job("depends_on, on_dependency_failed", "1, 'run'");
  CHECK(lane(6) == "ready");
  check({"3 job 1, which must succeed first, has failed",
         "5 job 1, which must succeed first, has failed"});
  go(1, {"queued"});
  CHECK(hopeless().empty());
  CHECK(lane(6) == "dependent"); // they have time to wait for a better end
}

TEST_CASE_FIXTURE(Fixture, "who has waited for an end waits again if the job is run again") {
  job();
  job("depends_on, when_needed", "1, 'ended'");
  end(1, "failed");
  settle();
  CHECK(lane(2) == "ready");
  go(1, {"queued"});
  CHECK(lane(2) == "dependent");
  end(1);
  settle();
  CHECK(lane(2) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "very many that wait are looked at a few at a time") {
  job();
  user.exec("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 350) "
            "INSERT INTO jobs(file_token, script, depends_on) SELECT 'f' || i, 'x', 1 FROM n");
  end(1);
  database.write([&] { dependencies.settle(); });
  CHECK(user.number("SELECT count(*) FROM queue WHERE lane = 'ready'") == 100);
  CHECK(settle() >= 3);
  CHECK(user.number("SELECT count(*) FROM queue WHERE lane = 'ready'") == 350);
  CHECK(user.number("SELECT count(*) FROM ended_needs") == 0);
}

TEST_CASE_FIXTURE(Fixture, "what dependencies refuses, in sentences, also to INSERT OR IGNORE") {
  job();
  job();
  for (const std::string how : {"INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"}) {
    const auto attempt = [&](const std::string& values) {
      return user.attempt(how + " INTO dependencies(job_id, needs, when_needed) VALUES (" + values +
                          ")");
    };
    CHECK(contains(attempt("7, 1, 'ended'"), "job_id must be the id of a job"));
    CHECK(
        contains(attempt("2, 7, 'ended'"), "needs must be the id of an earlier job: there is no"));
    CHECK(contains(attempt("NULL, 1, 'ended'"), "job_id must be the id of a job"));
    CHECK(
        contains(attempt("2, NULL, 'ended'"), "needs must be the id of an earlier job: there is"));
    CHECK(contains(attempt("2, 2, 'ended'"), "needs must be the id of an earlier job (a smaller"));
    CHECK(contains(attempt("1, 2, 'ended'"), "a smaller id than its own"));
    CHECK(contains(attempt("2, 1, 'done'"), "when_needed must be succeeded, ended or failed"));
    CHECK(contains(refused("when_needed", "'done'", how), "when_needed must be"));
    CHECK(contains(refused("on_dependency_failed", "'die'", how), "on_dependency_failed must be"));
    CHECK(contains(refused("pass_as", "'a\"b'", how), "pass_as must be the name"));
    CHECK(contains(refused("pass_as", "'a' || char(10)", how), "pass_as must be the name"));
    CHECK(contains(refused("pass_as", "'a' || char(0) || 'b'", how), "pass_as must be the name"));
    CHECK(contains(refused("id", "-5", how), "the id of a job must be positive"));
    CHECK(contains(refused("supersede", "2", how), "supersede must be 0 or 1"));
    CHECK(contains(refused("supersede", "1", how), "supersede needs a unique_key"));
    CHECK(contains(refused("batch_id", "7", how), "batch_id must be the id of a batch"));
    CHECK(contains(refused("after_batch", "7", how), "after_batch must be the id of a batch"));
  }
  go(2, {"submitting"});
  CHECK(contains(user.attempt("INSERT INTO dependencies(job_id, needs) VALUES (2, 1)"),
                 "not queued any more: INSERT a job and what it needs in one transaction"));
}

TEST_CASE_FIXTURE(Fixture, "a dependency that is deleted holds nothing up") {
  job();
  job();
  job();
  user.exec("INSERT INTO dependencies(job_id, needs) VALUES (3, 1), (3, 2)");
  CHECK(contains(user.attempt("UPDATE dependencies SET needs = 2"), "DELETE it and INSERT"));
  user.exec("DELETE FROM dependencies WHERE needs = 1");
  CHECK(lane(3) == "dependent");
  user.exec("DELETE FROM dependencies");
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "nothing waits in a circle") {
  user.exec("INSERT INTO batches(name) VALUES ('one'), ('two'), ('three')");
  const char* sentence = "a job of a batch can wait only for batches with a smaller id";
  CHECK(contains(refused("batch_id, after_batch", "1, 1"), sentence));
  CHECK(contains(refused("batch_id, after_batch", "1, 2", "INSERT OR IGNORE"), sentence));
  job("batch_id, after_batch", "2, 1"); // 1
  job("depends_on", "1");               // 2: after batch one, by way of 1
  CHECK(contains(refused("depends_on, batch_id", "2, 1"), sentence));
  CHECK(user.attempt("INSERT INTO jobs(file_token, script, depends_on, batch_id) "
                     "VALUES ('f', 'x', 2, 3)") == "");
  job("batch_id", "1"); // 4
  CHECK(contains(user.attempt("INSERT INTO dependencies(job_id, needs) VALUES (4, 2)"), sentence));
  CHECK(contains(user.attempt("UPDATE jobs SET depends_on = 2 WHERE id = 4"), sentence));
  CHECK(contains(user.attempt("UPDATE jobs SET after_batch = 3 WHERE id = 4"), sentence));
  // 5 waits for 6's batch only by a change that comes too late for what depends on it.
  job();                               // 5
  job("depends_on, batch_id", "5, 1"); // 6
  CHECK(contains(user.attempt("UPDATE jobs SET after_batch = 1 WHERE id = 5"),
                 "other jobs depend on this one: it cannot be made to wait for a batch now"));
}

TEST_CASE_FIXTURE(Fixture, "what was met stays so when the job or the batch of it is deleted") {
  job("batch_id", "NULL");
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  user.exec("BEGIN");
  for (int i = 0; i < 2; ++i) { // 3, 4, 5; 6, 7, 8
    job("depends_on", "1");
    job("after_batch", "1");
    job("batch_id", "NULL");
    user.exec(
        "INSERT INTO dependencies(job_id, needs) SELECT max(j.id), n.id FROM jobs AS j, jobs AS n "
        "WHERE n.id < 3 GROUP BY n.id");
  }
  user.exec("COMMIT");
  end(1);
  end(2);
  settle();
  for (const std::int64_t id : {6, 7, 8})
    go(id, {"submitting", "unconfirmed"});
  CHECK(user.attempt("DELETE FROM jobs WHERE id < 3") == "");
  CHECK(user.number("SELECT count(*) FROM batches") == 0);
  for (const std::int64_t id : {6, 7, 8})
    go(id, {"queued"});
  user.exec("UPDATE jobs SET priority = 5"); // they are looked at again
  for (const std::int64_t id : {3, 4, 5, 6, 7, 8})
    CHECK(lane(id) == "ready");
  CHECK(user.number("SELECT count(*) FROM conditions WHERE stuck IS NOT NULL") == 0);
  CHECK(user.number(wrong_counters) == 0);
}

// --- results passed on ---------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "pass_as puts the result of a job into argv") {
  job();
  job("depends_on, pass_as, argv", R"(1, 'rows', '{"sheet": "A"}')");
  go(1, {"submitting", "running"});
  const auto give = [&](const std::string& result) {
    user.exec("UPDATE jobs SET result = " + result + " WHERE id = 1");
    return argv(2);
  };
  CHECK(give("'[1,2]'") == R"({"sheet":"A","rows":[1,2]})");
  CHECK(give("'\"a \\\"word\\\"\"'") == R"({"sheet":"A","rows":"a \"word\""})");
  CHECK(give("'\"[Undefined]\"'") == R"({"sheet":"A","rows":null})");
  CHECK(give("NULL") == R"({"sheet":"A","rows":null})");
  CHECK(give("'no JSON'") == R"({"sheet":"A","rows":"no JSON"})");
  user.exec("UPDATE jobs SET argv = NULL WHERE id = 2");
  CHECK(give("'7'") == R"({"rows":7})");
  CHECK(user.text("SELECT value FROM job_inputs WHERE job_id = 2") == "7");
}

TEST_CASE_FIXTURE(Fixture, "after a batch, or with more than one job, it is an array of them") {
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  job("batch_id", "1");
  job("batch_id", "1");
  job("after_batch, pass_as, when_needed", "1, 'all', 'ended'");
  job();
  job("depends_on, pass_as", "1, 'both'");
  user.exec("INSERT INTO dependencies(job_id, needs) VALUES (5, 4)");
  go(1, {"submitting", "running"});
  user.exec("UPDATE jobs SET result = '\"[Undefined]\"', state = 'succeeded' WHERE id = 1");
  go(2, {"submitting", "running"});
  user.exec("UPDATE jobs SET error = 'no sheet', state = 'failed' WHERE id = 2");
  CHECK(argv(3) == R"({"all":[{"job":1,"state":"succeeded","result":null,"error":null},)"
                   R"({"job":2,"state":"failed","result":null,"error":"no sheet"}]})");
  CHECK(argv(5) == R"({"both":[{"job":1,"state":"succeeded","result":null,"error":null},)"
                   R"({"job":4,"state":"queued","result":null,"error":null}]})");
  CHECK(contains(user.attempt("DELETE FROM jobs WHERE id = 1"), "other jobs"));
}

TEST_CASE("jobs whose results are passed on stay until who gets them has ended") {
  const char* const ways[] = {
      "UPDATE jobs SET depends_on = 1 WHERE id = 2",
      "INSERT INTO dependencies(job_id, needs) VALUES (2, 1)",
      ("INSERT INTO batches(name) VALUES ('b'); UPDATE jobs SET batch_id = 1 WHERE id = 1;"
       "UPDATE jobs SET after_batch = 1 WHERE id = 2"),
  };
  const Texts lives[] = {{"submitting", "unconfirmed", "cancelled"},
                         {"submitting", "running", "succeeded"},
                         {"submitting", "failed"}};
  for (const char* way : ways)
    for (const Texts& life : lives) {
      Fixture fixture;
      User& user = fixture.user;
      fixture.job();
      fixture.job("pass_as", "'in'");
      fixture.end(1);
      user.exec(way);
      for (const std::string& state : life) {
        CAPTURE(way);
        CAPTURE(state);
        CHECK(contains(user.attempt("DELETE FROM jobs WHERE id = 1"),
                       "other jobs that have not ended get the result of this one (pass_as)"));
        fixture.go(2, {state});
      }
      CHECK(user.attempt("DELETE FROM jobs WHERE id = 1") == "");
    }
}

TEST_CASE_FIXTURE(Fixture, "what was sent is kept, and told instead of what would be") {
  job();
  job("depends_on, pass_as", "1, 'in'");
  end(1);
  JobInputs inputs(database);
  user.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id = 2");
  user.exec("UPDATE jobs SET result = '5' WHERE id = 1");
  for (int i = 0; i < 2; ++i) // the second time as after a start that was put back
    database.write([&] { CHECK(inputs.take(JobId{2}, 1) == R"({"in":5})"); });
  CHECK(
      user.text("SELECT group_concat(attempt || ' ' || value) FROM job_inputs WHERE job_id = 2") ==
      "1 5");
  go(2, {"failed"});
  user.exec("DELETE FROM jobs WHERE id = 2");
  CHECK(user.number("SELECT count(*) FROM sent_inputs") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "the next job of a file comes forward when the one before it must wait") {
  user.exec("INSERT INTO daemon(one, max_running_per_file) VALUES (1, 1)");
  job("run_at", "'2126-01-01 00:00:00'");
  job();
  job();
  REQUIRE(lane(3) == "parked");
  SUBCASE("by a new dependency") {
    user.exec("INSERT INTO dependencies(job_id, needs) VALUES (2, 1)");
  }
  SUBCASE("as what it has waited for is run again") {
    go(1, {"cancelled"});
    user.exec("UPDATE jobs SET depends_on = 1, when_needed = 'ended' WHERE id = 2");
    user.exec("UPDATE queue SET lane = 'parked' WHERE job_id = 3");
    REQUIRE(lane(2) == "ready");
    go(1, {"queued"});
  }
  CHECK(lane(2) == "dependent");
  CHECK(lane(3) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "what can be ignored takes nobody's place") {
  job("unique_key, supersede", "'k', 1");
  job("schedule, scheduled_at", "'s', '2126-01-01 00:00:00.000'");
  CHECK(refused("unique_key, supersede, schedule, scheduled_at",
                "'k', 1, 's', '2126-01-01 00:00:00.000'", "INSERT OR IGNORE") == "");
  CHECK(state(1) == "queued");
  // Nor is the key of one that runs changed to another's.
  go(2, {"submitting"});
  CHECK(contains(user.attempt("UPDATE jobs SET unique_key = 'k' WHERE id = 2"),
                 "unique_key and supersede cannot change now"));
}

TEST_CASE_FIXTURE(Fixture, "results that nest too deep for more around them are passed as text") {
  job();
  job();
  job("depends_on, pass_as", "1, 'in'");
  user.exec("INSERT INTO dependencies(job_id, needs) VALUES (3, 2)");
  user.exec("UPDATE jobs SET result = '" + std::string(1999, '[') + std::string(1999, ']') +
            "' WHERE id = 1");
  JobInputs inputs(database);
  database.write([&] { CHECK(inputs.take(JobId{3}, 0)); });
}
