//! Events in SQLite.

use std::io::Write as _;

use deskbridge_core::{EventId, NewEvent, Reading};
use flate2::{Compression, write::DeflateEncoder};
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};
use uuid::Uuid;

use super::{
    Accepted, ClaimedEvent, EventFilter, EventState, Plan, Retention,
    reading::{self, sequence},
};
use crate::{
    Claim, Recorded, Result, Retry, effects, known, links,
    sqlite::{
        failed,
        keys::{FIND, Keys, fingerprint},
        micros, rows,
        space::used_bytes,
        time,
        turns::{EVENTS, Held},
    },
};

/// A body below this is not worth compressing: it costs more time than room. In bytes.
const COMPRESSED_FROM: usize = 4_096;
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
    const NEXT: &str = "SELECT sequence, ordering_key, is_routed, received_at FROM event
        WHERE sequence > (SELECT admitted_to FROM event_cursor) ORDER BY sequence LIMIT ?1";
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
            Ok(Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        })?;
        let Some((last, ..)) = found.last() else {
            return Ok(());
        };
        let last: i64 = *last;
        for (sequence, key, is_routed, received_at) in found {
            let key: String = key;
            give_turn(connection, sequence, &key, is_routed, received_at)?;
        }
        connection
            .prepare_cached(CURSOR)
            .and_then(|mut statement| statement.execute([last]))
            .map_err(&admitting)?;
    }
    Ok(())
}

/// An event that was thrown away before has had its turn.
fn give_turn(
    connection: &Connection,
    sequence: i64,
    key: &str,
    is_routed: bool,
    received_at: i64,
) -> Result<()> {
    const TURN: &str = "INSERT INTO event_turn (sequence, ordering_key, state, at_head, claimable_at, changed_at)
        VALUES (?1, ?2, ?3, ?3 = 'pending' AND NOT EXISTS (
            SELECT 1 FROM event_turn WHERE ordering_key = ?2 AND state IN ('pending', 'running')), ?4, ?4)
        ON CONFLICT (sequence) DO NOTHING";
    let state = match is_routed {
        true => EventState::Pending,
        false => EventState::Unrouted,
    };
    connection
        .prepare_cached(TURN)
        .and_then(|mut statement| statement.execute((sequence, key, state.as_str(), received_at)))
        .map_err(failed("give an event its turn"))?;
    Ok(())
}

pub(super) fn claim(connection: &Connection, claim: Claim) -> Result<Vec<ClaimedEvent>> {
    admit(connection, claim)?;
    EVENTS
        .claim(connection, claim)?
        .into_iter()
        .map(|turn| {
            Ok(ClaimedEvent {
                event: reading::at(connection, turn.sequence)?,
                attempts: turn.attempts,
                fence: turn.fence,
            })
        })
        .collect()
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

pub(super) fn replay(connection: &Connection, id: EventId, now: Timestamp) -> Result<bool> {
    match sequence(connection, id)? {
        Some(sequence) => EVENTS.revive(connection, sequence, now),
        None => Ok(false),
    }
}

pub(super) fn replay_all(
    connection: &Connection,
    filter: &EventFilter,
    after: Option<EventId>,
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let replayed = reading::to_replay(connection, filter, after)?;
    for id in &replayed {
        replay(connection, *id, now)?;
    }
    Ok(replayed)
}

pub(super) fn discard(connection: &Connection, id: EventId, now: Timestamp) -> Result<bool> {
    // One that was not given its turn yet never gets it.
    const NEVER: &str = "INSERT INTO event_turn (sequence, ordering_key, state, at_head, claimable_at, changed_at)
        SELECT sequence, ordering_key, 'discarded', 0, ?2, ?2 FROM event
        WHERE sequence = ?1 AND sequence > (SELECT admitted_to FROM event_cursor) ON CONFLICT DO NOTHING";
    let Some(sequence) = sequence(connection, id)? else {
        return Ok(false);
    };
    if EVENTS.discard(connection, sequence, now)? {
        return Ok(true);
    }
    let discarded = connection
        .prepare_cached(NEVER)
        .and_then(|mut statement| statement.execute((sequence, micros(now))))
        .map_err(failed("discard an event"))?;
    Ok(discarded > 0)
}

pub(super) fn reread(
    connection: &Connection,
    readings: &[(EventId, Reading)],
    now: Timestamp,
) -> Result<u64> {
    let mut reread = 0;
    for (id, reading) in readings {
        if let Some(sequence) = sequence(connection, *id)?
            && reread_one(connection, sequence, reading, now)?
        {
            reread += 1;
        }
    }
    Ok(reread)
}

fn reread_one(
    connection: &Connection,
    sequence: i64,
    reading: &Reading,
    now: Timestamp,
) -> Result<bool> {
    const TURN: &str = "SELECT ordering_key, state FROM event_turn WHERE sequence = ?1";
    const READ: &str =
        "UPDATE event SET source = ?2, object = ?3, action = ?4, is_routed = ?5, ordering_key = ?6,
            canonical_key = ?7 WHERE sequence = ?1 RETURNING connection";
    const KEY: &str = "INSERT OR REPLACE INTO event_key (fingerprint, sequence) VALUES (?1, ?2)";
    const MOVE: &str =
        "UPDATE event_turn SET ordering_key = ?2, at_head = 0, state = ?3, changed_at = ?4
        WHERE sequence = ?1";
    let rereading = failed("read an event anew");
    let turn: Option<(String, String)> = connection
        .prepare_cached(TURN)
        .and_then(|mut statement| {
            statement
                .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(&rereading)?;
    let state = turn.as_ref().map(|(_, state)| state.as_str());
    if state == Some(EventState::Running.as_str()) {
        return Ok(false);
    }
    let ordering_key = reading.ordering_key.as_str();
    let name: String = connection
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
            statement.query_row(parameters, |row| row.get(0))
        })
        .map_err(&rereading)?;
    connection
        .prepare_cached(KEY)
        .and_then(|mut statement| {
            statement.execute((fingerprint(&name, &reading.canonical_key), sequence))
        })
        .map_err(&rereading)?;
    let Some((old_key, state)) = turn else {
        return Ok(true);
    };
    let new_state = match (EventState::from_name(&state), reading.is_routed) {
        (Some(EventState::Unrouted), true) => EventState::Pending.as_str(),
        (Some(EventState::Pending), false) => EventState::Unrouted.as_str(),
        _ => state.as_str(),
    };
    connection
        .prepare_cached(MOVE)
        .and_then(|mut statement| {
            statement.execute((sequence, ordering_key, new_state, micros(now)))
        })
        .map_err(&rereading)?;
    EVENTS.settle_head(connection, &old_key)?;
    EVENTS.settle_head(connection, ordering_key)?;
    Ok(true)
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

pub(super) fn prune(connection: &Connection, retention: Retention, limit: usize) -> Result<u64> {
    const OLDEST: &str = "SELECT e.sequence, e.received_at, e.connection, e.raw_key, e.canonical_key FROM event e
        WHERE e.sequence IN (
            SELECT sequence FROM (SELECT sequence FROM event_turn WHERE state = 'done' ORDER BY sequence LIMIT ?1)
            UNION ALL
            SELECT sequence FROM (SELECT sequence FROM event_turn WHERE state = 'discarded' ORDER BY sequence LIMIT ?1))
        ORDER BY e.sequence LIMIT ?1";
    const FORGET: [&str; 4] = [
        "DELETE FROM event WHERE sequence = ?1",
        "DELETE FROM event_turn WHERE sequence = ?1",
        "DELETE FROM event_repeat WHERE sequence = ?1",
        "DELETE FROM event_effect WHERE event = ?1",
    ];
    const FORGET_KEY: &str = "DELETE FROM event_key WHERE fingerprint = ?1 AND sequence = ?2";
    let pruning = failed("forget old events");
    let is_too_large = used_bytes(connection)? > retention.used_bytes_max;
    let mut oldest = connection.prepare_cached(OLDEST).map_err(&pruning)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let oldest = rows(&mut oldest, [limit], &pruning, |row| {
        let (sequence, received_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let name: String = row.get(2)?;
        let keys = [row.get(3)?, row.get(4)?]
            .map(|key| fingerprint(&name, &deskbridge_core::DuplicateKey::new(key)));
        Ok(Ok((sequence, received_at, keys)))
    })?;
    let mut pruned = 0;
    for (sequence, received_at, keys) in oldest {
        if !is_too_large && received_at >= micros(retention.received_from) {
            continue;
        }
        for sql in FORGET {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([sequence]))
                .map_err(&pruning)?;
        }
        for key in keys {
            connection
                .prepare_cached(FORGET_KEY)
                .and_then(|mut statement| statement.execute((key, sequence)))
                .map_err(&pruning)?;
        }
        pruned += 1;
    }
    Ok(pruned)
}
