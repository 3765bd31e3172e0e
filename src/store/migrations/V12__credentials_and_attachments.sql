-- Never edit this file: databases remember its checksum.

-- Credentials of tenants for the model API, sealed to a key that egress has: nothing here opens one.
CREATE TABLE credentials (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    label        TEXT,
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE INDEX credentials_listed ON credentials (tenant, created_at);

-- Files that clients attached to a session: what is known of each. Its bytes are the file at `path` of the
-- workspace. One that is not complete is being written, and nobody is told of it.
CREATE TABLE attachments (
    id          TEXT    NOT NULL PRIMARY KEY,
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    filename    TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    mime_type   TEXT    NOT NULL,
    size        INTEGER NOT NULL CHECK (size >= 0),
    message     TEXT,
    created_at  INTEGER NOT NULL,
    complete    INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX attachments_of_session ON attachments (session_key, path);
