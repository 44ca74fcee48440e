//! Effects in SQLite.

use std::collections::BTreeMap;

use deskbridge_core::{Effect, EffectId, IdempotencyKey, NewEffect, OrderingKey};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Claim, Claimed, EffectCounts, EffectFilter, EffectRecord, EffectState, Recorded, Retry, corrupt,
};
use crate::{
    Error, Result,
    sqlite::{failed, micros, rows, time},
};

/// How a claimed effect ends.
pub(super) enum End {
    Done(Value),
    Dead(String),
}

pub(super) fn record(
    connection: &Connection,
    effects: &[(EffectId, NewEffect)],
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const KNOWN: &str = "SELECT id, state FROM effect WHERE idempotency_key = ?1";
    const INSERT: &str = "INSERT INTO effect
        (id, kind, ordering_key, idempotency_key, payload, state, at_head, claimable_at, recorded_at, changed_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 'pending',
            NOT EXISTS (SELECT 1 FROM effect WHERE ordering_key = ?3 AND state IN ('pending', 'running')),
            ?6, ?6, ?6)";
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
                ))
                .map_err(&record)?;
            Ok(Recorded::New(*id))
        })
        .collect()
}

pub(super) fn claim(connection: &Connection, claim: Claim) -> Result<Vec<Claimed>> {
    // A running effect at its claimable time is one whose lease has run out: it may have run.
    const CLAIM: &str = "UPDATE effect SET
            look_first = look_first OR state = 'running',
            attempts = attempts + (state = 'running'),
            state = 'running', claimable_at = ?2, fence = fence + 1, changed_at = ?1
        WHERE sequence IN (SELECT sequence FROM effect WHERE at_head = 1 AND claimable_at <= ?1
                           ORDER BY claimable_at, sequence LIMIT ?3)
        RETURNING id, kind, ordering_key, idempotency_key, payload, attempts, look_first, recorded_at, fence";
    let claiming = failed("claim effects");
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(CLAIM).map_err(&claiming)?;
    let parameters = (micros(claim.now), micros(claim.lease_until), limit);
    let mut claimed = rows(&mut statement, parameters, &claiming, |row| {
        let fence: i64 = row.get(8)?;
        Ok(effect_of(row)?.map(|effect| Claimed {
            effect,
            fence: fence.unsigned_abs(),
        }))
    })?;
    claimed.sort_by_key(|claimed| claimed.effect.id);
    Ok(claimed)
}

pub(super) fn finish(
    connection: &Connection,
    id: EffectId,
    fence: u64,
    end: &End,
    now: Timestamp,
) -> Result<()> {
    const FINISH: &str =
        "UPDATE effect SET state = ?3, result = coalesce(?4, result), failure = ?5,
            attempts = attempts + 1, at_head = 0, changed_at = ?6
        WHERE id = ?1 AND fence = ?2 AND state = 'running' RETURNING ordering_key";
    let finishing = failed("finish an effect");
    let (state, result, failure) = match end {
        End::Done(result) => (EffectState::Done, Some(result.to_string()), None),
        End::Dead(why) => (EffectState::Dead, None, Some(why.as_str())),
    };
    let key: Option<String> = connection
        .prepare_cached(FINISH)
        .and_then(|mut statement| {
            let fence = i64::try_from(fence).unwrap_or(i64::MAX);
            let parameters = (
                id.uuid(),
                fence,
                state.as_str(),
                result,
                failure,
                micros(now),
            );
            statement.query_row(parameters, |row| row.get(0)).optional()
        })
        .map_err(&finishing)?;
    let key = key.ok_or(Error::LeaseLost { id, fence })?;
    promote_next(connection, &key).map_err(&finishing)
}

/// Lets the oldest open effect of a key run. For keys of which none is at the head.
fn promote_next(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    const PROMOTE: &str = "UPDATE effect SET at_head = 1 WHERE sequence =
        (SELECT min(sequence) FROM effect WHERE ordering_key = ?1 AND state IN ('pending', 'running'))";
    connection.prepare_cached(PROMOTE)?.execute([key])?;
    Ok(())
}

/// Lets the oldest open effect of a key run, unless one is at the head: two would run at once.
fn promote_next_if_free(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    const HEAD: &str = "SELECT 1 FROM effect WHERE ordering_key = ?1 AND at_head = 1";
    if connection.prepare_cached(HEAD)?.exists([key])? {
        return Ok(());
    }
    promote_next(connection, key)
}

pub(super) fn reschedule(
    connection: &Connection,
    id: EffectId,
    fence: u64,
    retry: &Retry,
    now: Timestamp,
) -> Result<()> {
    const RESCHEDULE: &str = "UPDATE effect SET state = 'pending', attempts = attempts + 1,
            claimable_at = ?3, look_first = ?4, failure = ?5, changed_at = ?6
        WHERE id = ?1 AND fence = ?2 AND state = 'running'";
    let changed = connection
        .prepare_cached(RESCHEDULE)
        .and_then(|mut statement| {
            let numbered = i64::try_from(fence).unwrap_or(i64::MAX);
            let not_before = micros(retry.not_before);
            statement.execute((
                id.uuid(),
                numbered,
                not_before,
                retry.look_first,
                &retry.why,
                micros(now),
            ))
        })
        .map_err(failed("reschedule an effect"))?;
    if changed == 0 {
        Err(Error::LeaseLost { id, fence })
    } else {
        Ok(())
    }
}

pub(super) fn revive(connection: &Connection, id: EffectId, now: Timestamp) -> Result<bool> {
    // It keeps its place in its key's order, but does not push aside one that is running.
    const REVIVE: &str = "UPDATE effect SET state = 'pending', attempts = 0, look_first = 1,
            claimable_at = ?2, changed_at = ?2
        WHERE id = ?1 AND state = 'dead' RETURNING ordering_key";
    const DEMOTE: &str = "UPDATE effect SET at_head = 0
        WHERE ordering_key = ?1 AND state = 'pending' AND at_head = 1";
    let reviving = failed("revive an effect");
    let key: Option<String> = connection
        .prepare_cached(REVIVE)
        .and_then(|mut statement| {
            statement
                .query_row((id.uuid(), micros(now)), |row| row.get(0))
                .optional()
        })
        .map_err(&reviving)?;
    let Some(key) = key else { return Ok(false) };
    connection
        .prepare_cached(DEMOTE)
        .and_then(|mut statement| statement.execute([&key]))
        .map_err(&reviving)?;
    promote_next_if_free(connection, &key).map_err(&reviving)?;
    Ok(true)
}

pub(super) fn discard(connection: &Connection, id: EffectId, now: Timestamp) -> Result<bool> {
    const DISCARD: &str = "UPDATE effect SET state = 'discarded', at_head = 0, changed_at = ?2
        WHERE id = ?1 AND state IN ('pending', 'dead') RETURNING ordering_key";
    let discarding = failed("discard an effect");
    let key: Option<String> = connection
        .prepare_cached(DISCARD)
        .and_then(|mut statement| {
            statement
                .query_row((id.uuid(), micros(now)), |row| row.get(0))
                .optional()
        })
        .map_err(&discarding)?;
    match key {
        Some(key) => promote_next_if_free(connection, &key)
            .map_err(discarding)
            .map(|()| true),
        None => Ok(false),
    }
}

pub(super) fn release_interrupted(connection: &Connection, now: Timestamp) -> Result<u64> {
    const RELEASE: &str = "UPDATE effect SET claimable_at = ?1 WHERE state = 'running'";
    let released = connection
        .prepare_cached(RELEASE)
        .and_then(|mut statement| statement.execute([micros(now)]))
        .map_err(failed("release interrupted effects"))?;
    Ok(u64::try_from(released).unwrap_or(u64::MAX))
}

pub(super) fn next_claimable_at(connection: &Connection) -> Result<Option<Timestamp>> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(claimable_at) FROM effect WHERE at_head = 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed("find the next effect"))?;
    next.map(time).transpose()
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

pub(super) fn list(connection: &Connection, filter: EffectFilter) -> Result<Vec<EffectRecord>> {
    let sql = format!("{RECORD} WHERE ?1 IS NULL OR state = ?1 ORDER BY sequence DESC LIMIT ?2");
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    select(
        connection,
        &sql,
        (filter.state.map(EffectState::as_str), limit),
    )
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
        let effect = effect_of(row)?;
        Ok((|| {
            let result = result.map(|json| serde_json::from_str(&json)).transpose();
            Ok(EffectRecord {
                effect: effect?,
                state: state_of(&state)?,
                result: result.map_err(|error| corrupt("effect result", &error))?,
                failure,
                claimable_at: time(claimable_at)?,
                changed_at: time(changed_at)?,
            })
        })())
    })
}

/// The effect in the first eight columns.
fn effect_of(row: &Row<'_>) -> rusqlite::Result<Result<Effect>> {
    let (id, kind): (Uuid, String) = (row.get(0)?, row.get(1)?);
    let (ordering_key, idempotency_key): (String, String) = (row.get(2)?, row.get(3)?);
    let (payload, attempts, look_first): (String, u32, bool) =
        (row.get(4)?, row.get(5)?, row.get(6)?);
    let recorded_at = row.get(7)?;
    Ok((|| {
        let payload =
            serde_json::from_str(&payload).map_err(|error| corrupt("effect payload", &error))?;
        Ok(Effect {
            id: EffectId::from_uuid(id),
            intent: NewEffect {
                kind,
                ordering_key: OrderingKey::new(ordering_key),
                idempotency_key: IdempotencyKey::new(idempotency_key),
                payload,
            },
            attempts,
            look_first,
            recorded_at: time(recorded_at)?,
        })
    })())
}

fn state_of(name: &str) -> Result<EffectState> {
    EffectState::from_name(name).ok_or_else(|| corrupt("effect state", &name))
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
