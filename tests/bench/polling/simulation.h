// Runs a polling policy over a trace.
#pragma once

#include "tests/bench/polling/trace.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kdq::bench {

/// What became of the tasks that arrived on one day, and of that day's requests.
struct DayResult {
  std::size_t tasks = 0;
  double mean_wait_seconds = 0; ///< from a script's end to the poll that saw it
  double p95_wait_seconds = 0;
  double polls_per_task = 0;
  std::int64_t requests = 0;
  double quota_use = 0;      ///< requests ÷ quota
  std::size_t stranded = 0;  ///< tasks whose poll was due when the day had none left
  std::size_t held_back = 0; ///< tasks that were started on a later day than they arrived
};

struct Result {
  std::array<DayResult, 2> day;
  std::int64_t refused = 0; ///< by the service, all days
};

/// The product's schedule, gate and ledger.
/// `admission`: a task is started as the product does it, when the schedule admits it and the rate
/// limit allows it; else at its arrival, as the optimum and the rivals have it.
Result run_price(const Trace& trace, bool admission);

/// A gap that starts at `first` and grows by `factor` up to `longest`, blind to all else.
struct Backoff {
  double first_seconds = 1;
  double factor = 2;
  double longest_seconds = 60;
};
Result run_backoff(const Trace& trace, const Backoff& policy);

/// The policies of their kind with the least mean wait on day 1, found by search.
Backoff best_fixed(const Trace& trace);
Backoff best_backoff(const Trace& trace);

} // namespace kdq::bench
