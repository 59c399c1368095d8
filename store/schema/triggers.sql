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
  -- What a user may not change, and what follows from the rest. One statement may change very many jobs:
  -- neither a longer list than IN (a, b) nor an INSERT ... SELECT stands where each of them comes by, for
  -- which SQLite makes a table of its own each time.
  SELECT CASE
    WHEN NEW.id IS NOT NEW.old_id THEN RAISE(ABORT, 'the id of a job cannot change: its log lines and requests refer to it')
    WHEN NEW.depends_on IS NOT NEW.old_depends_on AND NEW.depends_on IS NOT NULL
      AND NEW.depends_on NOT IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id')
    WHEN NEW.batch_id IS NOT NEW.old_batch_id AND NEW.batch_id NOT IN (SELECT id FROM batches) THEN
      RAISE(ABORT, 'batch_id must be the id of a batch: there is no batch with this id')
    WHEN NEW.state IS NEW.old_state THEN NULL
    WHEN CASE NEW.state
      WHEN 'cancelled' THEN (NEW.old_state = 'queued' OR NEW.old_state = 'submitting' OR NEW.old_state = 'running' OR NEW.old_state = 'unconfirmed')
      WHEN 'queued' THEN (NEW.old_state = 'unconfirmed' OR NEW.old_state = 'failed' OR NEW.old_state = 'timed_out' OR NEW.old_state = 'cancelled')
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
  INSERT INTO placings VALUES (iif(NOT NEW.is_plain AND NOT EXISTS (SELECT 1 FROM queue WHERE job_id = NEW.id), NEW.id, NULL));
  INSERT INTO queue SELECT * FROM queue_places WHERE job_id = NEW.id AND NEW.is_plain
    AND NOT EXISTS (SELECT 1 FROM queue WHERE job_id = NEW.id);
  INSERT INTO left_places VALUES (iif(NEW.old_state = 'queued', NEW.old_app, NULL), NEW.old_file,
    coalesce(NEW.old_class, ''), NEW.old_schedule IS NOT NULL);

  -- Run again: the last attempt's traces leave the job; its log lines and requests stay.
  UPDATE jobs SET task_id = NULL, remote_status = NULL, result = NULL, polls = 0, log_gaps = 0,
                  progress = NULL, progress_text = NULL, cause = NULL, submitted_at = NULL, reported_at = NULL, finished_at = NULL, padding = zeroblob(256)
  WHERE id = NEW.id AND NEW.state = 'queued' AND NEW.old_state <> 'queued';
  UPDATE jobs SET finished_at = coalesce(finished_at, strftime('%Y-%m-%d %H:%M:%f', 'now')),
    cause = coalesce(cause, iif(NEW.state = 'succeeded', NULL, 'user'))
  WHERE id = NEW.id AND (NEW.state IN ('failed', 'timed_out') OR NEW.state = 'cancelled' OR NEW.state = 'succeeded') AND NEW.state <> NEW.old_state;

  -- Those that wait for it, and the counters.
  INSERT INTO ended_needs SELECT 'job', NEW.id -- no OR IGNORE in a trigger: the user's OR takes its place
  WHERE (NEW.state = 'succeeded' OR NEW.state = 'failed' OR NEW.state = 'timed_out' OR NEW.state = 'cancelled')
    AND EXISTS (SELECT 1 FROM needs WHERE kind = 'job' AND needs = NEW.id)
  ON CONFLICT DO NOTHING;
  INSERT INTO goings_on VALUES (iif(NEW.state = 'queued' AND (NEW.old_state = 'failed' OR NEW.old_state = 'timed_out' OR NEW.old_state = 'cancelled')
    AND (EXISTS (SELECT 1 FROM jobs WHERE depends_on = NEW.id) OR EXISTS (SELECT 1 FROM dependencies WHERE needs = NEW.id)
         OR EXISTS (SELECT 1 FROM needs WHERE kind = 'job' AND needs = NEW.id)), 'job', NULL), NEW.id);
  INSERT INTO batch_counts VALUES (iif(NEW.batch_id IS NOT NEW.old_batch_id OR NEW.state <> NEW.old_state, NEW.batch_id, NULL),
    NEW.state, iif(NEW.batch_id IS NEW.old_batch_id, NEW.old_state, NULL));
  INSERT INTO batch_counts VALUES (iif(NEW.batch_id IS NOT NEW.old_batch_id, NEW.old_batch_id, NULL), NULL, NEW.old_state);
  UPDATE schedules SET last_state = NEW.state, padding = zeroblob(11 - length(NEW.state)), rev = rev + 1
  WHERE last_job_id = NEW.id AND NEW.state <> NEW.old_state;
  UPDATE schedules SET last_success_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), rev = rev + 1
  WHERE name = NEW.old_schedule AND NEW.state = 'succeeded' AND NEW.old_state <> 'succeeded';
  INSERT INTO end_counts VALUES (NEW.old_app, iif(NEW.state <> NEW.old_state, NEW.state, NULL));
  UPDATE job_counts SET jobs = jobs + 1
  WHERE state = iif(NEW.state = 'submitting', 'running', NEW.state) AND NEW.state <> NEW.old_state;
  UPDATE job_counts SET jobs = jobs - 1
  WHERE state = iif(NEW.old_state = 'submitting', 'running', NEW.old_state) AND NEW.state <> NEW.old_state;
END;

CREATE TRIGGER job_values_check INSTEAD OF INSERT ON job_values
BEGIN
  SELECT CASE
    WHEN typeof(NEW.file_token) <> 'text' THEN RAISE(ABORT, 'file_token must be given as text: the file''s open_id')
    WHEN length(CAST(NEW.file_token AS BLOB)) = 0 THEN RAISE(ABORT, 'file_token must not be empty')
    WHEN instr(CAST(NEW.file_token AS BLOB), x'00') > 0 THEN RAISE(ABORT, 'file_token must not contain a NUL character')
    WHEN length(CAST(NEW.file_token AS BLOB)) > 1000 THEN RAISE(ABORT, 'file_token must not be longer than 1000 bytes: it is no text of its own, but the file''s open_id')
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
      CASE WHEN json_valid(CAST(NEW.argv AS TEXT)) THEN json_type(CAST(NEW.argv AS TEXT)) = 'object' ELSE 0 END
      AND instr(CAST(NEW.argv AS BLOB), x'00') = 0) THEN -- behind which SQLite looks at nothing
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
    WHEN (NEW.when_needed = 'succeeded' OR NEW.when_needed = 'ended' OR NEW.when_needed = 'failed') IS NOT TRUE THEN
      RAISE(ABORT, 'when_needed must be succeeded, ended or failed')
    WHEN (NEW.on_dependency_failed = 'wait' OR NEW.on_dependency_failed = 'cancel' OR NEW.on_dependency_failed = 'run') IS NOT TRUE THEN
      RAISE(ABORT, 'on_dependency_failed must be wait, cancel or run')
    WHEN NEW.pass_as GLOB '*["\' || char(1) || '-' || char(31) || ']*' OR NEW.pass_as = ''
      OR instr(CAST(NEW.pass_as AS BLOB), x'00') > 0 THEN
      RAISE(ABORT, 'pass_as must be the name of an argument in argv, without quotes, backslashes and control characters')
    WHEN coalesce(NEW.supersede, 2) NOT IN (0, 1) THEN RAISE(ABORT, 'supersede must be 0 or 1')
    WHEN NEW.supersede = 1 AND NEW.unique_key IS NULL THEN RAISE(ABORT, 'supersede needs a unique_key: it takes the place of the job that has the same')
    WHEN NEW.class = '' THEN RAISE(ABORT, 'class must not be empty; leave it out if the job has none')
    WHEN NEW.schedule = '' THEN RAISE(ABORT, 'schedule must not be empty; leave it out if the job has none')
    WHEN NEW.scheduled_at IS NOT NULL AND (NEW.scheduled_at IS strftime('%Y-%m-%d %H:%M:%f', NEW.scheduled_at, '+0 days')) IS NOT TRUE THEN
      RAISE(ABORT, 'scheduled_at must be a UTC time such as ''2026-01-31 09:00:00.000'' (with all three digits behind the point); the daemon writes it, leave it out')
    WHEN NEW.unique_key = '' THEN RAISE(ABORT, 'unique_key must not be empty; leave it out if the job has none')
    WHEN NEW.max_attempts IS NULL OR NEW.max_attempts NOT BETWEEN 1 AND 1000 THEN RAISE(ABORT, 'max_attempts must be from 1 to 1000: how often a script that fails is started in all')
    WHEN NEW.timeout_s NOT BETWEEN 1 AND 2592000 THEN RAISE(ABORT, 'timeout_s must be a positive number of seconds, at most 2592000 (30 days)')
    WHEN (NEW.on_unconfirmed = 'hold' OR NEW.on_unconfirmed = 'retry' OR NEW.on_unconfirmed = 'fail') IS NOT TRUE THEN RAISE(ABORT, 'on_unconfirmed must be hold, retry or fail')
  END;
END;

CREATE TRIGGER jobs_changed
AFTER UPDATE OF id, state, app, file_token, priority, run_at, expires_at, depends_on, batch_id, after_batch,
  when_needed, on_dependency_failed, unique_key, supersede, class, schedule ON jobs
WHEN NEW.rev IS OLD.rev
BEGIN
  -- A user's change: the daemon counts rev up, and follows up itself. Only of columns from which
  -- something follows, as most of the daemon's writes are to the others.
  INSERT INTO job_changes VALUES (NEW.id, OLD.id, NEW.state, OLD.state, NEW.depends_on, OLD.depends_on,
    NEW.batch_id, OLD.batch_id, OLD.app, OLD.file_token,
    (NEW.state, NEW.app, NEW.file_token, NEW.priority, NEW.run_at, NEW.expires_at, NEW.depends_on, NEW.batch_id,
     NEW.after_batch, NEW.when_needed, NEW.on_dependency_failed, NEW.unique_key, NEW.supersede, NEW.class,
     NEW.schedule)
    IS NOT
    (OLD.state, OLD.app, OLD.file_token, OLD.priority, OLD.run_at, OLD.expires_at, OLD.depends_on, OLD.batch_id,
     OLD.after_batch, OLD.when_needed, OLD.on_dependency_failed, OLD.unique_key, OLD.supersede, OLD.class,
     OLD.schedule), OLD.class, OLD.schedule,
    coalesce(NEW.depends_on, OLD.depends_on, NEW.after_batch, OLD.after_batch) IS NULL
      AND NEW.supersede = 0 AND OLD.supersede = 0 AND NOT EXISTS (SELECT 1 FROM dependencies WHERE job_id = NEW.id));
END;

CREATE TRIGGER jobs_delete BEFORE DELETE ON jobs
BEGIN
  SELECT CASE
    WHEN OLD.state IN ('submitting', 'running') THEN
      RAISE(ABORT, 'this job is being run and cannot be deleted: set its state to cancelled first')
    WHEN EXISTS (SELECT 1 FROM needs WHERE kind = 'job' AND needs = OLD.id) THEN
      RAISE(ABORT, 'other jobs wait for this one (SELECT job_id FROM needs WHERE kind = ''job'' AND needs = its id): cancel them, or set their depends_on to NULL and DELETE their rows in dependencies, first')
    -- What is on its way counts, too: if it comes back to the queue, it is to get the same then.
    WHEN EXISTS (SELECT 1 FROM dependents AS d CROSS JOIN jobs AS j ON j.id = d.job_id
                 WHERE d.kind = 'job' AND d.needs = OLD.id AND j.pass_as IS NOT NULL
                   AND (j.state = 'queued' OR j.state = 'submitting' OR j.state = 'running' OR j.state = 'unconfirmed'))
      OR EXISTS (SELECT 1 FROM jobs WHERE after_batch = OLD.batch_id AND pass_as IS NOT NULL
                 AND (state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed')) THEN
      RAISE(ABORT, 'other jobs that have not ended get the result of this one (pass_as): wait for their end, or cancel them first')
  END;
END;

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs
BEGIN
  DELETE FROM queue WHERE job_id = OLD.id;
  DELETE FROM needs WHERE job_id = OLD.id;
  INSERT INTO left_places VALUES (iif(OLD.state = 'queued', OLD.app, NULL), OLD.file_token,
    coalesce(OLD.class, ''), OLD.schedule IS NOT NULL);
  DELETE FROM logs WHERE job_id = OLD.id;
  DELETE FROM requests WHERE job_id = OLD.id;
  DELETE FROM in_flight WHERE job_id = OLD.id;
  DELETE FROM reply_parts WHERE job_id = OLD.id;
  DELETE FROM watches WHERE job_id = OLD.id;
  DELETE FROM sent_inputs WHERE job_id = OLD.id;
  DELETE FROM dependencies WHERE job_id = OLD.id;
  -- What others needed of it has happened, or it could not be deleted: it must not come back when they are
  -- looked at again.
  UPDATE jobs SET depends_on = NULL WHERE depends_on = OLD.id
    AND (state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed');
  DELETE FROM dependencies WHERE needs = OLD.id AND EXISTS (
    SELECT 1 FROM jobs AS j WHERE j.id = dependencies.job_id
      AND (j.state = 'queued' OR j.state = 'submitting' OR j.state = 'running' OR j.state = 'unconfirmed'));
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
  INSERT INTO batch_counts VALUES (OLD.batch_id, NULL, OLD.state);
  DELETE FROM batches WHERE id = OLD.batch_id AND jobs <= 0 AND ended_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM needs WHERE kind = 'batch' AND needs = OLD.batch_id);
END;

CREATE TRIGGER jobs_insert BEFORE INSERT ON jobs
BEGIN
  INSERT INTO job_values VALUES (NEW.id, NEW.file_token, NEW.script, NEW.argv, NEW.app, NEW.priority, NEW.run_at,
    NEW.expires_at, NEW.depends_on, NEW.batch_id, NEW.after_batch, NEW.when_needed, NEW.on_dependency_failed,
    NEW.pass_as, NEW.unique_key, NEW.supersede, NEW.class, NEW.schedule, NEW.scheduled_at, NEW.max_attempts,
    NEW.timeout_s, NEW.on_unconfirmed, NEW.created_at, 1);
  SELECT CASE
    WHEN NEW.state IS NOT 'queued' OR NEW.attempt IS NOT 0 OR NEW.polls IS NOT 0 OR NEW.log_gaps IS NOT 0
      OR NEW.rev IS NOT 0 OR NEW.waits_for_batch IS NOT 0
      OR coalesce(NEW.task_id, NEW.remote_status, NEW.result, NEW.error, NEW.progress, NEW.progress_text, NEW.cause,
        NEW.submitted_at, NEW.reported_at, NEW.finished_at) IS NOT NULL OR NEW.padding IS NOT zeroblob(256) THEN
      RAISE(ABORT, 'a new job is queued: leave state, attempt, task_id, remote_status, result, error, polls, log_gaps, progress, progress_text, cause, submitted_at, reported_at, finished_at, rev, waits_for_batch and padding out of the INSERT, the daemon writes them')
    WHEN NEW.depends_on IS NOT NULL AND NEW.depends_on NOT IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'depends_on must be the id of an earlier job: there is no job with this id')
    WHEN NEW.batch_id IS NOT NULL AND NEW.batch_id NOT IN (SELECT id FROM batches) THEN
      RAISE(ABORT, 'batch_id must be the id of a batch: there is no batch with this id')
    WHEN NEW.id IN (SELECT id FROM jobs) THEN
      RAISE(ABORT, 'there is a job with this id: leave the id out (REPLACE would delete that job and what it has done)')
    -- After the greatest number of all SQLite gives no id any more.
    WHEN NEW.id > 1000000000 AND NEW.id - 1000000000 > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs') THEN
      RAISE(ABORT, 'the id of a job must not be 1000000000 beyond those that there are: leave it out')
  END;
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs
BEGIN
  SELECT RAISE(ABORT, 'the id of a job must be positive: leave it out') WHERE NEW.id <= 0;
  INSERT INTO placings VALUES (iif(NEW.depends_on IS NOT NULL OR NEW.after_batch IS NOT NULL OR NEW.supersede = 1, NEW.id, NULL));
  INSERT INTO queue SELECT * FROM queue_places WHERE job_id = NEW.id
    AND NEW.depends_on IS NULL AND NEW.after_batch IS NULL AND NEW.supersede = 0;
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = 'queued';
  INSERT INTO batch_counts VALUES (NEW.batch_id, 'queued', NULL);
END;

CREATE TRIGGER jobs_values BEFORE UPDATE OF id, file_token, script, argv, app, priority, run_at, expires_at,
  depends_on, batch_id, after_batch, when_needed, on_dependency_failed, pass_as, unique_key, supersede, class,
  schedule, scheduled_at, max_attempts, timeout_s, on_unconfirmed, created_at ON jobs
BEGIN
  INSERT INTO job_values VALUES (NEW.id, NEW.file_token, NEW.script, NEW.argv, NEW.app, NEW.priority, NEW.run_at,
    NEW.expires_at, NEW.depends_on, NEW.batch_id, NEW.after_batch, NEW.when_needed, NEW.on_dependency_failed,
    NEW.pass_as, NEW.unique_key, NEW.supersede, NEW.class, NEW.schedule, NEW.scheduled_at, NEW.max_attempts,
    NEW.timeout_s, NEW.on_unconfirmed, NEW.created_at,
    NEW.script IS NOT OLD.script OR NEW.argv IS NOT OLD.argv);
END;

CREATE TRIGGER jobs_keep_what_runs BEFORE UPDATE OF app, file_token, script, script_name, argv, batch_id, class
ON jobs WHEN OLD.state IN ('submitting', 'running')
BEGIN
  SELECT RAISE(ABORT, 'this job is being run: app, file_token, script, script_name, argv, batch_id and class cannot change now; cancel it first');
END;

CREATE TRIGGER jobs_supersede BEFORE INSERT ON jobs
WHEN NEW.supersede = 1 AND NEW.unique_key IS NOT NULL -- and it is not one that OR IGNORE will ignore
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE schedule = NEW.schedule AND scheduled_at = NEW.scheduled_at)
BEGIN
  -- The id that it will have is the next one, also where one statement INSERTs many.
  UPDATE jobs SET state = 'cancelled', cause = 'superseded', error = 'job ' || iif(NEW.id > 0, NEW.id, 1 + max(
      coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0),
      coalesce((SELECT max(id) FROM jobs), 0))) || ' has taken its place (supersede)'
  WHERE unique_key = NEW.unique_key AND unique_key IS NOT NULL AND state = 'queued';
END;

CREATE TRIGGER jobs_keep_key BEFORE UPDATE OF unique_key, supersede ON jobs
WHEN (OLD.state = 'submitting' OR OLD.state = 'running' OR OLD.state = 'unconfirmed')
  AND (NEW.unique_key, NEW.supersede) IS NOT (OLD.unique_key, OLD.supersede)
BEGIN
  SELECT RAISE(ABORT, 'this job is being run, or unconfirmed: unique_key and supersede cannot change now; cancel it first');
END;

CREATE TRIGGER placings_insert INSTEAD OF INSERT ON placings WHEN NEW.job_id IS NOT NULL
BEGIN
  SELECT CASE
    WHEN waits_for_batch = 0 AND after_batch NOT IN (SELECT id FROM batches) THEN
      RAISE(ABORT, 'after_batch must be the id of a batch: there is no batch with this id')
    WHEN level >= batch_id AND level > 0 THEN
      RAISE(ABORT, 'a job of a batch can wait only for batches with a smaller id than its own (after_batch, or by what it depends on): else each would wait for the other')
    WHEN level > waits_for_batch AND EXISTS (SELECT 1 FROM dependents WHERE kind = 'job' AND needs = NEW.job_id) THEN
      RAISE(ABORT, 'other jobs depend on this one: it cannot be made to wait for a batch now; INSERT what comes first before what depends on it')
  END FROM batch_levels WHERE job_id = NEW.job_id AND (level > 0 OR waits_for_batch > 0 OR after_batch IS NOT NULL);
  UPDATE jobs SET waits_for_batch = (SELECT level FROM batch_levels WHERE job_id = NEW.job_id)
  WHERE id = NEW.job_id AND waits_for_batch <> (SELECT level FROM batch_levels WHERE job_id = NEW.job_id);
  DELETE FROM needs WHERE job_id = NEW.job_id;
  INSERT INTO needs SELECT job_id, kind, needs, when_needed, stuck FROM conditions
  WHERE job_id = NEW.job_id AND stuck IS NOT NULL AND EXISTS (SELECT 1 FROM jobs WHERE id = NEW.job_id AND state = 'queued')
  ON CONFLICT DO NOTHING;
  UPDATE queue SET lane = 'dependent' WHERE job_id = NEW.job_id AND lane = 'ready'
    AND EXISTS (SELECT 1 FROM needs WHERE job_id = NEW.job_id); -- the next one of its file comes forward
  DELETE FROM queue WHERE job_id = NEW.job_id;
  INSERT INTO queue SELECT * FROM queue_places WHERE job_id = NEW.job_id;
END;

CREATE TRIGGER queue_waits AFTER UPDATE OF lane ON queue WHEN OLD.lane = 'ready' AND NEW.lane = 'dependent'
BEGIN
  INSERT INTO left_places VALUES (NEW.app, NEW.file_token, NEW.class, NEW.scheduled);
END;

CREATE TRIGGER left_places_insert INSTEAD OF INSERT ON left_places WHEN NEW.app IS NOT NULL
BEGIN
  UPDATE queue SET lane = 'ready' WHERE job_id = (
    SELECT job_id FROM queue WHERE app = NEW.app AND file_token = NEW.file_token AND lane = 'parked'
      AND class = NEW.class AND scheduled = NEW.scheduled
    ORDER BY priority, due, job_id LIMIT 1);
END;

CREATE TRIGGER goings_on_insert INSTEAD OF INSERT ON goings_on WHEN NEW.kind IS NOT NULL
BEGIN
  UPDATE needs SET stuck = 0 WHERE kind = NEW.kind AND needs = NEW.needs;
  INSERT INTO needs SELECT d.job_id, d.kind, d.needs, d.when_needed, 0
  FROM dependents AS d CROSS JOIN queue AS q ON q.job_id = d.job_id
  WHERE d.kind = NEW.kind AND d.needs = NEW.needs
  ON CONFLICT DO NOTHING;
  UPDATE queue SET lane = 'dependent'
  WHERE job_id IN (SELECT job_id FROM needs WHERE kind = NEW.kind AND needs = NEW.needs);
END;

CREATE TRIGGER end_counts_insert INSTEAD OF INSERT ON end_counts
WHEN NEW.state = 'succeeded' OR NEW.state = 'failed' OR NEW.state = 'timed_out' OR NEW.state = 'cancelled'
BEGIN
  INSERT INTO counters(app, name, label, outcome, value)
  VALUES (iif(EXISTS (SELECT 1 FROM apps WHERE name = NEW.app), NEW.app, ''), 'jobs_finished', NEW.state, '', 1)
  ON CONFLICT DO UPDATE SET value = min(value, 1000000000000000) + 1;
END;

CREATE TRIGGER notifications_insert BEFORE INSERT ON notifications
WHEN NEW.id > 1000000000 AND NEW.id - 1000000000 > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'notifications')
BEGIN
  SELECT RAISE(ABORT, 'the id of a notification must not be 1000000000 beyond those that there are: leave it out');
END;

CREATE TRIGGER pauses_insert BEFORE INSERT ON pauses
BEGIN
  -- As the CHECKs say, for an INSERT OR IGNORE as well.
  SELECT CASE
    WHEN (NEW.scope = 'all' OR NEW.scope = 'app' OR NEW.scope = 'file') IS NOT TRUE THEN RAISE(ABORT, 'scope must be all, app or file')
    WHEN NEW.scope = 'all' AND NEW.key IS NOT '' THEN RAISE(ABORT, 'a pause of all has no key: leave it out')
    WHEN NEW.scope <> 'all' AND coalesce(NEW.key, '') = '' THEN
      RAISE(ABORT, 'key must say which one is paused: the name of an app, or the file_token of a file')
    WHEN NEW.created_at IS NULL THEN RAISE(ABORT, 'created_at is written by the database: leave it out')
  END;
END;

CREATE TRIGGER classes_insert BEFORE INSERT ON classes
BEGIN
  INSERT INTO class_values VALUES (NEW.app, NEW.name, NEW.weight, NEW.max_running, NEW.starts_per_day);
END;

CREATE TRIGGER classes_update BEFORE UPDATE ON classes
BEGIN
  INSERT INTO class_values VALUES (NEW.app, NEW.name, NEW.weight, NEW.max_running, NEW.starts_per_day);
END;

CREATE TRIGGER class_values_check INSTEAD OF INSERT ON class_values
BEGIN
  SELECT CASE
    WHEN coalesce(NEW.app, '') = '' THEN RAISE(ABORT, 'app must not be empty; leave it out for the app named default')
    WHEN coalesce(NEW.name, '') = '' THEN
      RAISE(ABORT, 'name must not be empty: it is what jobs have as class (those that have none cannot be limited)')
    WHEN coalesce(NEW.weight, 0) NOT BETWEEN 1 AND 1000 THEN
      RAISE(ABORT, 'weight must be a whole number from 1 to 1000; leave it out for 1')
    WHEN NEW.max_running < 0 THEN
      RAISE(ABORT, 'max_running must not be negative (0: none is started); NULL: no limit')
    WHEN NEW.starts_per_day < 0 THEN
      RAISE(ABORT, 'starts_per_day must not be negative (0: none is started); NULL: no limit')
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
