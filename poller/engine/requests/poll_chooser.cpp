#include "poller/engine/requests/poll_chooser.h"

#include "poller/engine/app_state.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/requests/round_plan.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/schedule/price_schedule.h"

namespace kdq {

void PollChooser::begin_round(WakeUp& wake, Moment now) {
  std::erase_if(left_out_, [&](JobId job) {
    if (refused_.rests(job, now.steady)) {
      wake.by(refused_.rests_until(job));
      return false;
    }
    if (const Task* task = tasks_.find(job))
      tasks_.postpone(*task, now.steady);
    return true;
  });
}

void PollChooser::choose(AppState& app, RoundPlan& plan, Moment now) {
  CircuitBreaker& breaker = app.breaker;
  PriceSchedule& schedule = *app.schedule;
  const std::size_t before = plan.polls.size();
  while (schedule.open() > 0) {
    budgets_.reprice_if_needed(app, plan.polls.size() - before, now);
    const auto next = schedule.next_wakeup();
    if (*next > now.steady) {
      plan.wake.by(*next);
      return;
    }
    if (const SteadyTime until = breaker.blocked_until(Endpoint::status, now); until > now.steady) {
      plan.wake.by(until);
      return;
    }
    if (plan.polls.size() == batch_polls || plan.room() == 0) {
      plan.wake.by(now.steady);
      return;
    }
    if (plan.poll_places.room(breaker.name()) == 0)
      return; // an answer wakes us
    if (!tokens_.usable(app, now))
      continue; // the breaker knows now: the next round plans the wake-up
    if (const SteadyTime ready = breaker.rate_ready_at(now.steady); ready > now.steady) {
      plan.wake.by(ready);
      return;
    }
    if (breaker.start_passes()) {
      plan.wake.by(now.steady); // whether it took its turn or not
      return;
    }
    if (const auto due = schedule.next_due(now.steady)) {
      if (refused_.rests(due->job, now.steady)) {
        left_out_.push_back(due->job);
        plan.wake.by(refused_.rests_until(due->job));
        continue;
      }
      breaker.take(Endpoint::status, now.steady);
      plan.polls.push_back(*due);
      plan.poll_places.take(breaker.name());
    }
  }
}

} // namespace kdq
