// Plans what one transaction is to begin.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/requests/round_plan.h"

namespace kdq {

class InFlightTable;
class PollChooser;
class StartChooser;

class RoundPlanner {
public:
  RoundPlanner(AppStates& apps, const InFlightTable& in_flight, PollChooser& polls,
               StartChooser& starts)
      : apps_(apps), in_flight_(in_flight), polls_(polls), starts_(starts) {}

  /// Fills a plan, polls first. What it has when this throws was taken from the schedules. Inside
  /// of Database::read().
  void fill(RoundPlan& plan, Moment now);

private:
  void measure(RoundPlan& plan) const;

  AppStates& apps_;
  const InFlightTable& in_flight_;
  PollChooser& polls_;
  StartChooser& starts_;
};

} // namespace kdq
