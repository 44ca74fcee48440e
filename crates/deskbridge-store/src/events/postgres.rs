//! Events in PostgreSQL. They are given their turn as they are stored.

pub(super) mod reading;

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::{EventId, Reading};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{ClaimedEvent, EventFilter, EventState, Plan, Retention};
use crate::{
    Claim, Recorded, Result, effects, known, links,
    postgres::{
        Text,
        asking::{execute, query, query_opt},
        column, failed, fingerprint,
        intake::{CANONICAL, RAW},
        number, ordering_hash,
        turns::{EVENTS, Held},
    },
    sqlite::micros,
};

pub(super) async fn claim(
    transaction: &Transaction<'_>,
    claim: Claim,
    node: Uuid,
) -> Result<Vec<ClaimedEvent>> {
    let claimed = EVENTS.claim(transaction, claim, node).await?;
    let read = claimed.iter().map(|row| {
        Ok(ClaimedEvent {
            fence: column::<i64>(row, 1)?.unsigned_abs(),
            attempts: column::<i32>(row, 2)?.unsigned_abs(),
            event: reading::event_of(row, 3)?,
        })
    });
    read.collect()
}

pub(super) fn held(id: &EventId, fence: u64) -> Held<'_> {
    Held {
        id: id.uuid(),
        name: id,
        fence,
    }
}

pub(super) async fn record_plan(
    transaction: &Transaction<'_>,
    id: EventId,
    fence: u64,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const CAUSED: &str =
        "INSERT INTO event_effect (event, effect) SELECT $1, n FROM unnest($2::uuid[]) n
        ON CONFLICT DO NOTHING";
    let done = EventState::Done.as_str();
    let sequence = EVENTS
        .finish(transaction, &held(&id, fence), done, None, now)
        .await?;
    let recorded = effects::postgres::record(transaction, &plan.effects, now).await?;
    let caused: Vec<Uuid> = recorded.iter().map(|one| one.id().uuid()).collect();
    let noting = failed("note what an event caused");
    execute(transaction, CAUSED, &[&sequence, &caused])
        .await
        .map_err(&noting)?;
    links::postgres::record(transaction, &plan.links, now).await?;
    known::postgres::keep(transaction, &plan.known, now).await?;
    Ok(recorded)
}

pub(super) async fn end(
    transaction: &Transaction<'_>,
    id: EventId,
    fence: u64,
    (state, why): &(EventState, String),
    now: Timestamp,
) -> Result<()> {
    let held = held(&id, fence);
    EVENTS
        .finish(transaction, &held, state.as_str(), Some(why), now)
        .await?;
    Ok(())
}

pub(super) async fn replay_all(
    transaction: &Transaction<'_>,
    filter: &EventFilter,
    after: Option<EventId>,
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let mut replayed = Vec::new();
    for id in reading::to_replay(transaction, filter, after).await? {
        // Another node may have replayed it since.
        if EVENTS.revive(transaction, id.uuid(), now).await? {
            replayed.push(id);
        }
    }
    Ok(replayed)
}

pub(super) async fn reread(
    transaction: &Transaction<'_>,
    readings: &[(EventId, Reading)],
    now: Timestamp,
) -> Result<u64> {
    // Nothing else changes the key of an event, so that those found here are still theirs once they are locked.
    const ALONE: &str =
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' reread', 0))";
    const OLD: &str = "SELECT t.ordering_hash FROM event e JOIN event_turn t USING (sequence) WHERE e.id = ANY($1)";
    let rereading = failed("read an event anew");
    execute(transaction, ALONE, &[]).await.map_err(&rereading)?;
    let ids: Vec<Uuid> = readings.iter().map(|(id, _)| id.uuid()).collect();
    let old = query(transaction, OLD, &[&ids]).await.map_err(&rereading)?;
    let old = old
        .iter()
        .map(|row| column(row, 0))
        .collect::<Result<Vec<i64>>>()?;
    let new = readings
        .iter()
        .map(|(_, reading)| ordering_hash(reading.ordering_key.as_str()));
    let hashes = EVENTS.lock(transaction, old.into_iter().chain(new)).await?;
    let mut reread = 0;
    for (id, reading) in readings {
        reread += u64::from(reread_one(transaction, *id, reading, now).await?);
    }
    for hash in hashes {
        EVENTS.settle_head(transaction, hash).await?;
    }
    Ok(reread)
}

/// Its old key and its new one are locked, and their heads are settled afterwards.
async fn reread_one(
    transaction: &Transaction<'_>,
    id: EventId,
    reading: &Reading,
    now: Timestamp,
) -> Result<bool> {
    // Its turn is locked, so that nobody claims it meanwhile.
    const OLD: &str = "SELECT t.sequence, t.state, e.connection, e.canonical_key FROM event_turn t
        JOIN event e USING (sequence) WHERE e.id = $1 FOR UPDATE OF t";
    const READ: &str =
        "UPDATE event SET source = $2, object = $3, action = $4, is_routed = $5, ordering_key = $6,
            canonical_key = $7 WHERE sequence = $1";
    const FORGET_KEY: &str = "DELETE FROM event_key WHERE fingerprint = $1 AND sequence = $2";
    const KEY: &str = "INSERT INTO event_key (fingerprint, sequence) VALUES ($1, $2)
        ON CONFLICT (fingerprint) DO UPDATE SET sequence = excluded.sequence";
    const MOVE: &str =
        "UPDATE event_turn SET ordering_hash = $2, at_head = false, state = $3, changed_at = $4
        WHERE sequence = $1";
    let rereading = failed("read an event anew");
    let old = query_opt(transaction, OLD, &[&id.uuid()])
        .await
        .map_err(&rereading)?;
    let Some(old) = old else { return Ok(false) };
    let (sequence, state): (i64, &str) = (column(&old, 0)?, column(&old, 1)?);
    let state = match (EventState::from_name(state), reading.is_routed) {
        (Some(EventState::Running), _) => return Ok(false),
        (Some(EventState::Unrouted), true) => EventState::Pending.as_str(),
        (Some(EventState::Pending), false) => EventState::Unrouted.as_str(),
        _ => state,
    };
    let connection: &str = column(&old, 2)?;
    let old_key = fingerprint(connection, CANONICAL, reading::digest(&old, 3)?.as_bytes());
    let new_key = fingerprint(connection, CANONICAL, reading.canonical_key.as_bytes());
    let (source, object, action) = (
        Text(&reading.source),
        Text(&reading.object),
        Text(&reading.action),
    );
    let ordering_key = Text(reading.ordering_key.as_str());
    let canonical_key = reading.canonical_key.as_bytes().as_slice();
    let hash = ordering_hash(reading.ordering_key.as_str());
    let changes: [(&str, &[&(dyn ToSql + Sync)]); 4] = [
        (
            READ,
            &[
                &sequence,
                &source,
                &object,
                &action,
                &reading.is_routed,
                &ordering_key,
                &canonical_key,
            ],
        ),
        (FORGET_KEY, &[&old_key, &sequence]),
        (KEY, &[&new_key, &sequence]),
        (MOVE, &[&sequence, &hash, &state, &micros(now)]),
    ];
    for (sql, parameters) in changes {
        execute(transaction, sql, parameters)
            .await
            .map_err(&rereading)?;
    }
    Ok(true)
}

pub(super) async fn next_claimable_at(client: &Client, node: Uuid) -> Result<Option<Timestamp>> {
    EVENTS.next_claimable_at(client, node).await
}

pub(super) async fn prune(
    transaction: &Transaction<'_>,
    retention: Retention,
    limit: usize,
) -> Result<u64> {
    // What another node forgets at the same time is left to it.
    const OLDEST: &str = "SELECT t.sequence, e.received_at, e.connection, e.raw_key, e.canonical_key
        FROM event_turn t JOIN event e USING (sequence) WHERE t.sequence IN (
            (SELECT sequence FROM event_turn WHERE state = 'done' ORDER BY sequence LIMIT $1)
            UNION ALL (SELECT sequence FROM event_turn WHERE state = 'discarded' ORDER BY sequence LIMIT $1))
        ORDER BY t.sequence LIMIT $1 FOR UPDATE OF t SKIP LOCKED";
    const FORGET: [&str; 4] = [
        "DELETE FROM event WHERE sequence = ANY($1)",
        "DELETE FROM event_turn WHERE sequence = ANY($1)",
        "DELETE FROM event_repeat WHERE sequence = ANY($1)",
        "DELETE FROM event_effect WHERE event = ANY($1)",
    ];
    const FORGET_KEYS: &str =
        "DELETE FROM event_key WHERE fingerprint = ANY($1) AND sequence = ANY($2)";
    let pruning = failed("forget old events");
    let is_too_large = reading::takes_more_than(transaction, retention.used_bytes_max).await?;
    let oldest = query(transaction, OLDEST, &[&number(limit)])
        .await
        .map_err(&pruning)?;
    let (mut sequences, mut keys) = (Vec::new(), Vec::new());
    for row in &oldest {
        let (sequence, received_at): (i64, i64) = (column(row, 0)?, column(row, 1)?);
        if !is_too_large && received_at >= micros(retention.received_from) {
            continue;
        }
        let connection: &str = column(row, 2)?;
        sequences.push(sequence);
        keys.push(fingerprint(
            connection,
            RAW,
            reading::digest(row, 3)?.as_bytes(),
        ));
        keys.push(fingerprint(
            connection,
            CANONICAL,
            reading::digest(row, 4)?.as_bytes(),
        ));
    }
    execute(transaction, FORGET_KEYS, &[&keys, &sequences])
        .await
        .map_err(&pruning)?;
    for sql in FORGET {
        execute(transaction, sql, &[&sequences])
            .await
            .map_err(&pruning)?;
    }
    Ok(u64::try_from(sequences.len()).unwrap_or(u64::MAX))
}
