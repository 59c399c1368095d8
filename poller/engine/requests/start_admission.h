// Whether the day has status requests left to bring one more task to its end.
#pragma once

#include "poller/engine/requests/round_plan.h"
#include "poller/schedule/arrival_forecast.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kdq {

class DayBudgets;
class TaskTable;
struct AppState;

/// For one round of choosing starts, inside of Database::read().
class StartAdmission {
public:
  StartAdmission(JobQueue& queue, const TaskTable& tasks, DayBudgets& budgets, Moment now)
      : queue_(queue), tasks_(tasks), budgets_(budgets), now_(now) {}

  /// Whether the starts that are left today are for the jobs of schedules, and this is none.
  bool is_reserved(const QueueScan::Entry& entry, const RoundPlan& plan);
  /// Whether one more start is let through, beside the tasks that run and those that are being
  /// started. If not, says so in the app's state, and none is for the rest of the round.
  bool admits(AppState& app, JobId job, WakeUp& wake);
  /// Nothing more is let through of this app.
  bool is_over(const std::string& app) { return of_app_[app].over; }
  void chosen(const QueueScan::Entry& entry);

private:
  struct AppStarts {
    std::size_t chosen = 0;
    std::int64_t unscheduled = 0; ///< of these: without schedule
    bool over = false;
    std::optional<DayBudget> budget; ///< once it was needed; without what is being chosen
  };

  JobQueue& queue_;
  const TaskTable& tasks_;
  DayBudgets& budgets_;
  Moment now_;
  std::map<std::string, AppStarts> of_app_;
};

} // namespace kdq
