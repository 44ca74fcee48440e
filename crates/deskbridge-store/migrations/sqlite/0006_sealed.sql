-- Credentials that remote systems change, such as refresh tokens: sealed with a key that is not in this database.
CREATE TABLE sealed (
    name       TEXT    PRIMARY KEY,
    -- Raised by every change.
    revision   INTEGER NOT NULL,
    body       BLOB    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
