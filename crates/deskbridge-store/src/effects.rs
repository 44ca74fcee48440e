//! Effects: recorded once, claimed one at a time per ordering key, finished by whoever holds the claim.

pub(crate) mod postgres;
mod sqlite;

use std::{collections::BTreeMap, ops::RangeInclusive};

use deskbridge_core::{Effect, EffectId, IdempotencyKey, NewEffect, Urgency};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use self::sqlite::record as record_all;
use crate::{
    Backend, Error, Result, Store,
    postgres::{nodes, turns as shared},
    sqlite::{micros, turns::EFFECTS},
    unread::{ClaimedRows, Unread, not_given_up},
};

/// What became of an effect that was to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded under this id.
    New(EffectId),
    /// An effect with its idempotency key was recorded before.
    Known(EffectId, EffectState),
}

impl Recorded {
    /// The id of the effect, whenever it was recorded.
    pub fn id(self) -> EffectId {
        match self {
            Self::New(id) | Self::Known(id, _) => id,
        }
    }
}

/// Where an effect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectState {
    /// Waiting for its turn or its retry time.
    Pending,
    /// Claimed by somebody.
    Running,
    /// Carried out.
    Done,
    /// Given up; a person can revive or discard it.
    Dead,
    /// Thrown away by a person.
    Discarded,
}

impl EffectState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Discarded,
    ];

    /// The state's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Asks for effects to carry out.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The time now.
    pub now: Timestamp,
    /// Until when the claim is good; afterwards somebody else may claim the effect, and will look first.
    pub lease_until: Timestamp,
    /// How many at most.
    pub limit: usize,
    /// How many of these are only for effects that are live and fresh; events leave this alone.
    pub fresh_only: usize,
}

/// An effect in the hands of one claimant.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The effect.
    pub effect: Effect,
    /// Every report on the effect must carry this number; an older one is refused.
    pub fence: u64,
}

/// An effect with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectRecord {
    /// The effect.
    pub effect: Effect,
    /// Where it stands.
    pub state: EffectState,
    /// What carrying it out gave, when done.
    pub result: Option<Value>,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// While pending: not before this time.
    pub claimable_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
}

/// Which effects a person wants to see. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectFilter {
    /// Only those in this state.
    pub state: Option<EffectState>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this ordering key.
    pub ordering_key: Option<String>,
    /// Only those that were recorded before this one.
    pub before: Option<EffectId>,
    /// The newest so many.
    pub limit: usize,
}

/// How many effects there are of each state, and how long the oldest open one has waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectCounts {
    /// By state; a state without effects is absent.
    pub by_state: BTreeMap<EffectState, u64>,
    /// When the oldest pending or running effect was recorded.
    pub oldest_open_recorded_at: Option<Timestamp>,
}

impl Store {
    /// Records effects that a planner intends; one whose idempotency key is known is left out.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is recorded.
    pub async fn record_effects(
        &self,
        effects: Vec<(EffectId, NewEffect)>,
        now: Timestamp,
    ) -> Result<Vec<Recorded>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::record(connection, &effects, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((effects, now), |work, (effects, now)| {
                        Box::pin(postgres::record(work, effects, *now))
                    })
                    .await
            }
        }
    }

    /// Claims effects whose turn it is: at most one per ordering key. Live ones that are fresh are first, then live ones
    /// that are not, then all others; among each the oldest are first. While there are more fresh ones than are claimed,
    /// one in eight is nevertheless one of the others.
    ///
    /// An effect whose lease has run out is claimed again and must look first. One that cannot be read is given up.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is claimed.
    pub async fn claim_effects(&self, claim: Claim) -> Result<Vec<Claimed>> {
        loop {
            let (claimed, unreadable) = self.claim_effect_rows(claim).await?;
            let is_end = !claimed.is_empty() || unreadable.is_empty();
            for one in unreadable {
                let buried = self.bury_effect(one.id, one.fence, one.tell(), claim.now);
                not_given_up(buried.await);
            }
            if is_end {
                return Ok(claimed);
            }
        }
    }

    async fn claim_effect_rows(&self, claim: Claim) -> Result<ClaimedRows<Claimed, EffectId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::claim(connection, claim))
                    .await
            }
            Backend::Postgres(database) => {
                let (claim, node) = (database.clock().of_claim(claim), database.node());
                database
                    .write((claim, node), |work, (claim, node)| {
                        Box::pin(postgres::claim(work, *claim, *node))
                    })
                    .await
            }
        }
    }

    /// Marks a claimed effect as carried out and lets the next of its ordering key run.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the effect was claimed anew or finished meanwhile.
    pub async fn complete_effect(
        &self,
        id: EffectId,
        fence: u64,
        result: Value,
        now: Timestamp,
    ) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| {
                        sqlite::finish(connection, id, fence, &End::Done(result), now)
                    })
                    .await
            }
            Backend::Postgres(database) => {
                let end = End::Done(result);
                database
                    .write((id, fence, end, now), |work, (id, fence, end, now)| {
                        Box::pin(postgres::finish(work, *id, *fence, end, *now))
                    })
                    .await
            }
        }
    }

    /// Puts a claimed effect back until `not_before`; its ordering key waits with it.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the effect was claimed anew or finished meanwhile.
    pub async fn reschedule_effect(
        &self,
        id: EffectId,
        fence: u64,
        retry: Retry,
        now: Timestamp,
    ) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::reschedule(connection, id, fence, &retry, now))
                    .await
            }
            Backend::Postgres(database) => {
                let retry = database.clock().of_retry(retry);
                database
                    .write((id, fence, retry, now), |work, (id, fence, retry, now)| {
                        Box::pin(async move {
                            shared::EFFECTS
                                .reschedule(work, &postgres::held(id, *fence), retry, *now)
                                .await
                        })
                    })
                    .await
            }
        }
    }

    /// Makes the claim of an effect good until another time: for an attempt that may take longer than most.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the effect was claimed anew or finished meanwhile.
    pub async fn extend_effect(&self, id: EffectId, fence: u64, until: Timestamp) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::extend(connection, id, fence, until))
                    .await
            }
            Backend::Postgres(database) => {
                let until = database.clock().of(until);
                database
                    .write((id, fence, until), |work, (id, fence, until)| {
                        Box::pin(async move {
                            shared::EFFECTS
                                .extend(work, &postgres::held(id, *fence), *until)
                                .await
                        })
                    })
                    .await
            }
        }
    }

    /// Gives a claimed effect up and lets the next of its ordering key run.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the effect was claimed anew or finished meanwhile.
    pub async fn bury_effect(
        &self,
        id: EffectId,
        fence: u64,
        why: String,
        now: Timestamp,
    ) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| {
                        sqlite::finish(connection, id, fence, &End::Dead(why), now)
                    })
                    .await
            }
            Backend::Postgres(database) => {
                let end = End::Dead(why);
                database
                    .write((id, fence, end, now), |work, (id, fence, end, now)| {
                        Box::pin(postgres::finish(work, *id, *fence, end, *now))
                    })
                    .await
            }
        }
    }

    /// Lets a dead effect run again from its first attempt, looking first; `false` when it is not dead.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn revive_effect(&self, id: EffectId, now: Timestamp) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::revive(connection, id, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((id, now), |work, (id, now)| {
                        Box::pin(postgres::revive(work, *id, *now))
                    })
                    .await
            }
        }
    }

    /// Lets an effect that has ended, however it did, run again from its first attempt, looking first; `false` when it
    /// has not ended.
    ///
    /// For effects whose handlers look before they write, where the remote system does not hold what it should.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn repeat_effect(&self, id: EffectId, now: Timestamp) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::repeat(connection, id, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((id, now), |work, (id, now)| {
                        Box::pin(postgres::repeat(work, *id, *now))
                    })
                    .await
            }
        }
    }

    /// Throws a pending or dead effect away; `false` when it is in neither state.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn discard_effect(&self, id: EffectId, now: Timestamp) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::discard(connection, id, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((id, now), |work, (id, now)| {
                        Box::pin(postgres::discard(work, *id, *now))
                    })
                    .await
            }
        }
    }

    /// Ends the leases of effects that a process which is gone left running; how many there were. To be called before
    /// this process claims any.
    ///
    /// On SQLite, which is for one process, those are all. On PostgreSQL they are those of nodes that have not said in
    /// time that they live ([`Store::beat`]); what living nodes hold is left to them.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn release_interrupted_effects(&self, now: Timestamp) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| EFFECTS.release_interrupted(connection, now))
                    .await
            }
            Backend::Postgres(database) => {
                let node = database.node();
                database
                    .write(node, |work, node| {
                        Box::pin(nodes::release(work, &shared::EFFECTS, *node))
                    })
                    .await
            }
        }
    }

    /// When the next effect can be claimed; `None` when nothing is open.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_effect_claimable_at(&self) -> Result<Option<Timestamp>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(|connection| EFFECTS.next_claimable_at(connection))
                    .await
            }
            Backend::Postgres(database) => {
                let node = database.node();
                let next = database
                    .read(node, |client, node| {
                        Box::pin(shared::EFFECTS.next_claimable_at(client, *node))
                    })
                    .await?;
                Ok(next.map(|next| database.clock().to_own(next)))
            }
        }
    }

    /// One effect with its state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn effect(&self, id: EffectId) -> Result<Option<EffectRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::by_id(connection, id))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(id, |client, id| Box::pin(postgres::by_id(client, *id)))
                    .await
            }
        }
    }

    /// The effect of an idempotency key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn effect_of_key(&self, key: IdempotencyKey) -> Result<Option<EffectRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::by_key(connection, &key))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(key, |client, key| Box::pin(postgres::by_key(client, key)))
                    .await
            }
        }
    }

    /// The newest effects that a filter lets through.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_effects(&self, filter: EffectFilter) -> Result<Vec<EffectRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::list(connection, &filter))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(filter, |client, filter| {
                        Box::pin(postgres::list(client, filter))
                    })
                    .await
            }
        }
    }

    /// How many effects there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_effects(&self) -> Result<EffectCounts> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::count).await,
            Backend::Postgres(database) => {
                database
                    .read((), |client, ()| Box::pin(postgres::count(client)))
                    .await
            }
        }
    }

    /// Forgets effects that were done or discarded before a time, at most `limit`; how many they were.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn prune_effects(&self, changed_before: Timestamp, limit: usize) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::prune(connection, changed_before, limit))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((changed_before, limit), |work, (changed_before, limit)| {
                        Box::pin(postgres::prune(work, *changed_before, *limit))
                    })
                    .await
            }
        }
    }
}

/// When and how a failed effect is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Not before this time.
    pub not_before: Timestamp,
    /// Whether the failed attempt may have run.
    pub look_first: bool,
    /// Why it failed.
    pub why: String,
}

/// So far before it can be claimed a live effect waits, in microseconds: before everything usual, which waits since 1970
/// at the earliest. Live ones keep their order.
const LIVE_BEFORE: i64 = 1 << 53;
/// How long a live effect stays live when it has to be tried again, in microseconds.
pub(crate) const FRESH_FOR: i64 = Urgency::FRESH_FOR.as_secs() * 1_000_000;
/// One claim in so many is none of a fresh effect while others wait.
const TURN_OF_OTHERS: usize = 8;

/// From when on an effect waits, in microseconds: who is first in that order is claimed first, but for fresh ones.
fn waits_from(effect: &NewEffect, now: Timestamp) -> i64 {
    match effect.urgency {
        Urgency::Live => micros(now).saturating_sub(LIVE_BEFORE),
        Urgency::Usual => micros(now),
    }
}

/// From when until when live effects wait that are fresh now.
fn fresh_between(now: Timestamp) -> RangeInclusive<i64> {
    let until = micros(now).saturating_sub(LIVE_BEFORE);
    until.saturating_sub(FRESH_FOR)..=until
}

/// How many fresh effects a claim takes before others have their turn.
fn fresh_max(claim: Claim) -> usize {
    // Places come free one by one; by chance their shares add up to what they would be together.
    let chance = usize::try_from(micros(claim.now).unsigned_abs() % TURN_OF_OTHERS as u64);
    let others = claim.limit.saturating_add(chance.unwrap_or_default()) / TURN_OF_OTHERS;
    claim.limit.saturating_sub(others)
}

/// How many of the others it takes when it took so many fresh ones.
fn others_max(claim: Claim, fresh: usize) -> usize {
    let left = claim.limit.saturating_sub(fresh);
    // Where there are more fresh ones than their share, what is kept for them would leave nothing to the others.
    match fresh >= fresh_max(claim) {
        true => left,
        false => left.min(claim.limit.saturating_sub(claim.fresh_only)),
    }
}

/// When an effect can be claimed that waits from a time on, both in microseconds.
fn due_at(waits_from: i64) -> i64 {
    match waits_from < 0 {
        true => waits_from.saturating_add(LIVE_BEFORE),
        false => waits_from,
    }
}

/// How a claimed effect ends.
enum End {
    Done(Value),
    Dead(String),
}

/// A value as stored; one that cannot be read is its text.
fn value_of(json: String, what: &'static str, unread: &mut Unread) -> Value {
    let value = serde_json::from_str(&json).map_err(|error| corrupt(what, &error));
    unread.or(value, || Value::String(json))
}

fn state_of(name: &str) -> Result<EffectState> {
    EffectState::from_name(name).ok_or_else(|| corrupt("effect state", &name))
}

pub(crate) fn corrupt(what: &'static str, why: &impl ToString) -> Error {
    Error::Corrupt {
        what,
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_live_waits_as_the_statements_say() {
        let text = crate::sqlite::turns::live_before!();
        assert_eq!(text.parse::<i64>().unwrap(), LIVE_BEFORE);
    }

    #[test]
    fn others_have_an_eighth_beside_fresh_effects_and_nothing_of_what_is_kept() {
        // A limit, what is kept, the microsecond, how many fresh ones there are; how many of them and of others go.
        let rows = [
            (64, 8, 0, 100, (56, 8)),
            (64, 8, 0, 10, (10, 54)),
            (64, 8, 0, 0, (0, 56)),
            (16, 8, 0, 0, (0, 8)),
            (8, 8, 0, 0, (0, 0)),
            (8, 8, 0, 100, (7, 1)),
            (2, 8, 5, 100, (2, 0)),
            (2, 8, 6, 100, (1, 1)),
            (2, 8, 6, 0, (0, 0)),
            (1, 8, 6, 100, (1, 0)),
            (1, 8, 7, 100, (0, 1)),
            (1, 0, 0, 0, (0, 1)),
            (0, 8, 7, 100, (0, 0)),
        ];
        for (limit, fresh_only, micros, waiting, expected) in rows {
            let now = Timestamp::from_microsecond(8_000_000 + micros).unwrap();
            let claim = Claim {
                now,
                lease_until: now,
                limit,
                fresh_only,
            };
            let fresh = fresh_max(claim).min(waiting);
            let given = (fresh, others_max(claim, fresh));
            assert_eq!(given, expected, "{limit} {fresh_only} {micros} {waiting}");
        }
    }
}
