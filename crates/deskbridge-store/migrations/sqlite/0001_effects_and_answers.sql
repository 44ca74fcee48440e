-- Intended changes in remote systems.
CREATE TABLE effect (
    sequence        INTEGER PRIMARY KEY,
    id              BLOB    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL,
    ordering_key    TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL UNIQUE,
    payload         TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead', 'discarded')),
    -- 1 for the oldest pending or running effect of its ordering key: the only one that may run.
    at_head         INTEGER NOT NULL CHECK (at_head IN (0, 1)),
    attempts        INTEGER NOT NULL DEFAULT 0,
    look_first      INTEGER NOT NULL DEFAULT 0 CHECK (look_first IN (0, 1)),
    -- When it may be claimed: its retry time while pending, the end of its lease while running.
    claimable_at    INTEGER NOT NULL,
    -- Raised by every claim; who reports on an effect must name the number of its claim.
    fence           INTEGER NOT NULL DEFAULT 0,
    result          TEXT,
    failure         TEXT,
    recorded_at     INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX effect_claimable ON effect (claimable_at, sequence) WHERE at_head = 1;
CREATE INDEX effect_open_by_key ON effect (ordering_key, sequence) WHERE state IN ('pending', 'running');
CREATE INDEX effect_by_state ON effect (state, changed_at);

-- What remote systems answered, to be shown again.
CREATE TABLE answer (
    key         TEXT    PRIMARY KEY,
    body        BLOB    NOT NULL,
    fetched_at  INTEGER NOT NULL,
    fresh_until INTEGER NOT NULL,
    keep_until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_keep_until ON answer (keep_until);
