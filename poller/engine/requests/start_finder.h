// Scans the queues of all apps, class by class, for jobs that may be started.
#pragma once

#include "poller/engine/app_states.h"
#include "store/queue_scan.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace kdq {

class DayBudgets;
class FileSlots;
class QuotaLedger;
class RefusedJobs;
class StartReserve;
class TaskTable;
struct Pauses;
struct RoundPlan;

class StartFinder {
public:
  StartFinder(QueueScanner& scanner, AppStates& apps, const TaskTable& tasks, DayBudgets& budgets,
              QuotaLedger& ledger, StartReserve& reserve, const FileSlots& slots,
              const Pauses& pauses, const RefusedJobs& refused)
      : scanner_(scanner), apps_(apps), tasks_(tasks), budgets_(budgets), ledger_(ledger),
        reserve_(reserve), slots_(slots), pauses_(pauses), refused_(refused) {}

  /// About as many jobs of each app as there is room for in the plan: those of an app as it is the
  /// turn of its classes, in claim order over the apps. What the scans found beside them goes into
  /// the plan. Inside of Database::read().
  std::vector<QueueScan::Entry> find(RoundPlan& plan, Moment now);

private:
  using Entries = std::vector<QueueScan::Entry>;

  Entries find_of_app(AppState& app, RoundPlan& plan, Moment now);
  bool reserves_all(AppState& app, RoundPlan& plan, Moment now);
  std::size_t room_of(const JobClass& job_class, AppState& app, RoundPlan& plan, Moment now);
  static void note_room(AppState& app, const RoundPlan& plan, SteadyTime now);
  void scan_unknown_app(const std::string& app, RoundPlan& plan, Moment now);

  QueueScanner& scanner_;
  AppStates& apps_;
  const TaskTable& tasks_;
  DayBudgets& budgets_;
  QuotaLedger& ledger_;
  StartReserve& reserve_;
  const FileSlots& slots_;
  const Pauses& pauses_;
  const RefusedJobs& refused_;
};

} // namespace kdq
