CREATE VIEW results AS
  -- Jobs that have ended, newest last.
  SELECT id AS job_id, script_name, state, result, error, log_gaps, attempt,
         file_token, submitted_at, finished_at
  FROM jobs
  WHERE state IN ('succeeded', 'failed', 'timed_out', 'cancelled')
  ORDER BY id;

CREATE VIEW dead_letters AS
  -- Jobs that failed or timed out for good, in the order in which they ended. To run some of them again:
  --   UPDATE jobs SET state = 'queued' WHERE id IN (SELECT job_id FROM dead_letters WHERE cause = 'lost')
  -- cause says why a job did not succeed:
  --   script       failed: its script failed
  --   refused      failed: KDocs refuses it: the file, the permission or the script
  --   invalid      failed: it cannot be sent: script or argv is no UTF-8, or too long
  --   input        failed: with the results that it gets (pass_as) it is too long
  --   app          failed: its app is not configured
  --   unconfirmed  failed: the reply to its start was lost, and on_unconfirmed is fail
  --   lost         failed: KDocs does not know the running script any more; it may have done its work
  --   timeout      timed_out: it still ran after timeout_s, and may go on
  --   silent       timed_out: KDocs did not say after timeout_s whether it still ran
  --   expired      timed_out: expires_at passed before it could be started
  --   dependency   cancelled: what it needs has ended otherwise (on_dependency_failed, when_needed)
  --   superseded   cancelled, or failed before: a newer job has taken its place
  --   user         a user has ended it
  SELECT id AS job_id, app, class, file_token, script_name, batch_id, schedule, state, cause, error,
         attempt, finished_at
  FROM jobs INDEXED BY jobs_cause
  WHERE cause IS NOT NULL AND state IN ('failed', 'timed_out')
  ORDER BY finished_at, id;

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
      (SELECT what || advice FROM need_reasons AS n WHERE n.job_id = w.job_id AND is_stuck LIMIT 1),
      (SELECT what FROM need_reasons AS n WHERE n.job_id = w.job_id LIMIT 1),
      'what it waited for has happened, it is next in line')
    WHEN 'refused' THEN (SELECT what || ' it cannot be written yet, it is tried again: ' || r.error
      FROM refused_jobs AS r WHERE r.job_id = w.job_id)
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
    WHEN 'unscheduled' THEN unscheduled_wait
    WHEN 'class spent' THEN 'its class ' || class || ' has had its starts of today (starts_per_day in classes is '
      || starts_per_day || iif(starts_per_day > 0, '), until ' || substr(day_ends, 1, 19) || ' UTC', ')')
    WHEN 'class full' THEN
      'its class ' || class || ' runs as many jobs as it may (max_running in classes is ' || class_places || ')'
    WHEN 'busy' THEN 'its file is busy with job ' || busy_id || (
      SELECT iif(state = 'running', ' (running since ' || substr(submitted_at, 1, 19) || ' UTC)',
                 ' (being started)') FROM jobs WHERE id = busy_id)
    WHEN 'behind' THEN 'job ' || first_id || ' of the same file goes first'
    WHEN 'full' THEN 'all ' || max_running || ' places (max_running) are taken'
    WHEN 'shares' THEN iif(class = '', 'jobs without class share', 'its class ' || class || ' shares')
      || ' the starts of the app ' || app || ' with other classes (by weight): it starts in its turn'
    ELSE 'it is next in line'
  END AS reason,
  CASE cause WHEN 'attempt' THEN due WHEN 'early' THEN due WHEN 'app waits' THEN start_at
             WHEN 'unscheduled' THEN unscheduled_at WHEN 'class spent' THEN iif(starts_per_day > 0, day_ends, NULL)
             WHEN 'next' THEN strftime('%Y-%m-%d %H:%M:%f', 'now') END AS expected_at
FROM (
  SELECT *, CASE
    WHEN started_at IS NULL THEN 'never ran'
    WHEN stopped_at IS NOT NULL THEN 'stopped'
    WHEN timed AND due > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN
      iif(attempt > 0 AND error IS NOT NULL, 'attempt', 'early')
    WHEN lane = 'dependent' THEN 'depends'
    WHEN seen_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds')
      AND due < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds') THEN 'gone'
    WHEN trouble IS NOT NULL THEN 'trouble'
    WHEN job_id IN (SELECT job_id FROM refused_jobs) THEN 'refused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'all' AND key = '') THEN 'all paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'app' AND key = app) THEN 'app paused'
    WHEN EXISTS (SELECT 1 FROM pauses WHERE scope = 'file' AND key = file_token) THEN 'file paused'
    WHEN app_state IS NULL THEN 'no app'
    WHEN start_wait IS NOT NULL THEN 'app waits'
    WHEN app_state = 'blocked' THEN 'blocked'
    WHEN unscheduled_wait IS NOT NULL AND scheduled = 0 THEN 'unscheduled'
    WHEN starts_per_day <= (SELECT coalesce(max(starts), 0) FROM class_starts AS s
      WHERE s.app = x.app AND s.day = x.day AND s.class = x.class) THEN 'class spent'
    WHEN class_places <= running_of_class THEN 'class full'
    WHEN busy_id IS NOT NULL THEN 'busy'
    WHEN first_id <> job_id THEN 'behind'
    WHEN max_running > 0 AND max_running <= (
      SELECT sum(jobs) FROM job_counts WHERE state IN ('submitting', 'running')) THEN 'full'
    WHEN (SELECT min(class) FROM queue AS f WHERE f.app = x.app AND f.lane = 'ready')
      < (SELECT max(class) FROM queue AS f WHERE f.app = x.app AND f.lane = 'ready') THEN 'shares'
    ELSE 'next' END AS cause
  FROM (
    SELECT q.job_id, q.app, q.file_token, q.priority, q.due, q.timed, q.lane, q.class, q.scheduled,
      j.script_name, j.attempt, j.max_attempts, j.error,
      a.state AS app_state, a.reason AS app_reason, a.start_wait, a.start_at,
      a.unscheduled_wait, a.unscheduled_at, a.day, a.day_ends,
      k.starts_per_day, k.max_running AS class_places, iif(k.max_running IS NOT NULL, (
        SELECT count(*) FROM jobs
        WHERE class IS NOT NULL AND (state = 'submitting' OR state = 'running')
          AND class = q.class AND app = q.app), 0) AS running_of_class,
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
          AND f.class = q.class AND f.scheduled = q.scheduled
          AND (f.priority, f.due, f.job_id) <= (q.priority, q.due, q.job_id)
          AND NOT (f.timed AND f.due > strftime('%Y-%m-%d %H:%M:%f', 'now'))
        ORDER BY f.priority, f.due, f.job_id LIMIT 1), NULL) AS first_id
    FROM queue AS q
    CROSS JOIN jobs AS j ON j.id = q.job_id
    LEFT JOIN apps AS a ON a.name = q.app
    LEFT JOIN classes AS k ON k.app = q.app AND k.name = q.class
    LEFT JOIN daemon AS d ON d.one = 1) AS x) AS w;

CREATE VIEW need_reasons AS
  -- For each condition that a queued job waits for, a sentence, and what a person can do if it cannot
  -- be met any more.
  SELECT job_id, kind, needs, when_needed, is_stuck, CASE
      WHEN state IS NULL THEN name || ' was deleted'
      WHEN is_stuck AND kind = 'job' THEN
        name || CASE state WHEN 'failed' THEN ' has failed' WHEN 'timed_out' THEN ' has timed out'
                           WHEN 'succeeded' THEN ' has succeeded' ELSE ' was cancelled' END
      WHEN is_stuck THEN name || ' has ended, but ' || unlucky || ' of its ' || jobs
        || ' jobs did not succeed'
      WHEN has_ended THEN name || ' has ended: this one is next in line'
      WHEN kind = 'job' THEN 'waits for job ' || needs || ', which is ' || state
      WHEN jobs = 0 THEN 'waits for batch ' || needs || ', which has no jobs: INSERT them, or end it without (UPDATE batches SET open = 0 WHERE id = ' || needs || ')'
      ELSE 'waits for batch ' || needs || ', of whose ' || jobs || ' jobs ' || ended || iif(ended = 1, ' has', ' have')
        || ' ended' || iif(open, ', and which is open for more', '')
    END AS what,
    CASE WHEN NOT is_stuck THEN ''
      WHEN state IS NULL THEN ': set ' || iif(kind = 'job', 'depends_on', 'after_batch')
        || ' to NULL (or DELETE the row of dependencies) to run this one without it, or cancel it'
      ELSE ': run ' || iif(kind = 'job', 'that one', 'those') || ' again or cancel this one' END AS advice
  FROM (
    SELECT *, kind || ' ' || needs || ', which must ' || iif(when_needed = 'succeeded', 'succeed',
        iif(when_needed = 'ended', 'end', 'fail')) || ' first,' AS name,
      state IS NULL OR (when_needed = 'succeeded' AND state IN ('failed', 'timed_out', 'cancelled'))
        OR (when_needed = 'failed' AND state = 'succeeded') AS is_stuck,
      state IN ('succeeded', 'failed', 'timed_out', 'cancelled') AS has_ended
    FROM (
      SELECT n.job_id, n.kind, n.needs, n.when_needed,
        iif(n.kind = 'job', (SELECT state FROM jobs WHERE id = n.needs),
          iif(b.ended_at IS NULL, iif(b.id IS NULL, NULL, 'running'), iif(b.failed + b.cancelled > 0, 'failed', 'succeeded'))) AS state,
        b.jobs, b.failed + b.cancelled AS unlucky, b.succeeded + b.failed + b.cancelled AS ended, b.open
      FROM needs AS n LEFT JOIN batches AS b ON b.id = n.needs AND n.kind = 'batch'));

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
  AND (EXISTS (SELECT 1 FROM queue INDEXED BY queue_ready WHERE lane = 'ready'
                 AND due < strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds'))
       OR EXISTS (SELECT 1 FROM schedules WHERE next_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds'))
       OR EXISTS (SELECT 1 FROM job_counts WHERE state = 'running' AND jobs > 0))
UNION ALL
SELECT 'configuration', NULL, config_trouble FROM daemon WHERE config_trouble IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'database', trouble_since, trouble FROM daemon WHERE trouble IS NOT NULL AND stopped_at IS NULL
UNION ALL
SELECT 'database', min(since), what || ' job ' || min(job_id)
    || iif(count(*) = 1, '', ' and ' || (count(*) - 1) || ' more')
    || ' cannot be written yet, all other jobs go on: ' || error
FROM refused_jobs WHERE (SELECT stopped_at IS NULL FROM daemon) GROUP BY what, error
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
SELECT 'jobs', NULL, 'job ' || min(id) || iif(count(*) = 1, ' is', ' and ' || (count(*) - 1) || ' more are')
    || ' submitting or running by somebody''s hand, and nobody follows ' || iif(count(*) = 1, 'it', 'them')
    || ': set the state to cancelled, and then to queued if the script is to run'
FROM jobs AS j WHERE (state = 'submitting' OR state = 'running' OR state = 'unconfirmed') AND state <> 'unconfirmed'
  AND iif(state = 'running', task_id IS NULL, NOT EXISTS (SELECT 1 FROM in_flight AS f WHERE f.job_id = j.id AND f.attempt = j.attempt))
HAVING count(*) > 0
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
    || ' for a job or batch that has failed, timed out, was cancelled or deleted: run that one again or cancel what waits (SELECT * FROM waiting)'
FROM (SELECT count(DISTINCT job_id) AS jobs FROM needs WHERE stuck = 1) WHERE jobs > 0
UNION ALL
SELECT 'schedule ' || name, NULL, error FROM schedules WHERE error IS NOT NULL
UNION ALL
SELECT 'schedule ' || name, next_at,
  'its time ' || substr(next_at, 1, 19) || ' UTC has come, and neither a job nor an error of it can be written: the log of kdocs-queued says why'
FROM schedules INDEXED BY schedules_next
WHERE next_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds') AND error IS NULL
  AND EXISTS (SELECT 1 FROM daemon WHERE stopped_at IS NULL
    AND seen_at >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds')
    AND started_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-150 seconds'))
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

CREATE VIEW upcoming AS
  -- The next five times of each schedule (UTC); none of one that is paused, has ended or has an error.
  SELECT schedule, at FROM schedule_times ORDER BY at, schedule;

CREATE VIEW batch_progress AS
  -- How far each batch is. percent counts a running job by its progress; expected_at: when it ends if it
  -- goes on at its average pace so far; NULL: not known.
  SELECT id AS batch_id, name, jobs, waiting, running, succeeded, failed, cancelled,
    CASE WHEN ended_at IS NOT NULL THEN 100
         WHEN jobs > 0 THEN min(99, (100 * ended + part) / jobs) ELSE 0 END AS percent,
    CASE WHEN ended_at IS NOT NULL THEN iif(failed + cancelled > 0, 'failed', 'succeeded')
         WHEN running > 0 THEN 'running'
         WHEN waiting > 0 THEN 'waiting'
         WHEN open = 1 THEN 'open' ELSE 'empty' END AS state,
    CASE WHEN ended_at IS NULL AND ended > 0 AND open = 0 THEN strftime('%Y-%m-%d %H:%M:%f',
      julianday('now') + (julianday('now') - julianday(created_at)) * (jobs - ended) / ended) END AS expected_at,
    created_at, ended_at
  FROM (SELECT *, succeeded + failed + cancelled AS ended,
          -- of the jobs that are started, or of those of the batch: whichever are fewer
          CASE WHEN running = 0 THEN 0
               WHEN (SELECT sum(c.jobs) FROM job_counts AS c WHERE c.state IN ('running', 'unconfirmed')) < b.jobs THEN
                 (SELECT coalesce(sum(progress), 0) FROM jobs AS j INDEXED BY jobs_open
                  WHERE (state = 'submitting' OR state = 'running' OR state = 'unconfirmed')
                    AND state = 'running' AND j.batch_id = b.id)
               ELSE (SELECT coalesce(sum(progress), 0) FROM jobs AS j INDEXED BY jobs_in_batch
                     WHERE j.batch_id = b.id AND state = 'running') END AS part
        FROM batches AS b);

CREATE VIEW job_inputs AS
  -- What a job with pass_as would get as argv if it started now, or (with its attempt) got. value is the
  -- argument of that name, [Undefined] is null.
  SELECT job_id, attempt, pass_as, json_extract(argv, '$."' || pass_as || '"') AS value, argv
  FROM (
    SELECT s.job_id, s.attempt, j.pass_as, s.argv
    FROM sent_inputs AS s CROSS JOIN jobs AS j ON j.id = s.job_id
    UNION ALL
    SELECT j.id, NULL, j.pass_as,
      json_set(iif(json_valid(CAST(j.argv AS TEXT)), CAST(j.argv AS TEXT), '{}'), '$."' || j.pass_as || '"', json(CASE
        WHEN j.after_batch IS NULL AND NOT EXISTS (SELECT 1 FROM dependencies AS d WHERE d.job_id = j.id) THEN
          (SELECT value FROM result_values WHERE job_id = j.depends_on)
        ELSE (
          SELECT json_group_array(json(item)) FROM (
            SELECT json_object('job', r.job_id, 'state', r.state, 'result', json(r.value), 'error', r.error) AS item
            FROM result_values AS r WHERE r.job_id IN (
              SELECT j.depends_on
              UNION SELECT d.needs FROM dependencies AS d WHERE d.job_id = j.id
              UNION SELECT m.id FROM jobs AS m WHERE m.batch_id = j.after_batch)
            ORDER BY r.job_id)) END))
    FROM jobs AS j WHERE j.pass_as IS NOT NULL AND j.state IN ('queued', 'submitting')
      AND NOT EXISTS (SELECT 1 FROM sent_inputs AS s
                      WHERE s.job_id = j.id AND s.attempt = j.attempt AND j.state = 'submitting'));
