// Chooses which jobs are started now.
#pragma once

#include "poller/engine/app_states.h"
#include "store/job_queue.h"

#include <cstddef>
#include <vector>

namespace kdq {

class AppTokens;
class DayBudgets;
class Dependencies;
class FileSlots;
class RefusedJobs;
class StartFinder;
class StartPace;
class TaskTable;
struct AppState;
struct EngineSettings;
struct RoundPlan;

class StartChooser {
public:
  StartChooser(JobQueue& queue, Dependencies& dependencies, const TaskTable& tasks, AppStates& apps,
               DayBudgets& budgets, AppTokens& tokens, StartFinder& finder, const FileSlots& slots,
               StartPace& pace, const RefusedJobs& refused, const EngineSettings& settings)
      : queue_(queue), dependencies_(dependencies), tasks_(tasks), apps_(apps), budgets_(budgets),
        tokens_(tokens), finder_(finder), slots_(slots), pace_(pace), refused_(refused),
        settings_(settings) {}

  /// Adds what is to be done to queued jobs. Inside of Database::read().
  void choose(RoundPlan& plan, Moment now);

private:
  void add_ends(RoundPlan& plan, Moment now);
  void divide_places(RoundPlan& plan, SteadyTime now) const;
  void choose_among(std::vector<QueueScan::Entry> found, RoundPlan& plan, Moment now);
  bool may_send(AppState& app, RoundPlan& plan, Moment now);

  JobQueue& queue_;
  Dependencies& dependencies_;
  const TaskTable& tasks_;
  AppStates& apps_;
  DayBudgets& budgets_;
  AppTokens& tokens_;
  StartFinder& finder_;
  const FileSlots& slots_;
  StartPace& pace_;
  const RefusedJobs& refused_;
  const EngineSettings& settings_;
};

} // namespace kdq
