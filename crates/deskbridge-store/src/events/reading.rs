//! Reading events in SQLite.

use std::io::Read as _;

use deskbridge_core::{DuplicateKey, EffectId, Event, EventId, NewEvent, OrderingKey, Reading};
use flate2::read::DeflateDecoder;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, ToSql};
use uuid::Uuid;

use super::{EventCounts, EventFilter, EventKind, EventRecord, EventState};
use crate::{
    Result,
    effects::corrupt,
    sqlite::{failed, micros, rows, space::used_bytes, time},
    unread::Unread,
};

/// A compressed body that grows beyond this was not written by us. In bytes.
const BODY_BYTES_MAX: u64 = 1 << 28;

/// The number of an event in the order of arrival.
pub(crate) fn sequence(connection: &Connection, id: EventId) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT sequence FROM event WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([id.uuid()], |row| row.get(0))
                .optional()
        })
        .map_err(failed("find an event"))
}

macro_rules! event_columns {
    () => {
        "e.id, e.received_at, e.connection, e.source, e.object, e.action, e.is_routed, e.ordering_key,
        e.raw_key, e.canonical_key, e.headers, e.encoding, e.body"
    };
}

/// Of an event that was not given its turn, the state it will have.
macro_rules! state {
    () => {
        "coalesce(t.state, iif(e.is_routed, 'pending', 'unrouted'))"
    };
}

const RECORD: &str = concat!(
    "SELECT ",
    event_columns!(),
    ", ",
    state!(),
    ", coalesce(t.attempts, 0), t.failure, coalesce(r.times, 0), coalesce(t.claimable_at, e.received_at),
    coalesce(t.changed_at, e.received_at)
    FROM event e LEFT JOIN event_turn t USING (sequence) LEFT JOIN event_repeat r USING (sequence)"
);

pub(super) fn at(connection: &Connection, sequence: i64) -> Result<(Event, Unread)> {
    const AT: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM event e WHERE e.sequence = ?1"
    );
    connection
        .prepare_cached(AT)
        .and_then(|mut statement| statement.query_row([sequence], event_of))
        .map_err(failed("read a claimed event"))
}

pub(super) fn by_id(connection: &Connection, id: EventId) -> Result<Option<EventRecord>> {
    let found = select(
        connection,
        &format!("{RECORD} WHERE e.id = ?1"),
        [id.uuid()],
    )?;
    Ok(found.into_iter().next())
}

pub(super) fn effects(connection: &Connection, id: EventId) -> Result<Vec<EffectId>> {
    const EFFECTS: &str =
        "SELECT c.effect FROM event_effect c LEFT JOIN effect f ON f.id = c.effect
        WHERE c.event = (SELECT sequence FROM event WHERE id = ?1) ORDER BY f.sequence";
    let reading = failed("read what an event caused");
    let mut statement = connection.prepare_cached(EFFECTS).map_err(&reading)?;
    rows(&mut statement, [id.uuid()], &reading, |row| {
        Ok(Ok(EffectId::from_uuid(row.get(0)?)))
    })
}

/// The conditions of a filter and their parameters, numbered from `?1`.
fn conditions(filter: &EventFilter) -> (String, Vec<Box<dyn ToSql>>) {
    // By the index on the state, and of those without a turn by what it will be.
    const IN_STATE: &str =
        "e.sequence IN (SELECT sequence FROM event_turn WHERE state = ? UNION ALL
        SELECT sequence FROM event WHERE sequence > (SELECT admitted_to FROM event_cursor))
        AND coalesce(t.state, iif(e.is_routed, 'pending', 'unrouted')) = ?";
    let mut sql = String::from("1");
    let mut parameters: Vec<Box<dyn ToSql>> = Vec::new();
    let mut require = |condition: &str, values: Vec<Box<dyn ToSql>>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        parameters.extend(values);
    };
    if let Some(connection) = &filter.connection {
        require("e.connection = ?", vec![Box::new(connection.clone())]);
    }
    if let Some(state) = filter.state.map(EventState::as_str) {
        require(IN_STATE, vec![Box::new(state), Box::new(state)]);
    }
    if let Some(object) = &filter.object {
        require("e.object = ?", vec![Box::new(object.clone())]);
    }
    if let Some(action) = &filter.action {
        require("e.action = ?", vec![Box::new(action.clone())]);
    }
    if let Some(from) = filter.received_from {
        require("e.received_at >= ?", vec![Box::new(micros(from))]);
    }
    if let Some(to) = filter.received_to {
        require("e.received_at < ?", vec![Box::new(micros(to))]);
    }
    (sql, parameters)
}

pub(super) fn list(
    connection: &Connection,
    filter: &EventFilter,
    before: Option<EventId>,
) -> Result<Vec<EventRecord>> {
    let (conditions, mut parameters) = conditions(filter);
    let mut sql = format!("{RECORD} WHERE {conditions}");
    if let Some(before) = before {
        sql.push_str(" AND e.sequence < (SELECT sequence FROM event WHERE id = ?)");
        parameters.push(Box::new(before.uuid()));
    }
    sql.push_str(" ORDER BY e.sequence DESC LIMIT ?");
    parameters.push(Box::new(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
    select(connection, &sql, rusqlite::params_from_iter(parameters))
}

pub(super) fn to_replay(
    connection: &Connection,
    filter: &EventFilter,
    after: Option<EventId>,
) -> Result<Vec<EventId>> {
    let (conditions, mut parameters) = conditions(filter);
    let mut sql = format!(
        "SELECT e.id FROM event e JOIN event_turn t USING (sequence)
        WHERE t.state NOT IN ('pending', 'running') AND {conditions}"
    );
    if let Some(after) = after {
        sql.push_str(" AND e.sequence > (SELECT sequence FROM event WHERE id = ?)");
        parameters.push(Box::new(after.uuid()));
    }
    sql.push_str(" ORDER BY e.sequence LIMIT ?");
    parameters.push(Box::new(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
    let finding = failed("find events to replay");
    let mut statement = connection.prepare_cached(&sql).map_err(&finding)?;
    let parameters = rusqlite::params_from_iter(parameters);
    rows(&mut statement, parameters, &finding, |row| {
        Ok(Ok(EventId::from_uuid(row.get(0)?)))
    })
}

fn select(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<EventRecord>> {
    let reading = failed("read events");
    let mut statement = connection.prepare_cached(sql).map_err(&reading)?;
    rows(&mut statement, parameters, &reading, |row| {
        let (event, _unread) = event_of(row)?;
        let (state, attempts): (String, u32) = (row.get(13)?, row.get(14)?);
        let (failure, repeats): (Option<String>, i64) = (row.get(15)?, row.get(16)?);
        let (claimable_at, changed_at) = (row.get(17)?, row.get(18)?);
        Ok((|| {
            Ok(EventRecord {
                event,
                state: state_of(&state)?,
                attempts,
                failure,
                repeats: repeats.unsigned_abs(),
                claimable_at: time(claimable_at)?,
                changed_at: time(changed_at)?,
            })
        })())
    })
}

/// The event in the first thirteen columns, as far as it can be read.
fn event_of(row: &Row<'_>) -> rusqlite::Result<(Event, Unread)> {
    let (id, received_at): (Uuid, i64) = (row.get(0)?, row.get(1)?);
    let connection = row.get(2)?;
    let reading = Reading {
        source: row.get(3)?,
        object: row.get(4)?,
        action: row.get(5)?,
        is_routed: row.get(6)?,
        ordering_key: OrderingKey::new(row.get::<_, String>(7)?),
        canonical_key: DuplicateKey::new(row.get(9)?),
    };
    let raw_key = DuplicateKey::new(row.get(8)?);
    let (headers, encoding, body): (String, String, Vec<u8>) =
        (row.get(10)?, row.get(11)?, row.get(12)?);
    let mut unread = Unread::default();
    let event = Event {
        id: EventId::from_uuid(id),
        received_at: unread.or(time(received_at), || Timestamp::MIN),
        arrival: NewEvent {
            connection,
            body: body_of(&encoding, body, &mut unread),
            headers: unread.or(headers_of(&headers), Vec::new),
            raw_key,
            reading,
        },
    };
    Ok((event, unread))
}

/// Headers as they arrived.
pub(crate) fn headers_of(json: &str) -> Result<Vec<(String, String)>> {
    serde_json::from_str(json).map_err(|error| corrupt("event's headers", &error))
}

/// A body as it arrived; one that cannot be read is as it is stored.
pub(super) fn body_of(encoding: &str, body: Vec<u8>, unread: &mut Unread) -> Vec<u8> {
    match encoding {
        "deflate" => {
            let plain = inflated(&body);
            unread.or(plain, || body)
        }
        _ => body,
    }
}

fn inflated(body: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = DeflateDecoder::new(body).take(BODY_BYTES_MAX);
    decoder
        .read_to_end(&mut plain)
        .map_err(|error| corrupt("event body", &error))?;
    Ok(plain)
}

pub(super) fn state_of(name: &str) -> Result<EventState> {
    EventState::from_name(name).ok_or_else(|| corrupt("event state", &name))
}

pub(super) fn count(connection: &Connection) -> Result<EventCounts> {
    const BY_STATE: &str = "SELECT state, count(*) FROM event_turn GROUP BY state";
    const WITHOUT_TURN: &str = "SELECT iif(is_routed, 'pending', 'unrouted'), count(*) FROM event
        WHERE sequence > (SELECT admitted_to FROM event_cursor)
            AND NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = event.sequence) GROUP BY is_routed";
    const REPEATS: &str = "SELECT coalesce(sum(times), 0) FROM event_repeat";
    const OLDEST: &str = "SELECT min(e.received_at) FROM event e WHERE e.sequence IN (
        (SELECT min(sequence) FROM event_turn WHERE state = 'pending'),
        (SELECT min(sequence) FROM event_turn WHERE state = 'running'),
        (SELECT min(sequence) FROM event WHERE is_routed AND sequence > (SELECT admitted_to FROM event_cursor)))";
    let counting = failed("count events");
    let mut counts = EventCounts {
        used_bytes: used_bytes(connection)?,
        ..EventCounts::default()
    };
    for sql in [BY_STATE, WITHOUT_TURN] {
        let mut statement = connection.prepare_cached(sql).map_err(&counting)?;
        let by_state = rows(&mut statement, [], &counting, |row| {
            let (state, number): (String, i64) = (row.get(0)?, row.get(1)?);
            Ok(state_of(&state).map(|state| (state, number.unsigned_abs())))
        })?;
        for (state, number) in by_state {
            *counts.by_state.entry(state).or_default() += number;
        }
    }
    let one = |sql| -> Result<Option<i64>> {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(&counting)
    };
    counts.repeats = one(REPEATS)?.unwrap_or_default().unsigned_abs();
    counts.oldest_open_received_at = one(OLDEST)?.map(time).transpose()?;
    Ok(counts)
}

pub(super) fn kinds(connection: &Connection, newest: usize) -> Result<Vec<EventKind>> {
    const KINDS: &str = concat!(
        "SELECT e.connection, e.object, e.action, ",
        state!(),
        " AS stands, count(*), max(e.received_at)
        FROM (SELECT sequence, connection, object, action, is_routed, received_at FROM event
            ORDER BY sequence DESC LIMIT ?1) e LEFT JOIN event_turn t USING (sequence)
        GROUP BY e.connection, e.object, e.action, stands
        ORDER BY e.connection, e.object, e.action, stands"
    );
    let counting = failed("count the newest events");
    let mut statement = connection.prepare_cached(KINDS).map_err(&counting)?;
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    rows(&mut statement, [newest], &counting, |row| {
        let (state, number): (String, i64) = (row.get(3)?, row.get(4)?);
        let (connection, object, action) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let last_received_at = row.get(5)?;
        Ok((|| {
            Ok(EventKind {
                connection,
                object,
                action,
                state: state_of(&state)?,
                number: number.unsigned_abs(),
                last_received_at: time(last_received_at)?,
            })
        })())
    })
}
