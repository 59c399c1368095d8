#include "poller/engine/requests/round_planner.h"

#include "poller/engine/app_state.h"
#include "poller/engine/in_flight.h"
#include "poller/engine/requests/poll_chooser.h"
#include "poller/engine/requests/start_chooser.h"
#include "poller/requests_under_way.h"

namespace kdq {
namespace {

// A burst of an app's starts must not hold up the polls of what runs: it pauses while many of them
// are under way.
constexpr std::size_t polls_that_pause_starts = 48;

} // namespace

void RoundPlanner::fill(RoundPlan& plan, Moment now) {
  measure(plan);
  polls_.begin_round(plan.wake, now);
  for (auto& [name, app] : apps_) {
    app.breaker.begin_plan();
    polls_.choose(app, plan, now);
  }
  starts_.choose(plan, now);
}

/// The room that the requests under way leave.
void RoundPlanner::measure(RoundPlan& plan) const {
  plan.poll_places = Shares(most_polls_under_way);
  plan.start_places = Shares(most_starts_under_way);
  for (const auto& [name, app] : apps_) {
    const std::size_t polls = in_flight_.count(Endpoint::status, name);
    plan.poll_places.keep_for(name, polls);
    plan.start_places.keep_for(name, in_flight_.count(Endpoint::submit, name));
    if (polls >= polls_that_pause_starts)
      plan.held_apps.insert(name);
  }
}

} // namespace kdq
