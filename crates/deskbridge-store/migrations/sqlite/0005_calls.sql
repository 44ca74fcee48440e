-- Calls of a PBX.
CREATE TABLE call (
    sequence   INTEGER PRIMARY KEY,
    connection TEXT    NOT NULL,
    linkedid   TEXT    NOT NULL,
    direction  TEXT    NOT NULL,
    client     TEXT,
    line       TEXT,
    -- NULL while the call goes on.
    result     TEXT,
    started_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- JSON; its shape belongs to who follows calls.
    state      TEXT    NOT NULL,
    UNIQUE (connection, linkedid)
) STRICT;

CREATE INDEX call_open ON call (connection, sequence) WHERE result IS NULL;
CREATE INDEX call_started ON call (started_at);
CREATE INDEX call_client ON call (client, started_at) WHERE client IS NOT NULL;

-- Under which other linkedids a call is found: those of calls that were joined into it.
CREATE TABLE call_alias (
    connection TEXT    NOT NULL,
    linkedid   TEXT    NOT NULL,
    call       INTEGER NOT NULL,
    PRIMARY KEY (connection, linkedid)
) STRICT, WITHOUT ROWID;

CREATE INDEX call_alias_call ON call_alias (call);

-- What happened in a call and what was decided, a sentence each.
CREATE TABLE call_line (
    sequence INTEGER PRIMARY KEY,
    call     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    text     TEXT    NOT NULL
) STRICT;

CREATE INDEX call_line_call ON call_line (call, at, sequence);
