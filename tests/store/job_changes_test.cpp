// What a person changes beside the daemon: one job, very many, pauses, a schedule's job now.
#include "store/job_changes.h"

#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : SqlFixture {
  JobChanges changes{file};

  std::string refusal(std::int64_t job, JobState state) {
    try {
      changes.set_state(JobId{job}, state);
      return {};
    } catch (const JobRefused& refused) {
      return refused.what();
    }
  }
  std::int64_t queued() { return user.number("SELECT count(*) FROM jobs WHERE state = 'queued'"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job is cancelled and run again; what is refused says why") {
  const std::int64_t job = user.enqueue("f", "1", "");
  CHECK(changes.set_state(JobId{job}, JobState::cancelled));
  CHECK(state(job) == "cancelled");
  CHECK(refusal(job, JobState::cancelled).empty()); // it is that already
  CHECK(changes.set_state(JobId{job}, JobState::queued));
  go(job, {"submitting", "running", "succeeded"});
  CHECK(contains(refusal(job, JobState::queued), "INSERT a new job to run the script again"));
  CHECK(contains(refusal(job, JobState::cancelled), "it has ended"));
  CHECK(state(job) == "succeeded");
  CHECK_FALSE(changes.set_state(JobId{99}, JobState::queued));
}

TEST_CASE_FIXTURE(Fixture, "many jobs are changed in several transactions, only those selected") {
  failed_jobs(1700);
  const JobSelection selection{"file_token <> ?1 AND state = ?2",
                               {std::string("f3"), std::string("failed")}};
  const std::int64_t others = user.number("SELECT count(*) FROM jobs WHERE file_token = 'f3'");
  const ManyChanged many = changes.set_state(selection, JobState::queued, 1700);
  CHECK(many.changed == 1700 - others);
  CHECK(many.refused == 0);
  CHECK_FALSE(many.below);
  CHECK(queued() == 1700 - others);
  CHECK(user.number("SELECT count(*) FROM queue") == 1700 - others);
  CHECK(user.number("SELECT jobs FROM job_counts WHERE state = 'queued'") == 1700 - others);
}

TEST_CASE_FIXTURE(Fixture, "no greater id is changed, and ids that are far apart are all found") {
  failed_jobs(3);
  user.exec("INSERT INTO jobs(id, file_token, script) VALUES (900000000, 'f', 'x')");
  go(900000000, {"cancelled"});
  const JobSelection ended{"state IN ('failed', 'cancelled')", {}};
  CHECK(changes.set_state(ended, JobState::queued, 2).changed == 2);
  CHECK(state(3) == "failed");
  const ManyChanged rest = changes.set_state(ended, JobState::queued, 900000000);
  CHECK(rest.changed == 2);
  CHECK_FALSE(rest.below);
}

TEST_CASE_FIXTURE(Fixture, "a call ends after ten thousand jobs, and the next one goes on") {
  failed_jobs(10'600);
  const JobSelection failed{"state = 'failed'", {}};
  const ManyChanged first = changes.set_state(failed, JobState::queued, 10'600);
  CHECK(first.changed == 10'000);
  REQUIRE(first.below == 600);
  const ManyChanged second = changes.set_state(failed, JobState::queued, *first.below);
  CHECK(second.changed == 600);
  CHECK_FALSE(second.below);
  CHECK(queued() == 10'600);
}

TEST_CASE_FIXTURE(Fixture,
                  "a call takes no more jobs than it may, those that are refused as well") {
  failed_jobs(1300);
  const JobSelection failed{"state = 'failed'", {}};
  ManyChanged many = changes.set_state(failed, JobState::queued, 1300, 501);
  CHECK(many.changed == 501);
  REQUIRE(many.below == 799);
  CHECK(queued() == 501);
  user.exec("CREATE TRIGGER odd BEFORE UPDATE OF state ON jobs WHEN OLD.id BETWEEN 790 AND 795 "
            "BEGIN SELECT RAISE(ABORT, 'odd'); END");
  many = changes.set_state(failed, JobState::queued, *many.below, 10);
  CHECK(many.changed == 4);
  CHECK(many.refused == 6);
  REQUIRE(many.below == 789);
  CHECK(changes.set_state(failed, JobState::queued, *many.below, 0).changed == 0);
  many = changes.set_state(failed, JobState::queued, *many.below, 789);
  CHECK(many.changed == 789);
  CHECK_FALSE(many.below);
}

TEST_CASE_FIXTURE(Fixture, "jobs are looked at in pieces, so that no read takes long") {
  failed_jobs(4000);
  // Of all 4,000 at once it would take more than a call may: see UserConnection.
  const JobSelection slow{
      "state = 'failed' AND id % 400 = (WITH RECURSIVE n(i) AS (SELECT jobs.id "
      "UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT count(*) - 1000 FROM n)",
      {}};
  const ManyChanged many = changes.set_state(slow, JobState::queued, 4000);
  CHECK(many.trouble == "");
  CHECK(many.changed == 10);
  CHECK_FALSE(many.below);
}

TEST_CASE_FIXTURE(Fixture, "what is refused does not keep the others, and is counted") {
  for (int i = 0; i < 4; ++i)
    user.exec("INSERT INTO jobs(file_token, script, unique_key) VALUES ('f', 'x', 'k'); UPDATE "
              "jobs SET state = 'cancelled' WHERE state = 'queued'");
  const ManyChanged many = changes.set_state({"state = 'cancelled'", {}}, JobState::queued, 1000);
  CHECK(many.changed == 1);
  CHECK(many.refused == 3);
  CHECK(contains(many.refusal, "unique_key"));
  CHECK(state(4) == "queued"); // the newest one was first
}

TEST_CASE_FIXTURE(Fixture, "a trigger that ends the transaction undoes its chunk only") {
  failed_jobs(600);
  user.exec("CREATE TRIGGER no_more BEFORE UPDATE OF state ON jobs WHEN OLD.id = 50 "
            "BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END");
  const JobSelection failed{"state = 'failed'", {}};
  const ManyChanged many = changes.set_state(failed, JobState::queued, 600);
  CHECK(many.changed == 500);
  CHECK(many.trouble == "not this one");
  CHECK(many.below == 100);
  CHECK(queued() == 500);
  CHECK_THROWS_WITH_AS(changes.set_state(failed, JobState::queued, 100), "not this one",
                       JobRefused);
  user.exec("DROP TRIGGER no_more");
  CHECK(changes.set_state(failed, JobState::queued, 600).changed == 100);
}

TEST_CASE_FIXTURE(Fixture, "pauses come and go, with a reason or without") {
  changes.pause("file", "f1", "looks <odd>");
  changes.pause("all", "", "");
  CHECK(user.text("SELECT key || reason FROM pauses WHERE scope = 'file'") == "f1looks <odd>");
  CHECK(user.number("SELECT reason IS NULL FROM pauses WHERE scope = 'all'") == 1);
  CHECK(changes.resume("file", "f1"));
  CHECK_FALSE(changes.resume("file", "f1"));
  CHECK(user.number("SELECT count(*) FROM pauses") == 1);
  CHECK_THROWS_WITH_AS(changes.pause("file", "", ""), doctest::Contains("key must say"),
                       JobRefused);
  CHECK_THROWS_WITH_AS(changes.pause("town", "x", ""), doctest::Contains("scope must be"),
                       JobRefused);
}

TEST_CASE_FIXTURE(Fixture, "a schedule's job is enqueued as its row says") {
  user.exec("INSERT INTO schedules(name, cron, file_token, script, script_name, argv, app, "
            "priority, max_attempts, timeout_s, on_unconfirmed, class) VALUES ('report', '@daily', "
            "'f', 'x', 'the report', '{\"a\": 1}', 'other', -3, 4, 77, 'retry', 'nightly')");
  const auto job = changes.run_schedule("report");
  REQUIRE(job);
  CHECK(user.text("SELECT schedule || file_token || script || argv || (scheduled_at IS NULL) FROM "
                  "jobs WHERE id = " +
                  std::to_string(job->value)) == R"(reportfx{"a": 1}1)");
  // Whatever columns both tables have: none of them has its default above.
  const std::string common =
      "SELECT name FROM pragma_table_info('jobs') WHERE name IN (SELECT name "
      "FROM pragma_table_info('schedules')) AND name NOT IN ('rev', "
      "'padding', 'error') ORDER BY cid";
  CHECK(user.number("SELECT count(*) FROM (" + common + ")") >= 10);
  SQLite::Statement columns(user.connection(), common);
  while (columns.executeStep()) {
    const std::string column = columns.getColumn(0).getString();
    CAPTURE(column);
    CHECK(user.number("SELECT j." + column + " IS s." + column + " AND s." + column +
                      " IS NOT NULL FROM jobs AS j, schedules AS s") == 1);
  }
  CHECK_FALSE(changes.run_schedule("other"));
}
