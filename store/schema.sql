CREATE TABLE jobs (
  -- One row a script to run. You INSERT it, the daemon runs it on KDocs and writes what came of it.
  --
  --   queued → submitting → running → succeeded | failed | timed_out
  --              ↘ unconfirmed (the start may have happened)
  --   what has not ended in a restored backup becomes unconfirmed, too
  --   you:  any job that has not ended → cancelled
  --         failed, timed_out, cancelled, unconfirmed → queued (run it again)
  --
  -- Times are TEXT in UTC, 'YYYY-MM-DD HH:MM:SS.SSS'; datetime('now', '+1 hour') is accepted too.

  -- INSERT these; only file_token and script are needed -----------------------------------------
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  file_token     ANY,                  -- the file's open_id (not the share id of a browser address)
  script_name    TEXT,                 -- log lines show it as <script_name>.ks:line:column
  argv           ANY,                  -- a JSON object; the script reads it with Arguments.get(...)
  app            TEXT    NOT NULL DEFAULT 'default',  -- which configured app's token and quotas
  priority       INTEGER NOT NULL DEFAULT 0,          -- smaller runs first; then run_at, then id
  run_at         TEXT,                 -- not before this time; NULL: at once
  expires_at     TEXT,                 -- do not start after this time; the job then ends timed_out
  depends_on     INTEGER,              -- id of a job that must have succeeded first
  unique_key     TEXT,                 -- at most one job that has not ended may have it:
                                       -- INSERT OR IGNORE then enqueues once (never OR REPLACE)
  max_attempts   INTEGER NOT NULL DEFAULT 1,   -- how often a script that fails is started in all;
                                       -- run_at is set between: up to 30 s later, doubled up to 1 h
  timeout_s      INTEGER,              -- give up so long after the start; NULL: the daemon's setting
  on_unconfirmed TEXT NOT NULL DEFAULT 'hold',  -- if the reply to a start is lost: hold it as
                                       -- unconfirmed for you to decide, retry (the script may then
                                       -- run twice; at most three times, then hold), or fail

  -- you may UPDATE state to 'cancelled', and of an ended job (or unconfirmed) to 'queued' ---------
  state          TEXT    NOT NULL DEFAULT 'queued',

  -- written by the daemon -------------------------------------------------------------------------
  created_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  attempt        INTEGER NOT NULL DEFAULT 0,  -- how often it was started
  task_id        TEXT,                 -- the service's name for the running script
  remote_status  TEXT,                 -- the service's last word about it, as received
  result         TEXT,                 -- JSON: value of the script's last expression
  error          TEXT,                 -- why it failed or waits, as a sentence
  polls          INTEGER NOT NULL DEFAULT 0,  -- status requests spent on this attempt
  log_gaps       INTEGER NOT NULL DEFAULT 0,  -- places in this attempt's log where lines may lack
  submitted_at   TEXT,                 -- when the start was sent
  reported_at    TEXT,                 -- when the last status request was sent that KDocs answered
  finished_at    TEXT,
  rev            INTEGER NOT NULL DEFAULT 0,  -- counted up by each change of the daemon: do not write
  padding        BLOB    NOT NULL DEFAULT (zeroblob(256)),  -- shrinks as the columns above grow: a
                                       -- row that keeps its size keeps its script's pages untouched

  -- last, so that reading the columns above does not read a long script ---------------------------
  script         ANY,                  -- what to run: text, or a BLOB of UTF-8 (readfile('a.js'));
                                       -- with argv at most daemon.max_script_bytes
  CONSTRAINT "attempt, polls, log_gaps and rev are counted by the daemon: do not write them"
    CHECK (attempt BETWEEN 0 AND 1000000000 AND
      min(polls, log_gaps, rev) >= 0 AND max(polls, log_gaps, rev) <= 4611686018427387904)
) STRICT;

CREATE TABLE logs (
  -- One row a log line, in order of arrival. Level 'gap' marks where lines may have been lost:
  -- message says why, args is [reason, from, to] with the times between which they were written.
  job_id     INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  seq        INTEGER NOT NULL,     -- from 1, in order of arrival
  level      TEXT    NOT NULL,     -- info, warn, error, ... as received; or gap
  filename   TEXT,                 -- <script_name>.ks:line:column, or system
  unix_time  ANY,                  -- as received (seconds, or milliseconds)
  timestamp  TEXT,                 -- as received: Beijing wall time, no date
  args       TEXT    NOT NULL,     -- as received: a JSON array
  message    TEXT    NOT NULL,     -- args as plain text; control characters as \u0000
  fetched_at TEXT    NOT NULL,     -- when the daemon received it
  PRIMARY KEY (job_id, attempt, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
  -- What a person may want to look at again: every start, and every status request that did not end
  -- as a plain report. With the setting keep_raw: every request.
  id          INTEGER PRIMARY KEY,
  job_id      INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  endpoint    TEXT    NOT NULL,    -- submit or status
  sent_at     TEXT    NOT NULL,
  answered_at TEXT,
  http_status INTEGER,
  outcome     TEXT    NOT NULL,    -- accepted, report, refused, unknown (whether the script ran), damaged,
                                   -- unanswered, not_sent, lost (the daemon stopped before its reply was stored)
  body        BLOB                 -- the reply as received, whole or cut off, where not all of it became rows
) STRICT;

CREATE TABLE in_flight (
  -- The requests that are on their way: written before they are sent, gone with the transaction that
  -- stores the answer. What a crash leaves here the next start makes a gap or unconfirmed.
  job_id   INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  endpoint TEXT    NOT NULL,       -- submit or status
  sent_at  TEXT    NOT NULL,
  rev      INTEGER NOT NULL,       -- of the job when this was written
  PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE reply_parts (
  -- A reply with very many log lines is stored in parts. This says how much of it is stored already; it
  -- goes with the row in in_flight.
  job_id   INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  sent_at  TEXT    NOT NULL,       -- of the request, as in in_flight
  entries  INTEGER NOT NULL,       -- of its log, from the first on
  PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota (
  -- Requests spent per app, endpoint and quota day.
  app      TEXT    NOT NULL,
  endpoint TEXT    NOT NULL,       -- submit or status
  day      TEXT    NOT NULL,       -- date on which the quota day began, in the quota's time zone
  allowed  INTEGER NOT NULL,
  used     INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
  others   INTEGER NOT NULL DEFAULT 0,  -- of used: requests that were not sent from here, learned when
                                   -- the service refused one of ours although our count showed budget
  PRIMARY KEY (app, endpoint, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
  -- INSERT stops new starts, DELETE goes on; what runs is followed to its end.
  scope      TEXT NOT NULL,             -- all, app or file
  key        TEXT NOT NULL DEFAULT '',  -- of app: its name; of file: its file_token; of all: ''
  reason     TEXT,                      -- shown to whoever asks why a job waits
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  PRIMARY KEY (scope, key) ON CONFLICT REPLACE,
  CONSTRAINT "scope must be all, app or file" CHECK (scope IN ('all', 'app', 'file')),
  CONSTRAINT "a pause of all has no key: leave it out" CHECK (scope <> 'all' OR key = ''),
  CONSTRAINT "key must say which one is paused: the name of an app, or the file_token of a file" CHECK (scope = 'all' OR key <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE watches (
  -- INSERT INTO watches(job_id) VALUES (5): job 5 is asked for more often while budget allows.
  job_id INTEGER PRIMARY KEY ON CONFLICT REPLACE,
  until  TEXT NOT NULL ON CONFLICT REPLACE  -- a UTC time; if left out, ten minutes from now
         DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now', '+10 minutes')),
  CONSTRAINT "until must be a UTC time such as '2026-01-31 09:00:00' or '2026-01-31 09:00:00.250'; datetime('now', '+1 hour') gives one"
    CHECK (until GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (until IN (datetime(until, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', until, '+0 days'))) IS TRUE)
) STRICT;

CREATE TABLE apps (
  -- The daemon's word about each configured app.
  name           TEXT PRIMARY KEY,
  state          TEXT NOT NULL DEFAULT 'ready',  -- ready: it sends; waiting: goes on by itself;
                                   -- blocked: a person must act
  reason         TEXT,             -- why it is not ready, as a sentence
  since          TEXT,             -- when it came into this state
  start_wait     TEXT,             -- why no script is started now, as a sentence; NULL: nothing
  start_at       TEXT,             -- when that is expected to end; NULL: not known
  poll_wait      TEXT,             -- the same for status requests
  poll_at        TEXT,
  submit_quota   INTEGER,          -- starts a day
  status_quota   INTEGER,          -- status requests a day
  day            TEXT,             -- the quota day, as in quota.day
  day_begins     TEXT,
  day_ends       TEXT,
  reserved_polls INTEGER NOT NULL DEFAULT 0,  -- what the running tasks are expected to need today
  running        INTEGER NOT NULL DEFAULT 0,
  token_expires_at TEXT,           -- of the access token; NULL: not known. The daemon renews it before
  consent_ends_at  TEXT,           -- until when a person has consented; NULL: nobody has to
  token_trouble    TEXT,           -- why the token is not renewed; NULL: nothing is in the way
  login            TEXT,           -- the command with which a person consents anew
  CHECK (state IN ('ready', 'waiting', 'blocked'))
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
  -- What somebody is to be told of (setting notify): a row for each rule that an event matches. The
  -- daemon runs the rule's command with payload on its standard input, and again later if it fails. You
  -- may DELETE rows, and set state to 'waiting' to have a command run again. Rows go a week after their
  -- end; of more than 10,000 rows the oldest go, whatever their state.
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  at           TEXT    NOT NULL,   -- when the event was written
  event        TEXT    NOT NULL,   -- failed, timed_out, unconfirmed, blocked or health
  app          TEXT,               -- NULL: it is about no app
  job_id       INTEGER,            -- NULL: it is about no job
  payload      TEXT    NOT NULL,   -- JSON: event, at, app, text (a sentence), and job, health or reason
  command      TEXT    NOT NULL,   -- program and arguments, a JSON array; run only while a rule has it:
                                   -- whoever may write here may not have anything run
  state        TEXT    NOT NULL DEFAULT 'waiting',  -- waiting; done: it ended with 0; given_up
  attempts     INTEGER NOT NULL DEFAULT 0,  -- how often it was run
  last_error   TEXT,               -- why the last one failed, with what the command said
  first_try_at TEXT,               -- a day after this it is given up
  next_try_at  TEXT,               -- not before; NULL: as soon as those before it have ended
  finished_at  TEXT,
  CONSTRAINT "state must be waiting, done or given_up" CHECK (state IN ('waiting', 'done', 'given_up'))
) STRICT;

CREATE VIEW results AS
  -- Jobs that have ended, newest last.
  SELECT id AS job_id, script_name, state, result, error, log_gaps, attempt,
         file_token, submitted_at, finished_at
  FROM jobs
  WHERE state IN ('succeeded', 'failed', 'timed_out', 'cancelled')
  ORDER BY id;

CREATE VIEW job_logs AS
  -- Log lines in order; a row with level 'gap' says where lines may be missing and why.
  SELECT job_id, attempt, seq, level, filename, message, timestamp, args, unix_time, fetched_at
  FROM logs
  ORDER BY job_id, attempt, seq;

CREATE VIEW waiting AS
  -- Every job that waits, and why; expected_at NULL: not known.
SELECT id AS job_id, app, file_token, script_name, priority,
  coalesce(error, 'it is not known whether the script was started: set state to ''queued'' to run it (again) or to ''cancelled''') AS reason,
  NULL AS expected_at
FROM jobs WHERE state = 'unconfirmed'
  AND (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')
UNION ALL
SELECT job_id, app, file_token, script_name, priority,
  CASE cause
    WHEN 'never ran' THEN 'the daemon has not run with this database yet: start kdocs-queued'
    WHEN 'stopped' THEN
      'the daemon is stopped since ' || substr(stopped_at, 1, 19) || ' UTC: start kdocs-queued'
    WHEN 'gone' THEN
      'the daemon does not run (last seen ' || substr(seen_at, 1, 19) || ' UTC): start kdocs-queued'
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
    WHEN 'trouble' THEN 'nothing is started as long as the daemon cannot write: ' || trouble
    WHEN 'all paused' THEN 'all starts are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'all' AND key = ''), '')
    WHEN 'app paused' THEN 'starts of the app ' || app || ' are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'app' AND key = app), '')
    WHEN 'file paused' THEN 'starts on its file are paused' || coalesce(': ' || (
      SELECT reason FROM pauses WHERE scope = 'file' AND key = file_token), '')
    WHEN 'no app' THEN
      'the app ' || app || ' is not configured: configure it, or set the job''s app to another one'
    WHEN 'blocked' THEN 'the app ' || app || ' is blocked' || coalesce(': ' || app_reason, '')
    WHEN 'app waits' THEN start_wait
    WHEN 'busy' THEN 'its file is busy with job ' || busy_id || (
      SELECT iif(state = 'running', ' (running since ' || substr(submitted_at, 1, 19) || ' UTC)',
                 ' (being started)') FROM jobs WHERE id = busy_id)
    WHEN 'behind' THEN 'job ' || first_id || ' of the same file goes first'
    WHEN 'full' THEN 'all ' || max_running || ' places (max_running) are taken'
    ELSE 'it is next in line'
  END AS reason,
  CASE cause WHEN 'attempt' THEN due WHEN 'early' THEN due WHEN 'app waits' THEN start_at
             WHEN 'next' THEN strftime('%Y-%m-%d %H:%M:%f', 'now') END AS expected_at
FROM (
  SELECT *, CASE
    WHEN started_at IS NULL THEN 'never ran'
    WHEN stopped_at IS NOT NULL THEN 'stopped'
    WHEN timed AND due > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN
      iif(attempt > 0 AND error IS NOT NULL, 'attempt', 'early')
    WHEN waits_for IS NOT NULL THEN 'depends'
    WHEN seen_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds')
      AND due < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds') THEN 'gone'
    WHEN trouble IS NOT NULL THEN 'trouble'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'all' AND key = '') THEN 'all paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'app' AND key = app) THEN 'app paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'file' AND key = file_token) THEN 'file paused'
    WHEN app_state IS NULL THEN 'no app'
    WHEN start_wait IS NOT NULL THEN 'app waits'
    WHEN app_state = 'blocked' THEN 'blocked'
    WHEN busy_id IS NOT NULL THEN 'busy'
    WHEN first_id <> job_id THEN 'behind'
    WHEN max_running > 0 AND max_running <= (
      SELECT sum(jobs) FROM job_counts WHERE state IN ('submitting', 'running')) THEN 'full'
    ELSE 'next' END AS cause
  FROM (
    SELECT q.job_id, q.app, q.file_token, q.priority, q.due, q.timed, q.depends_on AS waits_for,
      j.script_name, j.attempt, j.max_attempts, j.error,
      a.state AS app_state, a.reason AS app_reason, a.start_wait, a.start_at,
      d.started_at, d.stopped_at, d.seen_at, d.max_running, d.trouble,
      -- The job that takes the last place of its file: with one place, the oldest one that runs.
      iif(d.max_running_per_file > 0, (
        SELECT id FROM jobs
        WHERE file_token = q.file_token AND state <> 'unconfirmed'
          AND (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')
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

CREATE VIEW quota_today AS
  -- The two daily budgets of each app. exhausted_at: when what is left (and not reserved for the tasks
  -- that run) is used up if the day goes on at its average pace so far; NULL: not before the reset.
  -- Once the day has ended and the daemon does not run, the day is new and unused, its end not known.
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

CREATE VIEW health AS
  -- One row for each thing a person should know. No rows: all is well.
SELECT 'daemon' AS subject, NULL AS since,
  'the daemon has not run with this database yet: start kdocs-queued' AS message
WHERE NOT EXISTS (SELECT 1 FROM daemon WHERE started_at IS NOT NULL)
UNION ALL
SELECT 'daemon', stopped_at,
  coalesce('the daemon had to stop: ' || stop_reason, 'the daemon is stopped: start kdocs-queued')
FROM daemon WHERE stopped_at IS NOT NULL
UNION ALL
SELECT 'daemon', seen_at,
  'the daemon does not run (last seen ' || substr(seen_at, 1, 19) || ' UTC): start kdocs-queued'
FROM daemon WHERE stopped_at IS NULL AND seen_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds')
  AND (EXISTS (SELECT 1 FROM queue WHERE lane = 'ready'
                 AND due < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds'))
       OR EXISTS (SELECT 1 FROM job_counts WHERE state = 'running' AND jobs > 0))
UNION ALL
SELECT 'configuration', NULL, config_trouble FROM daemon WHERE config_trouble IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'database', trouble_since, trouble FROM daemon WHERE trouble IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'database', NULL,
  'the file that ends in -wal has grown to ' || log_mb || ' MB, because some program has had one read transaction open for a long time: it shrinks when that one is closed (lsof on the database shows who has it open)'
FROM daemon WHERE log_mb IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'app ' || name, since,
  'the app is ' || iif(state = 'blocked', 'blocked', 'waiting') || coalesce(': ' || reason, '')
FROM apps WHERE state <> 'ready'
UNION ALL
SELECT 'app ' || name, NULL, token_trouble
FROM apps WHERE token_trouble IS NOT NULL AND (state = 'ready' OR instr(reason, token_trouble) = 0)
UNION ALL
SELECT 'app ' || name, NULL,
  'a person''s consent ' || iif(consent_ends_at > strftime('%Y-%m-%d %H:%M:%f', 'now'), 'ends', 'has ended')
    || ' on ' || substr(consent_ends_at, 1, 10) || ', 90 days after it was given; to give it anew: ' || login
FROM apps WHERE consent_ends_at <= strftime('%Y-%m-%d %H:%M:%f', 'now', '+15 days')
UNION ALL
SELECT 'app ' || app, NULL,
  count(*) || iif(count(*) = 1, ' job of the app runs', ' jobs of the app run')
    || ', but it is not configured, so nobody asks about them: configure it again, or set their state to cancelled (SELECT id FROM jobs WHERE state = ''running'' AND app = ' || quote(app) || ')'
FROM jobs WHERE (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')
  AND state <> 'unconfirmed' AND app NOT IN (SELECT name FROM apps)
GROUP BY app
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
FROM (SELECT jobs - iif(jobs > 0, (SELECT count(*) FROM jobs WHERE state = 'unconfirmed'
        AND error GLOB 'held: *'
        AND (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')), 0) AS jobs
      FROM job_counts WHERE state = 'unconfirmed') WHERE jobs > 0
UNION ALL
SELECT 'jobs', NULL,
  jobs || iif(jobs = 1, ' job is', ' jobs are') || ' held (unconfirmed) since the queue was restored from a backup: '
    || iif(jobs = 1, 'it', 'they') || ' may have run meanwhile. Look at the spreadsheets, cancel what has run, and release the rest: '
    || 'UPDATE jobs SET state = ''queued'' WHERE state = ''unconfirmed'' AND error LIKE ''held: %'' (of one file: AND file_token = ''...'')'
FROM (SELECT count(*) AS jobs FROM jobs WHERE state = 'unconfirmed' AND error GLOB 'held: *'
        AND (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')
        AND (SELECT jobs FROM job_counts WHERE state = 'unconfirmed') > 0) WHERE jobs > 0
UNION ALL
SELECT 'backup', coalesce(failed_at, made_at, since),
  CASE WHEN error IS NOT NULL THEN 'no backup can be made: ' || error || '; '
       ELSE 'no backup was made for more than twice the time that is set (backup.every): ' END
    || coalesce('the last good one is of ' || substr(made_at, 1, 19) || ' UTC (' || file || ')', 'there is none yet')
FROM backup WHERE error IS NOT NULL
  OR strftime('%Y-%m-%d %H:%M:%f', coalesce(max(since, made_at), since), (2 * every_s) || ' seconds')
       < strftime('%Y-%m-%d %H:%M:%f', 'now')
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
WHERE t.left = 0 AND iif(t.endpoint = 'submit', a.start_wait, a.poll_wait) IS NULL
UNION ALL
SELECT 'app ' || app, NULL,
  'others use the app ' || app || ': ' || others || ' of today''s '
    || iif(endpoint = 'submit', 'starts', 'status requests') || ' were not sent from here'
FROM quota_today WHERE others > 0
UNION ALL
SELECT 'notifications', first_try_at,
  'notification ' || id || ' cannot be delivered, those behind it wait'
    || coalesce(' (it is tried again at ' || substr(next_try_at, 1, 19) || ' UTC)', '') || ': ' || substr(last_error, 1, 500)
FROM notifications WHERE state = 'waiting' AND last_error IS NOT NULL
UNION ALL
SELECT 'notifications', NULL,
  notices || iif(notices = 1, ' notification was', ' notifications were')
    || ' given up in the last day (SELECT * FROM notifications WHERE state = ''given_up'')'
FROM (SELECT count(*) AS notices FROM notifications WHERE state <> 'waiting' AND state = 'given_up'
        AND finished_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')) WHERE notices > 0;

CREATE TABLE daemon (
  -- From here on: the daemon's own. This is its word about itself.
  one                  INTEGER PRIMARY KEY CHECK (one = 1),
  version              TEXT,
  started_at           TEXT,
  seen_at              TEXT,       -- written once a minute while a job runs or could be started
  stopped_at           TEXT,       -- NULL: it runs (or was killed)
  stop_reason          TEXT,       -- why it had to stop; NULL: it was asked to
  trouble              TEXT,       -- why it cannot write, where it can write this; NULL: it can
  trouble_since        TEXT,
  max_running          INTEGER,    -- settings: how many at once in all,
  max_running_per_file INTEGER,    -- and of one file
  config_trouble       TEXT,       -- why a changed configuration was not taken; NULL: it was
  max_script_bytes     INTEGER,    -- of a script and its argv together; NULL: 16777216
  log_mb               INTEGER     -- if the file beside the database that ends in -wal does not stop
                                   -- growing: its size; NULL: it does
) STRICT;

CREATE TABLE queue (
  -- Queued jobs in claim order, kept in step with jobs, so that finding the next job to start costs
  -- the same whatever else is queued. Lanes:
  --   ready      to be looked at in order
  --   parked     behind a ready job of the same app and file
  --   future     run_at has not come
  --   dependent  the job named by depends_on has not succeeded
  job_id     INTEGER PRIMARY KEY,
  app        TEXT    NOT NULL,
  file_token TEXT    NOT NULL,
  priority   INTEGER NOT NULL,
  due        TEXT    NOT NULL,     -- run_at, or created_at where that is NULL
  timed      INTEGER NOT NULL,     -- 1: due is a run_at, not to be started before
  lane       TEXT    NOT NULL,
  depends_on INTEGER,              -- in lane dependent: the job waited for; else NULL
  stuck      INTEGER NOT NULL,     -- 1: that job has ended otherwise, or was deleted
  expires_at TEXT
) STRICT;

CREATE VIEW queue_places AS
  -- The row of queue with which a queued job joins. A job is parked at once only where one job a file
  -- runs at a time; elsewhere the daemon parks what it finds in its way.
  SELECT id AS job_id, app, file_token, priority, coalesce(run_at, created_at) AS due,
    run_at IS NOT NULL AS timed,
    CASE WHEN parent_state IS NOT 'succeeded' AND depends_on IS NOT NULL THEN 'dependent'
         WHEN run_at > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'future'
         WHEN (SELECT max_running_per_file FROM daemon) IS 1
           AND EXISTS (SELECT 1 FROM queue AS q
                       WHERE q.app = j.app AND q.file_token = j.file_token AND q.lane = 'ready'
                         AND q.job_id <> j.id AND (q.priority, q.due, q.job_id) <
                             (j.priority, coalesce(j.run_at, j.created_at), j.id))
         THEN 'parked' ELSE 'ready' END AS lane,
    iif(parent_state IS 'succeeded', NULL, depends_on) AS depends_on,
    depends_on IS NOT NULL AND coalesce(parent_state IN ('failed', 'timed_out', 'cancelled'), 1) AS stuck,
    expires_at
  FROM (SELECT *, (SELECT p.state FROM jobs AS p WHERE p.id = c.depends_on) AS parent_state
        FROM (SELECT id, app, file_token, priority, run_at, expires_at, created_at, depends_on, state FROM jobs) AS c) AS j
  WHERE state = 'queued';

CREATE VIEW job_changes AS
  -- A user's change of a job; nothing is ever in it. The trigger jobs_changed, which the daemon's own
  -- changes pass as well, stays small because the work is done behind this name.
  SELECT id, id AS old_id, state, state AS old_state, depends_on, depends_on AS old_depends_on,
    finished_at, app AS old_app, file_token AS old_file, 1 AS moved
  FROM jobs WHERE 0;

CREATE VIEW job_inputs AS
  -- What a user writes into a job; nothing is ever in it. A trigger refuses here what is not
  -- understood: what a CHECK refuses an INSERT OR IGNORE would drop without a word.
  SELECT id, file_token, script, argv, app, priority, run_at, expires_at, depends_on, unique_key,
    max_attempts, timeout_s, on_unconfirmed, created_at, 1 AS is_new_text
  FROM jobs WHERE 0;

CREATE TABLE job_counts (
  -- How many jobs are queued, running (or being started) and unconfirmed; counting millions of rows
  -- takes seconds. Of the ended ones SELECT state, count(*) FROM jobs GROUP BY state tells.
  state TEXT PRIMARY KEY,
  jobs  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO job_counts(state) VALUES ('queued'), ('running'), ('unconfirmed');

CREATE TABLE run_times (
  -- How long scripts ran, in the order in which they ended; to DELETE rows only makes the daemon forget.
  app          TEXT    NOT NULL,
  seq          INTEGER NOT NULL,
  key          TEXT    NOT NULL,   -- which script, or which name on which file
  submitted_at TEXT    NOT NULL,
  low_ms       INTEGER NOT NULL,   -- it ran longer than this
  high_ms      INTEGER NOT NULL,   -- and not longer than this
  exact_ms     INTEGER,            -- as its log says; NULL: it does not say
  PRIMARY KEY (app, seq, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE start_counts (
  -- How many scripts were started when, in the last days: what is to come is guessed from it.
  app    TEXT    NOT NULL,
  at     TEXT    NOT NULL,         -- when a half minute began
  starts INTEGER NOT NULL,
  PRIMARY KEY (app, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE app_pauses (
  -- What keeps an app from sending, in the words of apps.reason: a restart goes on from here. To DELETE
  -- a row while the daemon is stopped makes it try at once.
  app          TEXT    NOT NULL,
  endpoint     TEXT    NOT NULL,   -- submit, status or both
  since        TEXT    NOT NULL,
  until        TEXT    NOT NULL,   -- then one request tries it
  reason       TEXT    NOT NULL,
  needs_person INTEGER NOT NULL,
  quota        INTEGER NOT NULL,   -- 1: KDocs says that the day's requests are used up
  in_a_row     INTEGER NOT NULL,   -- such refusals before, without a word for how long
  PRIMARY KEY (app, endpoint)
) STRICT, WITHOUT ROWID;

CREATE TABLE retention (
  -- Of the jobs that ended up to here the log lines and requests are deleted, so that no job is looked
  -- at twice for it. To DELETE the row only makes the daemon look again.
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  finished_at TEXT    NOT NULL,    -- of the last such job, and its id
  job_id      INTEGER NOT NULL
) STRICT;

CREATE TABLE generation (
  -- How an older copy of a queue is known for one: number is counted up again and again, also in the
  -- file beside the database that ends in .generation, and never there first.
  one       INTEGER PRIMARY KEY CHECK (one = 1),
  queue     TEXT    NOT NULL,      -- a name of this queue, made up at its first start
  number    INTEGER NOT NULL,
  backup_of TEXT,                  -- in a backup: when it was made ('': not known); NULL: it is none
  held_as   TEXT,                  -- while the jobs of a restored queue are being held: why, and up to
  held_to   INTEGER                -- which id
) STRICT;

CREATE TABLE backup (
  -- The copies that the daemon makes, as the settings want them.
  one       INTEGER PRIMARY KEY CHECK (one = 1),
  directory TEXT    NOT NULL,
  every_s   INTEGER NOT NULL,      -- seconds from one to the next
  since     TEXT    NOT NULL,      -- since when the settings are these
  made_at   TEXT,                  -- of the last good one: it has what was committed until then
  file      TEXT,
  error     TEXT,                  -- why none could be made since; NULL: nothing is in the way
  failed_at TEXT                   -- the first time
) STRICT;

CREATE TABLE health_told (
  -- Rows of the view health that were told (setting notify): none is told again before it went away.
  subject TEXT NOT NULL,
  message TEXT NOT NULL,           -- without its digits
  PRIMARY KEY (subject, message)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_unique_key ON jobs(unique_key)
  WHERE unique_key IS NOT NULL AND state IN ('queued', 'submitting', 'running', 'unconfirmed');
CREATE INDEX jobs_open ON jobs(file_token, id)
  WHERE state = 'submitting' OR state = 'running' OR state = 'unconfirmed'
  /* what a start takes up again, which job keeps a file busy, and what is to be decided; the condition
     is to be repeated to the letter by who wants to use it */;
CREATE INDEX jobs_ended ON jobs(finished_at) WHERE finished_at IS NOT NULL
  /* for retention: oldest first; a job joins once, when it ends */;
CREATE INDEX jobs_depending ON jobs(depends_on) WHERE depends_on IS NOT NULL
  /* for retention: a job stays as long as one that depends on it has not ended */;
CREATE INDEX notifications_waiting ON notifications(command, id) WHERE state = 'waiting';
CREATE INDEX notifications_failing ON notifications(id) WHERE state = 'waiting' AND last_error IS NOT NULL;
CREATE INDEX notifications_ended ON notifications(finished_at) WHERE state <> 'waiting';
CREATE INDEX requests_of_job ON requests(job_id, attempt);
CREATE INDEX watches_until ON watches(until);
CREATE INDEX queue_ready ON queue(app, priority, due, job_id, timed, file_token) WHERE lane = 'ready';
CREATE INDEX queue_file ON queue(app, file_token, lane, priority, due, job_id);
CREATE INDEX queue_future ON queue(due) WHERE lane = 'future';
CREATE INDEX queue_dependent ON queue(depends_on) WHERE lane = 'dependent';
CREATE INDEX queue_expiring ON queue(expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX queue_stuck ON queue(job_id) WHERE stuck = 1;

CREATE TRIGGER in_flight_keep BEFORE DELETE ON in_flight
WHEN OLD.rev IS (SELECT rev FROM jobs WHERE id = OLD.job_id AND attempt = OLD.attempt
                   AND state IN ('submitting', 'running'))
BEGIN
  -- The daemon deletes it only after it has changed the job.
  SELECT RAISE(ABORT, 'this request is on its way: what becomes of it is written by the daemon; to get rid of it cancel the job');
END;

CREATE TRIGGER in_flight_same BEFORE UPDATE ON in_flight
BEGIN
  SELECT RAISE(ABORT, 'this request is on its way, its row cannot be changed');
END;

CREATE TRIGGER job_changes_follow INSTEAD OF INSERT ON job_changes
BEGIN
  -- What a user may not change, and what follows from the rest.
  SELECT CASE
    WHEN NEW.id IS NOT NEW.old_id THEN RAISE(ABORT, 'the id of a job cannot change: its log lines and requests refer to it')
    WHEN NEW.depends_on IS NOT NEW.old_depends_on AND NEW.depends_on IS NOT NULL
      AND NEW.depends_on NOT IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id')
    WHEN NEW.state IS NEW.old_state THEN NULL
    WHEN CASE NEW.state
      WHEN 'cancelled' THEN NEW.old_state IN ('queued', 'submitting', 'running', 'unconfirmed')
      WHEN 'queued' THEN NEW.old_state IN ('unconfirmed', 'failed', 'timed_out', 'cancelled')
      WHEN 'submitting' THEN NEW.old_state = 'queued'
      WHEN 'running' THEN NEW.old_state = 'submitting'
      WHEN 'unconfirmed' THEN NEW.old_state = 'submitting'
      WHEN 'succeeded' THEN NEW.old_state = 'running'
      WHEN 'failed' THEN NEW.old_state IN ('submitting', 'running')
      WHEN 'timed_out' THEN NEW.old_state IN ('submitting', 'running') END THEN NULL
    WHEN NEW.old_state = 'queued' THEN RAISE(ABORT, 'this job is queued and cannot become that: you may set its state to cancelled, the daemon does the rest')
    WHEN NEW.old_state = 'submitting' THEN RAISE(ABORT, 'this job is submitting and cannot become that, its start is on its way: you may set its state to cancelled, the daemon does the rest')
    WHEN NEW.old_state = 'running' THEN RAISE(ABORT, 'this job is running and cannot become that: you may set its state to cancelled, the daemon does the rest')
    WHEN NEW.old_state = 'unconfirmed' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become that: you may set its state to queued to run it (again), or to cancelled')
    WHEN NEW.old_state = 'succeeded' THEN RAISE(ABORT, 'this job is succeeded and cannot become that, it has ended: INSERT a new job to run the script again')
    WHEN NEW.old_state = 'failed' THEN RAISE(ABORT, 'this job is failed and cannot become that, it has ended: you may set its state to queued to run it again')
    WHEN NEW.old_state = 'timed_out' THEN RAISE(ABORT, 'this job is timed_out and cannot become that, it has ended: you may set its state to queued to run it again')
    WHEN NEW.old_state = 'cancelled' THEN RAISE(ABORT, 'this job is cancelled and cannot become that, it has ended: you may set its state to queued to run it again')
    ELSE RAISE(ABORT, 'this job is in a state that does not exist: delete it')
  END;

  -- Its place in the queue; the next one of its file may come forward.
  DELETE FROM queue WHERE job_id = NEW.id AND NEW.moved;
  INSERT INTO queue SELECT * FROM queue_places WHERE job_id = NEW.id
    AND NOT EXISTS (SELECT 1 FROM queue WHERE job_id = NEW.id);
  UPDATE queue SET lane = 'ready' WHERE job_id = (
    SELECT job_id FROM queue WHERE app = NEW.old_app AND file_token = NEW.old_file AND lane = 'parked'
    ORDER BY priority, due, job_id LIMIT 1);

  -- Run again: the last attempt's traces leave the job; its log lines and requests stay.
  UPDATE jobs SET task_id = NULL, remote_status = NULL, result = NULL, polls = 0, log_gaps = 0,
                  submitted_at = NULL, reported_at = NULL, finished_at = NULL, padding = zeroblob(256)
  WHERE id = NEW.id AND NEW.state = 'queued' AND NEW.old_state <> 'queued';
  UPDATE jobs SET finished_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
  WHERE id = NEW.id AND NEW.state = 'cancelled' AND NEW.old_state <> 'cancelled' AND NEW.finished_at IS NULL;

  -- Those that wait for it, and the counters.
  UPDATE queue SET stuck = NEW.state IN ('failed', 'timed_out', 'cancelled')
  WHERE lane = 'dependent' AND depends_on = NEW.id AND NEW.state <> NEW.old_state;
  UPDATE queue SET lane = 'ready', depends_on = NULL
  WHERE lane = 'dependent' AND depends_on = NEW.id AND NEW.state = 'succeeded';
  UPDATE job_counts
  SET jobs = jobs + (state = iif(NEW.state = 'submitting', 'running', NEW.state))
                  - (state = iif(NEW.old_state = 'submitting', 'running', NEW.old_state))
  WHERE NEW.state <> NEW.old_state;
END;

CREATE TRIGGER job_inputs_check INSTEAD OF INSERT ON job_inputs
BEGIN
  SELECT CASE
    WHEN typeof(NEW.file_token) <> 'text' THEN RAISE(ABORT, 'file_token must be given as text: the file''s open_id')
    WHEN length(CAST(NEW.file_token AS BLOB)) = 0 THEN RAISE(ABORT, 'file_token must not be empty')
    WHEN instr(CAST(NEW.file_token AS BLOB), x'00') > 0 THEN RAISE(ABORT, 'file_token must not contain a NUL character')
    WHEN trim(NEW.file_token, ' ' || char(9, 10, 11, 12, 13)) <> NEW.file_token THEN RAISE(ABORT, 'file_token must not begin or end with blanks or line breaks')
    WHEN NEW.file_token LIKE '%://%' OR '/' || NEW.file_token LIKE '%/l/%' THEN
      RAISE(ABORT, 'file_token must be the file''s open_id, not its browser address or the share id in it (https://www.kdocs.cn/l/... or /l/...): the service does not know share ids')
    WHEN NEW.script IS NULL THEN RAISE(ABORT, 'script must not be NULL (as which readfile gives a file that it cannot read)')
    WHEN typeof(NEW.script) NOT IN ('text', 'blob') THEN RAISE(ABORT, 'script must be given as text, or as a BLOB of UTF-8 text (readfile)')
    WHEN length(CAST(NEW.script AS BLOB)) = 0 THEN RAISE(ABORT, 'script must not be empty')
    WHEN NEW.is_new_text AND length(CAST(NEW.script AS BLOB)) + length(CAST(coalesce(NEW.argv, '') AS BLOB)) >
      coalesce((SELECT max_script_bytes FROM daemon), 16777216) THEN
      RAISE(ABORT, 'script is too long: with argv it may have 16777216 bytes (16 MiB), or what SELECT max_script_bytes FROM daemon says (the setting of that name)')
    WHEN NEW.argv IS NOT NULL AND NOT (typeof(NEW.argv) IN ('text', 'blob') AND
      CASE WHEN json_valid(CAST(NEW.argv AS TEXT)) THEN json_type(CAST(NEW.argv AS TEXT)) = 'object' ELSE 0 END) THEN
      RAISE(ABORT, 'argv must be a JSON object, such as {"name": "value"}')
    WHEN coalesce(NEW.app, '') = '' THEN RAISE(ABORT, 'app must not be empty; leave it out to use the app named default')
    WHEN NEW.priority IS NULL THEN RAISE(ABORT, 'priority must be a number; leave it out for 0')
    WHEN NEW.run_at IS NOT NULL AND NOT (NEW.run_at GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.run_at IN (datetime(NEW.run_at, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.run_at, '+0 days'))) IS TRUE) THEN
      RAISE(ABORT, 'run_at must be a UTC time such as ''2026-01-31 09:00:00'' or ''2026-01-31 09:00:00.250''; datetime(''now'', ''+1 hour'') gives one')
    WHEN NEW.expires_at IS NOT NULL AND NOT (NEW.expires_at GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.expires_at IN (datetime(NEW.expires_at, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.expires_at, '+0 days'))) IS TRUE) THEN
      RAISE(ABORT, 'expires_at must be a UTC time such as ''2026-01-31 09:00:00'' or ''2026-01-31 09:00:00.250''; datetime(''now'', ''+1 hour'') gives one')
    WHEN NEW.created_at IS NULL OR NOT (NEW.created_at GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.created_at IN (datetime(NEW.created_at, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.created_at, '+0 days'))) IS TRUE) THEN
      RAISE(ABORT, 'created_at is written by the database: leave it out')
    WHEN NEW.depends_on IS NOT NULL AND NEW.id > 0 AND NEW.depends_on >= NEW.id THEN RAISE(ABORT, 'depends_on must be the id of an earlier job (a smaller id than its own)')
    WHEN NEW.unique_key = '' THEN RAISE(ABORT, 'unique_key must not be empty; leave it out if the job has none')
    WHEN NEW.max_attempts IS NULL OR NEW.max_attempts NOT BETWEEN 1 AND 1000 THEN RAISE(ABORT, 'max_attempts must be from 1 to 1000: how often a script that fails is started in all')
    WHEN NEW.timeout_s NOT BETWEEN 1 AND 2592000 THEN RAISE(ABORT, 'timeout_s must be a positive number of seconds, at most 2592000 (30 days)')
    WHEN coalesce(NEW.on_unconfirmed, '') NOT IN ('hold', 'retry', 'fail') THEN RAISE(ABORT, 'on_unconfirmed must be hold, retry or fail')
  END;
END;

CREATE TRIGGER jobs_changed
AFTER UPDATE OF id, state, app, file_token, priority, run_at, expires_at, depends_on ON jobs
WHEN NEW.rev IS OLD.rev
BEGIN
  -- A user's change: the daemon counts rev up, and follows up itself. Only of columns from which
  -- something follows, as most of the daemon's writes are to the others.
  INSERT INTO job_changes VALUES (NEW.id, OLD.id, NEW.state, OLD.state, NEW.depends_on, OLD.depends_on,
    NEW.finished_at, OLD.app, OLD.file_token,
    (NEW.state, NEW.app, NEW.file_token, NEW.priority, NEW.run_at, NEW.expires_at, NEW.depends_on)
    IS NOT
    (OLD.state, OLD.app, OLD.file_token, OLD.priority, OLD.run_at, OLD.expires_at, OLD.depends_on));
END;

CREATE TRIGGER jobs_delete BEFORE DELETE ON jobs
BEGIN
  SELECT CASE
    WHEN OLD.state IN ('submitting', 'running') THEN
      RAISE(ABORT, 'this job is being run and cannot be deleted: set its state to cancelled first')
    WHEN EXISTS (SELECT 1 FROM queue WHERE lane = 'dependent' AND depends_on = OLD.id) THEN
      RAISE(ABORT, 'other jobs wait for this one (SELECT id FROM jobs WHERE depends_on = its id): cancel them or set their depends_on to NULL first')
  END;
END;

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  UPDATE queue SET lane = 'ready' WHERE job_id = (
    SELECT job_id FROM queue WHERE app = OLD.app AND file_token = OLD.file_token AND lane = 'parked'
    ORDER BY priority, due, job_id LIMIT 1);
  DELETE FROM logs WHERE job_id = OLD.id;
  DELETE FROM requests WHERE job_id = OLD.id;
  DELETE FROM in_flight WHERE job_id = OLD.id;
  DELETE FROM reply_parts WHERE job_id = OLD.id;
  DELETE FROM watches WHERE job_id = OLD.id;
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
END;

CREATE TRIGGER jobs_insert BEFORE INSERT ON jobs
BEGIN
  INSERT INTO job_inputs VALUES (NEW.id, NEW.file_token, NEW.script, NEW.argv, NEW.app, NEW.priority, NEW.run_at,
    NEW.expires_at, NEW.depends_on, NEW.unique_key, NEW.max_attempts, NEW.timeout_s, NEW.on_unconfirmed, NEW.created_at, 1);
  SELECT CASE
    WHEN NEW.state IS NOT 'queued' OR NEW.attempt IS NOT 0 OR NEW.polls IS NOT 0 OR NEW.log_gaps IS NOT 0
      OR NEW.rev IS NOT 0 OR coalesce(NEW.task_id, NEW.remote_status, NEW.result, NEW.error,
        NEW.submitted_at, NEW.reported_at, NEW.finished_at) IS NOT NULL OR NEW.padding IS NOT zeroblob(256) THEN
      RAISE(ABORT, 'a new job is queued: leave state, attempt, task_id, remote_status, result, error, polls, log_gaps, submitted_at, reported_at, finished_at, rev and padding out of the INSERT, the daemon writes them')
    WHEN NEW.depends_on IS NOT NULL AND NEW.depends_on NOT IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id')
    WHEN NEW.id IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'there is a job with this id: leave the id out (REPLACE would delete that job and what it has done)')
  END;
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs
BEGIN
  INSERT INTO queue SELECT * FROM queue_places WHERE job_id = NEW.id;
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = 'queued';
END;

CREATE TRIGGER jobs_inputs BEFORE UPDATE OF id, file_token, script, argv, app, priority, run_at, expires_at,
  depends_on, unique_key, max_attempts, timeout_s, on_unconfirmed, created_at ON jobs
BEGIN
  INSERT INTO job_inputs VALUES (NEW.id, NEW.file_token, NEW.script, NEW.argv, NEW.app, NEW.priority, NEW.run_at,
    NEW.expires_at, NEW.depends_on, NEW.unique_key, NEW.max_attempts, NEW.timeout_s, NEW.on_unconfirmed, NEW.created_at,
    NEW.script IS NOT OLD.script OR NEW.argv IS NOT OLD.argv);
END;

CREATE TRIGGER jobs_keep_what_runs BEFORE UPDATE OF app, file_token, script, script_name, argv ON jobs
WHEN OLD.state IN ('submitting', 'running')
BEGIN
  SELECT RAISE(ABORT, 'this job is being run: app, file_token, script, script_name and argv cannot change now; cancel it first');
END;

CREATE TRIGGER pauses_insert BEFORE INSERT ON pauses
BEGIN
  -- As the CHECKs say, for an INSERT OR IGNORE as well.
  SELECT CASE
    WHEN coalesce(NEW.scope, '') NOT IN ('all', 'app', 'file') THEN RAISE(ABORT, 'scope must be all, app or file')
    WHEN NEW.scope = 'all' AND NEW.key <> '' THEN RAISE(ABORT, 'a pause of all has no key: leave it out')
    WHEN NEW.scope <> 'all' AND coalesce(NEW.key, '') = '' THEN
      RAISE(ABORT, 'key must say which one is paused: the name of an app, or the file_token of a file')
  END;
END;

CREATE TRIGGER watches_end AFTER INSERT ON watches
BEGIN
  DELETE FROM watches WHERE until <= strftime('%Y-%m-%d %H:%M:%f', 'now');
END;

CREATE TRIGGER watches_of_jobs BEFORE INSERT ON watches
WHEN NOT EXISTS (SELECT 1 FROM jobs WHERE id = NEW.job_id)
BEGIN
  SELECT RAISE(ABORT, 'job_id must be the id of a job: there is no job with this id');
END;

CREATE TRIGGER watches_insert BEFORE INSERT ON watches
WHEN NEW.until IS NOT NULL AND NOT (NEW.until GLOB '[0-9][0-9][0-9][0-9]-*' AND
      (NEW.until IN (datetime(NEW.until, '+0 days'), strftime('%Y-%m-%d %H:%M:%f', NEW.until, '+0 days'))) IS TRUE)
BEGIN
  SELECT RAISE(ABORT, 'until must be a UTC time such as ''2026-01-31 09:00:00'' or ''2026-01-31 09:00:00.250''; datetime(''now'', ''+1 hour'') gives one');
END;
