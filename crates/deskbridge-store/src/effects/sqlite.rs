//! Effects in SQLite.

use std::collections::BTreeMap;

use deskbridge_core::{Effect, EffectId, IdempotencyKey, NewEffect, OrderingKey, Urgency};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use uuid::Uuid;

use super::{
    Claim, Claimed, EffectCounts, EffectFilter, EffectRecord, EffectState, End, Recorded, Retry,
    due_at, fresh_between, fresh_max, others_max, state_of, value_of, waits_from,
};
use crate::{
    Result,
    sqlite::{
        failed, micros, rows, time,
        turns::{EFFECTS, ENDED_EFFECTS, Held, Turn},
    },
    unread::{ClaimedRows, Unread, Unreadable},
};

pub(crate) fn record(
    connection: &Connection,
    effects: &[(EffectId, NewEffect)],
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const KNOWN: &str = "SELECT id, state FROM effect WHERE idempotency_key = ?1";
    const INSERT: &str = "INSERT INTO effect
        (id, kind, ordering_key, idempotency_key, payload, state, at_head, claimable_at, recorded_at, changed_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 'pending',
            NOT EXISTS (SELECT 1 FROM effect WHERE ordering_key = ?3 AND state IN ('pending', 'running')),
            ?7, ?6, ?6)";
    let record = failed("record an effect");
    let mut known = connection.prepare_cached(KNOWN).map_err(&record)?;
    let mut insert = connection.prepare_cached(INSERT).map_err(&record)?;
    effects
        .iter()
        .map(|(id, effect)| {
            let found: Option<(Uuid, String)> = known
                .query_row([effect.idempotency_key.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()
                .map_err(&record)?;
            if let Some((id, state)) = found {
                return Ok(Recorded::Known(EffectId::from_uuid(id), state_of(&state)?));
            }
            insert
                .execute((
                    id.uuid(),
                    &effect.kind,
                    effect.ordering_key.as_str(),
                    effect.idempotency_key.as_str(),
                    effect.payload.to_string(),
                    micros(now),
                    waits_from(effect, now),
                ))
                .map_err(&record)?;
            Ok(Recorded::New(*id))
        })
        .collect()
}

pub(super) fn claim(
    connection: &Connection,
    claim: Claim,
) -> Result<ClaimedRows<Claimed, EffectId>> {
    const CLAIMED: &str =
        "SELECT id, kind, ordering_key, idempotency_key, payload, attempts, look_first,
        recorded_at FROM effect WHERE sequence = ?1";
    let reading = failed("read a claimed effect");
    let fresh = Claim {
        limit: fresh_max(claim),
        ..claim
    };
    let mut turns = EFFECTS.claim_between(connection, fresh, fresh_between(claim.now))?;
    let others = Claim {
        limit: others_max(claim, turns.len()),
        ..claim
    };
    turns.extend(EFFECTS.claim(connection, others)?);
    let mut statement = connection.prepare_cached(CLAIMED).map_err(&reading)?;
    let (mut claimed, mut unreadable) = (Vec::new(), Vec::new());
    for Turn {
        sequence, fence, ..
    } in turns
    {
        let (effect, unread) = statement
            .query_row([sequence], effect_of)
            .map_err(&reading)?;
        let id = effect.id;
        match unread.whole(effect) {
            Ok(effect) => claimed.push(Claimed { effect, fence }),
            Err(why) => unreadable.push(Unreadable::new(id, fence, why)),
        }
    }
    Ok((claimed, unreadable))
}

pub(super) fn finish(
    connection: &Connection,
    id: EffectId,
    fence: u64,
    end: &End,
    now: Timestamp,
) -> Result<()> {
    let held = held(connection, &id, fence)?;
    match end {
        End::Dead(why) => {
            let dead = EffectState::Dead.as_str();
            EFFECTS.finish(connection, &held, dead, Some(why), now)
        }
        End::Done(result) => {
            EFFECTS.finish(connection, &held, EffectState::Done.as_str(), None, now)?;
            connection
                .prepare_cached("UPDATE effect SET result = ?2 WHERE sequence = ?1")
                .and_then(|mut statement| statement.execute((held.sequence, result.to_string())))
                .map_err(failed("keep the result of an effect"))?;
            Ok(())
        }
    }
}

pub(super) fn reschedule(
    connection: &Connection,
    id: EffectId,
    fence: u64,
    retry: &Retry,
    now: Timestamp,
) -> Result<()> {
    EFFECTS.reschedule(connection, &held(connection, &id, fence)?, retry, now)
}

pub(super) fn extend(
    connection: &Connection,
    id: EffectId,
    fence: u64,
    until: Timestamp,
) -> Result<()> {
    EFFECTS.extend(connection, &held(connection, &id, fence)?, until)
}

pub(super) fn revive(connection: &Connection, id: EffectId, now: Timestamp) -> Result<bool> {
    match sequence(connection, id)? {
        Some(sequence) => EFFECTS.revive(connection, sequence, now),
        None => Ok(false),
    }
}

pub(super) fn repeat(connection: &Connection, id: EffectId, now: Timestamp) -> Result<bool> {
    match sequence(connection, id)? {
        Some(sequence) => ENDED_EFFECTS.revive(connection, sequence, now),
        None => Ok(false),
    }
}

pub(super) fn discard(connection: &Connection, id: EffectId, now: Timestamp) -> Result<bool> {
    match sequence(connection, id)? {
        Some(sequence) => EFFECTS.discard(connection, sequence, now),
        None => Ok(false),
    }
}

fn held<'a>(connection: &Connection, id: &'a EffectId, fence: u64) -> Result<Held<'a>> {
    Ok(Held {
        sequence: sequence(connection, *id)?,
        name: id,
        fence,
    })
}

fn sequence(connection: &Connection, id: EffectId) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT sequence FROM effect WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([id.uuid()], |row| row.get(0))
                .optional()
        })
        .map_err(failed("find an effect"))
}

const RECORD: &str =
    "SELECT id, kind, ordering_key, idempotency_key, payload, attempts, look_first,
    recorded_at, state, result, failure, claimable_at, changed_at FROM effect";

pub(super) fn by_id(connection: &Connection, id: EffectId) -> Result<Option<EffectRecord>> {
    let found = select(connection, &format!("{RECORD} WHERE id = ?1"), [id.uuid()])?;
    Ok(found.into_iter().next())
}

pub(super) fn by_key(
    connection: &Connection,
    key: &IdempotencyKey,
) -> Result<Option<EffectRecord>> {
    let found = select(
        connection,
        &format!("{RECORD} WHERE idempotency_key = ?1"),
        [key.as_str()],
    )?;
    Ok(found.into_iter().next())
}

pub(super) fn list(connection: &Connection, filter: &EffectFilter) -> Result<Vec<EffectRecord>> {
    let sql = format!(
        "{RECORD} WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2)
            AND (?3 IS NULL OR ordering_key = ?3)
            AND (?4 IS NULL OR sequence < (SELECT sequence FROM effect WHERE id = ?4))
        ORDER BY sequence DESC LIMIT ?5"
    );
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let parameters = (
        filter.state.map(EffectState::as_str),
        &filter.kind,
        &filter.ordering_key,
        filter.before.map(EffectId::uuid),
        limit,
    );
    select(connection, &sql, parameters)
}

fn select(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<EffectRecord>> {
    let reading = failed("read effects");
    let mut statement = connection.prepare_cached(sql).map_err(&reading)?;
    rows(&mut statement, parameters, &reading, |row| {
        let (state, result): (String, Option<String>) = (row.get(8)?, row.get(9)?);
        let failure = row.get(10)?;
        let (claimable_at, changed_at) = (row.get(11)?, row.get(12)?);
        let (effect, mut unread) = effect_of(row)?;
        Ok((|| {
            Ok(EffectRecord {
                claimable_at: time(due_at(claimable_at))?,
                effect,
                state: state_of(&state)?,
                result: result.map(|json| value_of(json, "effect result", &mut unread)),
                failure,
                changed_at: time(changed_at)?,
            })
        })())
    })
}

/// The effect in the first eight columns, as far as it can be read.
fn effect_of(row: &Row<'_>) -> rusqlite::Result<(Effect, Unread)> {
    let (id, kind): (Uuid, String) = (row.get(0)?, row.get(1)?);
    let (ordering_key, idempotency_key): (String, String) = (row.get(2)?, row.get(3)?);
    let (payload, attempts, look_first): (String, u32, bool) =
        (row.get(4)?, row.get(5)?, row.get(6)?);
    let recorded_at = row.get(7)?;
    let mut unread = Unread::default();
    let effect = Effect {
        id: EffectId::from_uuid(id),
        intent: NewEffect {
            urgency: Urgency::Usual,
            kind,
            ordering_key: OrderingKey::new(ordering_key),
            idempotency_key: IdempotencyKey::new(idempotency_key),
            payload: value_of(payload, "effect payload", &mut unread),
        },
        attempts,
        look_first,
        recorded_at: unread.or(time(recorded_at), || Timestamp::MIN),
    };
    Ok((effect, unread))
}

pub(super) fn count(connection: &Connection) -> Result<EffectCounts> {
    let counting = failed("count effects");
    let mut statement = connection
        .prepare_cached("SELECT state, count(*) FROM effect GROUP BY state")
        .map_err(&counting)?;
    let by_state = rows(&mut statement, [], &counting, |row| {
        let (state, number): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(state_of(&state).map(|state| (state, number.unsigned_abs())))
    })?;
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT recorded_at FROM effect WHERE state IN ('pending', 'running') AND at_head = 1
             ORDER BY sequence LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(&counting)?;
    Ok(EffectCounts {
        by_state: by_state.into_iter().collect::<BTreeMap<_, _>>(),
        oldest_open_recorded_at: oldest.map(time).transpose()?,
    })
}

pub(super) fn prune(
    connection: &Connection,
    changed_before: Timestamp,
    limit: usize,
) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM effect WHERE sequence IN
        (SELECT sequence FROM effect WHERE state IN ('done', 'discarded') AND changed_at < ?1 LIMIT ?2)";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let pruned = connection
        .prepare_cached(PRUNE)
        .and_then(|mut statement| statement.execute((micros(changed_before), limit)))
        .map_err(failed("prune effects"))?;
    Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
}
