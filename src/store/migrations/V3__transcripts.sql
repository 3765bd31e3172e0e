-- What the CLI wrote into its transcript, as it told it: enough to write the transcript again.
-- `frame` is the last sequence number of the session's log at that time, `entry` the id of the
-- last entry that has one, `data` the entries, one in a line, in zstd; `bytes` without it.
CREATE TABLE transcripts (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    part        INTEGER NOT NULL CHECK (part >= 1),
    frame       INTEGER NOT NULL,
    entry       TEXT,
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    data        BLOB    NOT NULL,
    PRIMARY KEY (session_key, part)
) STRICT, WITHOUT ROWID;
