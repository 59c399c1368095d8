-- A change of a job's state costs less. What the daemon does to every job passes one look; what is rare
-- is refused or seen to by one trigger. And only those counters are kept that somebody asks for.

DROP TRIGGER jobs_state_changed;
DROP TRIGGER jobs_requeued;
DROP TRIGGER jobs_cancelled;
DROP TRIGGER jobs_awaited;
DROP TRIGGER jobs_from_queued;
DROP TRIGGER jobs_from_submitting;
DROP TRIGGER jobs_from_running;
DROP TRIGGER jobs_from_unconfirmed;
DROP TRIGGER jobs_from_succeeded;
DROP TRIGGER jobs_from_failed;
DROP TRIGGER jobs_from_timed_out;
DROP TRIGGER jobs_from_cancelled;

-- Kept from here: queued, running (or being started) and unconfirmed. Of the ended ones
-- SELECT state, count(*) FROM jobs GROUP BY state tells.
UPDATE job_counts SET jobs = (SELECT sum(jobs) FROM job_counts WHERE state IN ('submitting', 'running'))
WHERE state = 'running';
DELETE FROM job_counts WHERE state NOT IN ('queued', 'running', 'unconfirmed');

CREATE TRIGGER jobs_left_queue AFTER UPDATE OF state ON jobs
WHEN OLD.state = 'queued' AND NEW.state <> 'queued'
BEGIN
  DELETE FROM queue WHERE job_id = NEW.id;
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = 'queued';
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = 'running' AND NEW.state = 'submitting';
END;

CREATE TRIGGER jobs_left_service AFTER UPDATE OF state ON jobs
WHEN OLD.state IN ('submitting', 'running') AND NEW.state NOT IN ('submitting', 'running')
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = 'running';
END;

-- What becomes of the jobs that wait for another one. The WHEN is all that others pay for it.
CREATE TRIGGER jobs_awaited AFTER UPDATE OF state ON jobs
WHEN NEW.state NOT IN ('submitting', 'running')
  AND EXISTS (SELECT 1 FROM queue WHERE lane = 'dependent' AND depends_on = NEW.id)
BEGIN
  UPDATE queue SET lane = 'ready', depends_on = NULL, stuck = 0
  WHERE lane = 'dependent' AND depends_on = NEW.id AND NEW.state = 'succeeded';
  UPDATE queue SET stuck = NEW.state IN ('failed', 'timed_out', 'cancelled')
  WHERE lane = 'dependent' AND depends_on = NEW.id
    AND stuck <> (NEW.state IN ('failed', 'timed_out', 'cancelled'));
END;

-- Every change but those of a job that goes its usual way. First what the picture of the states does
-- not allow: RAISE takes no computed text, hence a sentence for each pair. (From submitting back to
-- queued only with the attempt taken back, as the daemon does when nothing was sent: a start that is on
-- its way could otherwise be sent again.)
CREATE TRIGGER jobs_state_changed AFTER UPDATE OF state ON jobs
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
  WHEN 'queued' THEN NEW.state = 'submitting'
  WHEN 'submitting' THEN NEW.state = 'running'
  WHEN 'running' THEN NEW.state IN ('succeeded', 'failed', 'timed_out')
  ELSE 0 END
BEGIN
  SELECT CASE OLD.state
    WHEN 'queued' THEN CASE NEW.state
      WHEN 'running' THEN RAISE(ABORT, 'this job is queued and cannot become running: you may set it to cancelled, the daemon takes it to submitting')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is queued and cannot become unconfirmed: you may set it to cancelled, the daemon takes it to submitting')
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is queued and cannot become succeeded: you may set it to cancelled, the daemon takes it to submitting')
      WHEN 'failed' THEN RAISE(ABORT, 'this job is queued and cannot become failed: you may set it to cancelled, the daemon takes it to submitting')
      WHEN 'timed_out' THEN RAISE(ABORT, 'this job is queued and cannot become timed_out: you may set it to cancelled, the daemon takes it to submitting')
    END
    WHEN 'submitting' THEN CASE NEW.state
      WHEN 'queued' THEN iif(NEW.attempt IS OLD.attempt - 1, NULL,
        RAISE(ABORT, 'this job is submitting and cannot become queued: its start is on its way; you may set it to cancelled'))
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is submitting and cannot become succeeded: you may set it to cancelled, the daemon does the rest')
    END
    WHEN 'running' THEN CASE NEW.state
      WHEN 'queued' THEN RAISE(ABORT, 'this job is running and cannot become queued: you may set it to cancelled, the daemon does the rest')
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is running and cannot become submitting: you may set it to cancelled, the daemon does the rest')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is running and cannot become unconfirmed: you may set it to cancelled, the daemon does the rest')
    END
    WHEN 'unconfirmed' THEN CASE NEW.state
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become submitting: set it to queued to run it (again), or to cancelled')
      WHEN 'running' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become running: set it to queued to run it (again), or to cancelled')
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become succeeded: set it to queued to run it (again), or to cancelled')
      WHEN 'timed_out' THEN RAISE(ABORT, 'this job is unconfirmed and cannot become timed_out: set it to queued to run it (again), or to cancelled')
    END
    WHEN 'succeeded' THEN CASE NEW.state
      WHEN 'queued' THEN RAISE(ABORT, 'this job is succeeded and cannot become queued: it has ended; INSERT a new job to run the script again')
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is succeeded and cannot become submitting: it has ended; INSERT a new job to run the script again')
      WHEN 'running' THEN RAISE(ABORT, 'this job is succeeded and cannot become running: it has ended; INSERT a new job to run the script again')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is succeeded and cannot become unconfirmed: it has ended; INSERT a new job to run the script again')
      WHEN 'failed' THEN RAISE(ABORT, 'this job is succeeded and cannot become failed: it has ended; INSERT a new job to run the script again')
      WHEN 'timed_out' THEN RAISE(ABORT, 'this job is succeeded and cannot become timed_out: it has ended; INSERT a new job to run the script again')
      WHEN 'cancelled' THEN RAISE(ABORT, 'this job is succeeded and cannot become cancelled: it has ended; INSERT a new job to run the script again')
    END
    WHEN 'failed' THEN CASE NEW.state
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is failed and cannot become submitting: it has ended; set it to queued to run it again')
      WHEN 'running' THEN RAISE(ABORT, 'this job is failed and cannot become running: it has ended; set it to queued to run it again')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is failed and cannot become unconfirmed: it has ended; set it to queued to run it again')
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is failed and cannot become succeeded: it has ended; set it to queued to run it again')
      WHEN 'timed_out' THEN RAISE(ABORT, 'this job is failed and cannot become timed_out: it has ended; set it to queued to run it again')
      WHEN 'cancelled' THEN RAISE(ABORT, 'this job is failed and cannot become cancelled: it has ended; set it to queued to run it again')
    END
    WHEN 'timed_out' THEN CASE NEW.state
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is timed_out and cannot become submitting: it has ended; set it to queued to run it again')
      WHEN 'running' THEN RAISE(ABORT, 'this job is timed_out and cannot become running: it has ended; set it to queued to run it again')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is timed_out and cannot become unconfirmed: it has ended; set it to queued to run it again')
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is timed_out and cannot become succeeded: it has ended; set it to queued to run it again')
      WHEN 'failed' THEN RAISE(ABORT, 'this job is timed_out and cannot become failed: it has ended; set it to queued to run it again')
      WHEN 'cancelled' THEN RAISE(ABORT, 'this job is timed_out and cannot become cancelled: it has ended; set it to queued to run it again')
    END
    WHEN 'cancelled' THEN CASE NEW.state
      WHEN 'submitting' THEN RAISE(ABORT, 'this job is cancelled and cannot become submitting: it has ended; set it to queued to run it again')
      WHEN 'running' THEN RAISE(ABORT, 'this job is cancelled and cannot become running: it has ended; set it to queued to run it again')
      WHEN 'unconfirmed' THEN RAISE(ABORT, 'this job is cancelled and cannot become unconfirmed: it has ended; set it to queued to run it again')
      WHEN 'succeeded' THEN RAISE(ABORT, 'this job is cancelled and cannot become succeeded: it has ended; set it to queued to run it again')
      WHEN 'failed' THEN RAISE(ABORT, 'this job is cancelled and cannot become failed: it has ended; set it to queued to run it again')
      WHEN 'timed_out' THEN RAISE(ABORT, 'this job is cancelled and cannot become timed_out: it has ended; set it to queued to run it again')
    END
  END;

  -- Run again: the last attempt's traces leave the job; its log lines and requests stay.
  INSERT INTO queue(job_id, app, file_token, priority, due, timed, depends_on)
    SELECT NEW.id, NEW.app, NEW.file_token, NEW.priority, coalesce(NEW.run_at, NEW.created_at),
           NEW.run_at IS NOT NULL,
           (SELECT NEW.depends_on WHERE NOT EXISTS
             (SELECT 1 FROM jobs WHERE id = NEW.depends_on AND state = 'succeeded'))
    WHERE NEW.state = 'queued';
  UPDATE jobs SET task_id = NULL, remote_status = NULL, result = NULL, polls = 0, log_gaps = 0,
                  submitted_at = NULL, finished_at = NULL,
                  room = zeroblob(max(0, 256 - coalesce(length(CAST(error AS BLOB)), 0)))
  WHERE id = NEW.id AND NEW.state = 'queued';

  UPDATE jobs SET finished_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
  WHERE id = NEW.id AND NEW.state = 'cancelled' AND NEW.finished_at IS NULL;

  UPDATE job_counts SET jobs = jobs + (NEW.state = state) - (OLD.state = state)
  WHERE state = 'unconfirmed' OR (state = 'queued' AND NEW.state = 'queued');
END;
