// The product's own books of one app, in a database of their own: what it may send, and what it has
// learnt.
#pragma once

#include "poller/api/kdocs_api.h"
#include "poller/quota/circuit_breaker.h"
#include "poller/schedule/arrival_forecast.h"
#include "poller/schedule/open_task.h"
#include "store/database.h"
#include "store/quota_ledger.h"
#include "store/run_times.h"
#include "tests/bench/polling/trace.h"
#include "tests/support/temp_dir.h"

#include <cstdint>
#include <vector>

namespace kdq::bench {

/// Ledger, gate and learnt run times of the one app of a trace. The database is a file in a folder
/// of its own, in memory if the machine has such a place, and goes with this object.
/// Single-threaded; simulated time is the wall clock and the monotonic clock alike.
class AppBooks {
public:
  explicit AppBooks(const Trace& trace);

  /// As the engine tells it to the schedule.
  DayBudget budget(WallTime now, std::size_t queued);
  /// The first moment at which such a request may be sent, the rate limit included.
  WallTime ready_at(Endpoint endpoint, WallTime now) const;
  /// Enters one request into the ledger, in a transaction. False, and the gate is closed until the
  /// roll, if the day has none left.
  bool pay(Endpoint endpoint, WallTime now);
  /// It is sent: counts for the rate limit.
  void sent(Endpoint endpoint, WallTime now);
  /// The service refused a request that was paid for, because it counts more than the ledger.
  void refused(Endpoint endpoint, WallTime now);
  void worked(Endpoint endpoint, WallTime now);

  void started(WallTime now);
  std::vector<StartCount> starts();
  void learnt(const Learnt& learnt, WallTime now);
  std::vector<RunRow> run_times();

private:
  test::TempDir folder_;
  Database database_;
  QuotaLedger ledger_;
  RunTimes run_times_;
  CircuitBreaker gate_;
};

} // namespace kdq::bench
