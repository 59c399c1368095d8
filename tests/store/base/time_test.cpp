#include "store/base/time.h"

#include <doctest/doctest.h>

using namespace kdq;

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
