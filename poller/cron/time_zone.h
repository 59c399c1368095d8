// The time zones of this system.
#pragma once

#include <string>

namespace date {
class time_zone;
}

namespace kdq {

/// The zone with this IANA name. The data is the system's, read once a process and kept; what it
/// says ends with the year 2037, and the offset of then goes on. Throws std::runtime_error if the
/// system has no such zone, or it cannot be read.
const date::time_zone& find_zone(const std::string& name);

} // namespace kdq
