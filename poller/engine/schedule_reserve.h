// How many starts of a day the schedules will need.
#pragma once

#include "poller/engine/requests/start_reserve.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Clock;
class Schedules;

/// Keeps the times that are still to come until the end of an app's quota day, as they are asked
/// for with each start: up to as many as a production app may start. They are reckoned a bounded
/// number at a time; until that is done, what was known before counts.
class ScheduleReserve : public StartReserve {
public:
  ScheduleReserve(Schedules& schedules, const Clock& clock)
      : schedules_(schedules), clock_(clock) {}

  std::int64_t starts_needed(const std::string& app, WallTime until) override;
  /// Users have changed schedules: the times are reckoned anew.
  void forget();

private:
  /// In order; until when the start of each time may take place.
  using Times = std::vector<WallTime>;
  struct Known {
    WallTime until;
    std::optional<Times> times; ///< nothing: not reckoned for this `until`
    std::optional<Times>
        next;         ///< is being reckoned, and takes their place; nothing: they are right
    std::string last; ///< the schedule up to which that has come
  };
  void reckon(const std::string& app, Known& known) const;

  Schedules& schedules_;
  const Clock& clock_;
  std::map<std::string, Known> of_app_;
};

} // namespace kdq
