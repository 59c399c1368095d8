#include "poller/cron/cron_fields.h"

#include <bit>

namespace kdq {
namespace {

using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::year_month;
using std::chrono::year_month_day;

/// The smallest number of a set that is `least` or more.
std::optional<unsigned> first_of(std::uint64_t set, unsigned least) {
  const std::uint64_t rest = set >> least << least;
  if (rest == 0)
    return std::nullopt;
  return static_cast<unsigned>(std::countr_zero(rest));
}

/// The first time of a day, counted from its midnight, that is `least` or later.
std::optional<minutes> first_time(const CronFields& fields, minutes least) {
  const auto count = static_cast<unsigned>(least.count());
  auto hour = first_of(fields.hours, count / 60);
  if (!hour)
    return std::nullopt;
  auto minute = first_of(fields.minutes, *hour == count / 60 ? count % 60 : 0);
  if (!minute) {
    hour = first_of(fields.hours, *hour + 1);
    if (!hour)
      return std::nullopt;
    minute = first_of(fields.minutes, 0);
  }
  return std::chrono::hours(*hour) + minutes(*minute);
}

/// The month's days of the fields, bit n for day n.
std::uint32_t days_of(const CronFields& fields, year_month month) {
  const unsigned begins = std::chrono::weekday(local_days(month / 1)).c_encoding();
  // The week as the month begins with it, then as often as a month needs it.
  const std::uint32_t week = (fields.weekdays >> begins | fields.weekdays << (7 - begins)) & 0x7FU;
  std::uint32_t weekdays = 0;
  for (unsigned day = 1; day <= 31; day += 7)
    weekdays |= week << day;
  const std::uint32_t days = fields.either_day ? fields.days | weekdays : fields.days & weekdays;
  const auto last = static_cast<unsigned>((month / std::chrono::last).day());
  return days & ~std::uint32_t{0} >> (31 - last);
}

/// The first month of the set, `least` or later.
year_month first_month(const CronFields& fields, year_month least) {
  if (const auto number = first_of(fields.months, static_cast<unsigned>(least.month())))
    return least.year() / std::chrono::month(*number);
  return (least.year() + std::chrono::years(1)) / std::chrono::month(*first_of(fields.months, 0));
}

/// The first day, `from` or later.
std::optional<local_days> first_day(const CronFields& fields, local_days from) {
  const year_month_day begin(from);
  const year_month begin_month = begin.year() / begin.month();
  for (year_month month = first_month(fields, begin_month); month <= begin_month + cron_horizon;
       month = first_month(fields, month + std::chrono::months(1))) {
    const unsigned least = month == begin_month ? static_cast<unsigned>(begin.day()) : 1;
    if (const auto day = first_of(days_of(fields, month), least))
      return local_days(month / std::chrono::day(*day));
  }
  return std::nullopt;
}

} // namespace

std::optional<std::chrono::local_seconds> first_match(const CronFields& fields,
                                                      std::chrono::local_seconds from) {
  const auto minute = std::chrono::ceil<minutes>(from);
  const auto today = std::chrono::floor<std::chrono::days>(minute);
  auto day = first_day(fields, today);
  if (day == today) {
    if (const auto time = first_time(fields, minute - today))
      return *day + *time;
    day = first_day(fields, today + std::chrono::days(1));
  }
  if (!day)
    return std::nullopt;
  return *day + *first_time(fields, minutes(0));
}

} // namespace kdq
