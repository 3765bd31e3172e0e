-- Never edit this file: databases remember its checksum.

-- What was decided at a session's way out, the newest of it: `entry` is JSON. Numbers are from 1
-- and without gaps as they are written; the oldest are removed.
CREATE TABLE audit (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL CHECK (sequence >= 1),
    at          INTEGER NOT NULL,
    entry       TEXT    NOT NULL,
    PRIMARY KEY (session_key, sequence)
) STRICT, WITHOUT ROWID;

-- How much of what a run of egress reported is stored, so that a report that comes again is not
-- stored again.
CREATE TABLE audit_runs (
    run     TEXT    NOT NULL PRIMARY KEY,
    through INTEGER NOT NULL CHECK (through >= 0),
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
