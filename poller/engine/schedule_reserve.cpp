#include "poller/engine/schedule_reserve.h"

#include "poller/clock.h"
#include "poller/engine/schedule_steps.h"
#include "store/schedules.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

namespace kdq {
namespace {

// As many as a production app may start in a day.
constexpr std::size_t most_times = 100'000;
// Of one look: with both it takes about a millisecond.
constexpr std::size_t most_schedules_at_once = 100;
constexpr std::size_t most_times_at_once = 2'000;

} // namespace

std::int64_t ScheduleReserve::starts_needed(const std::string& app, WallTime until) {
  Known& known = of_app_[app];
  if (known.until != until)
    known = {until, {}, Times{}, {}};
  if (known.next)
    reckon(app, known);
  if (!known.times)
    return unknown;
  const WallTime now = clock_.wall();
  const auto to_come = std::upper_bound(known.times->begin(), known.times->end(), now);
  return schedules_.queued(app, now, static_cast<std::int64_t>(most_times)) +
         static_cast<std::int64_t>(known.times->end() - to_come);
}

void ScheduleReserve::forget() {
  for (auto& [app, known] : of_app_) {
    known.next.emplace();
    known.last.clear();
  }
}

void ScheduleReserve::reckon(const std::string& app, Known& known) const {
  const WallTime now = clock_.wall();
  Times& next = *known.next;
  const std::size_t enough = next.size() + most_times_at_once;
  const auto found = schedules_.of_app(app, known.last, most_schedules_at_once);
  bool complete = found.size() < most_schedules_at_once;
  for (const Schedule& schedule : found) {
    if (next.size() >= enough) {
      complete = false;
      break;
    }
    known.last = schedule.name;
    const auto read = read_times(schedule);
    const auto* times = std::get_if<ScheduleTimes>(&read);
    if (!times || schedule.paused)
      continue;
    for (auto time = first_time(*times, schedule, now);
         time && *time < known.until && next.size() < most_times;
         time = first_time(*times, schedule, *time))
      // Only until the day's end: afterwards its start counts on the next one.
      next.push_back(std::min(*time + schedule.jitter, known.until));
  }
  if (!complete && next.size() < most_times)
    return;
  std::sort(next.begin(), next.end());
  known.times = std::exchange(known.next, std::nullopt);
}

} // namespace kdq
