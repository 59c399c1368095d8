#include "poller/cron/time_zone.h"

#include <date/tz.h>

#include <stdexcept>

namespace kdq {

const date::time_zone& find_zone(const std::string& name) {
  try {
    const date::time_zone& zone = *date::locate_zone(name);
    zone.get_info(date::sys_seconds{}); // its file is read now, so that a bad one is known here
    return zone;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("this system has no time zone \"" + name +
                             "\" (package tzdata): " + error.what());
  }
}

} // namespace kdq
