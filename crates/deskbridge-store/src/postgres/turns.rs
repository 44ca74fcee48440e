//! Turns: what the tables of effects and events have in common. Rows with one ordering key are claimed one
//! after another, different keys side by side; a claim is a lease with a fencing number.
//!
//! Whoever changes which row is at the head of a key holds the lock of the key until the end of the transaction. A
//! claim does not change that, so it takes no such lock; who takes the head away locks its row first.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::RangeInclusive,
};

use deadpool_postgres::{Client, Transaction};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Text,
    asking::{execute, query, query_opt},
    column, failed, number, time_at,
};
use crate::{
    Claim, Error, Result, Retry,
    effects::FRESH_FOR,
    sqlite::{micros, turns::live_before},
};

/// How long a node that lives may be late with what it has claimed, in microseconds, before it is taken to hang and
/// others claim it.
const LATE_MAX: i64 = 5 * 60 * 1_000_000;

/// The clock of the database, which judges what nodes claim against each other, in microseconds.
macro_rules! database_now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}
pub(crate) use database_now;

/// When a row can be claimed, in microseconds: one below zero is live, and waits since long before.
macro_rules! due_at {
    () => {
        concat!(
            "(claimable_at + CASE WHEN claimable_at < 0 THEN ",
            live_before!(),
            " ELSE 0 END)"
        )
    };
}

/// What makes the locks of a table its own: those of a database are shared by all its tables and schemas.
macro_rules! lock_of {
    ($salt:literal) => {
        concat!($salt, " # hashtextextended(current_schema(), 0)")
    };
}

/// The statements over one table of turns.
pub(crate) struct Turns {
    /// Claims rows; what they are read with follows.
    pub(crate) claim: &'static str,
    lock: &'static str,
    try_lock: &'static str,
    locate: &'static str,
    finish: &'static str,
    promote: &'static str,
    named: &'static str,
    heads: &'static str,
    demote: &'static str,
    reschedule: &'static str,
    extend: &'static str,
    discard: &'static str,
    release: &'static str,
    next: &'static str,
    revive: &'static str,
}

macro_rules! turns {
    ($table:literal, since: $since:literal, locks: $salt:literal, id: $id:literal, named: $named:literal, revived: $revived:literal,
        claimed: $claimed:literal) => {
        Turns {
            // A running row at its claimable time is one whose lease has run out: it may have run. That of another
            // node which lives is left to it.
            claim: concat!(
                "WITH due AS (SELECT sequence FROM ", $table, " t WHERE at_head AND claimable_at BETWEEN $6 AND $7
                    AND NOT (claimable_at > $1 - ", live_before!(), " AND claimable_at < 0)
                    AND (state = 'pending' OR holder = $4 OR ", due_at!(), " <= $5 OR NOT EXISTS (
                        SELECT 1 FROM node n WHERE n.id = t.holder AND n.live_until > ", database_now!(), "))
                    ORDER BY claimable_at, sequence LIMIT $3 FOR UPDATE OF t SKIP LOCKED)
                UPDATE ", $table, " t SET
                    look_first = t.look_first OR t.state = 'running',
                    attempts = t.attempts + (t.state = 'running')::integer,
                    state = 'running', fence = t.fence + 1, holder = $4, changed_at = $1,
                    claimable_at = $2 - CASE WHEN t.claimable_at < 0 THEN ", live_before!(), " ELSE 0 END
                FROM due ", $claimed
            ),
            lock: concat!("SELECT pg_advisory_xact_lock(k # ", lock_of!($salt), ") FROM unnest($1::bigint[]) k"),
            try_lock: concat!(
                "SELECT k FROM unnest($1::bigint[]) k WHERE pg_try_advisory_xact_lock(k # ", lock_of!($salt), ")"
            ),
            locate: concat!(
                "SELECT t.sequence, t.ordering_hash, pg_advisory_xact_lock(t.ordering_hash # ", lock_of!($salt),
                ") FROM ", $table, " t WHERE ", $id
            ),
            finish: concat!(
                "UPDATE ", $table, " SET state = $3, failure = $4,
                    attempts = attempts + 1, at_head = false, changed_at = $5
                WHERE sequence = $1 AND fence = $2 AND state = 'running' RETURNING ordering_hash"
            ),
            promote: concat!(
                "UPDATE ", $table, " SET at_head = true WHERE sequence IN (
                    SELECT (SELECT o.sequence FROM ", $table, " o
                        WHERE o.ordering_hash = k AND o.state IN ('pending', 'running') ORDER BY o.sequence LIMIT 1)
                    FROM unnest($1::bigint[]) k
                    WHERE NOT EXISTS (SELECT 1 FROM ", $table, " h WHERE h.ordering_hash = k AND h.at_head))"
            ),
            named: $named,
            heads: concat!(
                "SELECT ordering_hash, state FROM ", $table, " WHERE ordering_hash = ANY($1) AND at_head
                ORDER BY ordering_hash FOR UPDATE"
            ),
            demote: concat!(
                "UPDATE ", $table, " SET at_head = false WHERE ordering_hash = ANY($1) AND at_head"
            ),
            reschedule: concat!(
                "UPDATE ", $table, " SET state = 'pending', attempts = attempts + 1,
                    claimable_at = $3 - CASE WHEN claimable_at < 0 AND $3 - ", $since, " <= $7
                        THEN ", live_before!(), " ELSE 0 END,
                    look_first = $4, failure = $5, changed_at = $6
                WHERE sequence = $1 AND fence = $2 AND state = 'running'"
            ),
            extend: concat!(
                "UPDATE ", $table, " SET
                    claimable_at = $3 - CASE WHEN claimable_at < 0 THEN ", live_before!(), " ELSE 0 END
                WHERE sequence = $1 AND fence = $2 AND state = 'running'"
            ),
            discard: concat!(
                "UPDATE ", $table, " SET state = 'discarded', at_head = false, changed_at = $2
                WHERE sequence = ANY($1) AND state IN ('pending', 'dead', 'unrouted') RETURNING sequence"
            ),
            release: concat!(
                "UPDATE ", $table, " SET claimable_at = claimable_at - ", due_at!(), "
                WHERE sequence IN (SELECT sequence FROM ", $table, "
                    WHERE state = 'running' AND ", due_at!(), " > 0 AND holder = ANY($1) FOR UPDATE SKIP LOCKED)"
            ),
            next: concat!(
                "SELECT min(due) FROM (
                    (SELECT claimable_at AS due FROM ", $table, "
                    WHERE at_head AND claimable_at >= 0 AND (state = 'pending' OR holder = $1)
                    ORDER BY claimable_at LIMIT 1)
                    UNION ALL
                    (SELECT ", due_at!(), " FROM ", $table, "
                    WHERE at_head AND claimable_at < 0 AND (state = 'pending' OR holder = $1)
                    ORDER BY claimable_at LIMIT 1)) heads HAVING min(due) IS NOT NULL"
            ),
            revive: concat!(
                "UPDATE ", $table, " SET state = 'pending', attempts = 0, look_first = true,
                    claimable_at = $2, changed_at = $2
                WHERE sequence = ANY($1) AND state IN (", $revived, ") RETURNING sequence"
            ),
        }
    };
}

/// Effects are written to remote systems, so that only those that were given up run again.
pub(crate) const EFFECTS: Turns = turns!(
    "effect",
    since: "recorded_at",
    locks: "6148914691236517205",
    id: "t.id = $1",
    named: "SELECT t.id, t.sequence, t.ordering_hash FROM effect t WHERE t.id = ANY($1) ORDER BY t.sequence",
    revived: "'dead'",
    claimed: "WHERE t.sequence = due.sequence RETURNING t.sequence, t.fence, t.id, t.kind, t.ordering_key,
        t.idempotency_key, t.payload, t.attempts, t.look_first, t.recorded_at"
);
/// The same where somebody knows that the remote system does not hold what an effect wrote, or was to write.
pub(crate) const ENDED_EFFECTS: Turns = Turns {
    revive: "UPDATE effect SET state = 'pending', attempts = 0, look_first = true,
            claimable_at = $2, changed_at = $2
        WHERE sequence = ANY($1) AND state IN ('dead', 'done', 'discarded') RETURNING sequence",
    ..EFFECTS
};
/// Events only plan, and effects that are known are not planned twice: any that is not open can run again.
pub(crate) const EVENTS: Turns = turns!(
    "event_turn",
    since: "changed_at",
    locks: "1",
    id: "t.sequence = (SELECT sequence FROM event WHERE id = $1)",
    named: "SELECT e.id, t.sequence, t.ordering_hash FROM event e JOIN event_turn t USING (sequence)
        WHERE e.id = ANY($1) ORDER BY t.sequence",
    revived: "'dead', 'done', 'unrouted', 'discarded'",
    claimed: ", event e WHERE t.sequence = due.sequence AND e.sequence = t.sequence RETURNING t.sequence, t.fence,
        t.attempts, e.id, e.received_at, e.connection, e.source, e.object, e.action, e.is_routed, e.ordering_key,
        e.raw_key, e.canonical_key, e.headers, e.encoding, e.body"
);

/// A row whose key is locked until the end of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) sequence: i64,
    ordering_hash: i64,
}

/// Names the claim of who reports, for the error that refuses it.
pub(crate) struct Held<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a (dyn std::fmt::Display + Sync),
    pub(crate) fence: u64,
}

impl Held<'_> {
    fn lost(&self) -> Error {
        Error::LeaseLost {
            id: self.name.to_string(),
            fence: self.fence,
        }
    }
}

impl Turns {
    /// Claims rows whose turn it is, in the order of their recording. Columns: the sequence, the fencing number, and
    /// what the table's rows are read with.
    pub(crate) async fn claim(
        &self,
        transaction: &Transaction<'_>,
        claim: Claim,
        node: Uuid,
    ) -> Result<Vec<Row>> {
        let since = i64::MIN..=micros(claim.now);
        self.claim_between(transaction, claim, node, since).await
    }

    /// Claims those of them that wait since a time between two.
    pub(crate) async fn claim_between(
        &self,
        transaction: &Transaction<'_>,
        claim: Claim,
        node: Uuid,
        since: RangeInclusive<i64>,
    ) -> Result<Vec<Row>> {
        if claim.limit == 0 {
            return Ok(Vec::new());
        }
        let claiming = failed("claim what can be carried out");
        let (now, until) = (micros(claim.now), micros(claim.lease_until));
        let (limit, long_ago) = (number(claim.limit), now.saturating_sub(LATE_MAX));
        let mut claimed = query(
            transaction,
            self.claim,
            &[
                &now,
                &until,
                &limit,
                &node,
                &long_ago,
                since.start(),
                since.end(),
            ],
        )
        .await
        .map_err(&claiming)?;
        claimed.sort_by_key(|row| row.try_get::<_, i64>(0).unwrap_or_default());
        Ok(claimed)
    }

    /// Locks keys until the end of the transaction, always in the same order.
    pub(crate) async fn lock(
        &self,
        transaction: &Transaction<'_>,
        hashes: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<i64>> {
        let mut hashes: Vec<i64> = hashes.into_iter().collect();
        hashes.sort_unstable();
        hashes.dedup();
        if !hashes.is_empty() {
            let locking = failed("lock an ordering key");
            execute(transaction, self.lock, &[&hashes])
                .await
                .map_err(&locking)?;
        }
        Ok(hashes)
    }

    /// Locks those of the keys that nobody else has locked, until the end of the transaction; which they are.
    pub(crate) async fn try_lock(
        &self,
        transaction: &Transaction<'_>,
        hashes: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<i64>> {
        let hashes: BTreeSet<i64> = hashes.into_iter().collect();
        let hashes: Vec<i64> = hashes.into_iter().collect();
        let locked = query(transaction, self.try_lock, &[&hashes])
            .await
            .map_err(failed("lock an ordering key"))?;
        locked.iter().map(|row| column(row, 0)).collect()
    }

    /// Finds a row and locks its key.
    pub(crate) async fn locate(
        &self,
        transaction: &Transaction<'_>,
        id: Uuid,
    ) -> Result<Option<Located>> {
        let finding = failed("find what is named");
        let found = query_opt(transaction, self.locate, &[&id])
            .await
            .map_err(&finding)?;
        let located = |row: Row| {
            Ok(Located {
                sequence: column(&row, 0)?,
                ordering_hash: column(&row, 1)?,
            })
        };
        found.map(located).transpose()
    }

    /// Finds rows that nobody may hold, so that they may get other keys while the locks are waited for, and locks
    /// their keys; with their ids.
    async fn settle(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Located)>> {
        let finding = failed("find what is named");
        let mut locked = None;
        loop {
            let rows = query(transaction, self.named, &[&ids])
                .await
                .map_err(&finding)?;
            let found = rows
                .iter()
                .map(|row| {
                    let (sequence, ordering_hash) = (column(row, 1)?, column(row, 2)?);
                    let located = Located {
                        sequence,
                        ordering_hash,
                    };
                    Ok((column(row, 0)?, located))
                })
                .collect::<Result<Vec<(Uuid, Located)>>>()?;
            if locked.as_ref() == Some(&found) {
                return Ok(found);
            }
            let hashes = found.iter().map(|(_, located)| located.ordering_hash);
            self.lock(transaction, hashes).await?;
            locked = Some(found);
        }
    }

    /// Ends a claimed row in `state` and lets the next of its key run; its sequence.
    pub(crate) async fn finish(
        &self,
        transaction: &Transaction<'_>,
        held: &Held<'_>,
        state: &str,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<i64> {
        let finishing = failed("finish what was claimed");
        let located = self
            .locate(transaction, held.id)
            .await?
            .ok_or_else(|| held.lost())?;
        let (fence, now) = (number(held.fence), micros(now));
        let failure = failure.map(Text);
        let finished = query_opt(
            transaction,
            self.finish,
            &[&located.sequence, &fence, &state, &failure, &now],
        )
        .await
        .map_err(&finishing)?;
        if finished.is_none() {
            return Err(held.lost());
        }
        self.promote(transaction, &[located.ordering_hash]).await?;
        Ok(located.sequence)
    }

    /// Lets the oldest open row of each key run that has none at its head; their locks are held.
    pub(crate) async fn promote(
        &self,
        transaction: &Transaction<'_>,
        hashes: &[i64],
    ) -> Result<()> {
        let promoting = failed("let the next of a key run");
        execute(transaction, self.promote, &[&hashes])
            .await
            .map_err(&promoting)?;
        Ok(())
    }

    /// Puts a claimed row back; its key waits with it.
    pub(crate) async fn reschedule(
        &self,
        transaction: &Transaction<'_>,
        held: &Held<'_>,
        retry: &Retry,
        now: Timestamp,
    ) -> Result<()> {
        let rescheduling = failed("reschedule what was claimed");
        let located = self
            .locate(transaction, held.id)
            .await?
            .ok_or_else(|| held.lost())?;
        let (fence, not_before, now) = (number(held.fence), micros(retry.not_before), micros(now));
        let why = Text(&retry.why);
        let rescheduled = execute(
            transaction,
            self.reschedule,
            &[
                &located.sequence,
                &fence,
                &not_before,
                &retry.look_first,
                &why,
                &now,
                &FRESH_FOR,
            ],
        )
        .await
        .map_err(&rescheduling)?;
        match rescheduled {
            0 => Err(held.lost()),
            _ => Ok(()),
        }
    }

    /// Makes a claim good until another time.
    pub(crate) async fn extend(
        &self,
        transaction: &Transaction<'_>,
        held: &Held<'_>,
        until: Timestamp,
    ) -> Result<()> {
        let extending = failed("extend a claim");
        let located = self
            .locate(transaction, held.id)
            .await?
            .ok_or_else(|| held.lost())?;
        let (fence, until) = (number(held.fence), micros(until));
        let extended = execute(
            transaction,
            self.extend,
            &[&located.sequence, &fence, &until],
        )
        .await
        .map_err(&extending)?;
        match extended {
            0 => Err(held.lost()),
            _ => Ok(()),
        }
    }

    /// Lets ended rows run again from their first attempt, all at once, so that those of one key run in their order;
    /// the ids of those that had ended.
    pub(crate) async fn revive(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
        now: Timestamp,
    ) -> Result<Vec<Uuid>> {
        let reviving = failed("revive what had ended");
        let (revived, hashes) = self
            .change(transaction, self.revive, ids, now, &reviving)
            .await?;
        self.settle_heads(transaction, &hashes).await?;
        Ok(revived)
    }

    /// Gives the heads of keys, which are locked, to their oldest open rows, which do not push aside those that are
    /// running.
    pub(crate) async fn settle_heads(
        &self,
        transaction: &Transaction<'_>,
        hashes: &[i64],
    ) -> Result<()> {
        let settling = failed("find whose turn it is");
        // From here on nobody claims them.
        let heads = query(transaction, self.heads, &[&hashes])
            .await
            .map_err(&settling)?;
        let mut waiting = Vec::new();
        for head in &heads {
            let (hash, state): (i64, &str) = (column(head, 0)?, column(head, 1)?);
            if state != "running" {
                waiting.push(hash);
            }
        }
        execute(transaction, self.demote, &[&waiting])
            .await
            .map_err(&settling)?;
        self.promote(transaction, hashes).await
    }

    /// Throws rows away that wait or were given up; the ids of those that did.
    pub(crate) async fn discard(
        &self,
        transaction: &Transaction<'_>,
        ids: &[Uuid],
        now: Timestamp,
    ) -> Result<Vec<Uuid>> {
        let discarding = failed("discard");
        let (discarded, hashes) = self
            .change(transaction, self.discard, ids, now, &discarding)
            .await?;
        // What waits to be tried again keeps the head of its key.
        self.promote(transaction, &hashes).await?;
        Ok(discarded)
    }

    /// Changes rows by their sequences; the ids of those that were, in the order in which they are named, and their
    /// keys, which are locked.
    async fn change(
        &self,
        transaction: &Transaction<'_>,
        sql: &str,
        ids: &[Uuid],
        now: Timestamp,
        failed: impl Fn(tokio_postgres::Error) -> Error,
    ) -> Result<(Vec<Uuid>, Vec<i64>)> {
        let named = self.settle(transaction, ids).await?;
        let sequences: Vec<i64> = named.iter().map(|(_, located)| located.sequence).collect();
        let changed = query(transaction, sql, &[&sequences, &micros(now)])
            .await
            .map_err(failed)?;
        let changed = changed
            .iter()
            .map(|row| column(row, 0))
            .collect::<Result<HashSet<i64>>>()?;
        let named: HashMap<Uuid, Located> = named
            .into_iter()
            .filter(|(_, located)| changed.contains(&located.sequence))
            .collect();
        let hashes: BTreeSet<i64> = named
            .values()
            .map(|located| located.ordering_hash)
            .collect();
        let mut met = HashSet::new();
        let ids = ids.iter().copied();
        let ids = ids.filter(|id| named.contains_key(id) && met.insert(*id));
        Ok((ids.collect(), hashes.into_iter().collect()))
    }

    /// Ends the leases that some nodes gave, but for those that somebody has locked; how many there were.
    pub(crate) async fn release(
        &self,
        transaction: &Transaction<'_>,
        holders: &[Uuid],
    ) -> Result<u64> {
        execute(transaction, self.release, &[&holders])
            .await
            .map_err(failed("release what was interrupted"))
    }

    /// When the next row can be claimed, those aside that other nodes have claimed.
    pub(crate) async fn next_claimable_at(
        &self,
        client: &Client,
        node: Uuid,
    ) -> Result<Option<Timestamp>> {
        let finding = failed("find what comes next");
        let next = query_opt(client, self.next, &[&node])
            .await
            .map_err(&finding)?;
        next.map(|row| time_at(&row, 0)).transpose()
    }
}
