#include "poller/engine/requests/start_admission.h"

#include "poller/engine/app_state.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/schedule/price_schedule.h"
#include "store/base/time.h"

#include <algorithm>

namespace kdq {
namespace {

// The least that a start which has no answer yet will cost: it may be asked once too early.
constexpr std::int64_t polls_of_a_start = 2;
// With so many left no look at the script is needed: at the highest price none costs as many.
constexpr double ample_polls = 50;
// The tasks may need less than was reserved for them.
constexpr std::chrono::milliseconds look_again{30'000};

std::string no_polls_sentence(std::size_t running, WallTime roll) {
  const std::string why =
      running == 0
          ? std::string("too few of today's status requests are left to bring another script to "
                        "its end")
          : "the rest of today's status requests is reserved for " + std::to_string(running) +
                " running tasks";
  return why + "; starts go on at " + utc_second(roll) + " at the latest";
}

} // namespace

bool StartAdmission::is_reserved(const QueueScan::Entry& entry, const RoundPlan& plan) {
  const auto unreserved = plan.unreserved.find(entry.app);
  return !entry.scheduled && unreserved != plan.unreserved.end() &&
         of_app_[entry.app].unscheduled >= unreserved->second;
}

void StartAdmission::chosen(const QueueScan::Entry& entry) {
  AppStarts& starts = of_app_[entry.app];
  ++starts.chosen;
  starts.unscheduled += entry.scheduled ? 0 : 1;
}

bool StartAdmission::admits(AppState& app, JobId job, WakeUp& wake) {
  const std::string& name = app.breaker.name();
  AppStarts& starts = of_app_[name];
  budgets_.reprice_if_needed(app, 0, now_); // with a task to be asked, PollChooser has done so
  const std::size_t in_hand = tasks_.of_app(name);
  const std::size_t starting = in_hand - std::min(app.schedule->open(), in_hand) + starts.chosen;
  if (!starts.budget)
    starts.budget = budgets_.today(app, now_);
  DayBudget& budget = *starts.budget;
  budget.status_reserve = polls_of_a_start * static_cast<std::int64_t>(starting);
  // The script needs to be read only where it matters.
  if (app.schedule->has_room_for(ample_polls, budget) ||
      app.schedule->admits(keys_of(queue_.identity(job)), budget)) {
    app.no_polls_left.reset();
    return true;
  }
  const WallTime roll = app.breaker.day(now_.wall).ends;
  app.no_polls_left = Wait{no_polls_sentence(app.schedule->open() + starting, roll), roll};
  wake.by(now_.steady + std::min<std::chrono::milliseconds>(roll - now_.wall, look_again));
  starts.over = true;
  return false;
}

} // namespace kdq
