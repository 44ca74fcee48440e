//! Turns: what the tables of effects and events have in common. Rows with one ordering key are claimed one
//! after another, different keys side by side; a claim is a lease with a fencing number.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::{failed, micros, rows, time};
use crate::{Claim, Error, Result, Retry, effects::FRESH_FOR};

/// The statements over one table of turns.
pub(crate) struct Turns {
    claim: &'static str,
    finish: &'static str,
    promote: &'static str,
    reschedule: &'static str,
    extend: &'static str,
    is_running: &'static str,
    has_head: &'static str,
    demote: &'static str,
    discard: &'static str,
    release: &'static str,
    next: &'static str,
    revive: &'static str,
}

/// So far before its time an effect waits for which somebody waits, see [`crate::effects::LIVE_BEFORE`].
macro_rules! live_before {
    () => {
        "9007199254740992"
    };
}
pub(crate) use live_before;

macro_rules! turns {
    ($table:literal, since: $since:literal, revived: $revived:literal) => {
        Turns {
            // A running row at its claimable time is one whose lease has run out: it may have run. Rows below zero are
            // live, and stay so while they are claimed.
            claim: concat!(
                "UPDATE ", $table, " SET
                    look_first = look_first OR state = 'running',
                    attempts = attempts + (state = 'running'),
                    state = 'running', claimable_at = ?2 - ", live_before!(), " * (claimable_at < 0),
                    fence = fence + 1, changed_at = ?1
                WHERE sequence IN (SELECT sequence FROM ", $table, " WHERE at_head = 1
                                   AND claimable_at BETWEEN ?4 AND ?5
                                   AND NOT (claimable_at > ?1 - ", live_before!(), " AND claimable_at < 0)
                                   ORDER BY claimable_at, sequence LIMIT ?3)
                RETURNING sequence, attempts, fence"
            ),
            finish: concat!(
                "UPDATE ", $table, " SET state = ?3, failure = ?4,
                    attempts = attempts + 1, at_head = 0, changed_at = ?5
                WHERE sequence = ?1 AND fence = ?2 AND state = 'running' RETURNING ordering_key"
            ),
            promote: concat!(
                "UPDATE ", $table, " SET at_head = 1 WHERE sequence = (SELECT min(sequence) FROM ", $table,
                " WHERE ordering_key = ?1 AND state IN ('pending', 'running'))"
            ),
            reschedule: concat!(
                "UPDATE ", $table, " SET state = 'pending', attempts = attempts + 1,
                    claimable_at = ?3 - ", live_before!(), " * (claimable_at < 0 AND ?3 - ", $since, " <= ?7),
                    look_first = ?4, failure = ?5, changed_at = ?6
                WHERE sequence = ?1 AND fence = ?2 AND state = 'running'"
            ),
            extend: concat!(
                "UPDATE ", $table, " SET claimable_at = ?3 - ", live_before!(), " * (claimable_at < 0)
                WHERE sequence = ?1 AND fence = ?2 AND state = 'running'"
            ),
            is_running: concat!(
                "SELECT 1 FROM ", $table,
                " WHERE ordering_key = ?1 AND state = 'running' AND at_head = 1"
            ),
            has_head: concat!("SELECT 1 FROM ", $table, " WHERE ordering_key = ?1 AND at_head = 1"),
            demote: concat!(
                "UPDATE ", $table,
                " SET at_head = 0 WHERE ordering_key = ?1 AND state = 'pending' AND at_head = 1"
            ),
            discard: concat!(
                "UPDATE ", $table, " SET state = 'discarded', at_head = 0, changed_at = ?2
                WHERE sequence = ?1 AND state IN ('pending', 'dead', 'unrouted') RETURNING ordering_key"
            ),
            release: concat!(
                "UPDATE ", $table, " SET
                    claimable_at = ?1 - ", live_before!(), " * (claimable_at < 0 AND ?1 - ", $since, " <= ?2)
                WHERE state = 'running'"
            ),
            next: concat!(
                "SELECT min(due) FROM (
                    SELECT min(claimable_at) AS due FROM ", $table, " WHERE at_head = 1 AND claimable_at >= 0
                    UNION ALL
                    SELECT min(claimable_at) + ", live_before!(), " FROM ", $table, "
                    WHERE at_head = 1 AND claimable_at < 0)"
            ),
            revive: concat!(
                "UPDATE ", $table, " SET state = 'pending', attempts = 0, look_first = 1,
                    claimable_at = ?2, changed_at = ?2
                WHERE sequence = ?1 AND state IN (", $revived, ") RETURNING ordering_key"
            ),
        }
    };
}

/// Effects are written to remote systems, so that only those that were given up run again.
pub(crate) const EFFECTS: Turns = turns!("effect", since: "recorded_at", revived: "'dead'");
/// The same where somebody knows that the remote system does not hold what an effect wrote, or was to write.
pub(crate) const ENDED_EFFECTS: Turns = turns!(
    "effect",
    since: "recorded_at",
    revived: "'dead', 'done', 'discarded'"
);
/// Events only plan, and effects that are known are not planned twice: any that is not open can run again.
pub(crate) const EVENTS: Turns = turns!(
    "event_turn",
    since: "changed_at",
    revived: "'dead', 'done', 'unrouted', 'discarded'"
);

/// A row in the hands of one claimant.
pub(crate) struct Turn {
    pub(crate) sequence: i64,
    pub(crate) attempts: u32,
    pub(crate) fence: u64,
}

/// Names the claim of who reports, for the error that refuses it.
pub(crate) struct Held<'a> {
    pub(crate) sequence: Option<i64>,
    pub(crate) name: &'a dyn std::fmt::Display,
    pub(crate) fence: u64,
}

impl Held<'_> {
    fn lost(&self) -> Error {
        Error::LeaseLost {
            id: self.name.to_string(),
            fence: self.fence,
        }
    }

    fn parameters(&self) -> Result<(i64, i64)> {
        let fence = i64::try_from(self.fence).unwrap_or(i64::MAX);
        Ok((self.sequence.ok_or_else(|| self.lost())?, fence))
    }
}

impl Turns {
    /// Claims rows whose turn it is, in the order of their recording.
    pub(crate) fn claim(&self, connection: &Connection, claim: Claim) -> Result<Vec<Turn>> {
        self.claim_between(connection, claim, i64::MIN..=micros(claim.now))
    }

    /// Claims those of them that wait since a time between two.
    pub(crate) fn claim_between(
        &self,
        connection: &Connection,
        claim: Claim,
        since: RangeInclusive<i64>,
    ) -> Result<Vec<Turn>> {
        if claim.limit == 0 {
            return Ok(Vec::new());
        }
        let claiming = failed("claim what can be carried out");
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let (now, until) = (micros(claim.now), micros(claim.lease_until));
        let parameters = (now, until, limit, since.start(), since.end());
        let mut statement = prepare(connection, self.claim, &claiming)?;
        let mut claimed = rows(&mut statement, parameters, &claiming, |row| {
            let fence: i64 = row.get(2)?;
            Ok(Ok(Turn {
                sequence: row.get(0)?,
                attempts: row.get(1)?,
                fence: fence.unsigned_abs(),
            }))
        })?;
        claimed.sort_by_key(|turn| turn.sequence);
        Ok(claimed)
    }

    /// Ends a claimed row in `state` and lets the next of its key run.
    pub(crate) fn finish(
        &self,
        connection: &Connection,
        held: &Held<'_>,
        state: &str,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let finishing = failed("finish what was claimed");
        let (sequence, fence) = held.parameters()?;
        let mut statement = prepare(connection, self.finish, &finishing)?;
        let parameters = (sequence, fence, state, failure, micros(now));
        let key: Option<String> = statement
            .query_row(parameters, |row| row.get(0))
            .optional()
            .map_err(&finishing)?;
        let key = key.ok_or_else(|| held.lost())?;
        self.promote_next(connection, &key)
    }

    /// Lets the oldest open row of a key run.
    fn promote_next(&self, connection: &Connection, key: &str) -> Result<()> {
        let promoting = failed("let the next of a key run");
        let mut statement = prepare(connection, self.promote, &promoting)?;
        statement.execute([key]).map_err(&promoting)?;
        Ok(())
    }

    /// Puts a claimed row back; its key waits with it.
    pub(crate) fn reschedule(
        &self,
        connection: &Connection,
        held: &Held<'_>,
        retry: &Retry,
        now: Timestamp,
    ) -> Result<()> {
        let rescheduling = failed("reschedule what was claimed");
        let (sequence, fence) = held.parameters()?;
        let mut statement = prepare(connection, self.reschedule, &rescheduling)?;
        let parameters = (
            sequence,
            fence,
            micros(retry.not_before),
            retry.look_first,
            &retry.why,
            micros(now),
            FRESH_FOR,
        );
        match statement.execute(parameters).map_err(&rescheduling)? {
            0 => Err(held.lost()),
            _ => Ok(()),
        }
    }

    /// Makes a claim good until another time.
    pub(crate) fn extend(
        &self,
        connection: &Connection,
        held: &Held<'_>,
        until: Timestamp,
    ) -> Result<()> {
        let extending = failed("extend a claim");
        let (sequence, fence) = held.parameters()?;
        let mut statement = prepare(connection, self.extend, &extending)?;
        let parameters = (sequence, fence, micros(until));
        match statement.execute(parameters).map_err(&extending)? {
            0 => Err(held.lost()),
            _ => Ok(()),
        }
    }

    /// Lets an ended row run again from its first attempt; `false` when it has not ended.
    pub(crate) fn revive(
        &self,
        connection: &Connection,
        sequence: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let reviving = failed("revive what had ended");
        let mut statement = prepare(connection, self.revive, &reviving)?;
        let key: Option<String> = statement
            .query_row((sequence, micros(now)), |row| row.get(0))
            .optional()
            .map_err(&reviving)?;
        let Some(key) = key else { return Ok(false) };
        self.settle_head(connection, &key)?;
        Ok(true)
    }

    /// Gives the head of a key to its oldest open row, which does not push aside one that is running.
    pub(crate) fn settle_head(&self, connection: &Connection, key: &str) -> Result<()> {
        let settling = failed("find whose turn it is");
        let mut running = prepare(connection, self.is_running, &settling)?;
        if running.exists([key]).map_err(&settling)? {
            return Ok(());
        }
        let mut demote = prepare(connection, self.demote, &settling)?;
        demote.execute([key]).map_err(&settling)?;
        self.promote_next(connection, key)
    }

    /// Throws a row away that waits or was given up; `false` when it is neither.
    pub(crate) fn discard(
        &self,
        connection: &Connection,
        sequence: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let discarding = failed("discard");
        let mut statement = prepare(connection, self.discard, &discarding)?;
        let key: Option<String> = statement
            .query_row((sequence, micros(now)), |row| row.get(0))
            .optional()
            .map_err(&discarding)?;
        let Some(key) = key else { return Ok(false) };
        // What waits to be tried again keeps the head of its key.
        let mut head = prepare(connection, self.has_head, &discarding)?;
        if !head.exists([&key]).map_err(&discarding)? {
            self.promote_next(connection, &key)?;
        }
        Ok(true)
    }

    /// Ends all leases; how many there were.
    pub(crate) fn release_interrupted(
        &self,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<u64> {
        let releasing = failed("release what was interrupted");
        let mut statement = prepare(connection, self.release, &releasing)?;
        let released = statement
            .execute((micros(now), FRESH_FOR))
            .map_err(&releasing)?;
        Ok(u64::try_from(released).unwrap_or(u64::MAX))
    }

    /// When the next row can be claimed.
    pub(crate) fn next_claimable_at(&self, connection: &Connection) -> Result<Option<Timestamp>> {
        let finding = failed("find what comes next");
        let mut statement = prepare(connection, self.next, &finding)?;
        let next: Option<i64> = statement
            .query_row([], |row| row.get(0))
            .map_err(&finding)?;
        next.map(time).transpose()
    }
}

fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    failed: impl Fn(rusqlite::Error) -> Error,
) -> Result<CachedStatement<'c>> {
    connection.prepare_cached(sql).map_err(failed)
}
