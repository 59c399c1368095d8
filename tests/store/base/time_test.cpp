#include "store/base/time.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

TEST_CASE("a time is written as SQLite's strftime writes it, and read back") {
  for (const char* text : {"1970-01-01 00:00:00.000", "2026-02-28 23:59:59.999",
                           "2024-02-29 12:00:00.001", "9999-12-31 23:59:59.999"})
    CHECK(to_text(*parse_time(text)) == text);
  CHECK(to_text(*parse_time("2026-01-31 09:00:00")) == "2026-01-31 09:00:00.000");
}

TEST_CASE("in a sentence a time is whole seconds of UTC, never later than it is") {
  CHECK(utc_second(*parse_time("2026-01-31 16:00:00")) == "2026-01-31 16:00:00 UTC");
  CHECK(utc_second(*parse_time("2026-01-31 16:00:00.999")) == "2026-01-31 16:00:00 UTC");
}

TEST_CASE("what is no time is not read") {
  for (const char* text : {"", "now", "2026-01-31", "2026-01-31T09:00:00", "2026-02-30 09:00:00",
                           "2026-01-31 24:00:00", "2026-01-31 09:60:00", "2026-01-31 09:00:00.5",
                           "2026-01-31 09:00:00.5000", "2026-01-31 09:00:00Z", "2026-1-31 09:00:00",
                           "+026-01-31 09:00:00"})
    CHECK_MESSAGE(!parse_time(text), text);
}

TEST_CASE("a moment keeps its distance from now on the other clock") {
  const Moment now{*parse_time("2026-01-31 09:00:00"), SteadyTime(5min)};
  CHECK(to_wall(SteadyTime(6min), now) == *parse_time("2026-01-31 09:01:00"));
  CHECK(to_steady(*parse_time("2026-01-31 09:01:00"), now) == SteadyTime(6min));
  // Before the machine was started the monotonic clock goes on below zero.
  CHECK(to_steady(*parse_time("2026-01-31 08:00:00"), now) == SteadyTime(-55min));
  CHECK(to_wall(SteadyTime(-55min), now) == *parse_time("2026-01-31 08:00:00"));
}

TEST_CASE("a moment that the other clock cannot show is the nearest that it can") {
  const Moment now{WallTime(100h), SteadyTime(1h)};
  CHECK(to_wall(SteadyTime::max(), now) == WallTime::max());
  CHECK(to_wall(SteadyTime::min(), now) == WallTime::min() + 99h);
  CHECK(to_steady(WallTime::max(), now) == SteadyTime::max() - 99h);
  CHECK(to_steady(WallTime::min(), now) == SteadyTime::min());
  const Moment before{WallTime(-1h), SteadyTime(1h)};
  CHECK(to_steady(WallTime::max(), before) == SteadyTime::max());
  CHECK(to_wall(SteadyTime::min(), before) == WallTime::min());
}
