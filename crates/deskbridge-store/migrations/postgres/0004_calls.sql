-- Calls of a PBX.
CREATE TABLE call (
    sequence   bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection text    NOT NULL,
    linkedid   text    NOT NULL,
    direction  text    NOT NULL,
    client     text,
    line       text,
    -- NULL while the call goes on.
    result     text,
    started_at bigint  NOT NULL,
    changed_at bigint  NOT NULL,
    -- JSON; its shape belongs to who follows calls.
    state      text    NOT NULL,
    UNIQUE (connection, linkedid)
) WITH (fillfactor = 80);

CREATE INDEX call_open ON call (connection, sequence) WHERE result IS NULL;
CREATE INDEX call_started ON call (started_at);
CREATE INDEX call_client ON call (client, started_at) WHERE client IS NOT NULL;

-- Under which other linkedids a call is found: those of calls that were joined into it.
CREATE TABLE call_alias (
    connection text   NOT NULL,
    linkedid   text   NOT NULL,
    call       bigint NOT NULL,
    PRIMARY KEY (connection, linkedid)
);

CREATE INDEX call_alias_call ON call_alias (call);

-- What happened in a call and what was decided, a sentence each.
CREATE TABLE call_line (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call     bigint NOT NULL,
    at       bigint NOT NULL,
    text     text   NOT NULL
);

CREATE INDEX call_line_call ON call_line (call, at, sequence);
