-- Never edit this file: databases remember its checksum.

-- Prompts that run in the background. `wished_session` is the one that its client named;
-- `session` is where it runs or ran.
CREATE TABLE jobs (
    key            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    tenant         TEXT    NOT NULL CHECK (tenant <> ''),
    agent_name     TEXT    NOT NULL,
    wished_session TEXT,
    session        TEXT,
    turn           TEXT,
    prompt         TEXT    NOT NULL,
    priority       INTEGER NOT NULL CHECK (priority >= 0),
    retries        INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0),
    retries_max    INTEGER NOT NULL CHECK (retries_max >= 0),
    status         TEXT    NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    result         TEXT,
    error          TEXT,
    created_at     INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    started_at     INTEGER,
    completed_at   INTEGER
) STRICT;
CREATE INDEX jobs_that_wait ON jobs (priority DESC, key, due_at) WHERE status = 'pending';
CREATE INDEX jobs_that_run ON jobs (key) WHERE status = 'processing';
CREATE INDEX jobs_of_a_tenant ON jobs (tenant, key);
CREATE INDEX jobs_that_are_over ON jobs (completed_at) WHERE completed_at IS NOT NULL;
