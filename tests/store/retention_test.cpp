// What is deleted, what stays, and how little of it at a time.
#include "store/retention.h"

#include "store/job_queue.h"
#include "tests/store/sql_fixture.h"
#include "tests/support/wrong_counters.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::test;

namespace {

const WallTime long_after = *parse_time("2126-06-01 00:00:00");

struct RetentionFixture : SqlFixture {
  Retention retention{database};
  std::size_t most_rows = 0; ///< of one transaction

  /// A job that ended on this day of January with one attempt's lines and requests.
  std::int64_t ended(const std::string& day, const std::string& state = "succeeded", int lines = 3,
                     int requests = 2) {
    const std::int64_t id = user.enqueue("file " + day + state, "x", "");
    const std::string job = std::to_string(id);
    user.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id = " + job);
    user.exec("UPDATE jobs SET state = 'running' WHERE id = " + job);
    user.exec("UPDATE jobs SET state = '" + state + "', error = 'e', finished_at = '2126-01-" +
              day + " 12:00:00.000' WHERE id = " + job);
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(lines) +
              ") INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
              "SELECT " +
              job + ", 1 + i % 2, i, 'info', '[]', 'm', 'then' FROM n");
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(requests) +
              ") INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome) "
              "SELECT " +
              job + ", 1, 'status', 'then', 'report' FROM n");
    return id;
  }
  void take(const Deleted& deleted) { most_rows = std::max(most_rows, deleted.rows); }
  /// Deletes jobs until no more are found; in how many transactions.
  int remove_all(WallTime until) {
    EndedPlace place;
    for (int transactions = 0;;) {
      EndedJobs found;
      database.read([&] { found = retention.to_remove(place, until); });
      if (found.jobs.empty())
        return transactions;
      Deleted deleted;
      database.write([&] { deleted = retention.remove(found); });
      take(deleted);
      ++transactions;
      place = deleted.until;
      if (deleted.whole && !found.more)
        return transactions;
    }
  }
  /// The same for log lines and requests only; on from where it was.
  int clear_all(WallTime until) {
    for (int transactions = 0;;) {
      EndedJobs found;
      database.read([&] { found = retention.to_clear(retention.cleared(), until); });
      if (found.jobs.empty())
        return transactions;
      database.write([&] { take(retention.clear(found)); });
      ++transactions;
    }
  }
  std::vector<std::string> ids() { return user.column("SELECT id FROM jobs ORDER BY id"); }
  std::int64_t rows(const std::string& table) {
    return user.number("SELECT count(*) FROM " + table);
  }
  std::int64_t wrong_counters() { return user.number(test::wrong_counters); }
};

using Ids = std::vector<std::string>;

} // namespace

TEST_CASE_FIXTURE(
    RetentionFixture,
    "ended jobs of every kind go with their lines and requests once their time has come") {
  for (const char* state : {"succeeded", "failed", "timed_out", "cancelled"})
    ended("01", state);
  ended("20");
  CHECK(remove_all(*parse_time("2126-01-10 00:00:00")) == 1);
  CHECK(ids() == Ids{"5"});
  CHECK(rows("logs") == 3);
  CHECK(rows("requests") == 2);
  CHECK(wrong_counters() == 0);
  CHECK(user.enqueue("f", "x", "") == 6);
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "jobs that have not ended are never touched, whatever their times are") {
  for (const char* state : {"queued", "submitting", "running", "unconfirmed"}) {
    const std::int64_t id = user.enqueue(state, "x", "");
    go(id, state == std::string("running") ? std::vector<std::string>{"submitting", "running"}
           : state == std::string("unconfirmed")
               ? std::vector<std::string>{"submitting", "unconfirmed"}
           : state == std::string("submitting") ? std::vector<std::string>{"submitting"}
                                                : std::vector<std::string>{});
    user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES (" +
              std::to_string(id) + ", 1, 1, 'info', '[]', 'm', 'then')");
  }
  user.exec("UPDATE jobs SET finished_at = '2026-01-01 00:00:00.000'"); // by the user's hand
  remove_all(long_after);
  clear_all(long_after);
  CHECK(ids() == Ids{"1", "2", "3", "4"});
  CHECK(rows("logs") == 4);
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "a job that others still depend on stays, whether it failed or succeeded") {
  const std::int64_t failed = ended("01", "failed");
  const std::int64_t succeeded = ended("01");
  for (const std::int64_t first : {failed, succeeded})
    user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('g', 'x', " +
              std::to_string(first) + ")");
  const std::int64_t free = ended("01");
  remove_all(long_after);
  CHECK(ids() == Ids{"1", "2", "3", "4"});
  CHECK(free == 5);

  // The second child was started and comes back to the queue: its condition is still fulfilled.
  user.exec("UPDATE jobs SET state = 'submitting', attempt = 1 WHERE id = 4");
  remove_all(long_after);
  user.exec("UPDATE jobs SET state = 'unconfirmed' WHERE id = 4;"
            "UPDATE jobs SET state = 'queued' WHERE id = 4");
  CHECK(lane(4) == "ready");

  user.exec("UPDATE jobs SET state = 'cancelled' WHERE id IN (3, 4)");
  remove_all(long_after);
  CHECK(ids().empty());
  CHECK(wrong_counters() == 0);
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "a chain of jobs, each depending on the one before, goes from its beginning") {
  std::int64_t before = ended("01");
  for (const char* day : {"02", "03", "04"}) {
    const std::int64_t id = ended(day);
    user.exec("UPDATE jobs SET depends_on = " + std::to_string(before) +
              " WHERE id = " + std::to_string(id));
    before = id;
  }
  remove_all(*parse_time("2126-01-03 00:00:00"));
  CHECK(ids() == Ids{"3", "4"});
}

TEST_CASE_FIXTURE(
    RetentionFixture,
    "a job with a request on its way waits, and what ended later waits with its lines") {
  const std::int64_t busy = ended("02", "cancelled");
  ended("01");
  ended("03");
  user.exec("INSERT INTO in_flight VALUES (" + std::to_string(busy) + ", 1, 'status', 'then', 0)");
  clear_all(long_after);
  CHECK(user.column("SELECT DISTINCT job_id FROM logs") == Ids{"1", "3"});
  remove_all(long_after);
  CHECK(ids() == Ids{"1"});
  user.exec("DELETE FROM in_flight");
  clear_all(long_after);
  CHECK(rows("logs") == 0);
  remove_all(long_after);
  CHECK(ids().empty());
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "a job with 2,000 lines goes in several transactions, its row with the last") {
  ended("01", "failed", 2000, 150);
  ended("02");
  EndedJobs found;
  database.read([&] { found = retention.to_remove({}, long_after); });
  Deleted first;
  database.write([&] { first = retention.remove(found); });
  CHECK(first.rows == 100);
  CHECK_FALSE(first.whole);
  CHECK(ids() == Ids{"1", "2"});
  CHECK(rows("logs") == 2000 + 3 - 100);
  CHECK(user.number("SELECT min(seq) FROM logs WHERE job_id = 1 AND attempt = 1") > 2);

  CHECK(remove_all(long_after) >= 20);
  CHECK(most_rows <= 100);
  CHECK(ids().empty());
  CHECK(rows("logs") + rows("requests") == 0);
  CHECK(wrong_counters() == 0);
}

TEST_CASE_FIXTURE(
    RetentionFixture,
    "a hundred jobs that ended at the same moment go in batches, none twice, none left") {
  for (int i = 0; i < 130; ++i)
    ended("01", "succeeded", 1, 1);
  CHECK(clear_all(long_after) >= 3);
  CHECK(rows("logs") + rows("requests") == 0);
  CHECK(rows("jobs") == 130);
  CHECK(remove_all(long_after) >= 2);
  CHECK(most_rows <= 100);
  CHECK(ids().empty());
  CHECK(wrong_counters() == 0);
}

TEST_CASE_FIXTURE(RetentionFixture, "a long script fills a transaction with few rows") {
  for (int i = 0; i < 8; ++i) {
    const std::int64_t id = user.enqueue("f", "x", "");
    user.exec("UPDATE jobs SET script = zeroblob(262144) WHERE id = " + std::to_string(id));
    user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = " + std::to_string(id));
  }
  CHECK(remove_all(long_after) == 8);
  CHECK(ids().empty());
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "log lines go before the job, and no job is looked at twice for it") {
  ended("01");
  ended("02", "failed");
  ended("20");
  clear_all(*parse_time("2126-01-10 00:00:00"));
  CHECK(ids() == Ids{"1", "2", "3"});
  CHECK(user.column("SELECT DISTINCT job_id FROM logs") == Ids{"3"});
  CHECK(user.column("SELECT DISTINCT job_id FROM requests") == Ids{"3"});
  Retention another(database); // as after a restart
  EndedJobs found;
  database.read([&] { found = another.to_clear(another.cleared(), long_after); });
  REQUIRE(found.jobs.size() == 1);
  CHECK(found.jobs[0].place.job == JobId{3});

  // Run again, it ends again, later: its new lines go in their turn.
  user.exec("UPDATE jobs SET state = 'queued' WHERE id = 2");
  go(2, {"submitting", "running"});
  user.exec(
      "UPDATE jobs SET state = 'failed', finished_at = '2126-01-25 00:00:00.000' WHERE id = 2;"
      "INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
      "VALUES (2, 2, 1, 'info', '[]', 'm', 'then')");
  clear_all(long_after);
  CHECK(rows("logs") + rows("requests") == 0);
}

TEST_CASE_FIXTURE(RetentionFixture, "what a user's trigger or table wants to keep is passed over") {
  for (int i = 0; i < 3; ++i)
    ended("01");
  user.exec("CREATE TABLE bills(job_id REFERENCES jobs(id)); INSERT INTO bills VALUES (2);"
            "CREATE TRIGGER keeps BEFORE DELETE ON jobs WHEN OLD.id = 3 BEGIN "
            "SELECT RAISE(ABORT, 'not that one'); END");
  remove_all(long_after);
  CHECK(ids() == Ids{"2", "3"});
  CHECK(wrong_counters() == 0);
}

TEST_CASE_FIXTURE(RetentionFixture,
                  "a job that is queued again between the look and the deletion stays") {
  ended("01", "failed");
  EndedJobs found;
  database.read([&] { found = retention.to_remove({}, long_after); });
  user.exec("UPDATE jobs SET state = 'queued' WHERE id = 1");
  database.write([&] { CHECK(retention.remove(found).rows == 0); });
  CHECK(ids() == Ids{"1"});
  CHECK(rows("logs") == 3);
}

TEST_CASE_FIXTURE(RetentionFixture, "what is to be deleted is found by an index") {
  for (const char* sql :
       {"SELECT id FROM jobs WHERE finished_at > '' AND finished_at <= '2126' ORDER BY "
        "finished_at, id",
        "SELECT id FROM jobs WHERE finished_at = '' AND id > 1 AND finished_at <= '2126' "
        "ORDER BY finished_at, id"}) {
    const auto steps = plan(sql);
    REQUIRE(steps.size() == 1);
    CHECK_MESSAGE(contains(steps[0], "USING COVERING INDEX jobs_ended (finished_at"), steps[0]);
  }
  const auto steps = plan("SELECT 1 FROM jobs j WHERE j.depends_on = 1 AND j.finished_at IS NULL "
                          "AND j.state NOT IN ('failed')");
  REQUIRE(steps.size() == 1);
  CHECK_MESSAGE(contains(steps[0], "jobs_depending (depends_on=?)"), steps[0]);
}

TEST_CASE_FIXTURE(RetentionFixture, "used bytes are those of pages that are not free") {
  const std::int64_t empty = retention.used_bytes();
  for (int i = 0; i < 200; ++i)
    ended("01", "succeeded", 50);
  const std::int64_t full = retention.used_bytes();
  CHECK(full > empty + 200'000);
  remove_all(long_after);
  CHECK(retention.used_bytes() < empty + 50'000);
  CHECK(user.number("PRAGMA page_count") * user.number("PRAGMA page_size") >= full);
}
