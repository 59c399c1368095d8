// The first promise: no line is lost silently.
#pragma once

#include "tests/sim/invariants.h"

#include <SQLiteCpp/Database.h>

namespace kdq::sim {

/// Compares each line that the service handed out with the rows of its attempt.
void check_logs(const World& world, SQLite::Database& database, Findings& findings);

} // namespace kdq::sim
