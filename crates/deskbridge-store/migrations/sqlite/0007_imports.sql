-- What was moved in from elsewhere: which record of a source is which document.
CREATE TABLE import_record (
    source     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    doctype    TEXT    NOT NULL,
    name       TEXT,
    -- Of the content that was written.
    hash       BLOB,
    -- Whether the document was made by an import, rather than found.
    is_made    INTEGER NOT NULL,
    -- JSON: what a found document held in the fields that were changed.
    before     TEXT,
    why        TEXT,
    -- The run that first wrote it.
    run        TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (source, kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_record_failed ON import_record (source, kind, id) WHERE state = 'failed';

-- Up to where a source is settled.
CREATE TABLE import_position (
    source     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    position   TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
) STRICT, WITHOUT ROWID;
