// The kept counters are what happened: each end of a job, each request and each gap once.
#pragma once

#include "tests/sim/invariants.h"

#include <SQLiteCpp/Database.h>

namespace kdq::sim {

/// A record of what is counted, kept by triggers as a user may plant them; after a restore it is
/// that of the restored file, as the counters are.
inline constexpr const char* counter_audit =
    "CREATE TABLE IF NOT EXISTS sim_counts(name TEXT, app TEXT, label TEXT, n INTEGER);"
    "CREATE TRIGGER IF NOT EXISTS sim_ends AFTER UPDATE OF state ON jobs WHEN OLD.state <> "
    "NEW.state AND NEW.state IN ('succeeded', 'failed', 'timed_out', 'cancelled') BEGIN "
    "INSERT INTO sim_counts VALUES ('jobs_finished', coalesce((SELECT name FROM apps WHERE name = "
    "NEW.app), ''), NEW.state, 1); END;"
    // By max_attempts: a user who runs a job again leaves rev as it is.
    "CREATE TRIGGER IF NOT EXISTS sim_reruns AFTER UPDATE OF state ON jobs WHEN NEW.state = "
    "'queued' AND NEW.rev <> OLD.rev AND OLD.state IN ('succeeded', 'failed', 'timed_out', "
    "'cancelled') BEGIN INSERT INTO sim_counts VALUES ('jobs_finished', coalesce((SELECT name FROM "
    "apps WHERE name = NEW.app), ''), OLD.state, -1); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_runs AFTER UPDATE OF state ON jobs WHEN OLD.state = "
    "'running' AND NEW.state = 'succeeded' AND NEW.rev <> OLD.rev BEGIN INSERT INTO sim_counts "
    "VALUES ('job_run_seconds', '', '', 1); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_requests AFTER DELETE ON in_flight WHEN EXISTS (SELECT 1 "
    "FROM jobs WHERE id = OLD.job_id) BEGIN INSERT INTO sim_counts VALUES ('requests', '', "
    "OLD.endpoint, 1); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_gaps AFTER INSERT ON logs WHEN NEW.level = 'gap' BEGIN "
    "INSERT INTO sim_counts VALUES ('log_gaps', '', '', 1); END;";

void check_counters(const World& world, SQLite::Database& database, Findings& findings);

} // namespace kdq::sim
