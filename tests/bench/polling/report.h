// The simulator's table and its JSON.
#pragma once

#include "tests/bench/polling/simulation.h"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace kdq::bench {

struct Rival {
  std::string name;
  Backoff policy;
  Result result;
};

/// Everything that was measured on one trace.
struct Measured {
  Trace trace;
  Result price;    ///< tasks started at their arrival
  Result admitted; ///< tasks started when the schedule admits them
  std::vector<Rival> rivals;

  /// Mean wait over the known-distribution optimum; nullopt if that was not computed.
  std::optional<double> ratio(std::size_t day) const;
};

void print_table(std::ostream& out, const std::vector<Measured>& all);
void print_json(std::ostream& out, const std::vector<Measured>& all);

} // namespace kdq::bench
