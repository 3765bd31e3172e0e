-- Never edit this file: databases remember its checksum.

-- The version of the agent that a job is for; null for the active one.
ALTER TABLE jobs ADD COLUMN agent_version INTEGER CHECK (agent_version >= 1);

-- What is asked of an agent, and what its answers are to have. `content` is JSON.
CREATE TABLE eval_cases (
    key        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    agent      TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    content    TEXT    NOT NULL
) STRICT;
CREATE INDEX eval_cases_of_an_agent ON eval_cases (agent, key);

-- Cases that were put to a version. How far a run is, its results say. `filters` is JSON.
CREATE TABLE eval_runs (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    agent        TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    version      INTEGER NOT NULL CHECK (version >= 1),
    filters      TEXT,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX eval_runs_of_an_agent ON eval_runs (agent, key);

-- One for each case of a run, with the job that asks it. Money is in thousand-millionths of a
-- dollar. `failures` is a JSON list of texts; `content` is the case as it was. What is large stands
-- last: sums are made without it.
CREATE TABLE eval_results (
    key           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    run           INTEGER NOT NULL REFERENCES eval_runs (key) ON DELETE CASCADE,
    job           TEXT    NOT NULL UNIQUE,
    eval_case     TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('pending', 'completed', 'error', 'cancelled')),
    passed        INTEGER CHECK (passed IN (0, 1)),
    topic_score   REAL,
    safety_score  REAL,
    human_score   REAL    CHECK (human_score BETWEEN 1 AND 5),
    milliseconds  INTEGER,
    input         INTEGER,
    output        INTEGER,
    money         INTEGER,
    session       TEXT,
    turn          TEXT,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    completed_at  INTEGER,
    human_notes   TEXT,
    error         TEXT,
    failures      TEXT    NOT NULL DEFAULT '[]',
    response      TEXT,
    content       TEXT    NOT NULL
) STRICT;
CREATE INDEX eval_results_of_a_run ON eval_results (run, key);
