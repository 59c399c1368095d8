#include "poller/api/closing_time.h"

#include "poller/api/kdocs_api.h"
#include "poller/api/number_in.h"

#include <cmath>
#include <string_view>

namespace kdq {
namespace {

using std::chrono::milliseconds;

// README.md, section 2: seconds, but the sibling API sends milliseconds.
constexpr double first_in_ms = 1e11;
// What a time of this era can be; a number beyond would overflow.
constexpr double last_in_ms = 1e14;

/// The milliseconds of `17:29:58.114`, if its second is the one asked for.
std::optional<milliseconds> milliseconds_of(std::string_view timestamp, std::int64_t second) {
  constexpr std::string_view shape = "00:00:00.000";
  if (timestamp.size() != shape.size() || timestamp[8] != '.')
    return std::nullopt;
  const auto seconds = number_in<int>(timestamp.substr(6, 2));
  const auto thousandths = number_in<int>(timestamp.substr(9));
  if (!seconds || !thousandths || *seconds != second % 60)
    return std::nullopt;
  return milliseconds(*thousandths);
}

std::optional<WallTime> time_of(const LogLine& line) {
  double value = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&line.unix_time))
    value = static_cast<double>(*whole);
  else if (const auto* fraction = std::get_if<double>(&line.unix_time))
    value = *fraction;
  if (!(value > 0 && value < last_in_ms))
    return std::nullopt;
  if (value >= first_in_ms)
    return WallTime(milliseconds(static_cast<std::int64_t>(value)));
  const double seconds = std::floor(value);
  const WallTime second{milliseconds(static_cast<std::int64_t>(seconds) * 1000)};
  if (value != seconds)
    return second + milliseconds(static_cast<std::int64_t>((value - seconds) * 1000));
  return second + milliseconds_of(line.timestamp, static_cast<std::int64_t>(seconds))
                      .value_or(milliseconds(500));
}

} // namespace

std::optional<WallTime> closing_time(const std::vector<LogLine>& lines) {
  if (lines.empty() || lines.back().filename != "system" ||
      lines.back().message != kdocs_api::closing_line)
    return std::nullopt;
  return time_of(lines.back());
}

} // namespace kdq
