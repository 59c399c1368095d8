-- What to do when it is not known whether a start happened.
ALTER TABLE jobs ADD COLUMN on_unconfirmed TEXT NOT NULL DEFAULT 'hold'
  /* if the reply to a start is lost: hold it as unconfirmed for you to decide, retry (the script may
     then run twice; at most three times, then hold), or fail */
  CONSTRAINT "on_unconfirmed must be hold, retry or fail"
    CHECK (on_unconfirmed IN ('hold', 'retry', 'fail'));
