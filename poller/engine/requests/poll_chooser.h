// Chooses which tasks are asked now.
#pragma once

#include "store/base/time.h"
#include "store/job.h"

#include <vector>

namespace kdq {

class AppTokens;
class DayBudgets;
class RefusedJobs;
class ScheduledTasks;
struct AppState;
struct RoundPlan;
struct WakeUp;

class PollChooser {
public:
  PollChooser(DayBudgets& budgets, AppTokens& tokens, ScheduledTasks& tasks,
              const RefusedJobs& refused)
      : budgets_(budgets), tokens_(tokens), tasks_(tasks), refused_(refused) {}

  /// Once a round: those that were left out, and need not be any more, are due again.
  void begin_round(WakeUp& wake, Moment now);
  /// Adds an app's due polls, as far as its breaker lets them pass and the plan has room. Inside of
  /// Database::read().
  void choose(AppState& app, RoundPlan& plan, Moment now);

private:
  DayBudgets& budgets_;
  AppTokens& tokens_;
  ScheduledTasks& tasks_;
  const RefusedJobs& refused_;
  /// Handed out by their schedules, which have many reasons to hand them out at once again.
  std::vector<JobId> left_out_;
};

} // namespace kdq
