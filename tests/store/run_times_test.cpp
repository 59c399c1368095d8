#include "store/run_times.h"

#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct Fixture : SqlFixture {
  RunTimes run_times{database};
  WallTime now = *parse_time("2126-03-02 09:00:10");
  std::int64_t last_seq = 0;

  RunRow run(const std::string& key) {
    return {key, ++last_seq, now, RunTime{1s, 2s, std::nullopt}};
  }
  /// So many runs in one transaction.
  void add(const std::string& key, int runs) {
    database.write([&] {
      for (int i = 0; i < runs; ++i)
        run_times.add("a", run(key));
    });
  }
  /// The same in a transaction that does not come about.
  void add_in_vain(const std::string& key, int runs) {
    const std::int64_t before = last_seq;
    CHECK_THROWS(database.write([&] {
      for (int i = 0; i < runs; ++i)
        run_times.add("a", run(key));
      throw std::runtime_error("changed its mind");
    }));
    last_seq = before;
  }
  std::int64_t rows(const std::string& key) {
    return user.number("SELECT count(*) FROM run_times WHERE key = '" + key + "'");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "runs are read back as they were stored, each app's own, in order") {
  RunRow exact = run("s:x");
  exact.run.exact = 1500ms;
  const RunRow open = run("f:y");
  database.write([&] {
    run_times.add("a", exact);
    run_times.add("a", open);
    run_times.add("b", run("s:x"));
  });
  const std::vector<RunRow> rows = run_times.load("a");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].key == "s:x");
  CHECK(rows[0].seq == exact.seq);
  CHECK(rows[0].submitted_at == now);
  CHECK(rows[0].run.low == 1s);
  CHECK(rows[0].run.high == 2s);
  CHECK(rows[0].run.exact == 1500ms);
  CHECK(rows[1].key == "f:y");
  CHECK(!rows[1].run.exact);
}

TEST_CASE_FIXTURE(Fixture, "of a script that runs often the first three and the last 400 stay") {
  add("s:x", 2000);
  add("s:y", 5);
  CHECK(rows("s:x") >= 403);
  CHECK(rows("s:x") <= 470);
  CHECK(user.number("SELECT count(*) FROM run_times WHERE key = 's:x' AND seq <= 3") == 3);
  CHECK(user.number("SELECT count(*) FROM run_times WHERE key = 's:x' AND seq > 1600") == 400);
  CHECK(rows("s:y") == 5);
}

TEST_CASE_FIXTURE(Fixture,
                  "a script that is forgotten leaves no row, whoever has read them before") {
  add("s:x", 10);
  add("s:y", 10);
  RunTimes of_next_start{database};
  database.write([&] {
    of_next_start.forget("a", "s:x");
    of_next_start.forget("a", "s:never");
  });
  CHECK(rows("s:x") == 0);
  CHECK(rows("s:y") == 10);
}

TEST_CASE_FIXTURE(Fixture,
                  "what a transaction that did not come about has changed is not believed") {
  add("s:x", 460);
  SUBCASE("trimmed rows are there still, and go the next time") {
    add_in_vain("s:x", 10);
    CHECK(rows("s:x") == 460);
    add("s:x", 10);
    CHECK(rows("s:x") <= 410);
  }
  SUBCASE("rows that were to be forgotten can be forgotten again") {
    CHECK_THROWS(database.write([&] {
      run_times.forget("a", "s:x");
      throw std::runtime_error("changed its mind");
    }));
    database.write([&] { run_times.forget("a", "s:x"); });
    CHECK(rows("s:x") == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "starts are counted in half minutes, and forgotten after three days") {
  CHECK(RunTimes::half_minute(now) == *parse_time("2126-03-02 09:00:00"));
  CHECK(RunTimes::half_minute(now + 20s) == *parse_time("2126-03-02 09:00:30"));
  const auto count = [&](WallTime at, std::int64_t starts) {
    database.write([&] { run_times.count_starts("a", at, starts); });
  };
  count(now, 2);
  count(now + 5s, 3);
  count(now + 20s, 1);
  auto counts = run_times.starts("a");
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].at == *parse_time("2126-03-02 09:00:00"));
  CHECK(counts[0].starts == 5);
  CHECK(counts[1].starts == 1);
  CHECK(run_times.starts("b").empty());
  count(now + 73h, 7);
  counts = run_times.starts("a");
  REQUIRE(counts.size() == 1);
  CHECK(counts[0].starts == 7);
}

TEST_CASE_FIXTURE(Fixture, "rows that somebody spoiled come within bounds, or not at all") {
  const std::string most = "9223372036854775807";
  user.exec("INSERT INTO run_times VALUES ('a', 1, 's:x', 'never', -5, " + most +
            ", -7), "
            "('a', 2, 's:x', '2026-01-01', 5, 3, " +
            most +
            "), ('a', 0, 's:x', '', 1, 2, 1), "
            "('a', " +
            most + ", 's:x', '', 1, 2, 1)");
  user.exec("INSERT INTO start_counts VALUES ('a', 'never', 3), "
            "('a', '2026-01-01 00:00:00.000', " +
            most + "), ('a', '2026-01-01 00:00:30.000', -1)");
  const std::vector<RunRow> rows = run_times.load("a");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].run.low == 0ms);
  CHECK(rows[0].run.high <= std::chrono::years(10));
  CHECK(rows[0].run.exact == 0ms);
  CHECK(rows[1].run.low == 5ms);
  CHECK(rows[1].run.high == 5ms);
  CHECK(rows[1].run.exact == 5ms);
  const std::vector<StartCount> counts = run_times.starts("a");
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].starts == 100'000);
  CHECK(counts[1].starts == 0);
}
