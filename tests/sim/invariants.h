// What must hold after a run, whatever happened in it.
#pragma once

#include "tests/sim/world.h"

#include <cstddef>
#include <string>
#include <vector>

namespace kdq::sim {

struct Findings {
  std::vector<std::string> violations;
  std::size_t lines_handed_out = 0;
  std::size_t lines_stored = 0;
  std::size_t lines_in_gaps = 0;
  std::size_t lines_deleted = 0; ///< with their jobs or by a restore, by the user
  std::size_t duplicates = 0;
  std::size_t lost = 0;
  std::size_t run_twice = 0; ///< scripts that ran more often than their jobs allow
};

/// Compares what the service and the users know with what stands in the database. To be called
/// after World::run().
Findings check(World& world);

/// No script ran more often than its job allows: holds at any moment, too.
void check_runs(World& world, SQLite::Database& database, Findings& findings);

/// The rows of the run's database, for a person.
void print_rows(World& world);

} // namespace kdq::sim
