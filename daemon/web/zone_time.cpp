#include "daemon/web/zone_time.h"

#include "poller/cron/time_zone.h"

#include <date/tz.h>

#include <stdexcept>

namespace kdq::web {

std::string zone_time(const std::string& zone, WallTime time) {
  try {
    return date::format("%F %H:%M %z", date::make_zoned(&find_zone(zone), time));
  } catch (const std::runtime_error&) {
    return {};
  }
}

} // namespace kdq::web
