// A record of each change of a job's state, kept by a trigger as a user may plant one.
#pragma once

namespace kdq::sim {

inline constexpr const char* audit_schema =
    "CREATE TABLE IF NOT EXISTS sim_audit(n INTEGER PRIMARY KEY, job_id INTEGER, attempt INTEGER, "
    "  old TEXT, new TEXT);"
    "CREATE TRIGGER IF NOT EXISTS sim_states AFTER UPDATE OF state ON jobs WHEN OLD.state <> "
    "NEW.state BEGIN INSERT INTO sim_audit(job_id, attempt, old, new) "
    "VALUES (NEW.id, NEW.attempt, OLD.state, NEW.state); END;";

} // namespace kdq::sim
