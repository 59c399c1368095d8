#include "store/timestamp.h"

#include <charconv>
#include <cstdio>

namespace kdq {
namespace {

/// Reads exactly `width` digits at `at` and steps over them.
bool read_digits(std::string_view text, std::size_t& at, std::size_t width, unsigned& value) {
  if (at + width > text.size())
    return false;
  const char* first = text.data() + at;
  for (std::size_t i = 0; i < width; ++i)
    if (first[i] < '0' || first[i] > '9')
      return false;
  std::from_chars(first, first + width, value);
  at += width;
  return true;
}

bool read_char(std::string_view text, std::size_t& at, char expected) {
  return at < text.size() && text[at++] == expected;
}

} // namespace

std::string to_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[64];
  const int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d.%03d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text, static_cast<std::size_t>(length)};
}

std::string utc_second(WallTime time) {
  return to_text(time).substr(0, 19) + " UTC";
}

std::optional<WallTime> parse_time(std::string_view text) {
  std::size_t at = 0;
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0;
  const bool shaped = read_digits(text, at, 4, year) && read_char(text, at, '-') &&
                      read_digits(text, at, 2, month) && read_char(text, at, '-') &&
                      read_digits(text, at, 2, day) && read_char(text, at, ' ') &&
                      read_digits(text, at, 2, hour) && read_char(text, at, ':') &&
                      read_digits(text, at, 2, minute) && read_char(text, at, ':') &&
                      read_digits(text, at, 2, second);
  if (!shaped)
    return std::nullopt;
  if (at < text.size() && !(read_char(text, at, '.') && read_digits(text, at, 3, milli)))
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (at != text.size() || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(milli);
}

} // namespace kdq
