-- Never edit this file: databases remember its checksum.

-- What a session may use of the model, if that is limited, and what it has used so far, as egress
-- counts it. Money is in thousand-millionths of a dollar.
CREATE TABLE budgets (
    session_key INTEGER NOT NULL PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
    tokens_max  INTEGER CHECK (tokens_max >= 1),
    money_max   INTEGER CHECK (money_max >= 1),
    input       INTEGER NOT NULL DEFAULT 0,
    output      INTEGER NOT NULL DEFAULT 0,
    cache_read  INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    money       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The same of a tenant's sessions together, those that are gone included.
CREATE TABLE tenant_budgets (
    tenant      TEXT    NOT NULL PRIMARY KEY,
    tokens_max  INTEGER CHECK (tokens_max >= 1),
    money_max   INTEGER CHECK (money_max >= 1),
    input       INTEGER NOT NULL DEFAULT 0,
    output      INTEGER NOT NULL DEFAULT 0,
    cache_read  INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    money       INTEGER NOT NULL DEFAULT 0
) STRICT;
