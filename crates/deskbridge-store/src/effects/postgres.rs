//! Effects in PostgreSQL.

use std::collections::HashMap;

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::{Effect, EffectId, IdempotencyKey, NewEffect, OrderingKey, Urgency};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    Claim, Claimed, EffectCounts, EffectFilter, EffectRecord, EffectState, End, Recorded, corrupt,
    due_at, fresh_between, fresh_max, others_max, state_of, value_of,
};
use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query, query_opt},
        column, failed, number, ordering_hash, time_at,
        turns::{EFFECTS, ENDED_EFFECTS, Held},
    },
    sqlite::{micros, time},
    unread::{ClaimedRows, Unread, Unreadable},
};

pub(crate) async fn record(
    transaction: &Transaction<'_>,
    effects: &[(EffectId, NewEffect)],
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    // Of equal idempotency keys the first counts.
    const INSERT: &str = "INSERT INTO effect (id, kind, ordering_key, ordering_hash, idempotency_key, payload, state,
            at_head, claimable_at, recorded_at, changed_at)
        SELECT id, kind, ordering_key, hash, idempotency_key, payload, 'pending', false, waits_from, $7, $7
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
            $8::bigint[]) n (id, kind, ordering_key, hash, idempotency_key, payload, waits_from)
        ON CONFLICT (idempotency_key) DO NOTHING RETURNING id";
    const KNOWN: &str =
        "SELECT idempotency_key, id, state FROM effect WHERE idempotency_key = ANY($1)";
    if effects.is_empty() {
        return Ok(Vec::new());
    }
    let recording = failed("record an effect");
    let hash_of = |effect: &NewEffect| ordering_hash(effect.ordering_key.as_str());
    let hashes: Vec<i64> = effects.iter().map(|(_, effect)| hash_of(effect)).collect();
    let locked = EFFECTS.lock(transaction, hashes.iter().copied()).await?;
    let ids: Vec<Uuid> = effects.iter().map(|(id, _)| id.uuid()).collect();
    let texts = |read: fn(&NewEffect) -> &str| -> Vec<Text<'_>> {
        effects
            .iter()
            .map(|(_, effect)| Text(read(effect)))
            .collect()
    };
    let (kinds, ordering_keys) = (
        texts(|one| &one.kind),
        texts(|one| one.ordering_key.as_str()),
    );
    let keys = texts(|one| one.idempotency_key.as_str());
    let payloads: Vec<String> = effects
        .iter()
        .map(|(_, one)| one.payload.to_string())
        .collect();
    let waits_from: Vec<i64> = effects
        .iter()
        .map(|(_, one)| super::waits_from(one, now))
        .collect();
    let now = micros(now);
    let inserted = query(
        transaction,
        INSERT,
        &[
            &ids,
            &kinds,
            &ordering_keys,
            &hashes,
            &keys,
            &payloads,
            &now,
            &waits_from,
        ],
    )
    .await
    .map_err(&recording)?;
    EFFECTS.promote(transaction, &locked).await?;
    if inserted.len() == effects.len() {
        return Ok(effects.iter().map(|(id, _)| Recorded::New(*id)).collect());
    }
    let known = query(transaction, KNOWN, &[&keys])
        .await
        .map_err(&recording)?;
    let new = inserted
        .iter()
        .map(|row| column(row, 0))
        .collect::<Result<Vec<Uuid>>>()?;
    let mut by_key = HashMap::new();
    for row in &known {
        let (key, id, state): (&str, Uuid, &str) =
            (column(row, 0)?, column(row, 1)?, column(row, 2)?);
        by_key.insert(key, (id, state_of(state)?));
    }
    let recorded = effects.iter().map(|(id, effect)| {
        if new.contains(&id.uuid()) {
            return Ok(Recorded::New(*id));
        }
        let key = effect.idempotency_key.as_str().replace('\0', "\u{2400}");
        let (known, state) = by_key
            .get(key.as_str())
            .ok_or_else(|| corrupt("idempotency key", &"it was there and is not any more"))?;
        Ok(Recorded::Known(EffectId::from_uuid(*known), *state))
    });
    recorded.collect()
}

pub(super) async fn claim(
    transaction: &Transaction<'_>,
    claim: Claim,
    node: Uuid,
) -> Result<ClaimedRows<Claimed, EffectId>> {
    let (mut claimed, mut unreadable) = (Vec::new(), Vec::new());
    let fresh = Claim {
        limit: fresh_max(claim),
        ..claim
    };
    let mut rows = EFFECTS
        .claim_between(transaction, fresh, node, fresh_between(claim.now))
        .await?;
    let others = Claim {
        limit: others_max(claim, rows.len()),
        ..claim
    };
    rows.extend(EFFECTS.claim(transaction, others, node).await?);
    for row in rows {
        let fence = column::<i64>(&row, 1)?.unsigned_abs();
        let (effect, unread) = effect_of(&row, 2)?;
        let id = effect.id;
        match unread.whole(effect) {
            Ok(effect) => claimed.push(Claimed { effect, fence }),
            Err(why) => unreadable.push(Unreadable::new(id, fence, why)),
        }
    }
    Ok((claimed, unreadable))
}

pub(super) async fn finish(
    transaction: &Transaction<'_>,
    id: EffectId,
    fence: u64,
    end: &End,
    now: Timestamp,
) -> Result<()> {
    const KEEP: &str = "UPDATE effect SET result = $2 WHERE sequence = $1";
    let held = held(&id, fence);
    match end {
        End::Dead(why) => {
            let dead = EffectState::Dead.as_str();
            EFFECTS
                .finish(transaction, &held, dead, Some(why), now)
                .await?;
        }
        End::Done(result) => {
            let done = EffectState::Done.as_str();
            let sequence = EFFECTS.finish(transaction, &held, done, None, now).await?;
            let keeping = failed("keep the result of an effect");
            execute(transaction, KEEP, &[&sequence, &result.to_string()])
                .await
                .map_err(&keeping)?;
        }
    }
    Ok(())
}

pub(super) fn held(id: &EffectId, fence: u64) -> Held<'_> {
    Held {
        id: id.uuid(),
        name: id,
        fence,
    }
}

pub(super) async fn revive(
    transaction: &Transaction<'_>,
    id: EffectId,
    now: Timestamp,
) -> Result<bool> {
    let revived = EFFECTS.revive(transaction, &[id.uuid()], now).await?;
    Ok(!revived.is_empty())
}

pub(super) async fn repeat(
    transaction: &Transaction<'_>,
    id: EffectId,
    now: Timestamp,
) -> Result<bool> {
    let repeated = ENDED_EFFECTS.revive(transaction, &[id.uuid()], now).await?;
    Ok(!repeated.is_empty())
}

pub(super) async fn discard(
    transaction: &Transaction<'_>,
    id: EffectId,
    now: Timestamp,
) -> Result<bool> {
    let discarded = EFFECTS.discard(transaction, &[id.uuid()], now).await?;
    Ok(!discarded.is_empty())
}

const RECORD: &str =
    "SELECT id, kind, ordering_key, idempotency_key, payload, attempts, look_first,
    recorded_at, state, result, failure, claimable_at, changed_at FROM effect";

pub(super) async fn by_id(client: &Client, id: EffectId) -> Result<Option<EffectRecord>> {
    let found = select(client, &format!("{RECORD} WHERE id = $1"), &[&id.uuid()]).await?;
    Ok(found.into_iter().next())
}

pub(super) async fn by_key(client: &Client, key: &IdempotencyKey) -> Result<Option<EffectRecord>> {
    let sql = format!("{RECORD} WHERE idempotency_key = $1");
    let found = select(client, &sql, &[&Text(key.as_str())]).await?;
    Ok(found.into_iter().next())
}

pub(super) async fn list(client: &Client, filter: &EffectFilter) -> Result<Vec<EffectRecord>> {
    let sql = format!(
        "{RECORD} WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
            AND ($3::text IS NULL OR ordering_key = $3)
            AND ($4::uuid IS NULL OR sequence < (SELECT sequence FROM effect WHERE id = $4))
        ORDER BY sequence DESC LIMIT $5"
    );
    let state = filter.state.map(EffectState::as_str);
    let kind = filter.kind.as_deref().map(Text);
    let key = filter.ordering_key.as_deref().map(Text);
    let before = filter.before.map(EffectId::uuid);
    let limit = number(filter.limit);
    select(client, &sql, &[&state, &kind, &key, &before, &limit]).await
}

async fn select(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<EffectRecord>> {
    let reading = failed("read effects");
    let rows = query(client, sql, parameters).await.map_err(&reading)?;
    let records = rows.iter().map(|row| {
        let result: Option<String> = column(row, 9)?;
        let (effect, mut unread) = effect_of(row, 0)?;
        Ok(EffectRecord {
            claimable_at: time(due_at(column(row, 11)?))?,
            effect,
            state: state_of(column(row, 8)?)?,
            result: result.map(|json| value_of(json, "effect result", &mut unread)),
            failure: column(row, 10)?,
            changed_at: time_at(row, 12)?,
        })
    });
    records.collect()
}

/// The effect in eight columns, as far as it can be read.
fn effect_of(row: &Row, first: usize) -> Result<(Effect, Unread)> {
    let mut unread = Unread::default();
    let effect = Effect {
        id: EffectId::from_uuid(column(row, first)?),
        intent: NewEffect {
            urgency: Urgency::Usual,
            kind: column(row, first + 1)?,
            ordering_key: OrderingKey::new(column::<String>(row, first + 2)?),
            idempotency_key: IdempotencyKey::new(column::<String>(row, first + 3)?),
            payload: value_of(column(row, first + 4)?, "effect payload", &mut unread),
        },
        attempts: column::<i32>(row, first + 5)?.unsigned_abs(),
        look_first: column(row, first + 6)?,
        recorded_at: unread.or(time_at(row, first + 7), || Timestamp::MIN),
    };
    Ok((effect, unread))
}

pub(super) async fn count(client: &Client) -> Result<EffectCounts> {
    const BY_STATE: &str = "SELECT state, count(*) FROM effect GROUP BY state";
    const OLDEST: &str = "SELECT recorded_at FROM effect WHERE at_head ORDER BY sequence LIMIT 1";
    let counting = failed("count effects");
    let mut counts = EffectCounts::default();
    for row in query(client, BY_STATE, &[]).await.map_err(&counting)? {
        let count: i64 = column(&row, 1)?;
        counts
            .by_state
            .insert(state_of(column(&row, 0)?)?, count.unsigned_abs());
    }
    let oldest = query_opt(client, OLDEST, &[]).await.map_err(&counting)?;
    let oldest: Option<i64> = oldest.map(|row| column(&row, 0)).transpose()?;
    counts.oldest_open_recorded_at = oldest.map(time).transpose()?;
    Ok(counts)
}

pub(super) async fn prune(
    transaction: &Transaction<'_>,
    changed_before: Timestamp,
    limit: usize,
) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM effect WHERE sequence IN (SELECT sequence FROM effect
        WHERE state IN ('done', 'discarded') AND changed_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    let pruning = failed("prune effects");
    execute(
        transaction,
        PRUNE,
        &[&micros(changed_before), &number(limit)],
    )
    .await
    .map_err(&pruning)
}
