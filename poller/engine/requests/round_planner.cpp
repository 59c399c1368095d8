#include "poller/engine/requests/round_planner.h"

#include "poller/engine/app_state.h"
#include "poller/engine/in_flight.h"
#include "poller/engine/requests/poll_chooser.h"
#include "poller/engine/requests/start_chooser.h"

#include <algorithm>

namespace kdq {
namespace {

// What is begun and has no answer would be lost by a crash, as a gap in a log or a start that is
// not confirmed: no more is begun than about what goes out at once (daemon/curl_transport.h). And a
// burst of starts must not hold up the polls of what runs: it pauses while many of them are under
// way.
constexpr std::size_t most_polls_under_way = 128;
constexpr std::size_t most_starts_under_way = 64;
constexpr std::size_t polls_that_pause_starts = 48;

} // namespace

void RoundPlanner::fill(RoundPlan& plan, Moment now) {
  measure(plan);
  for (auto& [name, app] : apps_) {
    app.breaker.begin_plan();
    polls_.choose(app, plan, now);
  }
  starts_.choose(plan, now);
}

/// The room that the requests under way leave.
void RoundPlanner::measure(RoundPlan& plan) const {
  const std::size_t polls = in_flight_.count(Endpoint::status);
  const std::size_t starts = in_flight_.count(Endpoint::submit);
  plan.poll_room =
      std::min(batch_polls, most_polls_under_way - std::min(polls, most_polls_under_way));
  if (polls < polls_that_pause_starts)
    plan.start_room = most_starts_under_way - std::min(starts, most_starts_under_way);
}

} // namespace kdq
