#include "store/base/time.h"

#include <algorithm>
#include <charconv>
#include <limits>

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

using Count = std::chrono::milliseconds::rep;
constexpr Count most = std::numeric_limits<Count>::max();
constexpr Count least = std::numeric_limits<Count>::min();

/// `a + b`, or the nearest number that there is.
Count sum(Count a, Count b) {
  if (b > 0 && a > most - b)
    return most;
  if (b < 0 && a < least - b)
    return least;
  return a + b;
}

Count difference(Count a, Count b) {
  if (b < 0 && a > most + b)
    return most;
  if (b > 0 && a < least + b)
    return least;
  return a - b;
}

/// `time` of a clock that stands at `from`, on one that stands at `to`.
template <class To, class From>
To moved(From time, From from, To to) {
  const Count ahead = difference(to.time_since_epoch().count(), from.time_since_epoch().count());
  return To(std::chrono::milliseconds(sum(time.time_since_epoch().count(), ahead)));
}

} // namespace

WallTime to_wall(SteadyTime time, Moment now) {
  return moved(time, now.steady, now.wall);
}

SteadyTime to_steady(WallTime time, Moment now) {
  return moved(time, now.wall, now.steady);
}

std::string to_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::string text = "0000-00-00 00:00:00.000";
  // Digit by digit: a dozen of these for each job, and printf took 3 % of the processor's time.
  const auto put = [&text](std::size_t last, auto number) {
    for (; number > 0; number /= 10, --last)
      text[last] = static_cast<char>('0' + number % 10);
  };
  put(3, std::clamp(static_cast<int>(date.year()), 0, 9999));
  put(6, static_cast<unsigned>(date.month()));
  put(9, static_cast<unsigned>(date.day()));
  put(12, clock.hours().count());
  put(15, clock.minutes().count());
  put(18, clock.seconds().count());
  put(22, clock.subseconds().count());
  return text;
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
