//! Events in PostgreSQL. They are given their turn as they are stored.

pub(super) mod reading;

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::{EventId, Reading};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{ClaimedEvent, EventFilter, EventState, Moved, Plan, Reread, state_of};
use crate::{
    Claim, Recorded, Result, effects, known, links,
    postgres::{
        Text,
        asking::{execute, query, query_opt},
        column, failed, fingerprint,
        intake::CANONICAL,
        ordering_hash,
        turns::{EVENTS, Held},
    },
    sqlite::micros,
    unread::{ClaimedRows, Unreadable},
};

pub(super) async fn claim(
    transaction: &Transaction<'_>,
    claim: Claim,
    node: Uuid,
) -> Result<ClaimedRows<ClaimedEvent, EventId>> {
    let (mut claimed, mut unreadable) = (Vec::new(), Vec::new());
    for row in EVENTS.claim(transaction, claim, node).await? {
        let fence = column::<i64>(&row, 1)?.unsigned_abs();
        let attempts = column::<i32>(&row, 2)?.unsigned_abs();
        let (event, unread) = reading::event_of(&row, 3)?;
        let id = event.id;
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
    let found = reading::to_replay(transaction, filter, after).await?;
    replay(transaction, &found, now).await
}

pub(super) async fn replay(
    transaction: &Transaction<'_>,
    ids: &[EventId],
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let revived = EVENTS.revive(transaction, &uuids(ids), now).await?;
    Ok(revived.into_iter().map(EventId::from_uuid).collect())
}

pub(super) async fn discard(
    transaction: &Transaction<'_>,
    ids: &[EventId],
    now: Timestamp,
) -> Result<Vec<EventId>> {
    let discarded = EVENTS.discard(transaction, &uuids(ids), now).await?;
    Ok(discarded.into_iter().map(EventId::from_uuid).collect())
}

fn uuids(ids: &[EventId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

pub(super) async fn reread(
    transaction: &Transaction<'_>,
    readings: &[(EventId, Reading)],
    now: Timestamp,
) -> Result<Reread> {
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
    let mut reread = Reread::default();
    for (id, reading) in readings {
        reread.note(*id, reread_one(transaction, *id, reading, now).await?);
    }
    EVENTS.settle_heads(transaction, &hashes).await?;
    Ok(reread)
}

/// Its old key and its new one are locked, and their heads are settled afterwards; the states it had and has now, if
/// it was read anew.
async fn reread_one(
    transaction: &Transaction<'_>,
    id: EventId,
    reading: &Reading,
    now: Timestamp,
) -> Result<Option<Moved>> {
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
    let Some(old) = old else { return Ok(None) };
    let sequence: i64 = column(&old, 0)?;
    let Some(moved) = Moved::by(state_of(column(&old, 1)?)?, reading) else {
        return Ok(None);
    };
    let state = moved.to.as_str();
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
    Ok(Some(moved))
}

pub(super) async fn next_claimable_at(client: &Client, node: Uuid) -> Result<Option<Timestamp>> {
    EVENTS.next_claimable_at(client, node).await
}
