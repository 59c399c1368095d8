#include "poller/cron/cron.h"

#include "poller/cron/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <stdexcept>

namespace kdq {
namespace {

using std::chrono::local_seconds;
using std::chrono::sys_seconds;

// The times that the database can hold.
constexpr sys_seconds begin_of_year_0 = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
constexpr sys_seconds begin_of_year_10000 =
    std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1);

/// More than clocks were ever set back, which is the day that Alaska had twice.
constexpr std::chrono::hours longest_repeat{48};

/// A stretch of time throughout which the zone's clocks are as far from UTC.
struct Stretch {
  sys_seconds begin;
  sys_seconds end;
  std::chrono::seconds offset;

  Stretch(const date::time_zone& zone, sys_seconds time) : Stretch(zone.get_info(time)) {}
  explicit Stretch(const date::sys_info& info)
      : begin(info.begin), end(info.end), offset(info.offset) {}

  local_seconds local(sys_seconds time) const {
    return local_seconds(time.time_since_epoch() + offset);
  }
  sys_seconds utc(local_seconds time) const {
    return sys_seconds(time.time_since_epoch() - offset);
  }
};

} // namespace

std::optional<WallTime> Cron::next(WallTime after) const {
  const WallTime clamped =
      std::clamp<WallTime>(after, begin_of_year_0 - std::chrono::seconds(1), begin_of_year_10000);
  const sys_seconds earliest =
      std::chrono::floor<std::chrono::seconds>(clamped) + std::chrono::seconds(1);
  const sys_seconds end = std::min(earliest + cron_horizon, begin_of_year_10000);

  // Fixed times before `shown` have had their run. So that it is right at `earliest`, it is
  // followed from so long before that nothing older can be shown again.
  Stretch stretch(*zone_, fields_.fixed_time ? earliest - longest_repeat : earliest);
  local_seconds shown = stretch.local(stretch.begin);
  while (stretch.begin < end) {
    local_seconds from = fields_.fixed_time ? shown : stretch.local(stretch.begin);
    if (earliest > stretch.begin)
      from = std::max(from, stretch.local(earliest));
    const local_seconds stretch_end = stretch.local(stretch.end);
    if (from < stretch_end) {
      const auto found = first_match(fields_, from);
      if (!found)
        return std::nullopt;
      if (*found < stretch_end) {
        const sys_seconds time = std::max(stretch.utc(*found), stretch.begin);
        return time < end ? std::optional<WallTime>(time) : std::nullopt;
      }
    }
    shown = std::max(shown, stretch_end);
    stretch = Stretch(*zone_, stretch.end);
  }
  return std::nullopt;
}

std::variant<Cron, CronError> read_cron(std::string_view text, std::string_view zone) {
  const auto read = read_cron_text(text);
  if (const auto* error = std::get_if<CronError>(&read))
    return *error;
  try {
    return Cron(std::get<CronFields>(read), find_zone(std::string(zone)));
  } catch (const std::runtime_error&) { // its text has the name in full
    return CronError{"this system has no time zone \"" + cut_for_sentence(zone) +
                     "\": names are like Asia/Shanghai, from the package tzdata"};
  }
}

} // namespace kdq
