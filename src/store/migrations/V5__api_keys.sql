-- Of a key only the SHA-256 digest is kept. A revoked key has no row.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL CHECK (tenant <> ''),
    label        TEXT,
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'use', 'deploy', 'admin')),
    prefix       TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
