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

CREATE TABLE refused_jobs (
  -- Jobs that wait by themselves, because what the daemon writes for them is refused (by a trigger or an
  -- index of a user); each is tried again, once a minute at least.
  job_id INTEGER PRIMARY KEY,
  what   TEXT NOT NULL,            -- is refused: the start of, the end of, …
  error  TEXT NOT NULL,
  since  TEXT NOT NULL
) STRICT;

CREATE TABLE queue (
  -- Queued jobs in claim order, kept in step with jobs, so that finding the next job to start costs
  -- the same whatever else is queued. Lanes:
  --   ready      to be looked at in order
  --   parked     behind a ready job of the same app, class and file, which also has a schedule if this one has
  --   future     run_at has not come
  --   dependent  something that it needs has not happened yet: it has rows in needs
  job_id     INTEGER PRIMARY KEY,
  app        TEXT    NOT NULL,
  file_token TEXT    NOT NULL,
  priority   INTEGER NOT NULL,
  due        TEXT    NOT NULL,     -- run_at, or created_at where that is NULL
  timed      INTEGER NOT NULL,     -- 1: due is a run_at, not to be started before
  lane       TEXT    NOT NULL,
  expires_at TEXT,
  class      TEXT    NOT NULL,     -- '': none
  scheduled  INTEGER NOT NULL      -- 1: it has a schedule
) STRICT;

CREATE TABLE needs (
  -- What queued jobs wait for: each condition that is not met.
  job_id      INTEGER NOT NULL,
  kind        TEXT    NOT NULL,    -- job or batch
  needs       INTEGER NOT NULL,    -- its id
  when_needed TEXT    NOT NULL,
  stuck       INTEGER NOT NULL,    -- 0: it has not ended, or was not looked at since; 1: it has ended otherwise,
                                   -- or was deleted; 2: the same, and the job is to be cancelled
  PRIMARY KEY (kind, needs, job_id, when_needed)
) STRICT, WITHOUT ROWID;

CREATE TABLE ended_needs (
  -- Jobs and batches that have ended, or come to an end otherwise, and for which some job may wait: the
  -- daemon looks at those, a few at a time, and deletes the row.
  kind  TEXT    NOT NULL,
  needs INTEGER NOT NULL,
  PRIMARY KEY (kind, needs)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule_times (
  -- The next five times of each schedule: SQL cannot reckon them.
  schedule TEXT NOT NULL,
  at       TEXT NOT NULL,
  PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedule_changes (
  -- Schedules whose times are to be reckoned anew from now on: the daemon does so, a few at a time,
  -- and deletes the row.
  schedule TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE VIEW conditions AS
  -- Everything that a job needs. stuck as in needs; NULL: it is met.
  SELECT job_id, kind, needs, when_needed, state, CASE
      WHEN state = 'open' THEN 0
      WHEN when_needed = 'ended' OR when_needed = state THEN NULL
      WHEN when_needed = 'failed' AND state = 'succeeded' THEN 2
      WHEN policy = 'run' THEN NULL
      ELSE iif(policy = 'cancel', 2, 1) END AS stuck
  FROM (
    SELECT job_id, kind, needs, when_needed, policy, CASE
        WHEN (state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed') THEN 'open'
        WHEN state IN ('timed_out', 'cancelled') THEN 'failed'
        ELSE coalesce(state, 'deleted') END AS state
    FROM (
      SELECT id AS job_id, 'job' AS kind, depends_on AS needs, when_needed, on_dependency_failed AS policy,
        (SELECT p.state FROM jobs AS p WHERE p.id = j.depends_on) AS state
      FROM jobs AS j WHERE depends_on IS NOT NULL
      UNION ALL
      SELECT d.job_id, 'job', d.needs, d.when_needed, j.on_dependency_failed,
        (SELECT p.state FROM jobs AS p WHERE p.id = d.needs)
      FROM dependencies AS d CROSS JOIN jobs AS j ON j.id = d.job_id
      UNION ALL
      SELECT id, 'batch', after_batch, when_needed, on_dependency_failed,
        (SELECT CASE WHEN ended_at IS NULL THEN 'running' WHEN failed + cancelled > 0 THEN 'failed' ELSE 'succeeded' END
         FROM batches WHERE id = j.after_batch)
      FROM jobs AS j WHERE after_batch IS NOT NULL
      UNION ALL
      SELECT j.id, 'job', r.id, 'ended', 'wait', r.state
      FROM jobs AS j CROSS JOIN jobs AS r ON r.unique_key = j.unique_key
        AND r.unique_key IS NOT NULL AND (r.state = 'queued' OR r.state = 'submitting' OR r.state = 'running' OR r.state = 'unconfirmed')
        AND (r.supersede = 1 AND r.state = 'queued') = 0 AND r.state <> 'queued'
      WHERE j.supersede = 1 AND j.unique_key IS NOT NULL));

CREATE VIEW dependents AS
  -- Which jobs need a job or a batch, ended or not.
  SELECT 'job' AS kind, depends_on AS needs, id AS job_id, when_needed FROM jobs WHERE depends_on IS NOT NULL
  UNION ALL
  SELECT 'job', needs, job_id, when_needed FROM dependencies
  UNION ALL
  SELECT 'batch', after_batch, id, when_needed FROM jobs WHERE after_batch IS NOT NULL;

CREATE VIEW result_values AS
  -- Results as JSON, whatever stands there.
  SELECT id AS job_id, state, error, length(CAST(result AS BLOB)) AS bytes,
    CASE WHEN result IS NULL OR result = '"[Undefined]"' THEN 'null'
         WHEN json_valid('[[' || result || ']]') THEN result -- with room for what it is put into
         ELSE json_quote(result) END AS value
  FROM jobs;

CREATE VIEW batch_levels AS
  -- What jobs.waits_for_batch should be. As a job of a batch may wait for smaller ones only, none waits
  -- in a circle.
  SELECT id AS job_id, batch_id, after_batch, waits_for_batch, max(coalesce(after_batch, 0),
      coalesce((SELECT p.waits_for_batch FROM jobs AS p WHERE p.id = j.depends_on), 0),
      coalesce((SELECT max(p.waits_for_batch) FROM dependencies AS d CROSS JOIN jobs AS p ON p.id = d.needs
                WHERE d.job_id = j.id), 0)) AS level
  FROM jobs AS j;

CREATE VIEW queue_places AS
  -- The row of queue with which a queued job joins. A job is parked at once only where one job a file
  -- runs at a time; elsewhere the daemon parks what it finds in its way.
  SELECT id AS job_id, app, file_token, priority, coalesce(run_at, created_at) AS due,
    run_at IS NOT NULL AS timed,
    CASE WHEN EXISTS (SELECT 1 FROM needs AS n WHERE n.job_id = j.id) THEN 'dependent'
         WHEN run_at > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'future'
         WHEN (SELECT max_running_per_file FROM daemon) IS 1
           AND EXISTS (SELECT 1 FROM queue AS q
                       WHERE q.app = j.app AND q.file_token = j.file_token AND q.lane = 'ready'
                         AND q.class = coalesce(j.class, '') AND q.scheduled = (j.schedule IS NOT NULL)
                         AND q.job_id <> j.id AND (q.priority, q.due, q.job_id) <
                             (j.priority, coalesce(j.run_at, j.created_at), j.id))
         THEN 'parked' ELSE 'ready' END AS lane,
    expires_at, coalesce(class, '') AS class, schedule IS NOT NULL AS scheduled
  FROM (SELECT id, app, file_token, priority, run_at, expires_at, created_at, state, class, schedule FROM jobs) AS j
  WHERE state = 'queued';

CREATE VIEW placings AS
  -- INSERT one to have a queued job take its place in the queue anew (NULL: none); nothing is ever in it.
  SELECT id AS job_id FROM jobs WHERE 0;

CREATE VIEW left_places AS
  -- INSERT one when a user's change has taken a job out of the way of others: the first of those that are
  -- parked behind it comes forward. App NULL: it was in nobody's way; nothing is ever in it.
  SELECT app, file_token, class, scheduled FROM queue WHERE 0;

CREATE VIEW goings_on AS
  -- INSERT one when a job or a batch that had ended goes on: who has waited for its end waits again. Kind
  -- NULL: none does; nothing is ever in it.
  SELECT kind, needs FROM needs WHERE 0;

CREATE VIEW batch_counts AS
  -- INSERT one to count a job in a batch (NULL: in none) that comes into a state, or goes out of one, or both
  -- (else NULL); nothing is ever in it.
  SELECT id AS batch_id, name AS came, name AS went FROM batches WHERE 0;

CREATE VIEW end_counts AS
  -- INSERT one to count in counters that a job has come into a state, if that is an end; nothing is ever in it.
  SELECT app, state FROM jobs WHERE 0;

CREATE VIEW job_changes AS
  -- A user's change of a job; nothing is ever in it. The trigger jobs_changed, which the daemon's own
  -- changes pass as well, stays small because the work is done behind this name.
  SELECT id, id AS old_id, state, state AS old_state, depends_on, depends_on AS old_depends_on,
    batch_id, batch_id AS old_batch_id, app AS old_app, file_token AS old_file, 1 AS moved,
    class AS old_class, schedule AS old_schedule, 1 AS is_plain
  FROM jobs WHERE 0;

CREATE VIEW job_values AS
  -- What a user writes into a job; nothing is ever in it. A trigger refuses here what is not
  -- understood: what a CHECK refuses an INSERT OR IGNORE would drop without a word.
  SELECT id, file_token, script, argv, app, priority, run_at, expires_at, depends_on, batch_id, after_batch,
    when_needed, on_dependency_failed, pass_as, unique_key, supersede, class, schedule, scheduled_at,
    max_attempts, timeout_s, on_unconfirmed, created_at, 1 AS is_new_text
  FROM jobs WHERE 0;

CREATE VIEW schedule_values AS
  -- As job_values, of a schedule.
  SELECT name, cron, timezone, file_token, script, argv, app, priority, max_attempts, timeout_s, on_unconfirmed,
    class, overlap, missed, catch_up_s, jitter_s, expires_s, starts_at, ends_at, paused, 1 AS is_new_text
  FROM schedules WHERE 0;

CREATE VIEW class_values AS
  -- What a user writes into classes; nothing is ever in it.
  SELECT app, name, weight, max_running, starts_per_day FROM classes WHERE 0;

CREATE TABLE job_counts (
  -- How many jobs are queued, running (or being started) and unconfirmed; counting millions of rows
  -- takes seconds. Of the ended ones SELECT state, count(*) FROM jobs GROUP BY state tells.
  state TEXT PRIMARY KEY,
  jobs  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO job_counts(state) VALUES ('queued'), ('running'), ('unconfirmed');

CREATE TABLE counters (
  -- What metrics are made of: how often something has happened since the tables were made. Counted in the
  -- transaction in which it happens, and never less by a DELETE of jobs. By name:
  --   jobs_finished           ends of jobs; label is the state. One that is run again and ends again is
  --                           counted again, one that goes back to the queue by max_attempts is not.
  --   requests                requests to KDocs; label is the endpoint, outcome as in requests; but none
  --                           whose job was deleted while it was on its way
  --   log_gaps                rows of level gap in logs; app is ''
  --   job_run_seconds         histograms, a row for each bucket: label is the most seconds that fall into
  --   end_seen_delay_seconds  it ('+Inf': all that is longer). How long scripts ran whose end KDocs has
  --                           reported; and how long such an end was not seen, where the log tells when
  --                           it was.
  app     TEXT    NOT NULL,        -- '': none, or one that is not in apps (jobs.app may be anything)
  name    TEXT    NOT NULL,
  label   TEXT    NOT NULL,
  outcome TEXT    NOT NULL,
  value   INTEGER NOT NULL DEFAULT 0 CHECK (value >= 0),  -- how often; of a bucket: this one alone
  sum_ms  INTEGER NOT NULL DEFAULT 0 CHECK (sum_ms >= 0), -- of a bucket: its milliseconds in all
  PRIMARY KEY (app, name, label, outcome)
) STRICT, WITHOUT ROWID;

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
  held_to   INTEGER,               -- which id
  restored_at TEXT                 -- when that began last: what schedules had due until then may have run
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

CREATE INDEX queue_ready ON queue(app, class, priority, due, job_id, timed, file_token, scheduled)
  WHERE lane = 'ready';
CREATE INDEX queue_scheduled ON queue(app, class, priority, due, job_id, timed, file_token)
  WHERE lane = 'ready' AND scheduled = 1;
CREATE INDEX queue_file ON queue(app, file_token, lane, class, scheduled, priority, due, job_id);
CREATE INDEX queue_future ON queue(due) WHERE lane = 'future';
CREATE INDEX queue_future_scheduled ON queue(app, due) WHERE lane = 'future' AND scheduled = 1;
CREATE INDEX queue_expiring ON queue(expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX needs_of_job ON needs(job_id);
CREATE INDEX needs_open ON needs(kind, needs) WHERE stuck = 0;
CREATE INDEX needs_stuck ON needs(job_id) WHERE stuck = 1;
CREATE INDEX needs_to_cancel ON needs(job_id) WHERE stuck = 2;
