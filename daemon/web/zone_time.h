// What the clocks of a time zone show.
#pragma once

#include "store/base/time.h"

#include <string>

namespace kdq::web {

/// `2026-01-31 17:05 +0800`: the zone's date, time and offset from UTC. Empty: this system has no
/// zone with this IANA name.
std::string zone_time(const std::string& zone, WallTime time);

} // namespace kdq::web
