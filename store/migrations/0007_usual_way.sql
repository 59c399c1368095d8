-- What the daemon does to every job costs less still. Out of the queue it takes a job with its own
-- statements, which keep queue and job_counts in step; one trigger sees to what users do and to what
-- is rare, one counts the ends.

DROP TRIGGER jobs_left_queue;
DROP TRIGGER jobs_left_service;
DROP TRIGGER jobs_awaited;

-- The texts of CHECKs can be changed in the schema itself only (sqlite.org/lang_altertable.html), and
-- that of a trigger then shows what changes. A list behind IN that has more than two values is a table
-- that SQLite builds anew for each change of a row; a chain of OR is not.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
  'CHECK (state IN (''queued'', ''submitting'', ''running'', ''unconfirmed'',
                     ''succeeded'', ''failed'', ''timed_out'', ''cancelled''))',
  'CHECK (state = ''queued'' OR state = ''submitting'' OR state = ''running'' OR state = ''unconfirmed''
           OR state = ''succeeded'' OR state = ''failed'' OR state = ''timed_out'' OR state = ''cancelled'')')
WHERE type = 'table' AND name = 'jobs';
UPDATE sqlite_schema SET sql = replace(sql,
  'CHECK (lane IN (''ready'', ''parked'', ''future'', ''dependent''))',
  'CHECK (lane = ''ready'' OR lane = ''parked'' OR lane = ''future'' OR lane = ''dependent'')')
WHERE type = 'table' AND name = 'queue';
-- The usual way: the daemon has taken it from the queue; it runs; it has ended, and nobody waits for it.
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
  'WHEN ''queued'' THEN NEW.state = ''submitting''',
  'WHEN ''queued'' THEN NEW.state = ''submitting'' AND NOT EXISTS (SELECT 1 FROM queue WHERE job_id = NEW.id)'),
  'WHEN ''running'' THEN NEW.state IN (''succeeded'', ''failed'', ''timed_out'')',
  'WHEN ''running'' THEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL
    AND (NEW.state = ''succeeded'' OR NEW.state = ''failed'' OR NEW.state = ''timed_out'')
    AND NOT EXISTS (SELECT 1 FROM queue WHERE lane = ''dependent'' AND depends_on = NEW.id)'),
  'UPDATE job_counts SET jobs = jobs + (NEW.state = state) - (OLD.state = state)
  WHERE state = ''unconfirmed'' OR (state = ''queued'' AND NEW.state = ''queued'');',
  '-- Kept are queued, running (or being started) and unconfirmed; the usual end is counted by jobs_left_service.
  DELETE FROM queue WHERE job_id = NEW.id AND OLD.state = ''queued'';
  UPDATE job_counts
  SET jobs = jobs + (state = iif(NEW.state = ''submitting'', ''running'', NEW.state))
                  - (state = iif(OLD.state = ''submitting'', ''running'', OLD.state))
  WHERE NOT (OLD.state = ''running'' AND NEW.state <> ''cancelled''
             AND OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL);

  -- What becomes of the jobs that wait for this one.
  UPDATE queue SET lane = ''ready'', depends_on = NULL, stuck = 0
  WHERE lane = ''dependent'' AND depends_on = NEW.id AND NEW.state = ''succeeded'';
  UPDATE queue SET stuck = NEW.state IN (''failed'', ''timed_out'', ''cancelled'')
  WHERE lane = ''dependent'' AND depends_on = NEW.id
    AND stuck <> (NEW.state IN (''failed'', ''timed_out'', ''cancelled''));')
WHERE type = 'trigger' AND name = 'jobs_state_changed';
PRAGMA writable_schema = RESET;

-- A text that was not found, and therefore not replaced, stops the migration (state cannot be NULL).
INSERT INTO job_counts(state)
  SELECT NULL FROM sqlite_schema WHERE
    (type = 'table' AND name = 'jobs' AND instr(sql, 'CHECK (state = ') = 0)
    OR (type = 'table' AND name = 'queue' AND instr(sql, 'CHECK (lane = ') = 0)
    OR (type = 'trigger' AND name = 'jobs_state_changed'
        AND (instr(sql, 'FROM queue WHERE job_id = NEW.id)') = 0
             OR instr(sql, 'OLD.finished_at IS NULL') = 0 OR instr(sql, 'DELETE FROM queue') = 0));

CREATE TRIGGER jobs_left_service AFTER UPDATE OF finished_at ON jobs
WHEN OLD.state = 'running' AND NEW.state <> 'running' AND NEW.state <> 'cancelled'
  AND OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = 'running';
END;
