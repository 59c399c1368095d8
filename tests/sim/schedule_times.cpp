#include "tests/sim/schedule_times.h"

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr WallTime clocks_go_back = sys_days(2036y / 4 / 5) + 16h;   // from 03:00 to 02:00
constexpr WallTime clocks_go_forth = sys_days(2036y / 10 / 4) + 16h; // from 02:00 to 03:00
constexpr minutes set_by = 60min;

/// Whether the text names this time of day.
bool names(const CronTimes& times, minutes time_of_day) {
  const auto hour = static_cast<int>(time_of_day / 60min);
  const auto minute = static_cast<int>(time_of_day % 60min / 1min);
  return minute >= times.minute && (minute - times.minute) % times.minute_step == 0 &&
         hour >= times.first_hour && hour <= times.last_hour &&
         (hour - times.first_hour) % times.hour_step == 0;
}

/// What the clocks of Sydney show.
minutes time_of_day(WallTime moment) {
  const bool summer = moment < clocks_go_back || moment >= clocks_go_forth;
  const WallTime shown = moment + (summer ? 11h : 10h);
  return std::chrono::floor<minutes>(shown - std::chrono::floor<std::chrono::days>(shown));
}

} // namespace

bool comes_at(const CronTimes& times, WallTime moment) {
  if (moment != std::chrono::floor<minutes>(moment))
    return false;
  const minutes shown = time_of_day(moment);
  if (!times.fixed)
    return names(times, shown);
  if (moment >= clocks_go_back && moment < clocks_go_back + set_by)
    return false; // they showed it an hour ago
  bool comes = names(times, shown);
  if (moment == clocks_go_forth)
    for (minutes skipped = 1min; skipped <= set_by; ++skipped)
      comes |= names(times, shown - skipped);
  return comes;
}

std::int64_t count_times(const CronTimes& times, WallTime from, WallTime to) {
  std::int64_t count = 0;
  for (WallTime moment = from; moment < to; moment += 1min)
    count += comes_at(times, moment);
  return count;
}

} // namespace kdq::sim
