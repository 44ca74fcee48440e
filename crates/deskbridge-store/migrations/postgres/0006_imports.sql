-- What was moved in from elsewhere: which record of a source is which document.
CREATE TABLE import_record (
    source     text    NOT NULL,
    kind       text    NOT NULL,
    id         text    COLLATE "C" NOT NULL,
    state      text    NOT NULL,
    doctype    text    NOT NULL,
    name       text,
    -- Of the content that was written.
    hash       bytea,
    -- Whether the document was made by an import, rather than found.
    is_made    boolean NOT NULL,
    -- JSON: what a found document held in the fields that were changed.
    before     text,
    why        text,
    -- The run that first wrote it.
    run        text    NOT NULL,
    changed_at bigint  NOT NULL,
    PRIMARY KEY (source, kind, id)
);

CREATE INDEX import_record_failed ON import_record (source, kind, id) WHERE state = 'failed';

-- Up to where a source is settled.
CREATE TABLE import_position (
    source     text   NOT NULL,
    kind       text   NOT NULL,
    position   text   NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (source, kind)
);
