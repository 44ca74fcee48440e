-- What came in, as it came. What changes later has a row in `event_turn`.
CREATE TABLE event (
    -- In the order of arrival at one node, and of what was acknowledged before it at any.
    sequence      bigint  PRIMARY KEY,
    id            uuid    NOT NULL UNIQUE,
    connection    text    NOT NULL,
    received_at   bigint  NOT NULL,
    source        text    NOT NULL,
    object        text    NOT NULL,
    action        text    NOT NULL,
    is_routed     boolean NOT NULL,
    ordering_key  text    NOT NULL,
    raw_key       bytea   NOT NULL,
    canonical_key bytea   NOT NULL,
    -- JSON: a list of pairs.
    headers       text    NOT NULL,
    encoding      text    NOT NULL CHECK (encoding IN ('plain', 'deflate')),
    body          bytea   NOT NULL
);

CREATE SEQUENCE event_sequence OWNED BY event.sequence;

-- By which keys an event is known again: 128 bits of the digest of the connection, the kind of key and the key.
CREATE TABLE event_key (
    fingerprint uuid   PRIMARY KEY,
    sequence    bigint NOT NULL
);

-- How often an event arrived again.
CREATE TABLE event_repeat (
    sequence bigint PRIMARY KEY,
    times    bigint NOT NULL,
    last_at  bigint NOT NULL
);

-- Where an event stands. The columns mean what they mean in `effect`.
CREATE TABLE event_turn (
    sequence      bigint  PRIMARY KEY,
    ordering_hash bigint  NOT NULL,
    state         text    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead', 'unrouted', 'discarded')),
    at_head       boolean NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    look_first    boolean NOT NULL DEFAULT false,
    claimable_at  bigint  NOT NULL,
    fence         bigint  NOT NULL DEFAULT 0,
    holder        uuid,
    failure       text,
    changed_at    bigint  NOT NULL,
    -- What the event takes as it is stored.
    bytes         integer NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE UNIQUE INDEX event_turn_head ON event_turn (ordering_hash) WHERE at_head;
CREATE INDEX event_turn_claimable ON event_turn (claimable_at, sequence) WHERE at_head;
CREATE INDEX event_turn_open_by_key ON event_turn (ordering_hash, sequence) WHERE state IN ('pending', 'running');
CREATE INDEX event_turn_by_state ON event_turn (state, sequence);

-- Which effects an event caused.
CREATE TABLE event_effect (
    event  bigint NOT NULL,
    effect uuid   NOT NULL,
    PRIMARY KEY (event, effect)
);

-- What came in with a signature that is not right: no event yet, and capped.
CREATE TABLE quarantine (
    sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid   NOT NULL UNIQUE,
    connection  text   NOT NULL,
    received_at bigint NOT NULL,
    why         text   NOT NULL,
    headers     text   NOT NULL,
    body        bytea  NOT NULL
);

-- That one record is another, written in both directions.
CREATE TABLE link (
    connection       text   NOT NULL,
    object           text   NOT NULL,
    id               text   NOT NULL,
    other_connection text   NOT NULL,
    other_object     text   NOT NULL,
    other_id         text   NOT NULL,
    made_at          bigint NOT NULL,
    PRIMARY KEY (connection, object, id, other_connection, other_object, other_id)
);

-- What events have told of a record of a remote system, put together by whoever plans them.
CREATE TABLE known (
    connection text   NOT NULL,
    object     text   NOT NULL,
    id         text   NOT NULL,
    -- Raised by every change; who changes it must name the number that they read.
    revision   bigint NOT NULL,
    facts      text   NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (connection, object, id)
);
