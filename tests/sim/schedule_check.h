// Whether each time of a schedule has its job.
#pragma once

#include "tests/sim/invariants.h"

#include <SQLiteCpp/Database.h>

namespace kdq::sim {

/// Each time of a schedule that was passed has one job or is counted as skipped, and nothing else
/// was taken for a time: by the reckoning of schedule_times.h.
void check_schedules(const World& world, SQLite::Database& database, Findings& findings);

} // namespace kdq::sim
