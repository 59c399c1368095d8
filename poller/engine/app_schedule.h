// One app's PriceSchedule in the times that the engine has: steady time of this process, and civil
// time of the database. The conversions to the schedule's own time are here and in DayBudgets.
#pragma once

#include "poller/engine/plan_time.h"
#include "store/job.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace kdq {

class PriceSchedule;
struct DayBudget;
struct Learnt;
struct OpenTask;
struct RunRow;
struct StartCount;
struct Task;
struct TaskKeys;

/// How the schedule finds the script's past runs.
TaskKeys keys_of(const ScriptIdentity& script);

/// A task that is to be asked, and since when.
struct DueTask {
  JobId job;
  SteadyTime due{};
};

/// Owns the schedule.
class AppSchedule {
public:
  explicit AppSchedule(PlanTime time);
  ~AppSchedule();
  AppSchedule(AppSchedule&&) noexcept;
  AppSchedule& operator=(AppSchedule&&) noexcept;

  /// Begins anew with what was stored and the tasks that run.
  void restore(std::vector<RunRow> runs, const std::vector<StartCount>& starts,
               const std::vector<const Task*>& tasks, SteadyTime now, const DayBudget& budget);

  void submitted(const Task& task);
  void found_running(JobId job, SteadyTime polled_at);
  /// `ended_at`: the log's own word, by the wall clock. Gives rows with civil times.
  Learnt ended(JobId job, Moment now, std::optional<WallTime> ended_at);
  void dropped(JobId job);
  void postponed(JobId job, SteadyTime at);
  void watch(JobId job, WallTime until, Moment now);

  std::optional<DueTask> next_due(SteadyTime now);
  std::optional<SteadyTime> next_wakeup() const;
  bool needs_price(SteadyTime now) const;
  void reprice(SteadyTime now, const DayBudget& budget);
  bool admits(const TaskKeys& keys, const DayBudget& budget);
  bool has_room_for(double polls, const DayBudget& budget) const;
  double expected_polls_of_open();
  std::size_t open() const;

private:
  OpenTask open_task(const Task& task) const;

  PlanTime time_;
  std::unique_ptr<PriceSchedule> schedule_;
};

} // namespace kdq
