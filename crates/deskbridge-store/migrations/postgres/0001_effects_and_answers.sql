-- Intended changes in remote systems.
CREATE TABLE effect (
    sequence        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid    NOT NULL UNIQUE,
    kind            text    NOT NULL,
    ordering_key    text    NOT NULL,
    -- 64 bits of the ordering key's digest: two keys that are equal here by accident wait for each other.
    ordering_hash   bigint  NOT NULL,
    idempotency_key text    NOT NULL UNIQUE,
    payload         text    NOT NULL,
    state           text    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead', 'discarded')),
    -- Whether it is the one of its ordering key that may run. Changed only under the lock of the key.
    at_head         boolean NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    look_first      boolean NOT NULL DEFAULT false,
    -- When it may be claimed: its retry time while pending, the end of its lease while running.
    claimable_at    bigint  NOT NULL,
    -- Raised by every claim; who reports on an effect must name the number of its claim.
    fence           bigint  NOT NULL DEFAULT 0,
    -- The node that claimed it last.
    holder          uuid,
    result          text,
    failure         text,
    recorded_at     bigint  NOT NULL,
    changed_at      bigint  NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE UNIQUE INDEX effect_head ON effect (ordering_hash) WHERE at_head;
CREATE INDEX effect_claimable ON effect (claimable_at, sequence) WHERE at_head;
CREATE INDEX effect_open_by_key ON effect (ordering_hash, sequence) WHERE state IN ('pending', 'running');
CREATE INDEX effect_by_state ON effect (state, changed_at);

-- What remote systems answered, to be shown again.
CREATE TABLE answer (
    key         text   PRIMARY KEY,
    body        bytea  NOT NULL,
    fetched_at  bigint NOT NULL,
    fresh_until bigint NOT NULL,
    keep_until  bigint NOT NULL
);

CREATE INDEX answer_keep_until ON answer (keep_until);
