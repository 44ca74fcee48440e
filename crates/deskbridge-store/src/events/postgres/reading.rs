//! Reading events in PostgreSQL.

use deadpool_postgres::{Client, GenericClient};
use deskbridge_core::{DuplicateKey, EffectId, Event, EventId, NewEvent, OrderingKey, Reading};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};

use super::super::{
    EventCounts, EventFilter, EventKind, EventRecord, body_of, headers_of, state_of,
};
use crate::{
    Error, Result,
    postgres::{asking::query, column, failed, number, time_at},
    sqlite::{micros, time},
    unread::Unread,
};

const RECORD: &str = "SELECT e.id, e.received_at, e.connection, e.source, e.object, e.action, e.is_routed,
    e.ordering_key, e.raw_key, e.canonical_key, e.headers, e.encoding, e.body, t.state, t.attempts, t.failure,
    coalesce(r.times, 0), t.claimable_at, t.changed_at
    FROM event e JOIN event_turn t USING (sequence) LEFT JOIN event_repeat r USING (sequence)";

/// What the tables take on the disk, with the room in them that is free again.
pub(crate) const FILES: &str =
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";

pub(in super::super) async fn by_id(client: &Client, id: EventId) -> Result<Option<EventRecord>> {
    let found = select(client, &format!("{RECORD} WHERE e.id = $1"), &[&id.uuid()]).await?;
    Ok(found.into_iter().next())
}

pub(in super::super) async fn effects(client: &Client, id: EventId) -> Result<Vec<EffectId>> {
    const EFFECTS: &str =
        "SELECT c.effect FROM event_effect c LEFT JOIN effect f ON f.id = c.effect
        WHERE c.event = (SELECT sequence FROM event WHERE id = $1) ORDER BY f.sequence NULLS FIRST";
    let reading = failed("read what an event caused");
    let found = query(client, EFFECTS, &[&id.uuid()])
        .await
        .map_err(&reading)?;
    found
        .iter()
        .map(|row| Ok(EffectId::from_uuid(column(row, 0)?)))
        .collect()
}

/// The conditions of a filter and their parameters.
struct Conditions {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Conditions {
    fn of(filter: &EventFilter) -> Self {
        let mut conditions = Self {
            sql: "true".to_owned(),
            parameters: Vec::new(),
        };
        let state = filter.state.map(|state| state.as_str().to_owned());
        for (column, value) in [
            ("e.connection", filter.connection.clone()),
            ("t.state", state),
            ("e.object", filter.object.clone()),
            ("e.action", filter.action.clone()),
        ] {
            if let Some(value) = value {
                conditions.require(&format!("{column} ="), value.replace('\0', "\u{2400}"));
            }
        }
        for (bound, time) in [
            ("e.received_at >=", filter.received_from),
            ("e.received_at <", filter.received_to),
        ] {
            if let Some(time) = time {
                conditions.require(bound, micros(time));
            }
        }
        conditions
    }

    fn parameter(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("${}", self.parameters.len())
    }

    fn require(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        let place = self.parameter(value);
        self.sql = format!("{} AND {condition} {place}", self.sql);
    }

    fn require_sequence(&mut self, compared: &str, id: Option<EventId>) {
        if let Some(id) = id {
            let place = self.parameter(id.uuid());
            self.sql = format!(
                "{} AND e.sequence {compared} (SELECT sequence FROM event WHERE id = {place})",
                self.sql
            );
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let parameters = self.parameters.iter();
        parameters
            .map(|one| -> &(dyn ToSql + Sync) { &**one })
            .collect()
    }
}

pub(in super::super) async fn list(
    client: &Client,
    filter: &EventFilter,
    before: Option<EventId>,
) -> Result<Vec<EventRecord>> {
    let mut conditions = Conditions::of(filter);
    conditions.require_sequence("<", before);
    let limit = conditions.parameter(number(filter.limit));
    let sql = format!(
        "{RECORD} WHERE {} ORDER BY e.sequence DESC LIMIT {limit}",
        conditions.sql
    );
    select(client, &sql, &conditions.parameters()).await
}

pub(in super::super) async fn to_replay(
    client: &impl GenericClient,
    filter: &EventFilter,
    after: Option<EventId>,
) -> Result<Vec<EventId>> {
    let mut conditions = Conditions::of(filter);
    conditions.require_sequence(">", after);
    let limit = conditions.parameter(number(filter.limit));
    let sql = format!(
        "SELECT e.id FROM event e JOIN event_turn t USING (sequence)
        WHERE t.state NOT IN ('pending', 'running') AND {} ORDER BY e.sequence LIMIT {limit}",
        conditions.sql
    );
    let finding = failed("find events to replay");
    let found = query(client, &sql, &conditions.parameters())
        .await
        .map_err(&finding)?;
    found
        .iter()
        .map(|row| Ok(EventId::from_uuid(column(row, 0)?)))
        .collect()
}

async fn select(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<EventRecord>> {
    let reading = failed("read events");
    let rows = query(client, sql, parameters).await.map_err(&reading)?;
    let records = rows.iter().map(|row| {
        let (event, _unread) = event_of(row, 0)?;
        Ok(EventRecord {
            event,
            state: state_of(column(row, 13)?)?,
            attempts: column::<i32>(row, 14)?.unsigned_abs(),
            failure: column(row, 15)?,
            repeats: column::<i64>(row, 16)?.unsigned_abs(),
            claimable_at: time_at(row, 17)?,
            changed_at: time_at(row, 18)?,
        })
    });
    records.collect()
}

/// The event in thirteen columns, as far as it can be read.
pub(super) fn event_of(row: &Row, first: usize) -> Result<(Event, Unread)> {
    let mut unread = Unread::default();
    let nothing = || DuplicateKey::new([0; 32]);
    let event = Event {
        id: EventId::from_uuid(column(row, first)?),
        received_at: unread.or(time_at(row, first + 1), || Timestamp::MIN),
        arrival: NewEvent {
            connection: column(row, first + 2)?,
            body: body_of(
                column(row, first + 11)?,
                column(row, first + 12)?,
                &mut unread,
            ),
            headers: unread.or(headers_of(column(row, first + 10)?), Vec::new),
            raw_key: unread.or(digest(row, first + 8), nothing),
            reading: Reading {
                source: column(row, first + 3)?,
                object: column(row, first + 4)?,
                action: column(row, first + 5)?,
                is_routed: column(row, first + 6)?,
                ordering_key: OrderingKey::new(column::<String>(row, first + 7)?),
                canonical_key: unread.or(digest(row, first + 9), nothing),
            },
        },
    };
    Ok((event, unread))
}

/// A duplicate key in a column.
pub(crate) fn digest(row: &Row, place: usize) -> Result<DuplicateKey> {
    let bytes: &[u8] = column(row, place)?;
    let digest = bytes.try_into().map_err(|_length| Error::Corrupt {
        what: "duplicate key",
        why: format!("it has {} bytes", bytes.len()),
    })?;
    Ok(DuplicateKey::new(digest))
}

pub(in super::super) async fn count(client: &Client) -> Result<EventCounts> {
    const BY_STATE: &str = "SELECT state, count(*) FROM event_turn GROUP BY state";
    const REPEATS: &str = "SELECT coalesce(sum(times), 0)::bigint FROM event_repeat";
    const OLDEST: &str = "SELECT min(received_at) FROM event WHERE sequence IN (
        (SELECT min(sequence) FROM event_turn WHERE state = 'pending'),
        (SELECT min(sequence) FROM event_turn WHERE state = 'running'))";
    let counting = failed("count events");
    let mut counts = EventCounts::default();
    for row in query(client, BY_STATE, &[]).await.map_err(&counting)? {
        let count: i64 = column(&row, 1)?;
        counts
            .by_state
            .insert(state_of(column(&row, 0)?)?, count.unsigned_abs());
    }
    let one = async |sql| {
        let row = client.query_one(sql, &[]).await.map_err(&counting)?;
        column::<Option<i64>>(&row, 0)
    };
    counts.repeats = one(REPEATS).await?.unwrap_or_default().unsigned_abs();
    counts.used_bytes = one(FILES).await?.unwrap_or_default().unsigned_abs();
    counts.oldest_open_received_at = one(OLDEST).await?.map(time).transpose()?;
    Ok(counts)
}

pub(in super::super) async fn kinds(client: &Client, newest: usize) -> Result<Vec<EventKind>> {
    // In the order of bytes, whatever the language of the database is.
    const KINDS: &str = r#"SELECT e.connection, e.object, e.action, t.state, count(*), max(e.received_at)
        FROM (SELECT sequence, connection, object, action, received_at FROM event ORDER BY sequence DESC LIMIT $1) e
            JOIN event_turn t USING (sequence)
        GROUP BY e.connection, e.object, e.action, t.state
        ORDER BY e.connection COLLATE "C", e.object COLLATE "C", e.action COLLATE "C", t.state COLLATE "C" "#;
    let counting = failed("count the newest events");
    let rows = query(client, KINDS, &[&number(newest)])
        .await
        .map_err(&counting)?;
    let kinds = rows.iter().map(|row| {
        Ok(EventKind {
            connection: column(row, 0)?,
            object: column(row, 1)?,
            action: column(row, 2)?,
            state: state_of(column(row, 3)?)?,
            number: column::<i64>(row, 4)?.unsigned_abs(),
            last_received_at: time_at(row, 5)?,
        })
    });
    kinds.collect()
}
