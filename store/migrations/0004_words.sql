-- What you may ask and tell the daemon besides jobs: pauses and watches are for you to INSERT and
-- DELETE; waiting, quota_today and health are for you to read.

-- INSERT stops new starts, DELETE goes on; what runs is followed to its end.
CREATE TABLE pauses (
  scope      TEXT NOT NULL,             -- all, app or file
  key        TEXT NOT NULL DEFAULT '',  -- of app: its name; of file: its file_token; of all: ''
  reason     TEXT,                      -- shown to whoever asks why a job waits
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  PRIMARY KEY (scope, key) ON CONFLICT REPLACE,
  CONSTRAINT "scope must be all, app or file"
    CHECK (scope IN ('all', 'app', 'file')),
  CONSTRAINT "a pause of all has no key: leave it out"
    CHECK (scope <> 'all' OR key = ''),
  CONSTRAINT "key must say which one is paused: the name of an app, or the file_token of a file"
    CHECK (scope = 'all' OR key <> '')
) STRICT, WITHOUT ROWID;

-- INSERT INTO watches(job_id) VALUES (5): job 5 is asked for more often while budget allows.
CREATE TABLE watches (
  job_id INTEGER PRIMARY KEY ON CONFLICT REPLACE,
  until  TEXT NOT NULL ON CONFLICT REPLACE  -- a UTC time; if left out, ten minutes from now
         DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now', '+10 minutes')),
  CONSTRAINT "until must be a UTC time such as '2026-01-31 09:00:00' or '2026-01-31 09:00:00.250'; datetime('now', '+1 hour') gives one"
    CHECK ((until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]' OR
            until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]')
           AND strftime('%Y-%m-%d %H:%M:%S', substr(until, 1, 19), '+0 days') IS substr(until, 1, 19))
) STRICT;
CREATE INDEX watches_until ON watches(until);

CREATE TRIGGER watches_of_jobs BEFORE INSERT ON watches
WHEN NOT EXISTS (SELECT 1 FROM jobs WHERE id = NEW.job_id)
BEGIN
  SELECT RAISE(ABORT, 'job_id must be the id of a job: there is no job with this id');
END;
CREATE TRIGGER watches_end AFTER INSERT ON watches
BEGIN
  DELETE FROM watches WHERE until <= strftime('%Y-%m-%d %H:%M:%f', 'now');
END;

-- The daemon's word about each configured app.
CREATE TABLE apps (
  name           TEXT PRIMARY KEY,
  state          TEXT NOT NULL DEFAULT 'ready',  -- ready: it sends; waiting: goes on by itself;
                                   -- blocked: a person must act
  reason         TEXT,             -- why it is not ready, as a sentence
  since          TEXT,             -- when it came into this state
  start_hold     TEXT,             -- why no script is started now, as a sentence; NULL: nothing
  start_at       TEXT,             -- when that is expected to end; NULL: not known
  poll_hold      TEXT,             -- the same for status requests
  poll_at        TEXT,
  submit_quota   INTEGER,          -- starts a day
  status_quota   INTEGER,          -- status requests a day
  day            TEXT,             -- the quota day, as in quota.day
  day_begins     TEXT,
  day_ends       TEXT,
  reserved_polls INTEGER NOT NULL DEFAULT 0,  -- what the running tasks are expected to need today
  running        INTEGER NOT NULL DEFAULT 0,
  CHECK (state IN ('ready', 'waiting', 'blocked'))
) STRICT, WITHOUT ROWID;

-- The daemon's word about itself.
CREATE TABLE daemon (
  one                  INTEGER PRIMARY KEY,
  version              TEXT,
  started_at           TEXT,
  stopped_at           TEXT,       -- NULL: it runs (or was killed)
  max_running          INTEGER,    -- settings: how many at once in all,
  max_running_per_file INTEGER,    -- and of one file
  log_mb               INTEGER,    -- if the file beside the database that ends in -wal does not stop
                                   -- growing: its size; NULL: it does
  CHECK (one = 1)
) STRICT;

-- The daemon's memory of how long scripts run; to DELETE rows only makes it forget.
CREATE TABLE run_times (
  app          TEXT    NOT NULL,
  key          TEXT    NOT NULL,   -- which script
  seq          INTEGER NOT NULL,
  submitted_at TEXT,
  low_ms       INTEGER,            -- it ran longer than this
  high_ms      INTEGER,            -- and not longer than this
  exact_ms     INTEGER,            -- as its log says; NULL: it does not say
  PRIMARY KEY (app, key, seq)
) STRICT, WITHOUT ROWID;

-- The daemon's memory of how many scripts were started when, for the last days: what is to come is
-- guessed from it.
CREATE TABLE start_counts (
  app    TEXT    NOT NULL,
  at     TEXT    NOT NULL,         -- when a half minute began
  starts INTEGER NOT NULL,
  PRIMARY KEY (app, at)
) STRICT, WITHOUT ROWID;

ALTER TABLE quota ADD COLUMN others INTEGER NOT NULL DEFAULT 0
  /* of used: requests that were not sent from here, learned when the service refused one of ours
     although our count showed budget */;

-- Every job that waits, and why; expected_at NULL: not known.
CREATE VIEW waiting AS
SELECT id AS job_id, app, file_token, script_name, priority,
  coalesce(error, 'it is not known whether the script was started: set state to ''queued'' to run it (again) or to ''cancelled''') AS reason,
  NULL AS expected_at
FROM jobs WHERE state = 'unconfirmed'
UNION ALL
SELECT job_id, app, file_token, script_name, priority,
  CASE cause
    WHEN 'never ran' THEN 'the daemon has not run with this database yet: start kdocs-queued'
    WHEN 'stopped' THEN
      'the daemon is stopped since ' || substr(stopped_at, 1, 19) || ' UTC: start kdocs-queued'
    WHEN 'attempt' THEN
      'attempt ' || (attempt + 1) || iif(attempt < max_attempts, ' of ' || max_attempts, '')
        || ' starts at ' || substr(due, 1, 19) || ' UTC; the last one failed: ' || error
    WHEN 'early' THEN 'its time has not come: run_at is ' || substr(due, 1, 19) || ' UTC'
    WHEN 'depends' THEN coalesce(
      (SELECT CASE
         WHEN state IN ('failed', 'timed_out', 'cancelled') THEN
           'job ' || id || ', which must succeed first, '
             || CASE state WHEN 'failed' THEN 'has failed' WHEN 'timed_out' THEN 'has timed out'
                           ELSE 'was cancelled' END
             || ': run that one again or cancel this one'
         ELSE 'waits for job ' || id || ', which is ' || state END
       FROM jobs WHERE id = waits_for),
      'job ' || waits_for || ', which must succeed first, was deleted: set depends_on to NULL to run this one without it, or cancel it')
    WHEN 'all paused' THEN 'all starts are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'all' AND key = ''), '')
    WHEN 'app paused' THEN 'starts of the app ' || app || ' are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'app' AND key = app), '')
    WHEN 'file paused' THEN 'starts on its file are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'file' AND key = file_token), '')
    WHEN 'no app' THEN
      'the app ' || app || ' is not configured: configure it, or set the job''s app to another one'
    WHEN 'blocked' THEN 'the app ' || app || ' is blocked' || coalesce(': ' || app_reason, '')
    WHEN 'hold' THEN start_hold
    WHEN 'busy' THEN 'its file is busy with job ' || busy_id || (
      SELECT iif(state = 'running', ' (running since ' || substr(submitted_at, 1, 19) || ' UTC)',
                 ' (being started)') FROM jobs WHERE id = busy_id)
    WHEN 'behind' THEN 'job ' || first_id || ' of the same file goes first'
    WHEN 'full' THEN 'all ' || max_running || ' places (max_running) are taken'
    ELSE 'it is next in line'
  END AS reason,
  CASE cause WHEN 'attempt' THEN due WHEN 'early' THEN due WHEN 'hold' THEN start_at
             WHEN 'next' THEN strftime('%Y-%m-%d %H:%M:%f', 'now') END AS expected_at
FROM (
  SELECT *, CASE
    WHEN started_at IS NULL THEN 'never ran'
    WHEN stopped_at IS NOT NULL THEN 'stopped'
    WHEN timed AND due > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN
      iif(attempt > 0 AND error IS NOT NULL, 'attempt', 'early')
    WHEN waits_for IS NOT NULL THEN 'depends'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'all' AND key = '') THEN 'all paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'app' AND key = app) THEN 'app paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'file' AND key = file_token) THEN 'file paused'
    WHEN app_state IS NULL THEN 'no app'
    WHEN start_hold IS NOT NULL THEN 'hold'
    WHEN app_state = 'blocked' THEN 'blocked'
    WHEN busy_id IS NOT NULL THEN 'busy'
    WHEN first_id <> job_id THEN 'behind'
    WHEN max_running > 0 AND max_running <= (
      SELECT sum(jobs) FROM job_counts WHERE state IN ('submitting', 'running')) THEN 'full'
    ELSE 'next' END AS cause
  FROM (
    SELECT q.job_id, q.app, q.file_token, q.priority, q.due, q.timed, q.depends_on AS waits_for,
      j.script_name, j.attempt, j.max_attempts, j.error,
      a.state AS app_state, a.reason AS app_reason, a.start_hold, a.start_at,
      d.started_at, d.stopped_at, d.max_running,
      -- The job that takes the last place of its file: with one place, the oldest one that runs.
      iif(d.max_running_per_file > 0, (
        SELECT id FROM jobs
        WHERE file_token = q.file_token AND state IN ('submitting', 'running')
        ORDER BY id LIMIT 1 OFFSET (SELECT max_running_per_file - 1 FROM daemon)), NULL) AS busy_id,
      -- With one place in a file, or once it is parked, it waits for those before it.
      iif(d.max_running_per_file = 1 OR q.lane = 'parked', (
        SELECT f.job_id FROM queue AS f
        WHERE f.app = q.app AND f.file_token = q.file_token AND f.lane = 'ready'
          AND (f.priority, f.due, f.job_id) <= (q.priority, q.due, q.job_id)
          AND NOT (f.timed AND f.due > strftime('%Y-%m-%d %H:%M:%f', 'now'))
        ORDER BY f.priority, f.due, f.job_id LIMIT 1), NULL) AS first_id
    FROM queue AS q
    CROSS JOIN jobs AS j ON j.id = q.job_id
    LEFT JOIN apps AS a ON a.name = q.app
    LEFT JOIN daemon AS d ON d.one = 1));

-- The two daily budgets of each app. exhausted_at: when what is left (and not reserved for the tasks
-- that run) is used up if the day goes on at its average pace so far; NULL: not before the reset.
-- Once the day has ended and the daemon does not run, the day is new and unused, its end not known.
CREATE VIEW quota_today AS
SELECT app, endpoint, day, resets_at, allowed, used, left, reserved, others,
  CASE
    WHEN left <= reserved THEN strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHEN used > 0 AND elapsed > 0 AND begun + elapsed * (used + left - reserved) / used < ends
      THEN strftime('%Y-%m-%d %H:%M:%f', begun + elapsed * (used + left - reserved) / used)
  END AS exhausted_at
FROM (
  SELECT app, endpoint, day, resets_at, allowed, used, max(0, allowed - used) AS left, reserved,
    others, begun, julianday('now') - begun AS elapsed, ends
  FROM (
    SELECT a.name AS app, e.endpoint, iif(a.over, NULL, a.day) AS day,
      iif(a.over, NULL, a.day_ends) AS resets_at,
      iif(e.endpoint = 'submit', a.submit_quota, a.status_quota) AS allowed,
      iif(a.over, 0, coalesce(q.used, 0)) AS used,
      iif(e.endpoint = 'submit' OR NOT (  -- the daemon does not write only to say that nothing runs
        SELECT sum(jobs) FROM job_counts WHERE state IN ('submitting', 'running')), 0,
        a.reserved_polls) AS reserved,
      iif(a.over, 0, coalesce(q.others, 0)) AS others,
      julianday(a.day_begins) AS begun, julianday(a.day_ends) AS ends
    FROM (SELECT *, day_ends IS NOT NULL AND day_ends <= strftime('%Y-%m-%d %H:%M:%f', 'now') AS over
          FROM apps) AS a
    CROSS JOIN (SELECT 'submit' AS endpoint UNION ALL SELECT 'status') AS e
    LEFT JOIN quota AS q ON q.app = a.name AND q.endpoint = e.endpoint AND q.day = a.day));

-- One row for each thing a person should know. No rows: all is well.
CREATE VIEW health AS
SELECT 'daemon' AS subject, NULL AS since,
  'the daemon has not run with this database yet: start kdocs-queued' AS message
WHERE NOT EXISTS (SELECT 1 FROM daemon WHERE started_at IS NOT NULL)
UNION ALL
SELECT 'daemon', stopped_at, 'the daemon is stopped: start kdocs-queued'
FROM daemon WHERE stopped_at IS NOT NULL
UNION ALL
SELECT 'database', NULL,
  'the file that ends in -wal has grown to ' || log_mb || ' MB, because some program has had one read transaction open for a long time: it shrinks when that one is closed (lsof on the database shows who has it open)'
FROM daemon WHERE log_mb IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'app ' || name, since,
  'the app is ' || iif(state = 'blocked', 'blocked', 'waiting') || coalesce(': ' || reason, '')
FROM apps WHERE state <> 'ready'
UNION ALL
SELECT CASE scope WHEN 'all' THEN 'all' ELSE scope || ' ' || key END, created_at,
  'new starts are paused' || coalesce(' (' || reason || ')', '')
    || '; to go on: DELETE FROM pauses WHERE scope = ''' || scope || ''''
    || iif(scope = 'all', '', ' AND key = ' || quote(key))
FROM pauses
UNION ALL
SELECT 'jobs', NULL,
  jobs || iif(jobs = 1, ' job is', ' jobs are')
    || ' unconfirmed: it is not known whether the script was started; decide: set state to queued or cancelled'
FROM job_counts WHERE state = 'unconfirmed' AND jobs > 0
UNION ALL
SELECT 'jobs', NULL,
  jobs || iif(jobs = 1, ' job waits', ' jobs wait')
    || ' for a job that has failed, timed out, was cancelled or deleted: run that one again or cancel what waits (SELECT * FROM waiting)'
FROM (SELECT count(*) AS jobs FROM queue WHERE stuck = 1) WHERE jobs > 0
UNION ALL
SELECT 'app ' || t.app, NULL,
  'today''s ' || iif(t.endpoint = 'submit', 'starts', 'status requests') || ' are used up ('
    || t.used || ' of ' || t.allowed || ')' || coalesce(' until ' || substr(t.resets_at, 1, 19) || ' UTC', '')
FROM quota_today AS t JOIN apps AS a ON a.name = t.app
WHERE t.left = 0 AND iif(t.endpoint = 'submit', a.start_hold, a.poll_hold) IS NULL
UNION ALL
SELECT 'app ' || app, NULL,
  'others use the app ' || app || ': ' || others || ' of today''s '
    || iif(endpoint = 'submit', 'starts', 'status requests') || ' were not sent from here'
FROM quota_today WHERE others > 0;
