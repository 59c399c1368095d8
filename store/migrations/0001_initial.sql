-- The queue, as its users see it: INSERT into jobs, read results and job_logs.
--
--   queued → submitting → running → succeeded | failed | timed_out
--              ↘ unconfirmed (the start may have happened)
--   you:  any job that has not ended → cancelled
--         failed, timed_out, cancelled, unconfirmed → queued (run it again)
--
-- Times are TEXT in UTC, 'YYYY-MM-DD HH:MM:SS.SSS'; datetime('now', '+1 hour') is accepted too.

CREATE TABLE jobs (
  -- INSERT these; only file_token and script are needed ------------------------------------
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  file_token  ANY,                 -- the file's open_id (not the share id of a browser URL)
  script_name TEXT,                -- log lines show it as <script_name>.ks:line:column
  argv        ANY,                 -- a JSON object; the script reads it with Arguments.get(...)
  app         TEXT    NOT NULL DEFAULT 'default',  -- which configured app's token and quotas
  priority    INTEGER NOT NULL DEFAULT 0,          -- smaller runs first; then run_at, then id
  run_at      TEXT,                -- not before this time; NULL: at once
  expires_at  TEXT,                -- do not start after this time; the job then ends timed_out
  unique_key  TEXT,                -- at most one job that has not ended may have it
  timeout_s   INTEGER,             -- give up this long after the start; NULL: the daemon's setting

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
  CONSTRAINT "timeout_s must be a positive number of seconds, at most 2592000 (30 days)"
    CHECK (timeout_s IS NULL OR timeout_s BETWEEN 1 AND 2592000),
  CONSTRAINT "state must be queued, submitting, running, unconfirmed, succeeded, failed, timed_out or cancelled"
    CHECK (state IN ('queued', 'submitting', 'running', 'unconfirmed',
                     'succeeded', 'failed', 'timed_out', 'cancelled'))
) STRICT;

-- INSERT OR IGNORE with a unique_key enqueues only if no such job is waiting or running. (Never
-- INSERT OR REPLACE: it would remove the job that is there without a trace.)
CREATE UNIQUE INDEX jobs_unique_key ON jobs(unique_key)
  WHERE unique_key IS NOT NULL
    AND state IN ('queued', 'submitting', 'running', 'unconfirmed');

-- What the daemon takes up again at its start.
CREATE INDEX jobs_submitting ON jobs(id) WHERE state = 'submitting';
CREATE INDEX jobs_running ON jobs(id) WHERE state = 'running';
CREATE INDEX jobs_expiring ON jobs(expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;

-- One row a log line, in order of arrival. Level 'gap' marks where lines may have been lost: message
-- says why, args is [reason, from, to] with the times between which they were written.
CREATE TABLE logs (
  job_id     INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  seq        INTEGER NOT NULL,     -- from 1, in order of arrival
  level      TEXT    NOT NULL,     -- info, warn, error, ... as received; or gap
  filename   TEXT,                 -- <script_name>.ks:line:column, or system
  unix_time  ANY,                  -- as received (seconds, or milliseconds)
  timestamp  TEXT,                 -- as received: Beijing wall time, no date
  args       TEXT    NOT NULL,     -- as received: a JSON array
  message    TEXT    NOT NULL,     -- args as plain text
  fetched_at TEXT    NOT NULL,     -- when the daemon received it
  PRIMARY KEY (job_id, attempt, seq)
) STRICT, WITHOUT ROWID;

-- One row a request to the service: written before it is sent (the intent), completed by its answer.
CREATE TABLE requests (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: it names the request in flight
  job_id      INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  endpoint    TEXT    NOT NULL,    -- submit or status
  sent_at     TEXT    NOT NULL,
  answered_at TEXT,
  http_status INTEGER,
  outcome     TEXT,                -- NULL: in flight; else what became of it
  body        BLOB,                -- the reply as received, whole or cut off
  CHECK (endpoint IN ('submit', 'status'))
) STRICT;
CREATE INDEX requests_of_job ON requests(job_id, attempt);
CREATE INDEX requests_in_flight ON requests(id) WHERE outcome IS NULL;

-- Requests spent per app, endpoint and quota day.
CREATE TABLE quota (
  app      TEXT    NOT NULL,
  endpoint TEXT    NOT NULL,       -- submit or status
  day      TEXT    NOT NULL,       -- date on which the quota day began, in the quota's time zone
  allowed  INTEGER NOT NULL,
  used     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (app, endpoint, day),
  CHECK (endpoint IN ('submit', 'status')),
  CHECK (used >= 0)
) STRICT, WITHOUT ROWID;

-- The daemon's own: queued jobs in claim order. Triggers keep it in step with jobs, so that finding
-- the next job to start costs the same whatever else is queued.
--   ready   to be looked at in order
--   parked  behind a ready job of the same app and file
--   future  run_at has not come
CREATE TABLE queue (
  job_id     INTEGER PRIMARY KEY,
  app        TEXT    NOT NULL,
  file_token TEXT    NOT NULL,
  priority   INTEGER NOT NULL,
  due        TEXT    NOT NULL,     -- run_at, or created_at where that is NULL
  timed      INTEGER NOT NULL,     -- 1: due is a run_at, not to be started before
  lane       TEXT    NOT NULL DEFAULT 'ready',
  CHECK (lane IN ('ready', 'parked', 'future'))
) STRICT;
CREATE INDEX queue_ready ON queue(app, priority, due, job_id, timed, file_token)
  WHERE lane = 'ready';
CREATE INDEX queue_file ON queue(app, file_token, lane, priority, due, job_id);
CREATE INDEX queue_future ON queue(due) WHERE lane = 'future';

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

-- How many jobs are in each state; counting millions of rows takes seconds.
CREATE TABLE job_counts (
  state TEXT PRIMARY KEY,
  jobs  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO job_counts(state) VALUES ('queued'), ('submitting'), ('running'), ('unconfirmed'),
                                     ('succeeded'), ('failed'), ('timed_out'), ('cancelled');

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
  INSERT INTO queue(job_id, app, file_token, priority, due, timed, lane)
    VALUES (NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
            NEW.run_at IS NOT NULL,
            iif(EXISTS (SELECT 1 FROM queue
                        WHERE app = NEW.app AND file_token = NEW.file_token AND lane = 'ready'
                          AND (priority, due, job_id) <
                              (NEW.priority, coalesce(NEW.run_at, NEW.created_at), NEW.id)),
                'parked', 'ready'));
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER jobs_state_changed AFTER UPDATE OF state ON jobs WHEN NEW.state <> OLD.state
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
  DELETE FROM queue WHERE job_id = NEW.id AND OLD.state = 'queued';
  INSERT INTO queue(job_id, app, file_token, priority, due, timed)
    SELECT NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
           NEW.run_at IS NOT NULL
    WHERE NEW.state = 'queued';
END;

-- Run again: the last attempt's traces leave the job; its log lines and requests stay.
CREATE TRIGGER jobs_requeued AFTER UPDATE OF state ON jobs
WHEN NEW.state = 'queued' AND OLD.state <> 'queued'
BEGIN
  UPDATE jobs SET task_id = NULL, remote_status = NULL, result = NULL, polls = 0, log_gaps = 0,
                  submitted_at = NULL, finished_at = NULL
  WHERE id = NEW.id;
END;

CREATE TRIGGER jobs_cancelled AFTER UPDATE OF state ON jobs
WHEN NEW.state = 'cancelled' AND NEW.finished_at IS NULL
BEGIN
  UPDATE jobs SET finished_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER jobs_moved AFTER UPDATE OF app, file_token, priority, run_at ON jobs
WHEN OLD.state = 'queued' AND NEW.state = 'queued'
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  INSERT INTO queue(job_id, app, file_token, priority, due, timed)
    VALUES (NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
            NEW.run_at IS NOT NULL);
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

CREATE TRIGGER requests_keep_open BEFORE DELETE ON requests
WHEN OLD.outcome IS NULL
  AND EXISTS (SELECT 1 FROM jobs WHERE id = OLD.job_id AND state IN ('submitting', 'running'))
BEGIN
  SELECT RAISE(ABORT, 'this request is on its way: delete requests with an outcome only (WHERE outcome IS NOT NULL)');
END;

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  DELETE FROM logs WHERE job_id = OLD.id;
  DELETE FROM requests WHERE job_id = OLD.id;
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
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

-- Jobs that have ended, newest last.
CREATE VIEW results AS
  SELECT id AS job_id, script_name, state, result, error, log_gaps, attempt,
         file_token, submitted_at, finished_at
  FROM jobs
  WHERE state IN ('succeeded', 'failed', 'timed_out', 'cancelled')
  ORDER BY id;

-- Log lines in order; a row with level 'gap' says where lines may be missing and why.
CREATE VIEW job_logs AS
  SELECT job_id, attempt, seq, level, filename, message, timestamp, args, unix_time, fetched_at
  FROM logs
  ORDER BY job_id, attempt, seq;
