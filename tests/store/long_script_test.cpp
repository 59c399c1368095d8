// A long script is written once, by who INSERTs it.
#include "tests/store/sql_fixture.h"

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <sqlite3.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  /// Pages that the daemon's connection writes for a change.
  int pages_of(const std::function<void()>& change) {
    sqlite3* handle = database.connection().getHandle();
    int pages = 0;
    int ignored = 0;
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &ignored, 1);
    database.write(change);
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &ignored, 1);
    return pages;
  }
  std::int64_t row_bytes() { // of what changes
    return user.number("SELECT length(state) + length(coalesce(task_id, '')) + "
                       "length(coalesce(remote_status, '')) + length(coalesce(result, '')) + "
                       "length(coalesce(submitted_at, '')) + length(coalesce(finished_at, '')) + "
                       "length(room) FROM jobs");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "the way of a job to its end does not rewrite its script of 256 KiB") {
  user.enqueue("file", std::string(256 * 1024, 'x'), "name");
  constexpr int few = 24; // of the 65 that the script has
  const JobId job{1};
  CHECK(pages_of([&] { REQUIRE(queue.begin_submit(job)); }) < few);
  const TaskId task{std::string(90, 't')};
  CHECK(pages_of([&] { REQUIRE(queue.submitted(job, 1, task, now)); }) < few);
  for (int poll = 0; poll < 200; ++poll) {
    CHECK(pages_of([&] { REQUIRE(queue.begin_poll(job, 1, now)); }) < few);
    StatusChange running;
    running.remote_status = "running";
    CHECK(pages_of([&] { REQUIRE(queue.status_seen(job, 1, running, now)); }) < few);
  }
  StatusChange ended;
  ended.end = JobState::succeeded;
  ended.remote_status = "finish";
  ended.result = "\"bar\"";
  CHECK(pages_of([&] { REQUIRE(queue.status_seen(job, 1, ended, now)); }) < few);
  CHECK(user.text("SELECT state || polls || length(script) FROM jobs") == "succeeded201262144");
}

TEST_CASE_FIXTURE(Fixture, "a script stays where it is, however much of the row's room is left") {
  constexpr int few = 24;
  std::vector<std::size_t> rewritten;
  for (std::size_t bytes = 2; bytes < 100; ++bytes) {
    const JobId job{
        user.enqueue("file " + std::to_string(bytes), std::string(256 * 1024, 'x'), "")};
    StatusChange ended;
    ended.end = JobState::succeeded;
    ended.remote_status = "finish";
    ended.result = std::string(bytes, '1');
    database.write([&] {
      REQUIRE(queue.begin_submit(job));
      REQUIRE(queue.submitted(job, 1, TaskId{std::string(90, 't')}, now));
    });
    if (pages_of([&] { REQUIRE(queue.status_seen(job, 1, ended, now)); }) >= few)
      rewritten.push_back(bytes);
  }
  // No room takes 58 bytes of the row: one of 57 takes 57, one of 58 needs a longer length and
  // takes 59.
  CHECK(rewritten.size() <= 1);
}

TEST_CASE_FIXTURE(Fixture, "a result that is longer than the room is stored all the same") {
  user.enqueue("file", std::string(256 * 1024, 'x'), "name");
  database.write([&] {
    REQUIRE(queue.begin_submit(JobId{1}));
    REQUIRE(queue.submitted(JobId{1}, 1, TaskId{"t"}, now));
    StatusChange ended;
    ended.end = JobState::failed;
    ended.result = std::string(100'000, '1');
    ended.error = std::string(1000, 'e');
    REQUIRE(queue.status_seen(JobId{1}, 1, ended, now));
  });
  CHECK(user.number("SELECT length(result) FROM jobs") == 100'000);
  CHECK(user.number("SELECT length(room) FROM jobs") == 0);
  CHECK(user.text("PRAGMA integrity_check") == "ok");
}

TEST_CASE_FIXTURE(Fixture, "a job that runs again gets its room back") {
  user.enqueue("file", "x", "name");
  const auto bytes = row_bytes();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    database.write([&] {
      REQUIRE(queue.begin_submit(JobId{1}));
      REQUIRE(queue.submitted(JobId{1}, attempt, TaskId{std::string(70, 't')}, now));
      StatusChange ended;
      ended.end = JobState::failed;
      ended.result = "null";
      REQUIRE(queue.status_seen(JobId{1}, attempt, ended, now));
    });
    CHECK(row_bytes() <= bytes);
    CHECK(row_bytes() > bytes - 10); // what their lengths need in the row's header
    user.exec("UPDATE jobs SET state = 'queued'");
  }
}
