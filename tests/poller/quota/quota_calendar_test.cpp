#include "poller/quota/quota_calendar.h"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace kdq;
using namespace std::chrono_literals;
using std::chrono::minutes;

namespace {

/// Seconds since the epoch of a UTC time, by the civil calendar.
WallTime utc(int year, unsigned month, unsigned day, std::chrono::milliseconds time_of_day = 0ms) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         time_of_day;
}

} // namespace

TEST_CASE("the default quota day rolls at midnight in Shanghai") {
  const WallTime roll = utc(2026, 1, 30, 16h);
  const QuotaDay before = quota_day(roll - 1ms, "Asia/Shanghai", 0min);
  CHECK(before.name == "2026-01-30");
  CHECK(before.begins == roll - 24h);
  CHECK(before.ends == roll);
  const QuotaDay after = quota_day(roll, "Asia/Shanghai", 0min);
  CHECK(after.name == "2026-01-31");
  CHECK(after.begins == roll);
  CHECK(after.ends == roll + 24h);
}

TEST_CASE("before the reset it is still the day before") {
  CHECK(quota_day(utc(2026, 3, 1, 7h + 59min), "UTC", 8h).name == "2026-02-28");
  CHECK(quota_day(utc(2026, 3, 1, 8h), "UTC", 8h).name == "2026-03-01");
  CHECK(quota_day(utc(2024, 3, 1, 7h), "UTC", 8h).name == "2024-02-29");
}

TEST_CASE("days at changes of the clocks") {
  struct Row {
    const char* why;
    const char* zone;
    minutes reset;
    WallTime now;
    const char* name;
    WallTime begins;
    WallTime ends;
  };
  // Berlin: 2026-03-29 02:00 -> 03:00 at 01:00Z, 2026-10-25 03:00 -> 02:00 at 01:00Z.
  const Row rows[] = {
      {"a short day", "Europe/Berlin", 0min, utc(2026, 3, 29, 12h), "2026-03-29",
       utc(2026, 3, 28, 23h), utc(2026, 3, 29, 22h)},
      {"a long day", "Europe/Berlin", 0min, utc(2026, 10, 25, 12h), "2026-10-25",
       utc(2026, 10, 24, 22h), utc(2026, 10, 25, 23h)},
      {"just before the skip", "Europe/Berlin", 150min, utc(2026, 3, 29, 1h) - 1ms, "2026-03-28",
       utc(2026, 3, 28, 1h + 30min), utc(2026, 3, 29, 1h)},
      {"a skipped reset is at the skip", "Europe/Berlin", 150min, utc(2026, 3, 29, 1h),
       "2026-03-29", utc(2026, 3, 29, 1h), utc(2026, 3, 30, 0h + 30min)},
      {"just before the first 02:30", "Europe/Berlin", 150min, utc(2026, 10, 25, 30min) - 1ms,
       "2026-10-24", utc(2026, 10, 24, 30min), utc(2026, 10, 25, 30min)},
      {"the first 02:30 counts", "Europe/Berlin", 150min, utc(2026, 10, 25, 30min), "2026-10-25",
       utc(2026, 10, 25, 30min), utc(2026, 10, 26, 1h + 30min)},
      {"the clocks show 02:10 again", "Europe/Berlin", 150min, utc(2026, 10, 25, 1h + 10min),
       "2026-10-25", utc(2026, 10, 25, 30min), utc(2026, 10, 26, 1h + 30min)},
      {"the second 02:30 is no roll", "Europe/Berlin", 150min, utc(2026, 10, 25, 1h + 30min),
       "2026-10-25", utc(2026, 10, 25, 30min), utc(2026, 10, 26, 1h + 30min)},
      // Samoa had no 2011-12-30: 29th 24:00 was 31st 00:00 (10:00Z on the 30th).
      {"a civil day that never was", "Pacific/Apia", 0min, utc(2011, 12, 30, 10h), "2011-12-31",
       utc(2011, 12, 30, 10h), utc(2011, 12, 31, 10h)},
      {"the day before it", "Pacific/Apia", 0min, utc(2011, 12, 30, 10h) - 1ms, "2011-12-29",
       utc(2011, 12, 29, 10h), utc(2011, 12, 30, 10h)},
      // Beirut skips midnight: 2024-03-31 00:00 -> 01:00 at 22:00Z on the 30th.
      {"midnight itself is skipped", "Asia/Beirut", 0min, utc(2024, 3, 30, 22h), "2024-03-31",
       utc(2024, 3, 30, 22h), utc(2024, 3, 31, 21h)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const QuotaDay day = quota_day(row.now, row.zone, row.reset);
    CHECK(day.name == row.name);
    CHECK(day.begins == row.begins);
    CHECK(day.ends == row.ends);
  }
}

TEST_CASE("days are a partition of time with names of their own") {
  struct Row {
    const char* zone;
    minutes reset;
    WallTime from;
    WallTime to;
  };
  const Row rows[] = {
      {"Asia/Shanghai", 0min, utc(2026, 1, 1), utc(2027, 1, 1)},
      {"Europe/Berlin", 150min, utc(2026, 1, 1), utc(2027, 1, 1)},
      {"America/Sao_Paulo", 0min, utc(2017, 1, 1), utc(2019, 1, 1)}, // skipped midnights
      {"America/New_York", 23h + 59min, utc(2026, 1, 1), utc(2027, 1, 1)},
      {"Australia/Lord_Howe", 105min, utc(2026, 1, 1), utc(2027, 1, 1)}, // half an hour of DST
      {"Pacific/Apia", 12h, utc(2011, 6, 1), utc(2012, 6, 1)},
      {"Pacific/Kwajalein", 0min, utc(1993, 1, 1), utc(1994, 1, 1)},
      {"Africa/Casablanca", 150min, utc(2025, 1, 1), utc(2027, 1, 1)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.zone);
    QuotaDay day = quota_day(row.from, row.zone, row.reset);
    REQUIRE(day.begins <= row.from);
    while (day.ends < row.to) {
      REQUIRE(day.begins < day.ends);
      const QuotaDay last = quota_day(day.ends - 1ms, row.zone, row.reset);
      REQUIRE(last.name == day.name);
      REQUIRE(last.begins == day.begins);
      REQUIRE(last.ends == day.ends);
      const QuotaDay next = quota_day(day.ends, row.zone, row.reset);
      REQUIRE(next.begins == day.ends);
      REQUIRE(next.name > day.name);
      day = next;
    }
  }
}

TEST_CASE("a zone that the system does not have is an error that names it") {
  for (const char* const zone : {"Asia/Atlantis", "", "../etc/passwd"}) {
    CAPTURE(zone);
    std::string message;
    try {
      quota_day(utc(2026, 1, 1), zone, 0min);
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message.find("no time zone \"" + std::string(zone) + "\"") != std::string::npos);
  }
}
