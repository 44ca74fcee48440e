-- What came in, as it came. Written once at the end of the table; what changes later has a row in `event_turn`.
CREATE TABLE event (
    -- Given by the writer, never used again.
    sequence      INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    connection    TEXT    NOT NULL,
    received_at   INTEGER NOT NULL,
    source        TEXT    NOT NULL,
    object        TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    is_routed     INTEGER NOT NULL CHECK (is_routed IN (0, 1)),
    ordering_key  TEXT    NOT NULL,
    raw_key       BLOB    NOT NULL,
    canonical_key BLOB    NOT NULL,
    -- JSON: a list of pairs.
    headers       TEXT    NOT NULL,
    encoding      TEXT    NOT NULL CHECK (encoding IN ('plain', 'deflate')),
    body          BLOB    NOT NULL
) STRICT;

-- The first 64 bits of the duplicate keys (mixed with the connection) of events up to `event_cursor.keyed_to`;
-- the writer holds those of later ones in memory and brings them here many at a time, in their order.
CREATE TABLE event_key (
    fingerprint INTEGER PRIMARY KEY,
    sequence    INTEGER NOT NULL
) STRICT;

-- How often an event arrived again.
CREATE TABLE event_repeat (
    sequence INTEGER PRIMARY KEY,
    times    INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;

-- The one row says how far events have been given their turn and their keys been brought to `event_key`.
CREATE TABLE event_cursor (
    only        INTEGER PRIMARY KEY CHECK (only = 1),
    admitted_to INTEGER NOT NULL,
    keyed_to    INTEGER NOT NULL
) STRICT;
INSERT INTO event_cursor VALUES (1, 0, 0);

-- Where an event stands, once it was given its turn. The columns mean what they mean in `effect`.
CREATE TABLE event_turn (
    sequence     INTEGER PRIMARY KEY,
    ordering_key TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead', 'unrouted', 'discarded')),
    at_head      INTEGER NOT NULL CHECK (at_head IN (0, 1)),
    attempts     INTEGER NOT NULL DEFAULT 0,
    look_first   INTEGER NOT NULL DEFAULT 0 CHECK (look_first IN (0, 1)),
    claimable_at INTEGER NOT NULL,
    fence        INTEGER NOT NULL DEFAULT 0,
    failure      TEXT,
    changed_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX event_turn_claimable ON event_turn (claimable_at, sequence) WHERE at_head = 1;
CREATE INDEX event_turn_open_by_key ON event_turn (ordering_key, sequence) WHERE state IN ('pending', 'running');
CREATE INDEX event_turn_by_state ON event_turn (state, sequence);

-- Which effects an event caused.
CREATE TABLE event_effect (
    event  INTEGER NOT NULL,
    effect BLOB    NOT NULL,
    PRIMARY KEY (event, effect)
) STRICT, WITHOUT ROWID;

-- What came in with a signature that is not right: no event yet, and capped.
CREATE TABLE quarantine (
    sequence    INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE,
    connection  TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    why         TEXT    NOT NULL,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL
) STRICT;

-- That one record is another, written in both directions.
CREATE TABLE link (
    connection       TEXT    NOT NULL,
    object           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    other_connection TEXT    NOT NULL,
    other_object     TEXT    NOT NULL,
    other_id         TEXT    NOT NULL,
    made_at          INTEGER NOT NULL,
    PRIMARY KEY (connection, object, id, other_connection, other_object, other_id)
) STRICT, WITHOUT ROWID;
