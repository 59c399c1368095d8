#include "store/result_log.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : SqlFixture {
  ResultLog log{database};
};

} // namespace

TEST_CASE_FIXTURE(
    Fixture, "lines and gaps are numbered in the order they were stored, each attempt by itself") {
  const WallTime now = *parse_time("2026-03-02 09:00:00");
  const LogLine line{"info", "a.ks:1:1", std::int64_t{1772442000}, "17:00:00.000", "[\"x\"]", "x"};
  database.write([&] {
    log.append(JobId{1}, 1, {line, line}, now);
    log.gap(JobId{1}, 1, {"the reply was lost", now, now + std::chrono::seconds(2)}, now);
    log.append(JobId{1}, 1, {line}, now);
    log.append(JobId{1}, 2, {line}, now);
  });
  CHECK(user.column("SELECT attempt || ':' || seq || ':' || level FROM job_logs") ==
        std::vector<std::string>{"1:1:info", "1:2:info", "1:3:gap", "1:4:info", "2:1:info"});
  CHECK(user.text("SELECT message FROM job_logs WHERE level = 'gap'") ==
        "lines written between 2026-03-02 09:00:00.000 and 2026-03-02 09:00:02.000 UTC may be "
        "missing: the reply was lost");
  CHECK(user.text("SELECT json_extract(args, '$[2]') FROM logs WHERE level = 'gap'") ==
        "2026-03-02 09:00:02.000");
}

TEST_CASE_FIXTURE(Fixture, "unix_time keeps the type it was received with") {
  LogLine line{"info", "", std::int64_t{1772442000123}, "", "[]", ""};
  database.write([&] {
    log.append(JobId{1}, 1, {line}, WallTime{});
    line.unix_time = 1.5;
    log.append(JobId{1}, 1, {line}, WallTime{});
    line.unix_time = std::monostate{};
    log.append(JobId{1}, 1, {line}, WallTime{});
  });
  CHECK(user.column("SELECT typeof(unix_time) FROM logs ORDER BY seq") ==
        std::vector<std::string>{"integer", "real", "null"});
}
