-- What of a session is outside of this host: the manifest of its last snapshot. `place` says where its
-- files are: `here`, `away`, or `returning`, when they are half here and not to be used yet.
CREATE TABLE archives (
    session_key INTEGER PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
    manifest    TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    place       TEXT    NOT NULL CHECK (place IN ('here', 'away', 'returning'))
) STRICT;

CREATE INDEX archives_away ON archives (session_key) WHERE place = 'away';
