// What must hold for an app whose service is well, beside one whose service hangs.
#pragma once

#include "poller/clock.h"
#include "tests/sim/plan.h"

#include <SQLiteCpp/Database.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kdq::sim {

/// For plans in which nothing else is in the way of the healthy app's jobs.
class Neighbour {
public:
  explicit Neighbour(const Plan& plan) : plan_(plan) {}

  void inserted(const std::string& script_name, const JobPlan& job, SteadyTime now);
  /// To be called now and then. `daemon_since`: since when one is there that does not end; none:
  /// there is none.
  void look(SQLite::Database& database, std::optional<SteadyTime> daemon_since, SteadyTime now);
  const std::vector<std::string>& violations() const { return violations_; }

private:
  struct Expected {
    std::string name;
    SteadyTime since;
    std::chrono::milliseconds start_within;
    std::chrono::milliseconds end_within;
    bool started = false;
  };
  const Plan& plan_;
  std::vector<Expected> jobs_;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
