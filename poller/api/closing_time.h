// When a script ended, as its log says.
#pragma once

#include "store/job.h"

#include <optional>
#include <vector>

namespace kdq {

/// The time of a log's closing line, by the service's clock; nothing if the last of these lines is
/// not the closing one, or has no time. Where unix_time is in whole seconds, the milliseconds come
/// from `timestamp` if the two agree on the second, else the middle of the second is taken.
std::optional<WallTime> closing_time(const std::vector<LogLine>& lines);

} // namespace kdq
