//! The journal itself: recording, claiming, carrying out, waiting.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskbridge_core::{Chain, Clock, Effect, EffectId, Failure, NewEffect, Outcome};
use deskbridge_store::{Claim, Claimed, EffectState, Recorded, Result, Retry, Store};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::{
    Counters, Settings, Tasks,
    counters::Counted,
    dispatch::{self, Before, Next},
    lane::{self, Lane},
    presence::Presence,
};

/// How often it is looked whether an effect that is waited for was ended elsewhere.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Carries out effects of one or several kinds.
pub trait Handler: Send + Sync + 'static {
    /// Carries out one effect and says what became of it. Where `effect.look_first` is set, an earlier
    /// attempt may have run: the handler looks at the remote system before it writes.
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>>;
}

/// How waiting for an effect ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited {
    /// It was carried out, with this result.
    Done(Value),
    /// It was given up or discarded, for this reason.
    Failed(String),
    /// It is still to be carried out, and will be.
    Open,
}

/// The journal. Clones share it.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    clock: Clock,
    settings: Settings,
    handlers: BTreeMap<&'static str, Arc<dyn Handler>>,
    rng: Mutex<fastrand::Rng>,
    wake: Notify,
    waiters: Mutex<HashMap<EffectId, Vec<oneshot::Sender<Waited>>>>,
    counters: Counters,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("kinds", &self.shared.handlers.keys())
            .finish()
    }
}

/// One who waits for an effect, until this is dropped.
struct Waiting<'j> {
    journal: &'j Journal,
    id: EffectId,
    end: oneshot::Receiver<Waited>,
}

impl<'j> Waiting<'j> {
    fn new(journal: &'j Journal, id: EffectId) -> Self {
        let (ended, end) = oneshot::channel();
        journal.waiters().entry(id).or_default().push(ended);
        Self { journal, id, end }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.end.close();
        let mut waiters = self.journal.waiters();
        if let Some(of_effect) = waiters.get_mut(&self.id) {
            of_effect.retain(|waiter| !waiter.is_closed());
            if of_effect.is_empty() {
                waiters.remove(&self.id);
            }
        }
    }
}

impl Journal {
    /// A journal over a store, with a handler for each kind of effect. Nothing is carried out before
    /// [`Journal::run`] or [`Journal::drain`].
    pub fn new(
        store: Store,
        clock: Clock,
        rng: fastrand::Rng,
        settings: Settings,
        handlers: BTreeMap<&'static str, Arc<dyn Handler>>,
    ) -> Self {
        let shared = Shared {
            store,
            clock,
            settings,
            handlers,
            rng: Mutex::new(rng),
            wake: Notify::new(),
            waiters: Mutex::default(),
            counters: Counters::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Says that effects were recorded in the store, so that nobody waits for the next look.
    pub(crate) fn notify(&self) {
        self.shared.wake.notify_one();
    }

    /// Says that somebody else recorded effects in the store, together with what they follow from: they are counted,
    /// and carried out without waiting for the next look.
    pub fn recorded(&self, recorded: &[Recorded]) {
        let new = recorded.iter();
        let new = new.filter(|one| matches!(one, Recorded::New(_))).count();
        if new > 0 {
            self.shared.counters.add(Counted::Recorded, new);
            self.notify();
        }
    }

    /// Counts for metrics.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Records effects; they are on disk when this returns, and will be carried out.
    ///
    /// # Errors
    /// When they are not stored.
    pub async fn record(&self, effects: Vec<NewEffect>) -> Result<Vec<Recorded>> {
        if effects.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.shared.clock.now();
        let numbered = {
            let mut rng = self.rng();
            effects
                .into_iter()
                .map(|effect| (EffectId::new(now, &mut rng), effect))
                .collect()
        };
        let recorded = self.shared.store.record_effects(numbered, now).await?;
        self.recorded(&recorded);
        Ok(recorded)
    }

    /// Records an effect and waits until it has ended, at most `deadline`.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_and_wait(&self, effect: NewEffect, deadline: Duration) -> Result<Waited> {
        let Some(id) = self
            .record(vec![effect])
            .await?
            .first()
            .map(|recorded| recorded.id())
        else {
            return Ok(Waited::Open);
        };
        let mut waiting = Waiting::new(self, id);
        let waited = tokio::time::timeout(deadline, async {
            loop {
                // It may have ended before anybody listened, or long ago under the same idempotency key; and another
                // node or an administrator may end it.
                if let Some(waited) = self.ended(id).await? {
                    return Ok(waited);
                }
                if let Ok(end) = tokio::time::timeout(LOOK_EVERY, &mut waiting.end).await {
                    return Ok(end.unwrap_or(Waited::Open));
                }
            }
        });
        waited.await.unwrap_or(Ok(Waited::Open))
    }

    async fn ended(&self, id: EffectId) -> Result<Option<Waited>> {
        let Some(record) = self.shared.store.effect(id).await? else {
            return Ok(None);
        };
        Ok(match record.state {
            EffectState::Pending | EffectState::Running => None,
            EffectState::Done => Some(Waited::Done(record.result.unwrap_or_default())),
            EffectState::Dead | EffectState::Discarded => Some(Waited::Failed(
                record.failure.unwrap_or_else(|| "discarded".to_owned()),
            )),
        })
    }

    /// Carries out everything whose time has come, and what becomes possible by it; how many attempts
    /// were made. For tests that drive the journal by hand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drain(&self) -> Result<usize> {
        lane::drain(self).await
    }

    /// Carries out effects until the program stops, then ends those that are running.
    pub async fn run(self, tasks: Tasks) {
        lane::run(self, tasks).await;
    }

    async fn carry_out(
        &self,
        handler: &dyn Handler,
        effect: &Effect,
        presence: &Presence,
    ) -> Outcome<Value> {
        let attempt = AssertUnwindSafe(async { handler.apply(effect).await });
        let limit = self.shared.settings.attempt_for;
        let attempt = lane::attempt(attempt, limit, presence, &self.shared.counters);
        attempt.await.unwrap_or_else(|panic| {
            tracing::error!(effect.id = %effect.id, effect.kind = effect.intent.kind, panic, "A handler panicked");
            Outcome::Refused(Failure::new(format!("this program has a bug: {panic}")))
        })
    }

    async fn conclude(&self, claimed: &Claimed, next: Next<Value>) -> Result<()> {
        let (store, now) = (&self.shared.store, self.shared.clock.now());
        let (effect, fence) = (&claimed.effect, claimed.fence);
        let (id, kind) = (effect.id, effect.intent.kind.as_str());
        let ended = match next {
            Next::Complete(result) => {
                store
                    .complete_effect(id, fence, result.clone(), now)
                    .await?;
                self.shared.counters.add(Counted::Done, 1);
                tracing::debug!(effect.id = %id, effect.kind = kind, "An effect was carried out");
                Waited::Done(result)
            }
            Next::Retry {
                not_before,
                look_first,
                why,
            } => {
                tracing::warn!(effect.id = %id, effect.kind = kind, attempt = effect.attempts + 1, why, %not_before, "An effect will be tried again");
                let retry = Retry {
                    not_before,
                    look_first,
                    why,
                };
                store.reschedule_effect(id, fence, retry, now).await?;
                self.shared.counters.add(Counted::Rescheduled, 1);
                return Ok(());
            }
            Next::Bury(why) => {
                tracing::error!(effect.id = %id, effect.kind = kind, why, "An effect was given up; `deskbridge effects` shows and revives it");
                store.bury_effect(id, fence, why.clone(), now).await?;
                self.shared.counters.add(Counted::Dead, 1);
                Waited::Failed(why)
            }
        };
        for waiter in self.waiters().remove(&id).unwrap_or_default() {
            // Who no longer waits is no longer told.
            drop(waiter.send(ended.clone()));
        }
        Ok(())
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.shared
            .rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait for effects.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiters().values().map(Vec::len).sum()
    }

    fn waiters(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<EffectId, Vec<oneshot::Sender<Waited>>>> {
        self.shared
            .waiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane for Journal {
    type Work = Claimed;
    const NAME: &'static str = "effects";

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

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.shared.store.claim_effects(claim).await
    }

    async fn next_claimable_at(&self) -> Result<Option<Timestamp>> {
        self.shared.store.next_effect_claimable_at().await
    }

    async fn release_interrupted(&self) -> Result<u64> {
        let now = self.shared.clock.now();
        self.shared.store.release_interrupted_effects(now).await
    }

    fn has_failed(claimed: &Claimed) -> bool {
        claimed.effect.attempts > 0
    }

    async fn carry_out_and_report(&self, claimed: Claimed, presence: &Presence) {
        let effect = &claimed.effect;
        let outcome = match self.shared.handlers.get(effect.intent.kind.as_str()) {
            None => Outcome::Refused(Failure::new(format!(
                "no part of this program carries out effects of kind {}",
                effect.intent.kind
            ))),
            Some(handler) => self.carry_out(&**handler, effect, presence).await,
        };
        let (now, backoff) = (self.shared.clock.now(), &self.shared.settings.backoff);
        let before = Before {
            attempts: effect.attempts,
            look_first: effect.look_first,
        };
        let next = dispatch::next(before, outcome, backoff, now, &mut self.rng());
        if let Err(error) = self.conclude(&claimed, next).await {
            // The lease will run out, and the effect will be looked at again.
            tracing::error!(effect.id = %effect.id, error = %Chain(&error), "The end of an effect was not stored");
        }
    }
}
