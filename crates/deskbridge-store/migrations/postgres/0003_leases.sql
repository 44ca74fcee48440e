-- Who alone may do something, such as ask a remote system for news.
CREATE TABLE lease (
    name       text   PRIMARY KEY,
    holder     text   NOT NULL,
    -- Raised with every new holder.
    fence      bigint NOT NULL,
    held_until bigint NOT NULL
);

-- The processes that carry work out, and until when they are taken to be alive by the clock of this database.
CREATE TABLE node (
    id         uuid   PRIMARY KEY,
    live_until bigint NOT NULL
);
