-- What the event takes as it is stored, in bytes.
ALTER TABLE event_turn ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE event_turn SET bytes = coalesce(
    (SELECT length(body) + length(headers) + 500 FROM event e WHERE e.sequence = event_turn.sequence), 0);

DROP INDEX event_turn_by_state;
CREATE INDEX event_turn_by_state ON event_turn (state, sequence, bytes);

-- Keys by which an event beyond `event_cursor.keyed_to` is not known any more: what the writer holds in memory is
-- taken out of `event_key` again when it was brought there.
CREATE TABLE event_key_gone (
    fingerprint INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, sequence)
) STRICT, WITHOUT ROWID;
