// A long script is written once, by who INSERTs it.
#include "store/job_queue.h"
#include "store/row_padding.h"
#include "tests/store/sql_fixture.h"

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <sqlite3.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  /// Pages that the daemon's connection writes for what is done.
  int pages_of(const std::function<bool()>& verb) {
    sqlite3* handle = database.connection().getHandle();
    int pages = 0;
    int ignored = 0;
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &ignored, 1);
    REQUIRE(verb());
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &ignored, 1);
    return pages;
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "the way of a job to its end does not rewrite its script of 256 KiB") {
  user.enqueue("file", std::string(256 * 1024, 'x'), "name");
  constexpr int few = 24; // of the 65 that the script has
  CHECK(pages_of([&] { return claim(1); }) < few);
  CHECK(pages_of([&] { return run(1, std::string(90, 't')); }) < few);
  for (int poll = 0; poll < 200; ++poll)
    CHECK(pages_of([&] { return report(1); }) < few);
  CHECK(pages_of([&] { return end(1, JobState::succeeded, "\"bar\""); }) < few);
  CHECK(user.text("SELECT state || polls || length(script) FROM jobs") == "succeeded201262144");
}

TEST_CASE_FIXTURE(Fixture, "a script stays where it is, however much padding is left") {
  constexpr int few = 24;
  std::vector<std::size_t> rewritten;
  for (std::size_t bytes = 2; bytes < 70; ++bytes) {
    const std::int64_t job =
        user.enqueue("file " + std::to_string(bytes), std::string(256 * 1024, 'x'), "");
    REQUIRE(claim(job));
    REQUIRE(run(job, std::string(90, 't')));
    if (pages_of([&] { return end(job, JobState::succeeded, std::string(bytes, '1')); }) >= few)
      rewritten.push_back(bytes);
  }
  // No padding takes 58 bytes of the row: one of 57 takes 57, one of 58 needs a longer length and
  // takes 59.
  CHECK(rewritten.size() <= 1);
}

TEST_CASE_FIXTURE(Fixture, "a result that is longer than the padding is stored all the same") {
  user.enqueue("file", std::string(256 * 1024, 'x'), "name");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  REQUIRE(end(1, JobState::failed, std::string(100'000, '1'), std::string(1000, 'e')));
  CHECK(user.number("SELECT length(result) FROM jobs") == 100'000);
  CHECK(user.number("SELECT length(padding) FROM jobs") == 0);
  CHECK(user.text("PRAGMA integrity_check") == "ok");
}

TEST_CASE_FIXTURE(Fixture, "a job that runs again does not rewrite its script more than once") {
  user.enqueue("file", std::string(256 * 1024, 'x'), "name");
  constexpr int few = 24;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(claim(1));
    CHECK(pages_of([&] { return run(1, std::string(70, 't')); }) < few);
    CHECK(pages_of([&] { return end(1, JobState::failed, "null", "it failed"); }) < few);
    user.exec("UPDATE jobs SET state = 'queued'");
  }
}

TEST_CASE("padding leaves the row as long as a new one, whatever is in it") {
  // What SQLite says of each length: the record of a row is its cell without page and row id.
  TempDir dir;
  SQLite::Database db((dir.path() / "record.db").string(),
                      SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec("CREATE TABLE t(state, attempt, task_id, remote_status, result, error, polls, log_gaps, "
          "submitted_at, reported_at, finished_at, rev, padding)");
  const auto bytes_of = [&](const JobRow& row) {
    db.exec("DELETE FROM t");
    SQLite::Statement insert(db, "INSERT INTO t VALUES (?, ?, nullif(?, ''), NULL, nullif(?, ''), "
                                 "NULL, ?, ?, NULL, NULL, ?, ?, zeroblob(?))");
    insert.bind(1, std::string(to_text(row.state)));
    insert.bind(2, row.attempt);
    insert.bind(3, row.task_id);
    insert.bind(4, row.result);
    insert.bind(5, row.polls);
    insert.bind(6, row.log_gaps);
    if (row.finished_at)
      insert.bind(7, to_text(*row.finished_at));
    insert.bind(8, row.rev);
    insert.bind(9, padding_bytes(row));
    insert.exec();
    return db.execAndGet("SELECT payload FROM dbstat WHERE name = 't'").getInt();
  };
  const int bytes = bytes_of(JobRow{});
  for (std::int64_t number : {1LL, 2LL, 127LL, 128LL, 32767LL, 32768LL, 8388607LL, 8388608LL,
                              2147483647LL, 2147483648LL, 140737488355327LL, 140737488355328LL})
    for (std::size_t text : {0UL, 1UL, 56UL, 57UL, 58UL, 59UL, 100UL, 150UL}) {
      JobRow row;
      row.state = JobState::succeeded;
      row.attempt = 3;
      row.rev = number;
      row.polls = number / 3;
      row.task_id = std::string(text, 't');
      row.finished_at = WallTime{};
      CAPTURE(number);
      CAPTURE(text);
      CHECK(bytes_of(row) == bytes);
    }
  JobRow long_texts;
  long_texts.result = std::string(9000, 'r');
  CHECK(padding_bytes(long_texts) == 0);
}
