CREATE TRIGGER batch_counts_insert INSTEAD OF INSERT ON batch_counts WHEN NEW.batch_id IS NOT NULL
BEGIN
  UPDATE batches SET rev = rev + 1, jobs = jobs + (NEW.came IS NOT NULL) - (NEW.went IS NOT NULL),
    waiting = waiting + iif(NEW.came IN ('queued', 'unconfirmed'), 1, 0) - iif(NEW.went IN ('queued', 'unconfirmed'), 1, 0),
    running = running + iif(NEW.came IN ('submitting', 'running'), 1, 0) - iif(NEW.went IN ('submitting', 'running'), 1, 0),
    succeeded = succeeded + (NEW.came IS 'succeeded') - (NEW.went IS 'succeeded'),
    failed = failed + iif(NEW.came IN ('failed', 'timed_out'), 1, 0) - iif(NEW.went IN ('failed', 'timed_out'), 1, 0),
    cancelled = cancelled + (NEW.came IS 'cancelled') - (NEW.went IS 'cancelled')
  WHERE id = NEW.batch_id;
END;

CREATE TRIGGER batches_delete BEFORE DELETE ON batches
BEGIN
  SELECT CASE
    WHEN OLD.waiting > 0 OR OLD.running > 0 THEN RAISE(ABORT, 'jobs of this batch have not ended: cancel them first')
    WHEN EXISTS (SELECT 1 FROM needs WHERE kind = 'batch' AND needs = OLD.id) THEN
      RAISE(ABORT, 'jobs wait for this batch (SELECT id FROM jobs WHERE after_batch = its id): cancel them first')
    WHEN EXISTS (SELECT 1 FROM jobs WHERE after_batch = OLD.id AND pass_as IS NOT NULL
                 AND (state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed')) THEN
      RAISE(ABORT, 'jobs that have not ended get the results of this batch (pass_as): wait for their end, or cancel them first')
  END;
END;

CREATE TRIGGER batches_deleted AFTER DELETE ON batches
BEGIN
  UPDATE jobs SET after_batch = NULL WHERE after_batch = OLD.id -- as jobs_deleted does
    AND (state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed');
END;

CREATE TRIGGER batches_close AFTER UPDATE OF open ON batches
WHEN NEW.ended_at IS NULL AND NEW.open = 0 AND NEW.jobs <= 0
BEGIN
  -- Without jobs it ends when somebody says so: they may be on their way.
  UPDATE batches SET ended_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), rev = rev + 1 WHERE id = NEW.id;
  INSERT INTO ended_needs SELECT 'batch', NEW.id
  WHERE EXISTS (SELECT 1 FROM needs WHERE kind = 'batch' AND needs = NEW.id)
  ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER batches_end AFTER UPDATE OF open, jobs, waiting, running ON batches
WHEN NEW.ended_at IS NULL AND NEW.open = 0 AND NEW.waiting <= 0 AND NEW.running <= 0 AND NEW.jobs > 0
BEGIN
  UPDATE batches SET ended_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), rev = rev + 1 WHERE id = NEW.id;
  INSERT INTO ended_needs SELECT 'batch', NEW.id
  WHERE EXISTS (SELECT 1 FROM needs WHERE kind = 'batch' AND needs = NEW.id)
  ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER batches_end_otherwise AFTER UPDATE OF failed, cancelled ON batches
WHEN NEW.ended_at IS NOT NULL AND (NEW.failed + NEW.cancelled > 0) <> (OLD.failed + OLD.cancelled > 0)
BEGIN
  -- As a job of it was deleted, or left it: who waits is looked at again.
  UPDATE needs SET stuck = 0 WHERE kind = 'batch' AND needs = NEW.id;
  INSERT INTO ended_needs SELECT 'batch', NEW.id
  WHERE EXISTS (SELECT 1 FROM needs WHERE kind = 'batch' AND needs = NEW.id)
  ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER batches_go_on AFTER UPDATE OF open, waiting, running ON batches
WHEN NEW.ended_at IS NOT NULL AND (NEW.open = 1 OR NEW.waiting > 0 OR NEW.running > 0)
BEGIN
  UPDATE batches SET ended_at = NULL, rev = rev + 1 WHERE id = NEW.id;
  INSERT INTO goings_on VALUES ('batch', NEW.id);
END;

CREATE TRIGGER batches_insert BEFORE INSERT ON batches
BEGIN
  SELECT CASE
    WHEN coalesce(NEW.open, 2) NOT IN (0, 1) THEN RAISE(ABORT, 'open must be 0 or 1')
    WHEN NEW.jobs IS NOT 0 OR NEW.waiting IS NOT 0 OR NEW.running IS NOT 0 OR NEW.succeeded IS NOT 0 OR NEW.failed IS NOT 0
      OR NEW.cancelled IS NOT 0 OR NEW.ended_at IS NOT NULL OR NEW.rev IS NOT 0 THEN
      RAISE(ABORT, 'a new batch has no jobs: INSERT its name (and open) only, the rest is counted by the database')
    WHEN NEW.created_at IS NULL THEN RAISE(ABORT, 'created_at is written by the database: leave it out')
    WHEN NEW.id IN (SELECT id FROM batches) THEN RAISE(ABORT, 'there is a batch with this id: leave the id out')
    WHEN NEW.id > 1000000000 AND NEW.id - 1000000000 > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'batches') THEN
      RAISE(ABORT, 'the id of a batch must not be 1000000000 beyond those that there are: leave it out')
  END;
END;

CREATE TRIGGER batches_inserted AFTER INSERT ON batches WHEN NEW.id <= 0
BEGIN
  SELECT RAISE(ABORT, 'the id of a batch must be positive: leave it out');
END;

CREATE TRIGGER batches_update BEFORE UPDATE OF id, open, jobs, waiting, running, succeeded, failed, cancelled, ended_at ON batches
BEGIN
  SELECT CASE
    WHEN NEW.id IS NOT OLD.id THEN RAISE(ABORT, 'the id of a batch cannot change: its jobs refer to it')
    WHEN coalesce(NEW.open, 2) NOT IN (0, 1) THEN RAISE(ABORT, 'open must be 0 or 1')
    WHEN NEW.rev IS OLD.rev AND (NEW.jobs, NEW.waiting, NEW.running, NEW.succeeded, NEW.failed, NEW.cancelled, NEW.ended_at)
      IS NOT (OLD.jobs, OLD.waiting, OLD.running, OLD.succeeded, OLD.failed, OLD.cancelled, OLD.ended_at) THEN
      RAISE(ABORT, 'the jobs of a batch are counted by the database: do not write these columns')
  END;
END;

CREATE TRIGGER dependencies_check BEFORE INSERT ON dependencies
BEGIN
  SELECT CASE
    WHEN (NEW.job_id IN (SELECT id FROM jobs)) IS NOT TRUE THEN RAISE(ABORT, 'job_id must be the id of a job: there is no job with this id')
    WHEN (NEW.needs IN (SELECT id FROM jobs)) IS NOT TRUE THEN RAISE(ABORT, 'needs must be the id of an earlier job: there is no job with this id')
    WHEN NEW.needs >= NEW.job_id THEN RAISE(ABORT, 'needs must be the id of an earlier job (a smaller id than its own)')
    WHEN (NEW.when_needed = 'succeeded' OR NEW.when_needed = 'ended' OR NEW.when_needed = 'failed') IS NOT TRUE THEN RAISE(ABORT, 'when_needed must be succeeded, ended or failed')
    WHEN EXISTS (SELECT 1 FROM dependencies WHERE job_id = NEW.job_id AND needs = NEW.needs AND when_needed <> NEW.when_needed) THEN
      RAISE(ABORT, 'this job needs that one already, but when_needed is another there: DELETE that row first')
    WHEN (SELECT state FROM jobs WHERE id = NEW.job_id) <> 'queued' THEN
      RAISE(ABORT, 'this job is not queued any more: INSERT a job and what it needs in one transaction (BEGIN; ... COMMIT)')
  END;
END;

CREATE TRIGGER dependencies_inserted AFTER INSERT ON dependencies
BEGIN
  -- Only what this one adds, as a job may have thousands of them; all anew only if by it the job waits for
  -- a later batch than before.
  INSERT INTO placings VALUES (iif((SELECT waits_for_batch FROM jobs WHERE id = NEW.needs)
    > (SELECT waits_for_batch FROM jobs WHERE id = NEW.job_id), NEW.job_id, NULL));
  INSERT INTO needs SELECT job_id, kind, needs, when_needed, stuck FROM conditions
  WHERE job_id = NEW.job_id AND kind = 'job' AND needs = NEW.needs AND when_needed = NEW.when_needed AND stuck IS NOT NULL
  ON CONFLICT DO NOTHING;
  UPDATE queue SET lane = 'dependent' WHERE job_id = NEW.job_id AND lane <> 'dependent'
    AND EXISTS (SELECT 1 FROM needs WHERE job_id = NEW.job_id);
END;

CREATE TRIGGER dependencies_deleted AFTER DELETE ON dependencies
WHEN EXISTS (SELECT 1 FROM queue WHERE job_id = OLD.job_id)
BEGIN
  -- The same may be asked by depends_on.
  DELETE FROM needs WHERE kind = 'job' AND needs = OLD.needs AND job_id = OLD.job_id AND when_needed = OLD.when_needed
    AND NOT EXISTS (SELECT 1 FROM conditions
                    WHERE job_id = OLD.job_id AND kind = 'job' AND needs = OLD.needs AND when_needed = OLD.when_needed);
  -- All anew only if it may wait for an earlier batch now, or for nothing.
  INSERT INTO placings VALUES (iif((SELECT waits_for_batch > 0 AND coalesce(
        (SELECT p.waits_for_batch FROM jobs AS p WHERE p.id = OLD.needs), waits_for_batch) >= waits_for_batch
      FROM jobs WHERE id = OLD.job_id)
    OR (EXISTS (SELECT 1 FROM queue WHERE job_id = OLD.job_id AND lane = 'dependent')
        AND NOT EXISTS (SELECT 1 FROM needs WHERE job_id = OLD.job_id)), OLD.job_id, NULL));
END;

CREATE TRIGGER dependencies_same BEFORE UPDATE ON dependencies
BEGIN
  SELECT RAISE(ABORT, 'a dependency cannot be changed: DELETE it and INSERT another one');
END;
