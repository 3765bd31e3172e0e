-- Never edit this file: databases remember its checksum.

-- What each turn that ran has used, one row for each. It outlives its session. Money is in
-- thousand-millionths of a dollar. `input` to `money` are what the CLI told, `metered` what was
-- counted at the session's way out meanwhile. What the kernel counted is null where there was no
-- control group.
CREATE TABLE usage (
    number           INTEGER PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    session          TEXT    NOT NULL,
    agent            TEXT    NOT NULL,
    turn             TEXT    NOT NULL,
    outcome          TEXT    NOT NULL CHECK (outcome IN ('completed', 'failed', 'interrupted')),
    model            TEXT,
    ended_at         INTEGER NOT NULL,
    milliseconds     INTEGER NOT NULL CHECK (milliseconds >= 0),
    messages         INTEGER NOT NULL,
    tool_calls       INTEGER NOT NULL,
    input            INTEGER NOT NULL,
    output           INTEGER NOT NULL,
    cache_read       INTEGER NOT NULL,
    cache_write      INTEGER NOT NULL,
    money            INTEGER NOT NULL,
    metered_tokens   INTEGER NOT NULL,
    metered_money    INTEGER NOT NULL,
    cpu_microseconds INTEGER,
    memory_peak      INTEGER,
    read_bytes       INTEGER,
    written_bytes    INTEGER
) STRICT;

CREATE INDEX usage_of_tenant ON usage (tenant, ended_at);
CREATE INDEX usage_of_session ON usage (session, ended_at);

-- What of a session's sums is in its records: the next one has what is beyond. `told` is what the
-- CLI told last that everything cost; the kernel counts anew in each sandbox.
CREATE TABLE usage_sums (
    session_key      INTEGER NOT NULL PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
    told             INTEGER NOT NULL,
    metered_tokens   INTEGER NOT NULL,
    metered_money    INTEGER NOT NULL,
    sandbox          INTEGER NOT NULL,
    cpu_microseconds INTEGER NOT NULL,
    read_bytes       INTEGER NOT NULL,
    written_bytes    INTEGER NOT NULL
) STRICT;
