-- Never edit this file: databases remember its checksum.

-- What programs of a session's sandbox say for people, the newest of it. Lines are numbered from 0 without
-- gaps as they are written; `through` is the bytes of all up to this one. The oldest are removed.
CREATE TABLE session_logs (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    line        INTEGER NOT NULL CHECK (line >= 0),
    at          INTEGER NOT NULL,
    source      TEXT    NOT NULL CHECK (source IN ('stdout', 'stderr', 'system')),
    text        TEXT    NOT NULL,
    through     INTEGER NOT NULL CHECK (through >= 0),
    PRIMARY KEY (session_key, line)
) STRICT, WITHOUT ROWID;
