// Jobs that take the place of a queued one with the same unique_key.
#include "tests/store/dependency_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

using Fixture = DependencyFixture;

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "supersede takes the place of the queued one, and waits for one that runs") {
  job("unique_key, supersede", "'k', 1");
  job("unique_key, supersede", "'k', 1");
  CHECK(state(1) == "cancelled");
  CHECK(user.text("SELECT error FROM jobs WHERE id = 1") ==
        "job 2 has taken its place (supersede)");
  CHECK(lane(2) == "ready");
  go(2, {"submitting", "running"});
  job("unique_key, supersede", "'k', 1");
  CHECK(state(2) == "running");
  CHECK(lane(3) == "dependent");
  CHECK(user.text("SELECT what FROM need_reasons WHERE job_id = 3") ==
        "waits for job 2, which is running");
  job("unique_key, supersede", "'k', 1");
  CHECK(state(3) == "cancelled");
  CHECK(lane(4) == "dependent");
  // One without supersede is refused, or ignored, as ever.
  CHECK(contains(refused("unique_key", "'k'"), "another job with this unique_key"));
  CHECK(refused("unique_key", "'k'", "INSERT OR IGNORE") == "");
  CHECK(contains(user.attempt("UPDATE jobs SET state = 'queued' WHERE id = 3"),
                 "another job with this unique_key"));
  go(2, {"failed"});
  settle();
  CHECK(lane(4) == "ready");
  CHECK(contains(refused("unique_key", "'k'"), "another job with this unique_key"));
  end(4);
  const std::int64_t plain = job("unique_key", "'k'");
  job("unique_key, supersede", "'k', 1");
  CHECK(state(plain) == "cancelled");
}

TEST_CASE_FIXTURE(Fixture, "each of one statement's jobs names the one that took its place") {
  user.exec(
      "INSERT INTO jobs(file_token, script, unique_key, supersede) "
      "VALUES ('f', 'x', 'k', 1), ('f', 'x', 'k', 1), ('f', 'x', 'l', 1), ('f', 'x', 'k', 1)");
  CHECK(user.text("SELECT group_concat(id || ' by ' || substr(error, 5, 1)) FROM jobs "
                  "WHERE state = 'cancelled'") == "1 by 2,2 by 4");
  user.exec("DELETE FROM jobs WHERE id > 2"); // the next id is not the greatest and one more
  job("unique_key, supersede", "'k', 1");
  job("unique_key, supersede", "'k', 1");
  CHECK(user.text("SELECT error FROM jobs WHERE id = 5") ==
        "job 6 has taken its place (supersede)");
  user.exec("INSERT INTO jobs(id, file_token, script, unique_key, supersede) "
            "VALUES (50, 'f', 'x', 'k', 1)");
  CHECK(user.text("SELECT error FROM jobs WHERE id = 6") ==
        "job 50 has taken its place (supersede)");
}
