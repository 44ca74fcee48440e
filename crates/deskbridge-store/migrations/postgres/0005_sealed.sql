-- Credentials that remote systems change, such as refresh tokens: sealed with a key that is not in this database.
CREATE TABLE sealed (
    name       text   PRIMARY KEY,
    -- Raised by every change.
    revision   bigint NOT NULL,
    body       bytea  NOT NULL,
    changed_at bigint NOT NULL
);
