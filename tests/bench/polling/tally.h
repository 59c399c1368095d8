// Collects what a simulation saw into a Result.
#pragma once

#include "tests/bench/polling/service.h"
#include "tests/bench/polling/simulation.h"

#include <array>
#include <vector>

namespace kdq::bench {

class Tally {
public:
  void detected(const TraceTask& task, WallTime started, WallTime ended, WallTime seen,
                std::int64_t polls);
  void stranded(std::int64_t day);
  Result result(const Trace& trace, const Service& service) const;

private:
  struct Day {
    std::vector<double> waits;
    std::int64_t polls = 0;
    std::size_t stranded = 0;
    std::size_t held_back = 0;
  };
  std::array<Day, 2> days_;
};

} // namespace kdq::bench
