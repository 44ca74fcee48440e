//! Events in SQLite.

use std::io::Write as _;

use deskbridge_core::{DuplicateKey, EventId, NewEvent, Reading};
use flate2::{Compression, write::DeflateEncoder};
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};
use uuid::Uuid;

use super::{
    Accepted, ClaimedEvent, EventFilter, EventState, Moved, Plan, Reread,
    reading::{self, sequence, state_of},
};
use crate::{
    Claim, Recorded, Result, Retry, effects, known, links,
    sqlite::{
        failed,
        keys::{self, FIND, Keys, fingerprint},
        micros, rows, time,
        turns::{EVENTS, Held},
    },
    unread::{ClaimedRows, Unreadable},
};

/// A body below this is not worth compressing: it costs more time than room. In bytes.
const COMPRESSED_FROM: usize = 4_096;
/// What a row takes beside what is in it, roughly: keys, its places in indexes. In bytes.
const ROW_BYTES: i64 = 500;
/// Events that are given their turn in one transaction, at most.
const ADMITTED_MAX: i64 = 2_000;
/// Events that are given their turn before it is asked whether there is enough to do.
const ADMITTED_AT_ONCE: i64 = 100;

/// An event on its way to the database: whatever can be done before the writer has it is done.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) body: Vec<u8>,
    id: Uuid,
    event: NewEvent,
    headers: String,
    encoding: &'static str,
    keys: [i64; 2],
    received_at: i64,
}

impl Arrival {
    pub(crate) fn new(id: EventId, mut event: NewEvent, received_at: Timestamp) -> Self {
        let keys = [event.raw_key, event.reading.canonical_key]
            .map(|key| fingerprint(&event.connection, &key));
        let (encoding, body) = stored_body(std::mem::take(&mut event.body));
        Self {
            body,
            id: id.uuid(),
            headers: headers_json(&event.headers),
            encoding,
            keys,
            received_at: micros(received_at),
            event,
        }
    }
}

/// Headers as stored.
pub(crate) fn headers_json(headers: &[(String, String)]) -> String {
    // Texts in lists: there is nothing that could fail.
    serde_json::to_string(headers).unwrap_or_default()
}

/// A body as stored, and how to read it.
pub(crate) fn stored_body(body: Vec<u8>) -> (&'static str, Vec<u8>) {
    match compressed(&body) {
        Some(smaller) => ("deflate", smaller),
        None => ("plain", body),
    }
}

/// A body in a form that takes at most three quarters of the room, if there is one.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < COMPRESSED_FROM {
        return None;
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    let smaller = encoder.finish().ok()?;
    (smaller.len() <= body.len() / 4 * 3).then_some(smaller)
}

/// Writes events in one transaction.
pub(crate) struct Accepting<'c> {
    connection: &'c Connection,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
}

impl<'c> Accepting<'c> {
    /// Once in each transaction, before its first event.
    pub(crate) fn begin(connection: &'c Connection, keys: &mut Keys) -> Result<Self> {
        const INSERT: &str =
            "INSERT INTO event (sequence, id, connection, received_at, source, object, action,
                is_routed, ordering_key, raw_key, canonical_key, headers, encoding, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        keys.catch_up(connection)?;
        let prepare = |sql| connection.prepare_cached(sql);
        let failed = failed("prepare to store events");
        Ok(Self {
            connection,
            find: prepare(FIND).map_err(&failed)?,
            insert: prepare(INSERT).map_err(&failed)?,
        })
    }

    /// Writes an event, or counts it on the earlier one that it repeats.
    pub(crate) fn accept(&mut self, keys: &mut Keys, arrival: &Arrival) -> Result<Accepted> {
        for sequence in keys.find(&mut self.find, arrival.keys)? {
            if let Some(first) = count_repeat(self.connection, sequence, arrival)? {
                return Ok(Accepted::Repeated(first));
            }
        }
        let (event, reading) = (&arrival.event, &arrival.event.reading);
        self.insert
            .execute((
                keys.next_sequence(),
                arrival.id,
                &event.connection,
                arrival.received_at,
                &reading.source,
                &reading.object,
                &reading.action,
                reading.is_routed,
                reading.ordering_key.as_str(),
                event.raw_key.as_bytes(),
                reading.canonical_key.as_bytes(),
                &arrival.headers,
                arrival.encoding,
                &arrival.body,
            ))
            .map_err(failed("store an event"))?;
        keys.add(arrival.keys);
        Ok(Accepted::New(EventId::from_uuid(arrival.id)))
    }
}

/// Counts a repetition on the event at `sequence`, if it is one.
fn count_repeat(
    connection: &Connection,
    sequence: i64,
    arrival: &Arrival,
) -> Result<Option<EventId>> {
    const SAME: &str = "SELECT id FROM event WHERE sequence = ?1 AND connection = ?2
        AND (raw_key = ?3 OR canonical_key = ?4)";
    const COUNT: &str = "INSERT INTO event_repeat (sequence, times, last_at) VALUES (?1, 1, ?2)
        ON CONFLICT (sequence) DO UPDATE SET times = times + 1, last_at = ?2";
    let counting = failed("count an event that arrived again");
    let event = &arrival.event;
    let (raw, canonical) = (
        event.raw_key.as_bytes(),
        event.reading.canonical_key.as_bytes(),
    );
    let first: Option<Uuid> = connection
        .prepare_cached(SAME)
        .and_then(|mut statement| {
            statement
                .query_row((sequence, &event.connection, raw, canonical), |row| {
                    row.get(0)
                })
                .optional()
        })
        .map_err(&counting)?;
    if first.is_some() {
        connection
            .prepare_cached(COUNT)
            .and_then(|mut statement| statement.execute((sequence, arrival.received_at)))
            .map_err(&counting)?;
    }
    Ok(first.map(EventId::from_uuid))
}

/// Gives the oldest events that have none their turn, until there is enough to claim.
///
/// They are not given it when they arrive, because the index by ordering key is written at random places: it stays
/// as small as what is at work, however much waits.
fn admit(connection: &Connection, claim: Claim) -> Result<()> {
    const ENOUGH: &str = "SELECT count(*) FROM (SELECT 1 FROM event_turn
        WHERE at_head = 1 AND claimable_at <= ?1 LIMIT ?2)";
    const NEXT: &str = "SELECT sequence, ordering_key, is_routed, received_at, length(body) + length(headers)
        FROM event WHERE sequence > (SELECT admitted_to FROM event_cursor) ORDER BY sequence LIMIT ?1";
    const CURSOR: &str = "UPDATE event_cursor SET admitted_to = ?1";
    let admitting = failed("give events their turn");
    let mut enough = connection.prepare_cached(ENOUGH).map_err(&admitting)?;
    let mut next = connection.prepare_cached(NEXT).map_err(&admitting)?;
    let wanted = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    for _ in 0..ADMITTED_MAX / ADMITTED_AT_ONCE {
        let ready: i64 = enough
            .query_row((micros(claim.now), wanted), |row| row.get(0))
            .map_err(&admitting)?;
        if ready >= wanted {
            return Ok(());
        }
        let found = rows(&mut next, [ADMITTED_AT_ONCE], &admitting, |row| {
            Ok(Ok(Admitted {
                sequence: row.get(0)?,
                key: row.get(1)?,
                is_routed: row.get(2)?,
                received_at: row.get(3)?,
                bytes: row.get::<_, i64>(4)? + ROW_BYTES,
            }))
        })?;
        let Some(last) = found.last().map(|last| last.sequence) else {
            return Ok(());
        };
        for event in &found {
            give_turn(connection, event)?;
        }
        connection
            .prepare_cached(CURSOR)
            .and_then(|mut statement| statement.execute([last]))
            .map_err(&admitting)?;
    }
    Ok(())
}

/// An event that is given its turn.
struct Admitted {
    sequence: i64,
    key: String,
    is_routed: bool,
    received_at: i64,
    /// What it takes as it is stored.
    bytes: i64,
}

/// An event that was thrown away before has had its turn.
fn give_turn(connection: &Connection, event: &Admitted) -> Result<()> {
    const TURN: &str = "INSERT INTO event_turn
            (sequence, ordering_key, state, at_head, claimable_at, changed_at, bytes)
        VALUES (?1, ?2, ?3, ?3 = 'pending' AND NOT EXISTS (
            SELECT 1 FROM event_turn WHERE ordering_key = ?2 AND state IN ('pending', 'running')), ?4, ?4, ?5)
        ON CONFLICT (sequence) DO NOTHING";
    let state = match event.is_routed {
        true => EventState::Pending,
        false => EventState::Unrouted,
    };
    let parameters = (
        event.sequence,
        &event.key,
        state.as_str(),
        event.received_at,
        event.bytes,
    );
    connection
        .prepare_cached(TURN)
        .and_then(|mut statement| statement.execute(parameters))
        .map_err(failed("give an event its turn"))?;
    Ok(())
}

pub(super) fn claim(
    connection: &Connection,
    claim: Claim,
) -> Result<ClaimedRows<ClaimedEvent, EventId>> {
    admit(connection, claim)?;
    let (mut claimed, mut unreadable) = (Vec::new(), Vec::new());
    for turn in EVENTS.claim(connection, claim)? {
        let (event, unread) = reading::at(connection, turn.sequence)?;
        let (id, attempts, fence) = (event.id, turn.attempts, turn.fence);
        match unread.whole(event) {
            Ok(event) => claimed.push(ClaimedEvent {
                event,
                attempts,
                fence,
            }),
            Err(why) => unreadable.push(Unreadable::new(id, fence, why)),
        }
    }
    Ok((claimed, unreadable))
}

fn held<'a>(connection: &Connection, id: &'a EventId, fence: u64) -> Result<Held<'a>> {
    Ok(Held {
        sequence: sequence(connection, *id)?,
        name: id,
        fence,
    })
}

pub(super) fn record_plan(
    connection: &Connection,
    id: EventId,
    fence: u64,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const CAUSED: &str =
        "INSERT INTO event_effect (event, effect) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    let held = held(connection, &id, fence)?;
    EVENTS.finish(connection, &held, EventState::Done.as_str(), None, now)?;
    let recorded = effects::record_all(connection, &plan.effects, now)?;
    let noting = failed("note what an event caused");
    let mut caused = connection.prepare_cached(CAUSED).map_err(&noting)?;
    for effect in &recorded {
        caused
            .execute((held.sequence, effect.id().uuid()))
            .map_err(&noting)?;
    }
    links::record(connection, &plan.links, now)?;
    known::keep(connection, &plan.known, now)?;
    Ok(recorded)
}

pub(super) fn reschedule(
    connection: &Connection,
    id: EventId,
    fence: u64,
    retry: &Retry,
    now: Timestamp,
) -> Result<()> {
    EVENTS.reschedule(connection, &held(connection, &id, fence)?, retry, now)
}

pub(super) fn end(
    connection: &Connection,
    id: EventId,
    fence: u64,
    (state, why): &(EventState, String),
    now: Timestamp,
) -> Result<()> {
    let held = held(connection, &id, fence)?;
    EVENTS.finish(connection, &held, state.as_str(), Some(why), now)
}

pub(super) fn replay(
    connection: &Connection,
    ids: &[EventId],
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let mut replayed = Vec::new();
    for id in ids {
        if let Some(sequence) = sequence(connection, *id)?
            && EVENTS.revive(connection, sequence, now)?
        {
            replayed.push(*id);
        }
    }
    Ok(replayed)
}

pub(super) fn replay_all(
    connection: &Connection,
    filter: &EventFilter,
    after: Option<EventId>,
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let found = reading::to_replay(connection, filter, after)?;
    replay(connection, &found, now)
}

pub(super) fn discard(
    connection: &Connection,
    ids: &[EventId],
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let mut discarded = Vec::new();
    for id in ids {
        if discard_one(connection, *id, now)? {
            discarded.push(*id);
        }
    }
    Ok(discarded)
}

fn discard_one(connection: &Connection, id: EventId, now: Timestamp) -> Result<bool> {
    // One that was not given its turn yet never gets it.
    const NEVER: &str = "INSERT INTO event_turn
            (sequence, ordering_key, state, at_head, claimable_at, changed_at, bytes)
        SELECT sequence, ordering_key, 'discarded', 0, ?2, ?2, length(body) + length(headers) + ?3 FROM event
        WHERE sequence = ?1 AND sequence > (SELECT admitted_to FROM event_cursor) ON CONFLICT DO NOTHING";
    let Some(sequence) = sequence(connection, id)? else {
        return Ok(false);
    };
    if EVENTS.discard(connection, sequence, now)? {
        return Ok(true);
    }
    let discarded = connection
        .prepare_cached(NEVER)
        .and_then(|mut statement| statement.execute((sequence, micros(now), ROW_BYTES)))
        .map_err(failed("discard an event"))?;
    Ok(discarded > 0)
}

pub(super) fn reread(
    connection: &Connection,
    readings: &[(EventId, Reading)],
    now: Timestamp,
) -> Result<Reread> {
    let mut reread = Reread::default();
    for (id, reading) in readings {
        if let Some(sequence) = sequence(connection, *id)? {
            reread.note(*id, reread_one(connection, sequence, reading, now)?);
        }
    }
    Ok(reread)
}

/// The states it had and has now, if it was read anew.
fn reread_one(
    connection: &Connection,
    sequence: i64,
    reading: &Reading,
    now: Timestamp,
) -> Result<Option<Moved>> {
    // Of an event that was not given its turn, the state it will have.
    const OLD: &str =
        "SELECT coalesce(t.state, iif(e.is_routed, 'pending', 'unrouted')), t.ordering_key,
            e.connection, e.raw_key, e.canonical_key
        FROM event e LEFT JOIN event_turn t USING (sequence) WHERE e.sequence = ?1";
    const READ: &str =
        "UPDATE event SET source = ?2, object = ?3, action = ?4, is_routed = ?5, ordering_key = ?6,
            canonical_key = ?7 WHERE sequence = ?1";
    const MOVE: &str =
        "UPDATE event_turn SET ordering_key = ?2, at_head = 0, state = ?3, changed_at = ?4
        WHERE sequence = ?1";
    let rereading = failed("read an event anew");
    let (state, old_key, name, keys): (String, Option<String>, String, [_; 2]) = connection
        .prepare_cached(OLD)
        .and_then(|mut statement| {
            statement.query_row([sequence], |row| {
                let keys = [row.get(3)?, row.get(4)?].map(DuplicateKey::new);
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, keys))
            })
        })
        .map_err(&rereading)?;
    let Some(moved) = Moved::by(state_of(&state)?, reading) else {
        return Ok(None);
    };
    let ordering_key = reading.ordering_key.as_str();
    connection
        .prepare_cached(READ)
        .and_then(|mut statement| {
            let parameters = (
                sequence,
                &reading.source,
                &reading.object,
                &reading.action,
                reading.is_routed,
                ordering_key,
                reading.canonical_key.as_bytes(),
            );
            statement.execute(parameters)
        })
        .map_err(&rereading)?;
    let [raw, old, new] =
        [&keys[0], &keys[1], &reading.canonical_key].map(|key| fingerprint(&name, key));
    if old != raw && old != new {
        keys::forget(connection, old, sequence)?;
    }
    keys::note(connection, new, sequence)?;
    let Some(old_key) = old_key else {
        return Ok(Some(moved));
    };
    connection
        .prepare_cached(MOVE)
        .and_then(|mut statement| {
            statement.execute((sequence, ordering_key, moved.to.as_str(), micros(now)))
        })
        .map_err(&rereading)?;
    EVENTS.settle_head(connection, &old_key)?;
    EVENTS.settle_head(connection, ordering_key)?;
    Ok(Some(moved))
}

pub(super) fn next_claimable_at(connection: &Connection) -> Result<Option<Timestamp>> {
    const WITHOUT_TURN: &str = "SELECT received_at FROM event
        WHERE sequence > (SELECT admitted_to FROM event_cursor) ORDER BY sequence LIMIT 1";
    let waiting: Option<i64> = connection
        .prepare_cached(WITHOUT_TURN)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(failed("find the next event"))?;
    let waiting = waiting.map(time).transpose()?;
    let turn = EVENTS.next_claimable_at(connection)?;
    Ok(waiting.into_iter().chain(turn).min())
}
