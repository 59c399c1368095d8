#include "poller/cron/cron.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace kdq;

namespace {

Cron read(std::string_view text, std::string_view zone) {
  const auto result = read_cron(text, zone);
  if (const auto* error = std::get_if<CronError>(&result))
    FAIL(error->sentence);
  return std::get<Cron>(result);
}

WallTime utc(const std::string& text) {
  const auto time = parse_time(text.size() == 16 ? text + ":00" : text);
  REQUIRE(time);
  return *time;
}

/// The next times as `YYYY-MM-DD HH:MM`, UTC.
std::vector<std::string> times(std::string_view text, std::string_view zone,
                               const std::string& after, std::size_t count) {
  const Cron cron = read(text, zone);
  std::vector<std::string> found;
  for (auto time = cron.next(utc(after)); time && found.size() < count; time = cron.next(*time)) {
    CHECK(to_text(*time).substr(19) == ".000");
    found.push_back(to_text(*time).substr(0, 16));
  }
  return found;
}

using Times = std::vector<std::string>;

struct Row {
  const char* why;
  const char* text;
  const char* zone;
  const char* after;
  Times expected;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CAPTURE(row.text);
    CHECK(times(row.text, row.zone, row.after, row.expected.size()) == row.expected);
  }
}

} // namespace

TEST_CASE("the times of a text, in UTC") {
  check({
      {"each minute",
       "* * * * *",
       "UTC",
       "2026-12-31 23:58",
       {"2026-12-31 23:59", "2027-01-01 00:00", "2027-01-01 00:01"}},
      {"steps",
       "*/25 * * * *",
       "UTC",
       "2026-01-01 00:00",
       {"2026-01-01 00:25", "2026-01-01 00:50", "2026-01-01 01:00"}},
      {"minutes of some hours",
       "10,50 8,17 * * *",
       "UTC",
       "2026-01-01 08:50",
       {"2026-01-01 17:10", "2026-01-01 17:50", "2026-01-02 08:10", "2026-01-02 08:50"}},
      {"the hour after, as its minutes are over",
       "5 8-9 * * *",
       "UTC",
       "2026-01-01 08:06",
       {"2026-01-01 09:05", "2026-01-02 08:05"}},
      {"working days",
       "0 9 * * MON-FRI",
       "UTC",
       "2026-01-01 12:00", // a Thursday
       {"2026-01-02 09:00", "2026-01-05 09:00", "2026-01-06 09:00"}},
      {"a day that some months have",
       "0 0 31 * *",
       "UTC",
       "2026-01-31 00:00",
       {"2026-03-31 00:00", "2026-05-31 00:00", "2026-07-31 00:00", "2026-08-31 00:00"}},
      {"months past the year's end",
       "0 0 1 NOV-FEB *",
       "UTC",
       "2026-10-01 00:00",
       {"2026-11-01 00:00", "2026-12-01 00:00", "2027-01-01 00:00", "2027-02-01 00:00",
        "2027-11-01 00:00"}},
      {"both days: either",
       "0 0 13 * FRI",
       "UTC",
       "2026-02-01 00:00",
       {"2026-02-06 00:00", "2026-02-13 00:00", "2026-02-20 00:00", "2026-02-27 00:00",
        "2026-03-06 00:00", "2026-03-13 00:00", "2026-03-20 00:00", "2026-03-27 00:00",
        "2026-04-03 00:00", "2026-04-10 00:00", "2026-04-13 00:00"}},
      {"one that begins with a star: both",
       "0 0 */12 * FRI",
       "UTC",
       "2026-02-01 00:00",
       {"2026-02-13 00:00", "2026-03-13 00:00", "2026-05-01 00:00", "2026-09-25 00:00"}},
      {"leap years",
       "0 0 29 2 *",
       "UTC",
       "2026-01-01 00:00",
       {"2028-02-29 00:00", "2032-02-29 00:00"}},
      {"past a century without one", "0 0 29 2 *", "UTC", "2096-02-29 00:00", {"2104-02-29 00:00"}},
      {"a leap day on a Sunday",
       "0 0 29 2 */7",
       "UTC",
       "2032-02-29 00:00",
       {"2060-02-29 00:00", "2088-02-29 00:00", "2128-02-29 00:00"}},
      {"yearly", "@yearly", "UTC", "2026-01-01 00:00", {"2027-01-01 00:00"}},
      {"weekly", "@weekly", "UTC", "2026-01-01 00:00", {"2026-01-04 00:00"}},
  });
}

TEST_CASE("fields are local time") {
  check({
      {"east", "0 8 * * MON", "Asia/Shanghai", "2026-01-05 00:00", {"2026-01-12 00:00"}},
      {"the day before in UTC",
       "30 7 1 * *",
       "Asia/Shanghai",
       "2026-01-01 00:00",
       {"2026-01-31 23:30", "2026-02-28 23:30"}},
      {"west, and its summer",
       "0 20 * * *",
       "America/New_York",
       "2026-03-07 00:00",
       {"2026-03-07 01:00", "2026-03-08 01:00", "2026-03-09 00:00"}},
      {"three quarters of an hour",
       "0 * * * *",
       "Asia/Kathmandu",
       "2026-01-01 00:00",
       {"2026-01-01 00:15", "2026-01-01 01:15"}},
  });
}

TEST_CASE("the next time is strictly after, by the millisecond") {
  const Cron cron = read("0 12 * * *", "UTC");
  const WallTime noon = utc("2026-01-01 12:00");
  CHECK(cron.next(noon - std::chrono::milliseconds(1)) == noon);
  CHECK(cron.next(noon) == noon + std::chrono::hours(24));
  CHECK(cron.next(noon + std::chrono::milliseconds(1)) == noon + std::chrono::hours(24));
  CHECK(cron.next(noon - std::chrono::seconds(1)) == noon);
  CHECK(cron.next(noon - std::chrono::milliseconds(1001)) == noon);
}

TEST_CASE("fixed times that the clocks skip run once right after the gap") {
  // Berlin: 2026-03-29 02:00 -> 03:00 at 01:00 UTC.
  check({
      {"inside",
       "30 2 * * *",
       "Europe/Berlin",
       "2026-03-28 00:00",
       {"2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"}},
      {"its begin",
       "0 2 * * *",
       "Europe/Berlin",
       "2026-03-28 12:00",
       {"2026-03-29 01:00", "2026-03-30 00:00"}},
      {"its end is no part of it",
       "0 3 * * *",
       "Europe/Berlin",
       "2026-03-28 12:00",
       {"2026-03-29 01:00", "2026-03-30 01:00"}},
      {"many in one gap",
       "0-59/10 2 * * *",
       "Europe/Berlin",
       "2026-03-28 12:00",
       {"2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 00:10"}},
      {"with one that is due at its end",
       "0,20 1-3 * * *",
       "Europe/Berlin",
       "2026-03-29 00:00",
       {"2026-03-29 00:20", "2026-03-29 01:00", "2026-03-29 01:20", "2026-03-29 23:00"}},
      {"asked at the last moment before",
       "30 2 * * *",
       "Europe/Berlin",
       "2026-03-29 00:59:59",
       {"2026-03-29 01:00"}},
      {"asked at the gap", "30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", {"2026-03-30 00:30"}},
      {"on that day of the year only",
       "30 2 29 3 *",
       "Europe/Berlin",
       "2026-01-01 00:00",
       {"2026-03-29 01:00", "2027-03-29 00:30"}},
      {"half an hour",
       "15 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-02 16:00",
       {"2026-10-03 15:30", "2026-10-04 15:15"}}, // 2026-10-04 02:00 -> 02:30 at 15:30 UTC
      {"after half an hour",
       "45 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-02 16:30",
       {"2026-10-03 15:45", "2026-10-04 15:45"}},
      {"midnight",
       "@daily",
       "Asia/Beirut",
       "2024-03-30 00:00", // 00:00 -> 01:00 at 22:00 UTC
       {"2024-03-30 22:00", "2024-03-31 21:00"}},
      // Samoa had no 2011-12-30: 29th 24:00 was 31st 00:00, 10:00 UTC on the 30th.
      {"a day that never was",
       "0 12 30 12 *",
       "Pacific/Apia",
       "2011-01-01 00:00",
       {"2011-12-30 10:00", "2012-12-29 22:00"}},
      {"and those around it",
       "0 12 * * *",
       "Pacific/Apia",
       "2011-12-29 00:00",
       {"2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00", "2011-12-31 22:00"}},
      {"its midnight is the next one's",
       "@daily",
       "Pacific/Apia",
       "2011-12-29 00:00",
       {"2011-12-29 10:00", "2011-12-30 10:00", "2011-12-31 10:00"}},
      {"by its day of the week",
       "0 12 * * FRI",
       "Pacific/Apia",
       "2011-12-24 00:00",
       {"2011-12-30 10:00", "2012-01-05 22:00"}},
  });
}

TEST_CASE("fixed times that the clocks show twice run the first time") {
  // Berlin: 2026-10-25 03:00 -> 02:00 at 01:00 UTC.
  check({
      {"inside",
       "30 2 * * *",
       "Europe/Berlin",
       "2026-10-24 12:00",
       {"2026-10-25 00:30", "2026-10-26 01:30"}},
      {"its begin",
       "0 2 * * *",
       "Europe/Berlin",
       "2026-10-24 12:00",
       {"2026-10-25 00:00", "2026-10-26 01:00"}},
      {"its end comes once",
       "0 3 * * *",
       "Europe/Berlin",
       "2026-10-24 12:00",
       {"2026-10-25 02:00", "2026-10-26 02:00"}},
      {"asked between the two",
       "30 2 * * *",
       "Europe/Berlin",
       "2026-10-25 00:30",
       {"2026-10-26 01:30"}},
      {"asked in the second hour",
       "30 2 * * *",
       "Europe/Berlin",
       "2026-10-25 01:10",
       {"2026-10-26 01:30"}},
      {"many",
       "0-59/30 2 * * *",
       "Europe/Berlin",
       "2026-10-24 12:00",
       {"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-26 01:00"}},
      {"half an hour",
       "45 1 * * *",
       "Australia/Lord_Howe",
       "2026-04-04 00:00",
       {"2026-04-04 14:45", "2026-04-05 15:15"}}, // 2026-04-05 02:00 -> 01:30 at 15:00 UTC
      // Sitka had 1867-10-18 twice: clocks were never set back further.
      {"two days of one date",
       "0 12 * * *",
       "America/Sitka",
       "1867-10-17 12:00",
       {"1867-10-17 21:01", "1867-10-18 21:01"}},
  });
}

TEST_CASE("with a star as minute or hour real time counts") {
  check({
      {"the gap has no runs",
       "30 * * * *",
       "Europe/Berlin",
       "2026-03-28 23:30",
       {"2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 02:30"}},
      {"nor a later one instead",
       "*/30 2 * * *",
       "Europe/Berlin",
       "2026-03-28 12:00",
       {"2026-03-30 00:00", "2026-03-30 00:30"}},
      {"every two hours by the clocks",
       "0 */2 * * *",
       "Europe/Berlin",
       "2026-03-28 22:00",
       {"2026-03-28 23:00", "2026-03-29 02:00", "2026-03-29 04:00"}},
      {"a repeated hour has all its runs",
       "*/30 * * * *",
       "Europe/Berlin",
       "2026-10-24 23:30",
       {"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30",
        "2026-10-25 02:00"}},
      {"of that hour alone",
       "*/30 2 * * *",
       "Europe/Berlin",
       "2026-10-24 12:00",
       {"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30",
        "2026-10-26 01:00"}},
      {"hourly",
       "@hourly",
       "Europe/Berlin",
       "2026-10-24 23:00",
       {"2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00"}},
      {"half an hour more",
       "0 * * * *",
       "Australia/Lord_Howe",
       "2026-04-04 13:30",
       {"2026-04-04 14:00", "2026-04-04 15:30", "2026-04-04 16:30"}},
      {"half an hour twice",
       "45 * * * *",
       "Australia/Lord_Howe",
       "2026-04-04 13:45",
       {"2026-04-04 14:45", "2026-04-04 15:15", "2026-04-04 16:15"}},
      {"half an hour less",
       "15 * * * *",
       "Australia/Lord_Howe",
       "2026-10-03 14:00",
       {"2026-10-03 14:45", "2026-10-03 16:15"}},
      {"a day that never was",
       "0 */12 30 12 *",
       "Pacific/Apia",
       "2011-01-01 00:00",
       {"2012-12-29 10:00", "2012-12-29 22:00"}},
  });
}

TEST_CASE(
    "any time may be asked for: what is far away ends in nothing or in the first of its times") {
  const Cron yearly = read("@yearly", "Asia/Shanghai");
  CHECK(yearly.next(WallTime::min()) == utc("0000-12-31 15:54:17")); // local mean time
  CHECK_FALSE(yearly.next(WallTime::max()));
  CHECK_FALSE(read("* * * * *", "UTC").next(WallTime::max()));
  CHECK(read("* * * * *", "UTC").next(WallTime::min()) == utc("0000-01-01 00:00"));
  CHECK(times("* * * * *", "UTC", "9999-12-31 23:57", 5) ==
        Times{"9999-12-31 23:58", "9999-12-31 23:59"});
  CHECK(times("0 0 29 2 *", "UTC", "9996-02-29 00:00", 5).empty());
  CHECK(times("0 0 29 2 *", "Europe/Berlin", "1970-01-01 00:00", 1) == Times{"1972-02-28 23:00"});
}

TEST_CASE("a wrong text or an unknown zone is answered with a sentence") {
  const auto sentence = [](std::string_view text, std::string_view zone) {
    const auto result = read_cron(text, zone);
    const auto* error = std::get_if<CronError>(&result);
    return error ? error->sentence : "";
  };
  CHECK(sentence("0 25 * * *", "UTC") ==
        "the field hour of the cron text is 25: hours go from 0 to 23");
  CHECK(sentence("@daily", "Asia/Atlantis") ==
        "this system has no time zone \"Asia/Atlantis\": names are like Asia/Shanghai, from the "
        "package tzdata");
  for (const std::string& zone :
       {std::string(), std::string("../etc/passwd"), std::string("UTC\0", 4), std::string("asia"),
        std::string("\xFF\n"), std::string(1'000'000, 'x')}) {
    CAPTURE(zone.substr(0, 20));
    const std::string answer = sentence("@daily", zone);
    CHECK(answer.rfind("this system has no time zone", 0) == 0);
    CHECK(answer.size() < 150);
    for (const char byte : answer)
      CHECK(static_cast<unsigned>(byte) - ' ' <= static_cast<unsigned>('~' - ' '));
  }
}

TEST_CASE("a cron is a value that outlives what it was read from") {
  std::optional<Cron> copy;
  {
    const std::string text = "30 6 * * *", zone = "Asia/Shanghai";
    const Cron cron = read(text, zone);
    copy = cron;
  }
  CHECK(copy->next(utc("2026-01-01 00:00")) == utc("2026-01-01 22:30"));
}
