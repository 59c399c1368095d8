// The words of jobs.cause, in the program and in the schema.
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

TEST_CASE_FIXTURE(SqlFixture, "the schema tells of each cause, and what state it goes with") {
  const std::string table = user.text("SELECT sql FROM sqlite_schema WHERE name = 'jobs'");
  const std::string view = user.text("SELECT sql FROM sqlite_schema WHERE name = 'dead_letters'");
  const std::string column = table.substr(table.find("  cause "), 500);
  for (int i = 0; i <= static_cast<int>(last_end_cause); ++i) {
    const auto cause = static_cast<EndCause>(i);
    const std::string word(to_text(cause));
    CAPTURE(word);
    CHECK(end_cause(word) == cause);
    CHECK(column.find(" " + word) != std::string::npos);
    const std::size_t at = view.find("--   " + word + " ");
    REQUIRE(at != std::string::npos);
    const std::string meaning = view.substr(at, view.find('\n', at) - at);
    CHECK(
        (meaning.find(to_text(end_state(cause))) != std::string::npos || cause == EndCause::user));
  }
  CHECK(!end_cause(""));
  CHECK(!end_cause("scripts"));
}

TEST_CASE_FIXTURE(QueueFixture, "whoever ends a job by hand is its cause, unless it says another") {
  for (int i = 0; i < 4; ++i)
    user.enqueue("a", "x", "");
  user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = 1");
  go(2, {"submitting", "running", "failed"});
  go(3, {"submitting", "running", "timed_out"});
  go(4, {"submitting", "running", "succeeded"});
  CHECK(user.column("SELECT coalesce(cause, '-') FROM jobs ORDER BY id") ==
        std::vector<std::string>{"user", "user", "user", "-"});
  CHECK(user.number("SELECT count(*) FROM jobs WHERE id < 4 AND finished_at IS NULL") == 0);
}

TEST_CASE_FIXTURE(QueueFixture, "a word in the row that is no cause is none") {
  user.enqueue("a", "x", "");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  user.exec("UPDATE jobs SET cause = 'because', progress = 7");
  const auto jobs = queue.unfinished();
  REQUIRE(jobs.size() == 1);
  CHECK(!jobs[0].row.cause);
  CHECK(jobs[0].row.progress == 7);
}
