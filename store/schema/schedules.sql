CREATE TRIGGER schedule_values_check INSTEAD OF INSERT ON schedule_values
BEGIN
  SELECT CASE
    WHEN coalesce(NEW.name, '') = '' THEN RAISE(ABORT, 'name must not be empty: the jobs of the schedule have it as their schedule')
    WHEN coalesce(NEW.cron, '') = '' THEN RAISE(ABORT, 'cron must not be empty: minute hour day-of-month month day-of-week, such as ''30 9 * * MON-FRI'', or @daily')
    WHEN coalesce(NEW.timezone, '') = '' THEN RAISE(ABORT, 'timezone must not be empty; leave it out for Asia/Shanghai')
    WHEN coalesce(NEW.overlap, '') NOT IN ('skip', 'queue_one', 'queue_all', 'replace') THEN
      RAISE(ABORT, 'overlap must be skip, queue_one, queue_all or replace')
    WHEN coalesce(NEW.missed, '') NOT IN ('once', 'skip', 'all') THEN RAISE(ABORT, 'missed must be once, skip or all')
    WHEN coalesce(NEW.catch_up_s, -1) NOT BETWEEN 0 AND 2592000 THEN
      RAISE(ABORT, 'catch_up_s must be a number of seconds from 0 to 2592000 (30 days)')
    WHEN coalesce(NEW.jitter_s, -1) NOT BETWEEN 0 AND 86400 THEN
      RAISE(ABORT, 'jitter_s must be a number of seconds from 0 to 86400 (a day)')
    WHEN NEW.expires_s NOT BETWEEN 1 AND 2592000 THEN
      RAISE(ABORT, 'expires_s must be a positive number of seconds, at most 2592000 (30 days)')
    WHEN NEW.expires_s <= NEW.jitter_s THEN RAISE(ABORT, 'expires_s must be more than jitter_s: else jobs expire before they may start')
    WHEN NEW.starts_at IS NOT NULL AND NOT (NEW.starts_at GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.starts_at IN (datetime(NEW.starts_at, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.starts_at, '+0 days'))) IS TRUE) THEN
      RAISE(ABORT, 'starts_at must be a UTC time such as ''2026-01-31 09:00:00''; datetime(''now'', ''+1 hour'') gives one')
    WHEN NEW.ends_at IS NOT NULL AND NOT (NEW.ends_at GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.ends_at IN (datetime(NEW.ends_at, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.ends_at, '+0 days'))) IS TRUE) THEN
      RAISE(ABORT, 'ends_at must be a UTC time such as ''2026-01-31 09:00:00''; datetime(''now'', ''+1 hour'') gives one')
    WHEN strftime('%Y-%m-%d %H:%M:%f', NEW.ends_at) < strftime('%Y-%m-%d %H:%M:%f', NEW.starts_at) THEN RAISE(ABORT, 'ends_at must not be before starts_at')
    WHEN coalesce(NEW.paused, 2) NOT IN (0, 1) THEN RAISE(ABORT, 'paused must be 0 or 1')
  END;
  -- What its jobs get must be what a job may have.
  INSERT INTO job_values(id, file_token, script, argv, app, priority, when_needed, on_dependency_failed, supersede,
    class, schedule, max_attempts, timeout_s, on_unconfirmed, created_at, is_new_text)
  VALUES (0, NEW.file_token, NEW.script, NEW.argv, NEW.app, NEW.priority, 'succeeded', 'wait', 0,
    NEW.class, NEW.name, NEW.max_attempts, NEW.timeout_s, NEW.on_unconfirmed, '2026-01-01 00:00:00', NEW.is_new_text);
END;

CREATE TRIGGER schedules_insert BEFORE INSERT ON schedules
BEGIN
  INSERT INTO schedule_values VALUES (NEW.name, NEW.cron, NEW.timezone, NEW.file_token, NEW.script, NEW.argv, NEW.app,
    NEW.priority, NEW.max_attempts, NEW.timeout_s, NEW.on_unconfirmed, NEW.class, NEW.overlap, NEW.missed,
    NEW.catch_up_s, NEW.jitter_s, NEW.expires_s, NEW.starts_at, NEW.ends_at, NEW.paused, 1);
  SELECT RAISE(ABORT, 'a new schedule has no times yet: leave next_at, last_at, last_job_id, last_state, last_success_at, skipped, error, rev and padding out of the INSERT, the daemon writes them')
  WHERE coalesce(NEW.next_at, NEW.last_at, NEW.last_job_id, NEW.last_state, NEW.last_success_at, NEW.error) IS NOT NULL
    OR NEW.skipped IS NOT 0 OR NEW.rev IS NOT 0 OR NEW.padding IS NOT zeroblob(11);
END;

CREATE TRIGGER schedules_inserted AFTER INSERT ON schedules
BEGIN
  INSERT INTO schedule_changes VALUES (NEW.name) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER schedules_update BEFORE UPDATE ON schedules WHEN NEW.rev IS OLD.rev
BEGIN
  -- A user's change: the daemon counts rev up.
  SELECT CASE
    WHEN NEW.name IS NOT OLD.name THEN RAISE(ABORT, 'the name of a schedule cannot change, its jobs refer to it: INSERT another one and DELETE this one')
    WHEN (NEW.next_at, NEW.last_at, NEW.last_job_id, NEW.last_state, NEW.last_success_at, NEW.skipped, NEW.error, NEW.padding)
      IS NOT (OLD.next_at, OLD.last_at, OLD.last_job_id, OLD.last_state, OLD.last_success_at, OLD.skipped, OLD.error, OLD.padding) THEN
      RAISE(ABORT, 'next_at, last_at, last_job_id, last_state, last_success_at, skipped, error and padding are written by the daemon: change cron, timezone, starts_at, ends_at or paused, and it reckons next_at anew')
  END;
  INSERT INTO schedule_values VALUES (NEW.name, NEW.cron, NEW.timezone, NEW.file_token, NEW.script, NEW.argv, NEW.app,
    NEW.priority, NEW.max_attempts, NEW.timeout_s, NEW.on_unconfirmed, NEW.class, NEW.overlap, NEW.missed,
    NEW.catch_up_s, NEW.jitter_s, NEW.expires_s, NEW.starts_at, NEW.ends_at, NEW.paused,
    NEW.script IS NOT OLD.script OR NEW.argv IS NOT OLD.argv);
END;

CREATE TRIGGER schedules_changed AFTER UPDATE OF cron, timezone, starts_at, ends_at, paused, app, jitter_s ON schedules
WHEN NEW.rev IS OLD.rev AND (NEW.cron, NEW.timezone, NEW.starts_at, NEW.ends_at, NEW.paused, NEW.app, NEW.jitter_s)
  IS NOT (OLD.cron, OLD.timezone, OLD.starts_at, OLD.ends_at, OLD.paused, OLD.app, OLD.jitter_s)
BEGIN
  INSERT INTO schedule_changes VALUES (NEW.name) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER schedules_deleted AFTER DELETE ON schedules
BEGIN
  DELETE FROM schedule_times WHERE schedule = OLD.name;
  INSERT INTO schedule_changes VALUES (OLD.name) ON CONFLICT DO NOTHING;
END;
