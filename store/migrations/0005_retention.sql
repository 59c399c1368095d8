-- Retention: which jobs have ended, oldest first, and how far their log lines are deleted. What is
-- deleted when is a matter of the daemon's configuration (retention).

-- A row joins once, when its job ends, and leaves when it is run again or deleted.
CREATE INDEX jobs_ended ON jobs(finished_at) WHERE finished_at IS NOT NULL;

-- A job stays as long as one that depends on it has not ended: that one may have to be queued again,
-- and then asks whether this one has succeeded.
CREATE INDEX jobs_depending ON jobs(depends_on) WHERE depends_on IS NOT NULL AND finished_at IS NULL;

-- The daemon's own: of the jobs that ended up to here the log lines and requests are deleted, so that
-- no job is looked at twice for it. To DELETE the row only makes the daemon look again.
CREATE TABLE retention (
  one         INTEGER PRIMARY KEY,
  finished_at TEXT    NOT NULL,    -- of the last such job, and its id
  job_id      INTEGER NOT NULL,
  CHECK (one = 1)
) STRICT;
