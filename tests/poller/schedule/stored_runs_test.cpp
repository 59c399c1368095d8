#include "poller/schedule/stored_runs.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

TEST_CASE("a run that is stored and read again is the same run, on whatever clock") {
  const LearntRun run{"s:digest", 7, SteadyTime(90s), {1s, 2s, 1500ms}};
  const Moment stored{*parse_time("2026-01-31 09:00:00"), SteadyTime(100s)};
  const RunRow row = to_row(run, stored);
  CHECK(row.submitted_at == *parse_time("2026-01-31 08:59:50"));
  // After a restart of the machine its clock begins anew.
  const Moment read{*parse_time("2026-01-31 10:00:00"), SteadyTime(5s)};
  const auto runs = from_rows({row}, read);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].key == "s:digest");
  CHECK(runs[0].seq == 7);
  CHECK(runs[0].submitted_at == SteadyTime(5s - 3610s));
  CHECK(runs[0].run.low == 1s);
  CHECK(runs[0].run.high == 2s);
  CHECK(runs[0].run.exact == 1500ms);
}

TEST_CASE("counted starts keep their numbers and their distances") {
  const Moment now{*parse_time("2026-01-31 09:00:00"), SteadyTime(0s)};
  const auto starts = from_counts(
      {{*parse_time("2026-01-31 08:00:00"), 3}, {*parse_time("2026-01-31 08:00:30"), 1}}, now);
  REQUIRE(starts.size() == 2);
  CHECK(starts[0].at == SteadyTime(-1h));
  CHECK(starts[0].starts == 3);
  CHECK(starts[1].at - starts[0].at == 30s);
}
