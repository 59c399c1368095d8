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
  depends_on     INTEGER,              -- id of an earlier job that must have succeeded first; for
                                       -- more than one: the table dependencies. If that one is
                                       -- deleted after it did, this becomes NULL
  batch_id       INTEGER,              -- of which batch it is a part (table batches)
  after_batch    INTEGER,              -- not before this batch has ended
  when_needed    TEXT    NOT NULL DEFAULT 'succeeded',  -- what depends_on and after_batch must have
                                       -- done: succeeded, ended, or failed (it ended otherwise)
  on_dependency_failed TEXT NOT NULL DEFAULT 'wait',  -- if they end otherwise: wait (for you to run
                                       -- them again), cancel this job, or run it all the same
  pass_as        TEXT,                 -- name of an argument in argv that gets the result of
                                       -- depends_on; after a batch, or with dependencies, an array
                                       -- of {job, state, result, error} (view job_inputs)
  unique_key     TEXT,                 -- at most one job that has not ended may have it:
                                       -- INSERT OR IGNORE then enqueues once (never OR REPLACE; ON
                                       -- CONFLICT DO NOTHING names no column)
  supersede      INTEGER NOT NULL DEFAULT 0,  -- 1: takes the place of a queued job that has the same
                                       -- unique_key, and waits for one that runs
  class          TEXT,                 -- a share of the starts of its app (table classes)
  schedule       TEXT,                 -- by which schedule it was INSERTed, and for which time
  scheduled_at   TEXT,
  max_attempts   INTEGER NOT NULL DEFAULT 1,   -- how often a script that fails is started in all;
                                       -- run_at is set between: up to 30 s later, doubled up to 1 h
  timeout_s      INTEGER,              -- give up so long after the start; NULL: the daemon's setting
  on_unconfirmed TEXT NOT NULL DEFAULT 'hold',  -- if the reply to a start is lost: hold it as
                                       -- unconfirmed for you to decide, retry (the script may then
                                       -- run twice; at most three times, then hold), or fail

  -- you may UPDATE state to 'cancelled', and of an ended job (or unconfirmed) to 'queued' ---------
  state          TEXT    DEFAULT 'queued',  -- a trigger refuses NULL, also to UPDATE OR IGNORE, which would
                                       -- drop what NOT NULL refuses without a word

  -- written by the daemon -------------------------------------------------------------------------
  rev            INTEGER NOT NULL DEFAULT 0,  -- counted up by each change of the daemon: do not write; among
                                       -- the first 32 columns, else each change reads all of the row for triggers
  created_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  attempt        INTEGER NOT NULL DEFAULT 0,  -- how often it was started
  task_id        TEXT,                 -- the service's name for the running script
  remote_status  TEXT,                 -- the service's last word about it, as received
  result         TEXT,                 -- JSON: value of the script's last expression
  error          TEXT,                 -- why it failed or waits, as a sentence
  polls          INTEGER NOT NULL DEFAULT 0,  -- status requests spent on this attempt
  log_gaps       INTEGER NOT NULL DEFAULT 0,  -- places in this attempt's log where lines may lack
  progress       INTEGER,              -- percent, by its last log line of the kind ##progress 40 words
  progress_text  TEXT,                 -- the words of that line
  cause          TEXT,                 -- why it did not succeed, as a word: script, refused, invalid, input,
                                       -- app, unconfirmed, lost, timeout, silent, expired, dependency,
                                       -- superseded or user; what they mean: the view dead_letters
  submitted_at   TEXT,                 -- when the start was sent
  reported_at    TEXT,                 -- when the last status request was sent that KDocs answered
  finished_at    TEXT,
  waits_for_batch INTEGER NOT NULL DEFAULT 0,  -- written by the database: the greatest id of the batches
                                       -- for which it waits, itself or by what it depends on
  padding        BLOB    NOT NULL DEFAULT (zeroblob(256)),  -- shrinks as the columns above grow: a
                                       -- row that keeps its size keeps its script's pages untouched

  -- last, so that reading the columns above does not read a long script ---------------------------
  script         ANY,                  -- what to run: text, or a BLOB of UTF-8 (readfile('a.js'));
                                       -- with argv at most daemon.max_script_bytes
  CONSTRAINT "attempt, polls, log_gaps and rev are counted by the daemon: do not write them"
    CHECK (attempt BETWEEN 0 AND 1000000000 AND
      min(polls, log_gaps, rev) >= 0 AND max(polls, log_gaps, rev) <= 4611686018427387904)
) STRICT;

CREATE TABLE dependencies (
  -- More than one job to wait for: BEGIN; INSERT the job; INSERT its dependencies; COMMIT.
  job_id      INTEGER NOT NULL,
  needs       INTEGER NOT NULL,    -- id of an earlier job
  when_needed TEXT    NOT NULL DEFAULT 'succeeded',  -- what it must have done: succeeded, ended or failed
  PRIMARY KEY (job_id, needs)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
  -- Jobs that belong together: INSERT INTO batches(name) VALUES ('report'), then jobs with its batch_id.
  -- It has ended when all of its jobs have. How far it is: the view batch_progress.
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT,
  open       INTEGER NOT NULL DEFAULT 0,  -- 1: more jobs are to come, it does not end before you set 0
                                          -- (which ends one without jobs, too)
  created_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  -- kept by the database: do not write
  jobs       INTEGER NOT NULL DEFAULT 0,
  waiting    INTEGER NOT NULL DEFAULT 0,  -- queued or unconfirmed
  running    INTEGER NOT NULL DEFAULT 0,  -- submitting or running
  succeeded  INTEGER NOT NULL DEFAULT 0,
  failed     INTEGER NOT NULL DEFAULT 0,  -- failed or timed_out
  cancelled  INTEGER NOT NULL DEFAULT 0,
  ended_at   TEXT,
  rev        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE schedules (
  -- Jobs that come again and again: the daemon INSERTs one for each time that cron names. What you
  -- INSERT, UPDATE or DELETE here acts at once; jobs that are there already stay as they are.
  name           TEXT PRIMARY KEY,     -- jobs.schedule of its jobs
  cron           TEXT,                 -- minute hour day-of-month month day-of-week, or @daily and the like
  timezone       TEXT    NOT NULL DEFAULT 'Asia/Shanghai',  -- whose clocks cron means (IANA name)
  -- of each of its jobs, as in jobs
  file_token     ANY,
  script_name    TEXT,
  argv           ANY,
  app            TEXT    NOT NULL DEFAULT 'default',
  priority       INTEGER NOT NULL DEFAULT 0,
  max_attempts   INTEGER NOT NULL DEFAULT 1,
  timeout_s      INTEGER,
  on_unconfirmed TEXT    NOT NULL DEFAULT 'hold',
  class          TEXT,
  overlap        TEXT    NOT NULL DEFAULT 'skip',  -- when a time comes before its last job has ended: skip
                                       -- this time; queue_one: a job waits for what has not ended, one
                                       -- at most; queue_all: each waits for those before; replace: as
                                       -- queue_one, but the new one takes the place of one that is queued
  missed         TEXT    NOT NULL DEFAULT 'once',  -- times that are more than a minute past when they are
                                       -- looked at, because the daemon was down: the last one has a
                                       -- job (once), none (skip), or the last hundred (all)
  catch_up_s     INTEGER NOT NULL DEFAULT 86400,   -- but none that is longer ago than this
  jitter_s       INTEGER NOT NULL DEFAULT 0,  -- each job starts up to so much later, each time by another span
  expires_s      INTEGER,              -- do not start so long after the time; the job then ends timed_out
  starts_at      TEXT,                 -- no time before this one, and none after that one (UTC)
  ends_at        TEXT,
  paused         INTEGER NOT NULL DEFAULT 0,  -- 1: no jobs, and none for these times afterwards
  -- written by the daemon
  next_at        TEXT,                 -- the next time; NULL: there is none to come
  last_at        TEXT,                 -- the last time that has a job, the job, and what became of it
  last_job_id    INTEGER,
  last_state     TEXT,
  last_success_at TEXT,                -- when a job of it has succeeded last, be it the last one or not
  skipped        INTEGER NOT NULL DEFAULT 0,  -- how many times have no job
  error          TEXT,                 -- why there is no next time, or the last one has no job
  rev            INTEGER NOT NULL DEFAULT 0,  -- counted up by each change of the daemon
  padding        BLOB    NOT NULL DEFAULT (zeroblob(11)),  -- shrinks as last_state grows: see jobs
  script         ANY,                  -- last, as in jobs
  CONSTRAINT "skipped and rev are counted by the daemon: do not write them"
    CHECK (min(skipped, rev) >= 0 AND max(skipped, rev) <= 4611686018427387904)
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

CREATE TABLE sent_inputs (
  -- What was sent as argv of a job that has pass_as.
  job_id  INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  argv    TEXT    NOT NULL,        -- a JSON object
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
  used     INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),  -- what was on its way at the roll: on both days
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

CREATE TABLE classes (
  -- INSERT one to share an app's starts among classes of jobs (jobs.class), and to limit a class. Changes
  -- act at once. A class that is not here, and the jobs without one, count as weight 1 without limits.
  app            TEXT    NOT NULL DEFAULT 'default',
  name           TEXT    NOT NULL,
  weight         INTEGER NOT NULL DEFAULT 1,  -- 1 to 1000: of two classes that wait, the one with 3 gets
                                   -- three starts for each one of that with 1
  max_running    INTEGER,          -- so many of its jobs at once; NULL: no limit
  starts_per_day INTEGER,          -- so many starts in a quota day of the app; NULL: no limit
  PRIMARY KEY (app, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE class_starts (
  -- How many jobs of each class were started in the last days.
  app    TEXT    NOT NULL,
  day    TEXT    NOT NULL,         -- as in quota.day
  class  TEXT    NOT NULL,
  starts INTEGER NOT NULL CHECK (starts >= 0),
  PRIMARY KEY (app, day, class)
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
  unscheduled_wait TEXT,           -- why only jobs of schedules are started now; NULL: others are, too
  unscheduled_at TEXT,
  poll_wait      TEXT,             -- the same as start_wait for status requests
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

CREATE UNIQUE INDEX "another job with this unique_key is queued: cancel that one first, or leave this one out by OR IGNORE"
  ON jobs(unique_key, state = 'queued') WHERE unique_key IS NOT NULL AND state = 'queued'
  /* of an index on an expression SQLite says the name when it refuses a row: hence a sentence. A trigger
     could not say it, as none knows whether the user has said OR IGNORE, or ON CONFLICT DO NOTHING */;
CREATE UNIQUE INDEX "another job with this unique_key has not ended: cancel that one first, or leave this one out by OR IGNORE"
  ON jobs(unique_key, supersede = 1 AND state = 'queued')
  WHERE unique_key IS NOT NULL AND state IN ('queued', 'submitting', 'running', 'unconfirmed')
  /* one that supersedes may be queued beside one that runs */;
CREATE INDEX jobs_open ON jobs(file_token, id)
  WHERE state = 'submitting' OR state = 'running' OR state = 'unconfirmed'
  /* what a start takes up again, which job keeps a file busy, and what is to be decided; the condition
     is to be repeated to the letter by who wants to use it */;
CREATE INDEX jobs_of_class ON jobs(class, app) WHERE class IS NOT NULL AND (state = 'submitting' OR state = 'running')
  /* how many of a class run; the condition is to be repeated to the letter, too */;
CREATE INDEX jobs_ended ON jobs(finished_at) WHERE finished_at IS NOT NULL
  /* for retention: oldest first; a job joins once, when it ends */;
CREATE INDEX jobs_cause ON jobs(cause, state, finished_at, batch_id) WHERE cause IS NOT NULL
  /* for dead_letters: what succeeds is never in it */;
CREATE INDEX jobs_depending ON jobs(depends_on) WHERE depends_on IS NOT NULL
  /* for retention: a job stays as long as one that depends on it has not ended */;
CREATE INDEX jobs_in_batch ON jobs(batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX jobs_after_batch ON jobs(after_batch) WHERE after_batch IS NOT NULL;
CREATE UNIQUE INDEX jobs_scheduled ON jobs(schedule, scheduled_at) WHERE schedule IS NOT NULL
  /* no time of a schedule happens twice */;
CREATE INDEX jobs_of_schedule ON jobs(schedule)
  WHERE schedule IS NOT NULL AND state IN ('queued', 'submitting', 'running', 'unconfirmed');
CREATE INDEX schedules_of_app ON schedules(app, name) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_next ON schedules(next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_last_job ON schedules(last_job_id) WHERE last_job_id IS NOT NULL;
CREATE INDEX schedules_in_trouble ON schedules(name) WHERE error IS NOT NULL;
CREATE UNIQUE INDEX "this job needs that one already, in this way" ON dependencies(needs, +job_id)
  /* a sentence for what the primary key refuses as well; what is not the same a trigger refuses */;
CREATE INDEX notifications_waiting ON notifications(command, id) WHERE state = 'waiting';
CREATE INDEX notifications_failing ON notifications(id) WHERE state = 'waiting' AND last_error IS NOT NULL;
CREATE INDEX notifications_ended ON notifications(finished_at) WHERE state <> 'waiting';
CREATE INDEX requests_of_job ON requests(job_id, attempt);
CREATE INDEX watches_until ON watches(until);
