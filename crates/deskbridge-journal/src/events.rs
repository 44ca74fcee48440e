//! Carrying events out: each is planned once, and its effects and links are recorded with its end.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use deskbridge_core::{
    Chain, Clock, EffectId, Event, EventId, Failure, Link, NewEffect, NewEvent, Outcome, Reading,
};
use deskbridge_store::{
    Accepted, Claim, ClaimedEvent, Error, EventFilter, Known, Plan, Pruned, Quarantined, Recorded,
    Result, Retention, Retry, Store,
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    Counters, Intake, Journal, Settings, Tasks,
    counters::Counted,
    dispatch::{self, Before, Next},
    lane::{self, Lane},
    presence::Presence,
};

/// Events that are replayed, read anew or forgotten in one transaction.
const AT_ONCE: usize = 500;

/// What is to be done about an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// These changes are to be made, these records are one, and this is known.
    Do {
        /// Changes in remote systems.
        effects: Vec<NewEffect>,
        /// Which records are one.
        links: Vec<Link>,
        /// What is known of records now, each at the revision that it was made from.
        known: Vec<Known>,
    },
    /// Nobody knows, for this reason; it is kept.
    Unrouted(String),
    /// It is not of this connection, for this reason: nothing may be done about it, whoever knows what. It is kept.
    Misdirected(String),
}

/// Plans the events of one source. It reads, and writes nothing to a remote system: that is for effects.
pub trait Planner: Send + Sync + 'static {
    /// Says what is to be done about an event. What is `NotSent` or `Unknown` is planned again later.
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>>;
}

/// Verifies and reads the bytes of one source: functions of values.
pub trait Reader: Send + Sync {
    /// The event of a body that can be verified by now; `None` when it still cannot.
    fn verify(&self, body: &Quarantined) -> Option<NewEvent>;

    /// What the bytes of an event mean by now.
    fn read(&self, event: &NewEvent) -> Reading;
}

/// Whether a change of many events is made or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It is made.
    Real,
    /// It is shown.
    Dry,
}

/// The events of the journal. Clones share it.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    clock: Clock,
    settings: Settings,
    planners: BTreeMap<&'static str, Arc<dyn Planner>>,
    rng: Mutex<fastrand::Rng>,
    wake: Arc<Notify>,
    /// Told when there are effects to carry out.
    journal: Journal,
    counters: Counters,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("sources", &self.shared.planners.keys())
            .finish()
    }
}

impl Events {
    /// What came in through `intake`, with a planner for each source. Its effects go to `journal`. Nothing is
    /// planned before [`Events::run`] or [`Events::drain`].
    pub fn new(
        intake: &Intake,
        rng: fastrand::Rng,
        settings: Settings,
        planners: BTreeMap<&'static str, Arc<dyn Planner>>,
        journal: Journal,
    ) -> Self {
        let shared = Shared {
            store: intake.store.clone(),
            clock: intake.clock.clone(),
            settings,
            planners,
            rng: Mutex::new(rng),
            wake: Arc::clone(&intake.wake),
            journal,
            counters: Counters::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Counts for metrics.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    fn notify(&self) {
        self.shared.wake.notify_one();
    }

    /// Plans everything whose time has come, and what becomes possible by it; how many attempts were made. For
    /// tests that drive the journal by hand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drain(&self) -> Result<usize> {
        lane::drain(self).await
    }

    /// Plans events until the program stops, then ends those that are being planned.
    pub async fn run(self, tasks: Tasks) {
        lane::run(self, tasks).await;
    }

    /// Lets events run again, those of one ordering key in their order; those that will. Open and unknown ones are left
    /// as they are.
    ///
    /// # Errors
    /// When it is not stored; what was replayed before stays so.
    pub async fn replay(&self, ids: &[EventId]) -> Result<Vec<EventId>> {
        let mut replayed = Vec::new();
        for slice in ids.chunks(AT_ONCE) {
            let now = self.shared.clock.now();
            let store = &self.shared.store;
            replayed.extend(store.replay_named_events(slice.to_vec(), now).await?);
            self.notify();
        }
        Ok(replayed)
    }

    /// Lets all events that a filter lets through run again, oldest first, at most as many as it says; the ids of
    /// those that will or would. Open ones are left as they are.
    ///
    /// # Errors
    /// When the store fails; what was replayed before stays so.
    pub async fn replay_all(&self, filter: EventFilter, run: Run) -> Result<Vec<EventId>> {
        let mut replayed: Vec<EventId> = Vec::new();
        loop {
            let slice = EventFilter {
                limit: AT_ONCE.min(filter.limit.saturating_sub(replayed.len())),
                ..filter.clone()
            };
            if slice.limit == 0 {
                break;
            }
            let (store, after) = (&self.shared.store, replayed.last().copied());
            let found = match run {
                Run::Dry => store.events_to_replay(slice, after).await?,
                Run::Real => {
                    let now = self.shared.clock.now();
                    store.replay_events(slice, after, now).await?
                }
            };
            if found.is_empty() {
                break;
            }
            replayed.extend(found);
        }
        self.notify();
        Ok(replayed)
    }

    /// Reads the events that a filter lets through anew, newest first; how many were looked at and not running.
    ///
    /// # Errors
    /// When the store fails; what was read anew before stays so.
    pub async fn reread(&self, filter: EventFilter, reader: &dyn Reader) -> Result<u64> {
        let (mut reread, mut looked, mut before) = (0, 0, None);
        loop {
            let slice = EventFilter {
                limit: AT_ONCE.min(filter.limit.saturating_sub(looked)),
                ..filter.clone()
            };
            let found = self.shared.store.list_events(slice, before).await?;
            let Some(last) = found.last() else { break };
            before = Some(last.event.id);
            looked += found.len();
            let readings = found
                .iter()
                .map(|record| (record.event.id, reader.read(&record.event.arrival)))
                .collect();
            let now = self.shared.clock.now();
            let done = self.shared.store.reread_events(readings, now).await?;
            reread += done.number;
        }
        self.notify();
        Ok(reread)
    }

    /// Takes those bodies of a connection out of quarantine that can be verified by now; their events.
    ///
    /// # Errors
    /// When the store fails. What is in quarantine then stays there, and may have become an event already; taken
    /// out later it repeats it.
    pub async fn reverify(&self, connection: &str, reader: &dyn Reader) -> Result<Vec<Accepted>> {
        let (store, mut taken) = (&self.shared.store, Vec::new());
        // The quarantine is capped: what a connection has there is read at once.
        let kept = store.quarantined(connection.to_owned(), None, usize::MAX);
        for body in kept.await? {
            if let Some(event) = reader.verify(&body) {
                taken.push(store.accept_event(body.id, event, body.received_at).await?);
                store.leave_quarantine(body.id).await?;
            }
        }
        self.notify();
        Ok(taken)
    }

    /// Forgets what need not be kept and says so in the log; how many events that were. To be called from time to
    /// time, as is [`Store::recover_room`].
    ///
    /// # Errors
    /// When the store fails; what was forgotten before stays so.
    pub async fn prune(&self, retention: Retention) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let ended = loop {
            match self.shared.store.prune_events(retention, AT_ONCE).await {
                Ok(some) if some.number() > 0 => pruned += some,
                Ok(_) => break Ok(pruned),
                Err(error) => break Err(error),
            }
        };
        if pruned.old > 0 {
            tracing::info!(
                number = pruned.old,
                "Events that ended long ago were forgotten"
            );
        }
        if pruned.for_room > 0 {
            tracing::warn!(
                number = pruned.for_room,
                bytes_max = retention.ended_bytes_max,
                "Events that ended were forgotten before their time, because together they took more room than they may"
            );
        }
        ended
    }

    async fn plan(&self, event: &Event, presence: &Presence) -> Outcome<Planned> {
        let source = event.arrival.reading.source.as_str();
        let Some(planner) = self.shared.planners.get(source) else {
            return Outcome::Done(Planned::Unrouted(format!(
                "no part of this program plans events of source {source}"
            )));
        };
        let attempt = AssertUnwindSafe(async { planner.plan(event).await });
        let limit = self.shared.settings.attempt_for;
        let attempt = lane::attempt(attempt, limit, presence, &self.shared.counters);
        attempt.await.unwrap_or_else(|panic| {
            tracing::error!(event.id = %event.id, event.source = source, panic, "A planner panicked");
            Outcome::Refused(Failure::new(format!("this program has a bug: {panic}")))
        })
    }

    async fn conclude(&self, claimed: &ClaimedEvent, next: Next<Planned>) -> Result<()> {
        let (store, now) = (&self.shared.store, self.shared.clock.now());
        let (id, fence) = (claimed.event.id, claimed.fence);
        let counted = match next {
            Next::Complete(Planned::Do {
                effects,
                links,
                known,
            }) => {
                let plan = Plan {
                    effects: self.numbered(effects, now),
                    links,
                    known,
                };
                let recorded = match store.record_plan(id, fence, plan, now).await {
                    Err(error @ Error::Outdated { .. }) => {
                        // Another event taught more meanwhile: what follows is planned again with that.
                        tracing::debug!(event.id = %id, error = %error, "An event is planned again");
                        let retry = Retry {
                            not_before: now,
                            look_first: false,
                            why: error.to_string(),
                        };
                        store.reschedule_event(id, fence, retry, now).await?;
                        self.shared.counters.add(Counted::Rescheduled, 1);
                        return Ok(());
                    }
                    recorded => recorded?,
                };
                let new = recorded
                    .iter()
                    .filter(|one| matches!(one, Recorded::New(_)))
                    .count();
                self.shared.counters.add(Counted::Recorded, new);
                self.shared.journal.notify();
                tracing::debug!(event.id = %id, effects = new, "An event was carried out");
                Counted::Done
            }
            Next::Complete(Planned::Unrouted(why) | Planned::Misdirected(why)) => {
                tracing::warn!(event.id = %id, why, "An event was set aside; it can be read anew");
                store.set_event_aside(id, fence, why, now).await?;
                Counted::Unrouted
            }
            Next::Retry {
                not_before,
                look_first,
                why,
            } => {
                tracing::warn!(event.id = %id, attempt = claimed.attempts + 1, why, %not_before, "An event will be tried again");
                let retry = Retry {
                    not_before,
                    look_first,
                    why,
                };
                store.reschedule_event(id, fence, retry, now).await?;
                Counted::Rescheduled
            }
            Next::Bury(why) => {
                tracing::error!(event.id = %id, why, "An event was given up; it can be replayed");
                store.bury_event(id, fence, why, now).await?;
                Counted::Dead
            }
        };
        self.shared.counters.add(counted, 1);
        Ok(())
    }

    fn numbered(&self, effects: Vec<NewEffect>, now: Timestamp) -> Vec<(EffectId, NewEffect)> {
        let mut rng = self.rng();
        effects
            .into_iter()
            .map(|effect| (EffectId::new(now, &mut rng), effect))
            .collect()
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.shared
            .rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane for Events {
    type Work = ClaimedEvent;
    const NAME: &'static str = "events";

    fn store(&self) -> &Store {
        &self.shared.store
    }

    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn wake(&self) -> &Notify {
        &self.shared.wake
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<ClaimedEvent>> {
        self.shared.store.claim_events(claim).await
    }

    async fn next_claimable_at(&self) -> Result<Option<Timestamp>> {
        self.shared.store.next_event_claimable_at().await
    }

    async fn release_interrupted(&self) -> Result<u64> {
        let now = self.shared.clock.now();
        self.shared.store.release_interrupted_events(now).await
    }

    fn has_failed(claimed: &ClaimedEvent) -> bool {
        claimed.attempts > 0
    }

    async fn carry_out_and_report(&self, claimed: ClaimedEvent, presence: &Presence) {
        let event = &claimed.event;
        let outcome = self.plan(event, presence).await;
        let (now, backoff) = (self.shared.clock.now(), &self.shared.settings.backoff);
        let before = Before {
            attempts: claimed.attempts,
            look_first: false,
        };
        let next = dispatch::next(before, outcome, backoff, now, &mut self.rng());
        if let Err(error) = self.conclude(&claimed, next).await {
            // The lease will run out, and the event will be planned again.
            tracing::error!(event.id = %event.id, error = %Chain(&error), "The end of an event was not stored");
        }
    }
}
