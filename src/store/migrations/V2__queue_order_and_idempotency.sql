-- Never edit this file: databases remember its checksum.

-- The log ended here when the turn began, or when it was accepted if it waits: its frames come
-- behind. Unknown for turns of the first schema.
ALTER TABLE turns ADD COLUMN begins_after INTEGER CHECK (begins_after >= 0);

-- A turn that is to run next has a higher place than the others; these keep their order.
ALTER TABLE turn_requests ADD COLUMN place INTEGER NOT NULL DEFAULT 0;

-- A request that came with a key, so that it is never taken twice.
CREATE TABLE idempotency_keys (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    key         TEXT    NOT NULL CHECK (key <> ''),
    ordinal     INTEGER NOT NULL CHECK (ordinal >= 1),
    -- SHA-256 of the request.
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (session_key, key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX idempotency_keys_by_turn ON idempotency_keys (session_key, ordinal);
