-- Times are milliseconds since 1970 (UTC). Never edit this file: databases remember its checksum.

-- "ASHD": tells a database of ours from somebody else's.
PRAGMA application_id = 0x41534844;

CREATE TABLE agents (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    name        TEXT    NOT NULL CHECK (name <> ''),
    version     INTEGER NOT NULL CHECK (version >= 1),
    digest      TEXT    NOT NULL,
    files       INTEGER NOT NULL CHECK (files >= 0),
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    path        TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE agent_versions (
    agent      TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL CHECK (version >= 1),
    digest     TEXT    NOT NULL,
    files      INTEGER NOT NULL CHECK (files >= 0),
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (agent, version)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a key is never given twice, so that a late write for a session that was
-- removed cannot land in another.
CREATE TABLE sessions (
    key               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE,
    tenant            TEXT    NOT NULL,
    agent_name        TEXT    NOT NULL,
    agent_version     INTEGER NOT NULL CHECK (agent_version >= 1),
    digest            TEXT    NOT NULL,
    status            TEXT    NOT NULL
        CHECK (status IN ('starting', 'active', 'paused', 'stopped', 'ended', 'error')),
    model             TEXT,
    uid               INTEGER CHECK (uid BETWEEN 1 AND 4294967295),
    workspace_removed INTEGER NOT NULL DEFAULT 0 CHECK (workspace_removed IN (0, 1)),
    placeholder       TEXT    NOT NULL,
    parent            TEXT,
    created_at        INTEGER NOT NULL,
    last_active_at    INTEGER NOT NULL,
    ended_at          INTEGER,
    options           TEXT    NOT NULL,
    environment       TEXT    NOT NULL,
    CHECK ((status = 'ended') = (ended_at IS NOT NULL))
) STRICT;

-- Holds all that a listing filters and counts by.
CREATE INDEX sessions_listed
    ON sessions (tenant, created_at DESC, key DESC, agent_name, status);
CREATE INDEX sessions_by_status ON sessions (status);
CREATE INDEX sessions_to_clean ON sessions (ended_at)
    WHERE ended_at IS NOT NULL AND workspace_removed = 0;
-- Two workspaces never share an owner, two sandboxes never a placeholder.
CREATE UNIQUE INDEX sessions_uid ON sessions (uid)
    WHERE uid IS NOT NULL AND workspace_removed = 0;
CREATE UNIQUE INDEX sessions_placeholder ON sessions (placeholder)
    WHERE placeholder <> '';

-- What changes with every append, apart from the wide row of the session.
CREATE TABLE progress (
    session_key        INTEGER PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
    frame              INTEGER NOT NULL DEFAULT 0 CHECK (frame >= 0),
    message            INTEGER NOT NULL DEFAULT 0 CHECK (message >= 0),
    timeline           INTEGER NOT NULL DEFAULT 0 CHECK (timeline >= 0),
    turn               INTEGER NOT NULL DEFAULT 0 CHECK (turn >= 0),
    bridge_stored      INTEGER NOT NULL DEFAULT 0 CHECK (bridge_stored >= 0),
    sandbox_generation INTEGER NOT NULL DEFAULT 0 CHECK (sandbox_generation >= 0)
) STRICT;

CREATE TABLE turns (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL CHECK (ordinal >= 1),
    id          TEXT    NOT NULL,
    state       TEXT    NOT NULL
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'interrupted')),
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER,
    PRIMARY KEY (session_key, ordinal),
    CHECK ((state IN ('queued', 'running')) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

-- The queue: a request lives here until its turn has ended; its message is in the log.
CREATE TABLE turn_requests (
    session_key INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    request     TEXT    NOT NULL,
    PRIMARY KEY (session_key, ordinal),
    FOREIGN KEY (session_key, ordinal) REFERENCES turns (session_key, ordinal) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- One row holds `width` consecutive sequence numbers, the last of which is `sequence`.
CREATE TABLE frames (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    width       INTEGER NOT NULL CHECK (width BETWEEN 1 AND sequence),
    turn        INTEGER,
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 255),
    at          INTEGER NOT NULL,
    data        BLOB    NOT NULL,
    PRIMARY KEY (session_key, sequence)
) STRICT, WITHOUT ROWID;

-- Messages and the timeline name the frame that holds their content.
CREATE TABLE messages (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL CHECK (sequence >= 1),
    role        TEXT    NOT NULL CHECK (role IN ('user', 'assistant')),
    frame       INTEGER NOT NULL,
    PRIMARY KEY (session_key, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE timeline (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL CHECK (sequence >= 1),
    part        INTEGER NOT NULL CHECK (part BETWEEN 0 AND 65535),
    kind        TEXT    NOT NULL CHECK (kind <> ''),
    frame       INTEGER NOT NULL,
    PRIMARY KEY (session_key, sequence)
) STRICT, WITHOUT ROWID;
