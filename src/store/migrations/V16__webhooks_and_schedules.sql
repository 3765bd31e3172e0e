-- Never edit this file: databases remember its checksum.

-- Addresses of a tenant that are told what happens. `events` is a JSON list; `waiting` counts the
-- deliveries that are pending.
CREATE TABLE webhooks (
    key              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    tenant           TEXT    NOT NULL CHECK (tenant <> ''),
    url              TEXT    NOT NULL,
    events           TEXT    NOT NULL,
    label            TEXT,
    sealed           BLOB    NOT NULL,
    waiting          INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    failures         INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    quiet_until      INTEGER NOT NULL DEFAULT 0,
    disabled_at      INTEGER,
    disabled_reason  TEXT,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_of_a_tenant ON webhooks (tenant, key);

-- What they are told: the outbox. A row is written by the transaction that it tells of.
CREATE TABLE webhook_deliveries (
    key              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    webhook_key      INTEGER NOT NULL REFERENCES webhooks (key) ON DELETE CASCADE,
    event            TEXT    NOT NULL,
    payload          TEXT    NOT NULL,
    status           TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    response_status  INTEGER,
    error            TEXT,
    created_at       INTEGER NOT NULL,
    due_at           INTEGER NOT NULL,
    attempted_at     INTEGER,
    completed_at     INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_that_wait ON webhook_deliveries (webhook_key, due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_of_one ON webhook_deliveries (webhook_key, key);
CREATE INDEX webhook_deliveries_that_are_over ON webhook_deliveries (completed_at) WHERE completed_at IS NOT NULL;

-- Prompts that become jobs when their time comes. `next_at` is NULL while it is disabled; `held`
-- says that a run waits for the job of the run before, `last_job`.
CREATE TABLE schedules (
    key            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    tenant         TEXT    NOT NULL CHECK (tenant <> ''),
    label          TEXT,
    cron           TEXT    NOT NULL,
    timezone       TEXT    NOT NULL,
    agent_name     TEXT    NOT NULL,
    wished_session TEXT,
    prompt         TEXT    NOT NULL,
    priority       INTEGER NOT NULL CHECK (priority >= 0),
    retries_max    INTEGER NOT NULL CHECK (retries_max >= 0),
    missed         TEXT    NOT NULL,
    overlap        TEXT    NOT NULL,
    next_at        INTEGER,
    held           INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
    last_at        INTEGER,
    last_outcome   TEXT,
    last_job       TEXT,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX schedules_of_a_tenant ON schedules (tenant, key);
CREATE INDEX schedules_that_come ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_that_are_held ON schedules (key) WHERE held = 1;
