// The simulator's tables and its JSON.
#pragma once

#include "tests/bench/polling/simulation.h"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace kdq::bench {

/// One policy on one trace.
struct Run {
  std::string name;
  Result result;
  std::optional<Backoff> blind; ///< its intervals, if that is what it is
};

/// Everything that was measured on one trace; the product's schedule without admission comes first.
struct Measured {
  Trace trace;
  std::vector<Run> runs;

  const Result& price() const { return runs.front().result; }
  const Run* find(const std::string& name) const;
  /// Mean wait over the known-distribution optimum; nullopt if that was not computed.
  std::optional<double> ratio(const Result& result, std::size_t day) const;
};

/// Every policy on every trace, warm day.
void print_details(std::ostream& out, const std::vector<Measured>& all);
/// One line a trace in Markdown, warm day, and the geometric means.
void print_summary(std::ostream& out, const std::vector<Measured>& all);
void print_json(std::ostream& out, const std::vector<Measured>& all);

} // namespace kdq::bench
