//! Events: accepted once, claimed one at a time per ordering key, carried out into effects and links.

mod postgres;
mod reading;
mod sqlite;

use std::collections::BTreeMap;

use deskbridge_core::{EffectId, Event, EventId, Link, NewEffect, NewEvent, Reading};
use jiff::Timestamp;

use self::reading::{body_of, state_of};
pub(crate) use self::{
    postgres::reading::{FILES, digest},
    reading::headers_of,
    sqlite::{Accepting, Arrival, headers_json, stored_body},
};
use crate::{
    Backend, Claim, Known, Recorded, Result, Retry, Store,
    postgres::{nodes, turns as shared},
    sqlite::turns::EVENTS,
    unread::{ClaimedRows, not_given_up},
};

/// What became of an event that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored under this id.
    New(EventId),
    /// It repeats this event and was counted on it.
    Repeated(EventId),
}

impl Accepted {
    /// The id of the event, whenever it arrived first.
    pub fn id(self) -> EventId {
        match self {
            Self::New(id) | Self::Repeated(id) => id,
        }
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventState {
    /// Waiting for its turn or its retry time.
    Pending,
    /// Claimed by somebody.
    Running,
    /// Carried out: its effects are recorded.
    Done,
    /// Given up; a person can replay or discard it.
    Dead,
    /// Nobody knows what to do with it yet; it can be read anew.
    Unrouted,
    /// Thrown away by a person.
    Discarded,
}

impl EventState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Unrouted,
        Self::Discarded,
    ];

    /// The state's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Unrouted => "unrouted",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// An event in the hands of one claimant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedEvent {
    /// The event.
    pub event: Event,
    /// How often it was tried before this time.
    pub attempts: u32,
    /// Every report on the event must carry this number; an older one is refused.
    pub fence: u64,
}

/// What is to be done about an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is to be changed in remote systems.
    pub effects: Vec<(EffectId, NewEffect)>,
    /// Which records it shows to be one.
    pub links: Vec<Link>,
    /// What is known now, each at the revision that it was made from.
    pub known: Vec<Known>,
}

/// An event with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The event.
    pub event: Event,
    /// Where it stands.
    pub state: EventState,
    /// How often it was tried since it came in or was replayed.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// How often it arrived again.
    pub repeats: u64,
    /// While pending: not before this time.
    pub claimable_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
}

/// Which events a person means. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of this connection.
    pub connection: Option<String>,
    /// Only those in this state.
    pub state: Option<EventState>,
    /// Only about this, in the sender's words.
    pub object: Option<String>,
    /// Only when this happened, in the sender's words.
    pub action: Option<String>,
    /// Not those that arrived before.
    pub received_from: Option<Timestamp>,
    /// Not those that arrived then or later.
    pub received_to: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// How many events there are of each state, and how long the oldest open one has waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// By state; a state without events is absent.
    pub by_state: BTreeMap<EventState, u64>,
    /// How often an event arrived again.
    pub repeats: u64,
    /// When the oldest open event arrived.
    pub oldest_open_received_at: Option<Timestamp>,
    /// How much of the database is in use, in bytes.
    pub used_bytes: u64,
}

/// Events about the same thing in the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The connection that they came in through.
    pub connection: String,
    /// What they are about, in the sender's words.
    pub object: String,
    /// What happened, in the sender's words.
    pub action: String,
    /// Where they stand.
    pub state: EventState,
    /// How many there are.
    pub number: u64,
    /// When the last of them arrived.
    pub last_received_at: Timestamp,
}

/// What became of events that were to be read anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reread {
    /// So many were.
    pub number: u64,
    /// Those of them that were unrouted and wait for their turn now.
    pub opened: Vec<EventId>,
}

impl Reread {
    fn note(&mut self, id: EventId, moved: Option<Moved>) {
        let Some(moved) = moved else { return };
        self.number += 1;
        if (moved.from, moved.to) == (EventState::Unrouted, EventState::Pending) {
            self.opened.push(id);
        }
    }
}

/// How reading an event anew changes where it stands.
struct Moved {
    from: EventState,
    to: EventState,
}

impl Moved {
    /// `None` for what is running, which is left as it is.
    fn by(from: EventState, reading: &Reading) -> Option<Self> {
        let to = match (from, reading.is_routed) {
            (EventState::Running, _) => return None,
            (EventState::Unrouted, true) => EventState::Pending,
            (EventState::Pending, false) => EventState::Unrouted,
            _ => from,
        };
        Some(Self { from, to })
    }
}

impl Store {
    /// Stores an event that came in, or counts it on the earlier one that it repeats.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::Error::Busy) when too much waits to be written, [`Error::Full`](crate::Error::Full)
    /// when there is no room, and when the transaction is not stored. In each case the sender should try again.
    pub async fn accept_event(
        &self,
        id: EventId,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<Accepted> {
        match &self.backend {
            Backend::Sqlite(database) => database.accept(Arrival::new(id, event, now)).await,
            Backend::Postgres(database) => database.accept(id, event, now).await,
        }
    }

    /// Claims events whose turn it is: at most one per ordering key, in the order of their arrival. One that cannot be
    /// read is given up.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is claimed.
    pub async fn claim_events(&self, claim: Claim) -> Result<Vec<ClaimedEvent>> {
        loop {
            let (claimed, unreadable) = self.claim_event_rows(claim).await?;
            let is_end = !claimed.is_empty() || unreadable.is_empty();
            for one in unreadable {
                let buried = self.bury_event(one.id, one.fence, one.tell(), claim.now);
                not_given_up(buried.await);
            }
            if is_end {
                return Ok(claimed);
            }
        }
    }

    async fn claim_event_rows(&self, claim: Claim) -> Result<ClaimedRows<ClaimedEvent, EventId>> {
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

    /// Records what is to be done about a claimed event: the event is done, its effects and links are recorded, and
    /// what it taught is kept.
    ///
    /// # Errors
    /// [`Error::Outdated`](crate::Error::Outdated) when something of it was learnt anew meanwhile, and
    /// [`Error::LeaseLost`](crate::Error::LeaseLost) when the event was claimed anew or finished meanwhile; then
    /// nothing is recorded.
    pub async fn record_plan(
        &self,
        id: EventId,
        fence: u64,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Vec<Recorded>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::record_plan(connection, id, fence, &plan, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((id, fence, plan, now), |work, (id, fence, plan, now)| {
                        Box::pin(postgres::record_plan(work, *id, *fence, plan, *now))
                    })
                    .await
            }
        }
    }

    /// Puts a claimed event back until its retry time; its ordering key waits with it.
    ///
    /// # Errors
    /// [`Error::LeaseLost`](crate::Error::LeaseLost) when the event was claimed anew or finished meanwhile.
    pub async fn reschedule_event(
        &self,
        id: EventId,
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
                            shared::EVENTS
                                .reschedule(work, &postgres::held(id, *fence), retry, *now)
                                .await
                        })
                    })
                    .await
            }
        }
    }

    /// Gives a claimed event up and lets the next of its ordering key run.
    ///
    /// # Errors
    /// [`Error::LeaseLost`](crate::Error::LeaseLost) when the event was claimed anew or finished meanwhile.
    pub async fn bury_event(
        &self,
        id: EventId,
        fence: u64,
        why: String,
        now: Timestamp,
    ) -> Result<()> {
        let end = (EventState::Dead, why);
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::end(connection, id, fence, &end, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((id, fence, end, now), |work, (id, fence, end, now)| {
                        Box::pin(postgres::end(work, *id, *fence, end, *now))
                    })
                    .await
            }
        }
    }

    /// Sets a claimed event aside that nobody knows what to do with, and lets the next of its ordering key run.
    ///
    /// # Errors
    /// [`Error::LeaseLost`](crate::Error::LeaseLost) when the event was claimed anew or finished meanwhile.
    pub async fn set_event_aside(
        &self,
        id: EventId,
        fence: u64,
        why: String,
        now: Timestamp,
    ) -> Result<()> {
        let end = (EventState::Unrouted, why);
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::end(connection, id, fence, &end, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((id, fence, end, now), |work, (id, fence, end, now)| {
                        Box::pin(postgres::end(work, *id, *fence, end, *now))
                    })
                    .await
            }
        }
    }

    /// Lets one event run again; `false` when it is open or unknown.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn replay_event(&self, id: EventId, now: Timestamp) -> Result<bool> {
        let replayed = self.replay_named_events(vec![id], now).await?;
        Ok(!replayed.is_empty())
    }

    /// Lets events run again, all at once; those that will. Open and unknown ones are left as they are.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is replayed.
    pub async fn replay_named_events(
        &self,
        ids: Vec<EventId>,
        now: Timestamp,
    ) -> Result<Vec<EventId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::replay(connection, &ids, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((ids, now), |work, (ids, now)| {
                        Box::pin(postgres::replay(work, ids, *now))
                    })
                    .await
            }
        }
    }

    /// Lets the oldest events that a filter lets through run again, after the one named; their ids, oldest first.
    /// Open ones are left as they are.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is replayed.
    pub async fn replay_events(
        &self,
        filter: EventFilter,
        after: Option<EventId>,
        now: Timestamp,
    ) -> Result<Vec<EventId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::replay_all(connection, &filter, after, now))
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write((filter, after, now), |work, (filter, after, now)| {
                        Box::pin(postgres::replay_all(work, filter, *after, *now))
                    })
                    .await
            }
        }
    }

    /// What [`Store::replay_events`] would replay.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events_to_replay(
        &self,
        filter: EventFilter,
        after: Option<EventId>,
    ) -> Result<Vec<EventId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| reading::to_replay(connection, &filter, after))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((filter, after), |client, (filter, after)| {
                        Box::pin(postgres::reading::to_replay(client, filter, *after))
                    })
                    .await
            }
        }
    }

    /// Throws an event away that waits, is dead or unrouted; `false` when it is none of these.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn discard_event(&self, id: EventId, now: Timestamp) -> Result<bool> {
        let discarded = self.discard_named_events(vec![id], now).await?;
        Ok(!discarded.is_empty())
    }

    /// Throws events away that wait, are dead or unrouted, all at once; those that were.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is thrown away.
    pub async fn discard_named_events(
        &self,
        ids: Vec<EventId>,
        now: Timestamp,
    ) -> Result<Vec<EventId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::discard(connection, &ids, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((ids, now), |work, (ids, now)| {
                        Box::pin(postgres::discard(work, ids, *now))
                    })
                    .await
            }
        }
    }

    /// Keeps what a reader that has learnt more makes of events. What was unrouted and is not
    /// any more will run, and the other way round; events that are running or unknown are left as they are.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is changed.
    pub async fn reread_events(
        &self,
        readings: Vec<(EventId, Reading)>,
        now: Timestamp,
    ) -> Result<Reread> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::reread(connection, &readings, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((readings, now), |work, (readings, now)| {
                        Box::pin(postgres::reread(work, readings, *now))
                    })
                    .await
            }
        }
    }

    /// Ends the leases of events that a process which is gone left running; how many there were. To be called before
    /// this process claims any.
    ///
    /// On SQLite, which is for one process, those are all. On PostgreSQL they are those of nodes that have not said in
    /// time that they live ([`Store::beat`]); what living nodes hold is left to them.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn release_interrupted_events(&self, now: Timestamp) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| EVENTS.release_interrupted(connection, now))
                    .await
            }
            Backend::Postgres(database) => {
                let node = database.node();
                database
                    .write(node, |work, node| {
                        Box::pin(nodes::release(work, &shared::EVENTS, *node))
                    })
                    .await
            }
        }
    }

    /// When the next event can be claimed; `None` when nothing is open.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_event_claimable_at(&self) -> Result<Option<Timestamp>> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::next_claimable_at).await,
            Backend::Postgres(database) => {
                let node = database.node();
                let next = database
                    .read(node, |client, node| {
                        Box::pin(postgres::next_claimable_at(client, *node))
                    })
                    .await?;
                Ok(next.map(|next| database.clock().to_own(next)))
            }
        }
    }

    /// One event with its state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn event(&self, id: EventId) -> Result<Option<EventRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| reading::by_id(connection, id))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(id, |client, id| {
                        Box::pin(postgres::reading::by_id(client, *id))
                    })
                    .await
            }
        }
    }

    /// The effects that an event caused, in the order of their recording.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn effects_of_event(&self, id: EventId) -> Result<Vec<EffectId>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| reading::effects(connection, id))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(id, |client, id| {
                        Box::pin(postgres::reading::effects(client, *id))
                    })
                    .await
            }
        }
    }

    /// The newest events that a filter lets through, older than the one named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        before: Option<EventId>,
    ) -> Result<Vec<EventRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| reading::list(connection, &filter, before))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((filter, before), |client, (filter, before)| {
                        Box::pin(postgres::reading::list(client, filter, *before))
                    })
                    .await
            }
        }
    }

    /// How many events there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_events(&self) -> Result<EventCounts> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(reading::count).await,
            Backend::Postgres(database) => {
                database
                    .read((), |client, ()| Box::pin(postgres::reading::count(client)))
                    .await
            }
        }
    }

    /// What so many of the newest events are about, and where they stand.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn kinds_of_newest_events(&self, newest: usize) -> Result<Vec<EventKind>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| reading::kinds(connection, newest))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(newest, |client, newest| {
                        Box::pin(postgres::reading::kinds(client, *newest))
                    })
                    .await
            }
        }
    }
}
