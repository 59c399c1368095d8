// A record of each change of a job's state, kept by a trigger as a user may plant one; and of the
// ends of batches, under their id below 0, and of how far schedules were looked at. And triggers
// that refuse what the daemon writes.
#pragma once

namespace kdq::sim {

/// What those say that refuse.
inline constexpr const char* refusal = "not this one";

inline constexpr const char* audit_schema =
    "CREATE TABLE IF NOT EXISTS sim_audit(n INTEGER PRIMARY KEY, job_id INTEGER, attempt INTEGER, "
    "  old TEXT, new TEXT);"
    "CREATE TRIGGER IF NOT EXISTS sim_states AFTER UPDATE OF state ON jobs WHEN OLD.state <> "
    "NEW.state BEGIN INSERT INTO sim_audit(job_id, attempt, old, new) "
    "VALUES (NEW.id, NEW.attempt, OLD.state, NEW.state); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_batches AFTER UPDATE OF ended_at ON batches WHEN "
    "NEW.ended_at "
    "IS NOT NULL BEGIN INSERT INTO sim_audit(job_id, new) "
    "VALUES (-NEW.id, iif(NEW.failed + NEW.cancelled > 0, 'failed', 'succeeded')); END;"
    "CREATE TABLE IF NOT EXISTS sim_times(schedule TEXT, from_at TEXT, to_at TEXT, "
    "  skipped INTEGER, jobs INTEGER);"
    "CREATE TRIGGER IF NOT EXISTS sim_schedules AFTER UPDATE OF next_at ON schedules "
    "WHEN OLD.next_at IS NOT NULL AND NEW.next_at IS NOT NULL BEGIN INSERT INTO sim_times "
    "VALUES (NEW.name, OLD.next_at, NEW.next_at, NEW.skipped - OLD.skipped, (SELECT count(*) FROM "
    "jobs WHERE schedule = NEW.name AND "
    "scheduled_at >= OLD.next_at AND scheduled_at < NEW.next_at)); END;"
    // Of which jobs nothing is taken just now: by the remainder of their ids.
    "CREATE TABLE IF NOT EXISTS sim_refused(what TEXT, fifth INTEGER);"
    "CREATE TRIGGER IF NOT EXISTS sim_refuses_states BEFORE UPDATE OF state ON jobs "
    "WHEN NEW.rev <> OLD.rev AND EXISTS (SELECT 1 FROM sim_refused WHERE what = 'states' "
    "AND fifth = NEW.id % 5) BEGIN SELECT RAISE(ABORT, 'not this one'); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_refuses_lines BEFORE INSERT ON logs WHEN EXISTS (SELECT 1 "
    "FROM sim_refused WHERE what = 'lines' AND fifth = NEW.job_id % 5) BEGIN "
    "SELECT RAISE(ABORT, 'not this one'); END;"
    "CREATE TRIGGER IF NOT EXISTS sim_refuses_intents BEFORE INSERT ON in_flight WHEN EXISTS "
    "(SELECT 1 FROM sim_refused WHERE what = 'intents' AND fifth = NEW.job_id % 5) BEGIN "
    "SELECT RAISE(ABORT, 'not this one'); END;";

} // namespace kdq::sim
