//! The way in: an event is acknowledged once it is on disk, and not before.

use std::sync::{Arc, Mutex, PoisonError};

use deskbridge_core::{Clock, EventId, NewEvent};
use deskbridge_store::{Accepted, Error, QuarantineLimits, Quarantined, Result, Store};
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::{Counters, counters::Counted};

/// Bodies of one connection that are kept although they could not be verified.
const QUARANTINED_MAX: usize = 200;
/// Their bytes.
const QUARANTINED_BYTES_MAX: usize = 8 << 20;
/// How long they are kept.
const QUARANTINED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Takes events in. Clones share it.
#[derive(Clone, Debug)]
pub struct Intake {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Rung for who plans events.
    pub(crate) wake: Arc<Notify>,
    rng: Arc<Mutex<fastrand::Rng>>,
    counters: Arc<Counters>,
}

impl Intake {
    /// The way into a store.
    pub fn new(store: Store, clock: Clock, rng: fastrand::Rng) -> Self {
        Self {
            store,
            clock,
            wake: Arc::default(),
            rng: Arc::new(Mutex::new(rng)),
            counters: Arc::default(),
        }
    }

    /// Counts for metrics.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes an event in. It is on disk when this returns `Ok`, and the sender may be told so whether it is new or
    /// repeats an earlier one.
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::Full`] ask the sender to come again; so does every other error.
    pub async fn accept(&self, event: NewEvent) -> Result<Accepted> {
        let now = self.clock.now();
        let accepted = self.store.accept_event(self.id(), event, now).await;
        if matches!(accepted, Ok(Accepted::New(_))) {
            self.wake.notify_one();
        }
        self.counters.add(
            match &accepted {
                Ok(Accepted::New(_)) => Counted::Accepted,
                Ok(Accepted::Repeated(_)) => Counted::Repeated,
                Err(Error::Busy) => Counted::Busy,
                Err(_) => Counted::NotStored,
            },
            1,
        );
        accepted
    }

    /// Keeps a body that could not be verified for a while, in case the secret was at fault. The sender is refused
    /// all the same.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn quarantine(
        &self,
        connection: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        why: String,
    ) -> Result<EventId> {
        let now = self.clock.now();
        let body = Quarantined {
            id: self.id(),
            connection,
            received_at: now,
            why,
            headers,
            body,
        };
        let limits = QuarantineLimits {
            bodies_max: QUARANTINED_MAX,
            bytes_max: QUARANTINED_BYTES_MAX,
            received_from: now.saturating_sub(QUARANTINED_FOR).unwrap_or(now),
        };
        let id = body.id;
        self.store.quarantine(body, limits).await?;
        self.counters.add(Counted::Quarantined, 1);
        Ok(id)
    }

    fn id(&self) -> EventId {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        EventId::new(self.clock.now(), &mut rng)
    }
}
