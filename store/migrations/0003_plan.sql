-- Planning: jobs that wait for another job or are tried more than once, pauses, watches, what the
-- daemon learned and what it tells. jobs and queue are rebuilt, because new columns of jobs are to
-- stand before script; rows, ids and counters stay. (A trigger that somebody else put on jobs goes.)

PRAGMA legacy_alter_table = ON;  -- views and triggers go on meaning the tables of these names
ALTER TABLE jobs RENAME TO jobs_before;
ALTER TABLE queue RENAME TO queue_before;
PRAGMA legacy_alter_table = OFF;

CREATE TABLE jobs (
  -- queued → submitting → running → succeeded | failed | timed_out
  --            ↘ unconfirmed (the start may have happened)
  -- you:  any job that has not ended → cancelled
  --       failed, timed_out, cancelled, unconfirmed → queued (run it again)
  -- Times are TEXT in UTC, 'YYYY-MM-DD HH:MM:SS.SSS'; datetime('now', '+1 hour') is accepted too.

  -- INSERT these; only file_token and script are needed ------------------------------------
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  file_token  ANY,                 -- the file's open_id (not the share id of a browser URL)
  script_name TEXT,                -- log lines show it as <script_name>.ks:line:column
  argv        ANY,                 -- a JSON object; the script reads it with Arguments.get(...)
  app         TEXT    NOT NULL DEFAULT 'default',  -- which configured app's token and quotas
  priority    INTEGER NOT NULL DEFAULT 0,          -- smaller runs first; then run_at, then id
  run_at      TEXT,                -- not before this time; NULL: at once
  expires_at  TEXT,                -- do not start after this time; the job then ends timed_out
  depends_on  INTEGER,             -- id of a job that must have succeeded first
  unique_key  TEXT,                -- at most one job that has not ended may have it
  max_attempts INTEGER NOT NULL DEFAULT 1,  -- how often a script that fails is started in all; the
                                   -- daemon sets run_at between: up to 30 s later, doubled up to 1 h
  timeout_s   INTEGER,             -- give up this long after the start; NULL: the daemon's setting
  on_unconfirmed TEXT NOT NULL DEFAULT 'hold',  -- if the reply to a start is lost: hold it as
                                   -- unconfirmed for you to decide, retry (the script may then run
                                   -- twice; at most three times, then hold), or fail

  -- you may UPDATE state to 'cancelled', and of an ended job (or unconfirmed) to 'queued' ---
  state       TEXT    NOT NULL DEFAULT 'queued',

  -- written by the daemon ------------------------------------------------------------------
  attempt       INTEGER NOT NULL DEFAULT 0,  -- how often it was started
  task_id       TEXT,                        -- the service's name for the running script
  remote_status TEXT,                        -- the service's last word about it, as received
  result        TEXT,                        -- JSON: value of the script's last expression
  error         TEXT,                        -- why it failed or waits, as a sentence
  polls         INTEGER NOT NULL DEFAULT 0,  -- status requests spent on this attempt
  log_gaps      INTEGER NOT NULL DEFAULT 0,  -- places in this attempt's log where lines may lack
  created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  submitted_at  TEXT,
  finished_at   TEXT,
  room          BLOB    NOT NULL DEFAULT (zeroblob(256)),  -- shrinks as the columns above grow: a
                                   -- row that keeps its size keeps its script's pages untouched

  -- last, so that reading the columns above does not read a long script --------------------
  script      ANY,                 -- what to run: text, or a BLOB of UTF-8 (readfile('a.js'))

  CONSTRAINT "file_token must be given as text: the file's open_id"
    CHECK (typeof(file_token) = 'text'),
  CONSTRAINT "file_token must not be empty"
    CHECK (length(CAST(file_token AS BLOB)) > 0),
  CONSTRAINT "file_token must not contain a NUL character"
    CHECK (instr(CAST(file_token AS BLOB), x'00') = 0),
  CONSTRAINT "file_token must be the file's open_id, not its browser address or the share id in it (https://www.kdocs.cn/l/... or /l/...): the service does not know share ids"
    CHECK (file_token NOT LIKE '%://%' AND '/' || file_token NOT LIKE '%/l/%'),
  CONSTRAINT "script must be given as text, or as a BLOB of UTF-8 text (readfile)"
    CHECK (typeof(script) IN ('text', 'blob')),
  CONSTRAINT "script must not be empty"
    CHECK (length(CAST(script AS BLOB)) > 0),
  CONSTRAINT "argv must be a JSON object, such as {""name"": ""value""}"
    CHECK (argv IS NULL OR (typeof(argv) IN ('text', 'blob') AND
      CASE WHEN json_valid(CAST(argv AS TEXT)) THEN json_type(CAST(argv AS TEXT)) = 'object' ELSE 0 END)),
  CONSTRAINT "app must not be empty; leave it out to use the app named default"
    CHECK (length(app) > 0),
  CONSTRAINT "run_at must be a UTC time such as '2026-01-31 09:00:00' or '2026-01-31 09:00:00.250'; datetime('now', '+1 hour') gives one"
    CHECK (run_at IS NULL OR
      ((run_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]' OR
        run_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]')
       AND strftime('%Y-%m-%d %H:%M:%S', substr(run_at, 1, 19), '+0 days') IS substr(run_at, 1, 19))),
  CONSTRAINT "expires_at must be a UTC time such as '2026-01-31 09:00:00' or '2026-01-31 09:00:00.250'; datetime('now', '+1 hour') gives one"
    CHECK (expires_at IS NULL OR
      ((expires_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]' OR
        expires_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]')
       AND strftime('%Y-%m-%d %H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19))),
  CONSTRAINT "created_at is written by the database: leave it out"
    CHECK ((created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]' OR
            created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]')
           AND strftime('%Y-%m-%d %H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)),
  CONSTRAINT "depends_on must be the id of an earlier job (a smaller id than its own)"
    CHECK (depends_on IS NULL OR depends_on < id),
  CONSTRAINT "max_attempts must be from 1 to 1000: how often a script that fails is started in all"
    CHECK (max_attempts BETWEEN 1 AND 1000),
  CONSTRAINT "timeout_s must be a positive number of seconds, at most 2592000 (30 days)"
    CHECK (timeout_s IS NULL OR timeout_s BETWEEN 1 AND 2592000),
  CONSTRAINT "on_unconfirmed must be hold, retry or fail"
    CHECK (on_unconfirmed IN ('hold', 'retry', 'fail')),
  CONSTRAINT "state must be queued, submitting, running, unconfirmed, succeeded, failed, timed_out or cancelled"
    CHECK (state IN ('queued', 'submitting', 'running', 'unconfirmed',
                     'succeeded', 'failed', 'timed_out', 'cancelled'))
) STRICT;

INSERT INTO sqlite_sequence(name, seq)  -- ids of deleted jobs are not given again
  SELECT 'jobs', seq FROM sqlite_sequence WHERE name = 'jobs_before';
INSERT INTO jobs(id, file_token, script_name, argv, app, priority, run_at, expires_at, unique_key,
                 timeout_s, on_unconfirmed, state, attempt, task_id, remote_status, result, error,
                 polls, log_gaps, created_at, submitted_at, finished_at, script)
  SELECT id, file_token, script_name, argv, app, priority, run_at, expires_at, unique_key,
         timeout_s, on_unconfirmed, state, attempt, task_id, remote_status, result, error,
         polls, log_gaps, created_at, submitted_at, finished_at, script
  FROM jobs_before ORDER BY id;
DROP TABLE jobs_before;

-- INSERT OR IGNORE with a unique_key enqueues only if no such job is waiting or running. (Never
-- INSERT OR REPLACE: it would remove the job that is there without a trace.)
CREATE UNIQUE INDEX jobs_unique_key ON jobs(unique_key)
  WHERE unique_key IS NOT NULL
    AND state IN ('queued', 'submitting', 'running', 'unconfirmed');

CREATE INDEX jobs_expiring ON jobs(expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;

-- What the daemon takes up again at its start, and which jobs keep a file busy. The condition is to be
-- repeated to the letter by who wants to use it.
CREATE INDEX jobs_busy ON jobs(file_token, id, app) WHERE state IN ('submitting', 'running');
CREATE INDEX jobs_unconfirmed ON jobs(id) WHERE state = 'unconfirmed';

-- The daemon's own: queued jobs in claim order. Triggers keep it in step with jobs, so that finding
-- the next job to start costs the same whatever else is queued.
--   ready      to be looked at in order
--   parked     behind a ready job of the same app and file
--   future     run_at has not come
--   dependent  the job named by depends_on has not succeeded
CREATE TABLE queue (
  job_id     INTEGER PRIMARY KEY,
  app        TEXT    NOT NULL,
  file_token TEXT    NOT NULL,
  priority   INTEGER NOT NULL,
  due        TEXT    NOT NULL,     -- run_at, or created_at where that is NULL
  timed      INTEGER NOT NULL,     -- 1: due is a run_at, not to be started before
  lane       TEXT    NOT NULL DEFAULT 'ready',
  depends_on INTEGER,              -- in lane dependent: the job waited for; else NULL
  stuck      INTEGER NOT NULL DEFAULT 0,  -- 1: that job has ended otherwise, or was deleted
  CHECK (lane IN ('ready', 'parked', 'future', 'dependent'))
) STRICT;
INSERT INTO queue(job_id, app, file_token, priority, due, timed, lane)
  SELECT job_id, app, file_token, priority, due, timed, lane FROM queue_before ORDER BY job_id;
DROP TABLE queue_before;

CREATE INDEX queue_ready ON queue(app, priority, due, job_id, timed, file_token)
  WHERE lane = 'ready';
CREATE INDEX queue_file ON queue(app, file_token, lane, priority, due, job_id);
CREATE INDEX queue_future ON queue(due) WHERE lane = 'future';
CREATE INDEX queue_dependent ON queue(depends_on) WHERE lane = 'dependent';
CREATE INDEX queue_stuck ON queue(job_id) WHERE stuck = 1;

-- When a ready job leaves, the next one of its file takes its place.
CREATE TRIGGER queue_left AFTER DELETE ON queue WHEN OLD.lane = 'ready'
BEGIN
  UPDATE queue SET lane = 'ready' WHERE job_id = (
    SELECT job_id FROM queue
    WHERE app = OLD.app AND file_token = OLD.file_token AND lane = 'parked'
    ORDER BY priority, due, job_id LIMIT 1);
END;
CREATE TRIGGER queue_postponed AFTER UPDATE OF lane ON queue
WHEN OLD.lane = 'ready' AND NEW.lane = 'future'
BEGIN
  UPDATE queue SET lane = 'ready' WHERE job_id = (
    SELECT job_id FROM queue
    WHERE app = OLD.app AND file_token = OLD.file_token AND lane = 'parked'
    ORDER BY priority, due, job_id LIMIT 1);
END;

-- Who joins the queue with a job to wait for goes into the lane for that.
CREATE TRIGGER queue_waits AFTER INSERT ON queue WHEN NEW.depends_on IS NOT NULL
BEGIN
  UPDATE queue SET lane = 'dependent',
                   stuck = coalesce((SELECT state IN ('failed', 'timed_out', 'cancelled')
                                     FROM jobs WHERE id = NEW.depends_on), 1)
  WHERE job_id = NEW.job_id;
END;

CREATE TRIGGER jobs_start_queued BEFORE INSERT ON jobs
WHEN NEW.state IS NOT 'queued' OR NEW.attempt IS NOT 0 OR NEW.polls IS NOT 0
  OR NEW.log_gaps IS NOT 0 OR NEW.task_id IS NOT NULL OR NEW.remote_status IS NOT NULL
  OR NEW.result IS NOT NULL OR NEW.error IS NOT NULL OR NEW.submitted_at IS NOT NULL
  OR NEW.finished_at IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a new job is queued: leave state, attempt, task_id, remote_status, result, error, polls, log_gaps, submitted_at and finished_at out of the INSERT, the daemon writes them');
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs
BEGIN
  INSERT INTO queue(job_id, app, file_token, priority, due, timed, depends_on, lane)
    VALUES (NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
            NEW.run_at IS NOT NULL,
            (SELECT NEW.depends_on WHERE NOT EXISTS
              (SELECT 1 FROM jobs WHERE id = NEW.depends_on AND state = 'succeeded')),
            CASE WHEN NEW.run_at > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'future'
                 WHEN EXISTS (SELECT 1 FROM queue
                              WHERE app = NEW.app AND file_token = NEW.file_token AND lane = 'ready'
                                AND (priority, due, job_id) <
                                    (NEW.priority, coalesce(NEW.run_at, NEW.created_at), NEW.id))
                 THEN 'parked' ELSE 'ready' END);
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER jobs_state_changed AFTER UPDATE OF state ON jobs WHEN NEW.state <> OLD.state
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
  DELETE FROM queue WHERE job_id = NEW.id AND OLD.state = 'queued';
  INSERT INTO queue(job_id, app, file_token, priority, due, timed, depends_on)
    SELECT NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
           NEW.run_at IS NOT NULL,
           (SELECT NEW.depends_on WHERE NOT EXISTS
             (SELECT 1 FROM jobs WHERE id = NEW.depends_on AND state = 'succeeded'))
    WHERE NEW.state = 'queued';
END;

-- Run again: the last attempt's traces leave the job; its log lines and requests stay.
CREATE TRIGGER jobs_requeued AFTER UPDATE OF state ON jobs
WHEN NEW.state = 'queued' AND OLD.state <> 'queued'
BEGIN
  UPDATE jobs SET task_id = NULL, remote_status = NULL, result = NULL, polls = 0, log_gaps = 0,
                  submitted_at = NULL, finished_at = NULL,
                  room = zeroblob(max(0, 256 - coalesce(length(CAST(error AS BLOB)), 0)))
  WHERE id = NEW.id;
END;

CREATE TRIGGER jobs_cancelled AFTER UPDATE OF state ON jobs
WHEN NEW.state = 'cancelled' AND NEW.finished_at IS NULL
BEGIN
  UPDATE jobs SET finished_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER jobs_moved AFTER UPDATE OF app, file_token, priority, run_at, depends_on ON jobs
WHEN OLD.state = 'queued' AND NEW.state = 'queued'
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  INSERT INTO queue(job_id, app, file_token, priority, due, timed, depends_on)
    VALUES (NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
            NEW.run_at IS NOT NULL,
            (SELECT NEW.depends_on WHERE NOT EXISTS
              (SELECT 1 FROM jobs WHERE id = NEW.depends_on AND state = 'succeeded')));
END;

CREATE TRIGGER jobs_keep_what_runs BEFORE UPDATE OF app, file_token, script, script_name, argv ON jobs
WHEN OLD.state IN ('submitting', 'running')
BEGIN
  SELECT RAISE(ABORT, 'this job is being run: app, file_token, script, script_name and argv cannot change now; cancel it first');
END;

CREATE TRIGGER jobs_keep_id BEFORE UPDATE OF id ON jobs WHEN NEW.id IS NOT OLD.id
BEGIN
  SELECT RAISE(ABORT, 'the id of a job cannot change: its log lines and requests refer to it');
END;

CREATE TRIGGER jobs_delete BEFORE DELETE ON jobs WHEN OLD.state IN ('submitting', 'running')
BEGIN
  SELECT RAISE(ABORT, 'this job is being run and cannot be deleted: set its state to cancelled first');
END;

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  DELETE FROM logs WHERE job_id = OLD.id;
  DELETE FROM requests WHERE job_id = OLD.id;
  DELETE FROM watches WHERE job_id = OLD.id;
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
END;

-- What becomes of the jobs that wait for another one. The WHEN is all that others pay for it.
CREATE TRIGGER jobs_awaited AFTER UPDATE OF state ON jobs
WHEN EXISTS (SELECT 1 FROM queue WHERE lane = 'dependent' AND depends_on = NEW.id)
BEGIN
  UPDATE queue SET lane = 'ready', depends_on = NULL, stuck = 0
  WHERE lane = 'dependent' AND depends_on = NEW.id AND NEW.state = 'succeeded';
  UPDATE queue SET stuck = NEW.state IN ('failed', 'timed_out', 'cancelled')
  WHERE lane = 'dependent' AND depends_on = NEW.id
    AND stuck <> (NEW.state IN ('failed', 'timed_out', 'cancelled'));
END;

CREATE TRIGGER jobs_depend_on_a_job BEFORE INSERT ON jobs
WHEN NEW.depends_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = NEW.depends_on)
BEGIN
  SELECT RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id');
END;
CREATE TRIGGER jobs_depend_on_another_job BEFORE UPDATE OF depends_on ON jobs
WHEN NEW.depends_on IS NOT NULL AND NEW.depends_on IS NOT OLD.depends_on
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = NEW.depends_on)
BEGIN
  SELECT RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id');
END;
CREATE TRIGGER jobs_delete_awaited BEFORE DELETE ON jobs
WHEN EXISTS (SELECT 1 FROM queue WHERE lane = 'dependent' AND depends_on = OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'other jobs wait for this one (SELECT id FROM jobs WHERE depends_on = its id): cancel them or set their depends_on to NULL first');
END;

-- The state machine: each trigger refuses what the picture at the top does not allow from one state.
-- RAISE takes no computed text, hence a sentence for each pair.

CREATE TRIGGER jobs_from_queued BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'queued' AND NEW.state NOT IN ('queued', 'submitting', 'cancelled')
BEGIN
  SELECT CASE NEW.state
    WHEN 'running' THEN RAISE(ABORT, 'this job is queued and cannot become running: you may set it to cancelled, the daemon takes it to submitting')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is queued and cannot become unconfirmed: you may set it to cancelled, the daemon takes it to submitting')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is queued and cannot become succeeded: you may set it to cancelled, the daemon takes it to submitting')
    WHEN 'failed' THEN RAISE(ABORT, 'this job is queued and cannot become failed: you may set it to cancelled, the daemon takes it to submitting')
    WHEN 'timed_out' THEN RAISE(ABORT, 'this job is queued and cannot become timed_out: you may set it to cancelled, the daemon takes it to submitting')
    ELSE RAISE(ABORT, 'this job is queued and that is no state it can become: you may set it to cancelled, the daemon takes it to submitting')
  END;
END;

-- Back to queued only with the attempt taken back, as the daemon does when nothing was sent: a start
-- that is on its way could otherwise be sent again.
CREATE TRIGGER jobs_from_submitting BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'submitting'
  AND (NEW.state NOT IN ('submitting', 'running', 'queued', 'unconfirmed', 'failed', 'timed_out', 'cancelled')
       OR (NEW.state = 'queued' AND NEW.attempt IS NOT OLD.attempt - 1))
BEGIN
  SELECT CASE NEW.state
    WHEN 'queued' THEN RAISE(ABORT, 'this job is submitting and cannot become queued: its start is on its way; you may set it to cancelled')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is submitting and cannot become succeeded: you may set it to cancelled, the daemon does the rest')
    ELSE RAISE(ABORT, 'this job is submitting and that is no state it can become: you may set it to cancelled, the daemon does the rest')
  END;
END;

CREATE TRIGGER jobs_from_running BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'running' AND NEW.state NOT IN ('running', 'succeeded', 'failed', 'timed_out', 'cancelled')
BEGIN
  SELECT CASE NEW.state
    WHEN 'queued' THEN RAISE(ABORT, 'this job is running and cannot become queued: you may set it to cancelled, the daemon does the rest')
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is running and cannot become submitting: you may set it to cancelled, the daemon does the rest')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is running and cannot become unconfirmed: you may set it to cancelled, the daemon does the rest')
    ELSE RAISE(ABORT, 'this job is running and that is no state it can become: you may set it to cancelled, the daemon does the rest')
  END;
END;

CREATE TRIGGER jobs_from_unconfirmed BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'unconfirmed' AND NEW.state NOT IN ('unconfirmed', 'queued', 'failed', 'cancelled')
BEGIN
  SELECT CASE NEW.state
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become submitting: set it to queued to run it (again), or to cancelled')
    WHEN 'running' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become running: set it to queued to run it (again), or to cancelled')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become succeeded: set it to queued to run it (again), or to cancelled')
    WHEN 'timed_out' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become timed_out: set it to queued to run it (again), or to cancelled')
    ELSE RAISE(ABORT, 'this job is unconfirmed and that is no state it can become: set it to queued to run it (again), or to cancelled')
  END;
END;

CREATE TRIGGER jobs_from_succeeded BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'succeeded' AND NEW.state NOT IN ('succeeded')
BEGIN
  SELECT CASE NEW.state
    WHEN 'queued' THEN RAISE(ABORT, 'this job is succeeded and cannot become queued: it has ended; INSERT a new job to run the script again')
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is succeeded and cannot become submitting: it has ended; INSERT a new job to run the script again')
    WHEN 'running' THEN RAISE(ABORT, 'this job is succeeded and cannot become running: it has ended; INSERT a new job to run the script again')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is succeeded and cannot become unconfirmed: it has ended; INSERT a new job to run the script again')
    WHEN 'failed' THEN RAISE(ABORT, 'this job is succeeded and cannot become failed: it has ended; INSERT a new job to run the script again')
    WHEN 'timed_out' THEN RAISE(ABORT, 'this job is succeeded and cannot become timed_out: it has ended; INSERT a new job to run the script again')
    WHEN 'cancelled' THEN RAISE(ABORT, 'this job is succeeded and cannot become cancelled: it has ended; INSERT a new job to run the script again')
    ELSE RAISE(ABORT, 'this job is succeeded and that is no state it can become: it has ended; INSERT a new job to run the script again')
  END;
END;

CREATE TRIGGER jobs_from_failed BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'failed' AND NEW.state NOT IN ('failed', 'queued')
BEGIN
  SELECT CASE NEW.state
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is failed and cannot become submitting: it has ended; set it to queued to run it again')
    WHEN 'running' THEN RAISE(ABORT, 'this job is failed and cannot become running: it has ended; set it to queued to run it again')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is failed and cannot become unconfirmed: it has ended; set it to queued to run it again')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is failed and cannot become succeeded: it has ended; set it to queued to run it again')
    WHEN 'timed_out' THEN RAISE(ABORT, 'this job is failed and cannot become timed_out: it has ended; set it to queued to run it again')
    WHEN 'cancelled' THEN RAISE(ABORT, 'this job is failed and cannot become cancelled: it has ended; set it to queued to run it again')
    ELSE RAISE(ABORT, 'this job is failed and that is no state it can become: it has ended; set it to queued to run it again')
  END;
END;

CREATE TRIGGER jobs_from_timed_out BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'timed_out' AND NEW.state NOT IN ('timed_out', 'queued')
BEGIN
  SELECT CASE NEW.state
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is timed_out and cannot become submitting: it has ended; set it to queued to run it again')
    WHEN 'running' THEN RAISE(ABORT, 'this job is timed_out and cannot become running: it has ended; set it to queued to run it again')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is timed_out and cannot become unconfirmed: it has ended; set it to queued to run it again')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is timed_out and cannot become succeeded: it has ended; set it to queued to run it again')
    WHEN 'failed' THEN RAISE(ABORT, 'this job is timed_out and cannot become failed: it has ended; set it to queued to run it again')
    WHEN 'cancelled' THEN RAISE(ABORT, 'this job is timed_out and cannot become cancelled: it has ended; set it to queued to run it again')
    ELSE RAISE(ABORT, 'this job is timed_out and that is no state it can become: it has ended; set it to queued to run it again')
  END;
END;

CREATE TRIGGER jobs_from_cancelled BEFORE UPDATE OF state ON jobs
WHEN OLD.state = 'cancelled' AND NEW.state NOT IN ('cancelled', 'queued')
BEGIN
  SELECT CASE NEW.state
    WHEN 'submitting' THEN RAISE(ABORT, 'this job is cancelled and cannot become submitting: it has ended; set it to queued to run it again')
    WHEN 'running' THEN RAISE(ABORT, 'this job is cancelled and cannot become running: it has ended; set it to queued to run it again')
    WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is cancelled and cannot become unconfirmed: it has ended; set it to queued to run it again')
    WHEN 'succeeded' THEN RAISE(ABORT, 'this job is cancelled and cannot become succeeded: it has ended; set it to queued to run it again')
    WHEN 'failed' THEN RAISE(ABORT, 'this job is cancelled and cannot become failed: it has ended; set it to queued to run it again')
    WHEN 'timed_out' THEN RAISE(ABORT, 'this job is cancelled and cannot become timed_out: it has ended; set it to queued to run it again')
    ELSE RAISE(ABORT, 'this job is cancelled and that is no state it can become: it has ended; set it to queued to run it again')
  END;
END;
