// What an app has left today, and the price of a status request that follows from it.
#pragma once

#include "store/base/time.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kdq {

class JobQueue;
class QuotaLedger;
struct AppState;
struct DayBudget;

/// All inside of Database::read() or write().
class DayBudgets {
public:
  DayBudgets(JobQueue& queue, QuotaLedger& ledger) : queue_(queue), ledger_(ledger) {}

  /// What the app has left today. The jobs that wait are not counted.
  DayBudget today(const AppState& app, Moment now);
  /// The same with the jobs that wait for a start today, as of a few seconds ago.
  DayBudget today_with_queue(const AppState& app, Moment now);
  /// Fits the app's price to its day. `planned`: its polls of this round, which the ledger lacks.
  void reprice_if_needed(AppState& app, std::size_t planned, Moment now);

private:
  struct Waiting {
    std::int64_t jobs;
    SteadyTime counted_at;
  };

  JobQueue& queue_;
  QuotaLedger& ledger_;
  std::map<std::string, Waiting> waiting_; ///< by app
};

} // namespace kdq
