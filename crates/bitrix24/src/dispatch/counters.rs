//! What the dispatcher has done, for metrics.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::budget::bucket::Bucket;

/// What a portal's dispatcher has done since it began, and how it stands now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Calls asked for, each command of a group as one.
    pub calls: u64,
    /// Calls that joined an equal one that waited or was under way.
    pub merged: u64,
    /// HTTP requests sent.
    pub requests: u64,
    /// How many of them were batches.
    pub batches: u64,
    /// Commands sent with these requests.
    pub commands: u64,
    /// Requests that the portal refused because its bucket was full, or some of whose commands it did.
    pub requests_refused: u64,
    /// Commands that were sent again after a failure.
    pub retries: u64,
    /// Calls that were refused here: closed circuits, parked methods, no budget before the deadline.
    pub refused_here: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Commands that wait now, of people.
    pub waiting_interactive: usize,
    /// Commands that wait now, of background work.
    pub waiting_background: usize,
    /// Requests under way now.
    pub in_flight: usize,
    /// Methods that the portal refuses now for their operating time.
    pub parked_methods: usize,
    /// Portals, webhooks and methods that are refused here now.
    pub open_circuits: usize,
    /// How many requests the portal's bucket holds now, as far as this client knows.
    pub bucket_level: f64,
}

/// The counters as last published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published(Arc<Mutex<(Counters, Option<Bucket>)>>);

impl Published {
    pub(crate) fn publish(&self, counters: Counters, bucket: &Bucket) {
        *self.lock() = (counters, Some(bucket.clone()));
    }

    pub(crate) fn read(&self, now: Instant) -> Counters {
        let (mut counters, bucket) = self.lock().clone();
        counters.bucket_level = bucket.map_or(0.0, |bucket| bucket.level(now));
        counters
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Counters, Option<Bucket>)> {
        // A panic while copying leaves whole numbers behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
