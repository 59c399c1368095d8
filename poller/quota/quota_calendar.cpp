#include "poller/quota/quota_calendar.h"

#include "poller/cron/time_zone.h"

#include <date/tz.h>

namespace kdq {
namespace {

/// The first moment at which the zone's clocks show `day` at `reset`, or a later time: where clocks
/// skip the reset it is the moment of the skip, where they show it twice it is the first time.
/// So it never goes back from one day to the next, and the days leave no gap and share nothing.
WallTime beginning(const date::time_zone& zone, date::local_days day, std::chrono::minutes reset) {
  const date::local_seconds local = day + reset;
  const date::local_info info = zone.get_info(local);
  if (info.result == date::local_info::nonexistent)
    return info.first.end;
  return date::sys_seconds(local.time_since_epoch()) - info.first.offset;
}

} // namespace

QuotaDay quota_day(WallTime now, const std::string& timezone, std::chrono::minutes reset) {
  const date::time_zone& zone = find_zone(timezone);
  // A guess: where clocks were set back, what they show now is not enough to tell.
  auto day = date::floor<date::days>(zone.to_local(now) - reset);
  while (beginning(zone, day, reset) > now)
    day -= date::days(1);
  while (beginning(zone, day + date::days(1), reset) <= now)
    day += date::days(1);
  // A reset that the clocks skip together with midnight begins the day of its name, not the next.
  return {date::format("%F", day), beginning(zone, day, reset),
          beginning(zone, day + date::days(1), reset)};
}

} // namespace kdq
