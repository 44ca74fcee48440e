//! What Bitrix24 answered, remembered in the store and, for a while, in memory.

use std::{sync::Arc, time::Duration};

use deskbridge_core::{Chain, Clock};
use deskbridge_store::{Answer, Store};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

/// Answers kept in memory at most.
const IN_MEMORY_MAX: usize = 10_000;

/// A remembered value.
#[derive(Clone, Debug)]
pub(crate) struct Remembered<T> {
    /// The value.
    pub value: T,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Until when it need not be fetched again.
    pub fresh_until: Timestamp,
    /// Until when it is worth showing.
    pub keep_until: Timestamp,
}

impl<T> Remembered<T> {
    /// Whether it need not be fetched again.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    /// How old it is.
    pub(crate) fn age_seconds(&self, now: Timestamp) -> i64 {
        now.duration_since(self.fetched_at).as_secs().max(0)
    }
}

/// How long an answer lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasting {
    /// How long it need not be fetched again.
    pub fresh_for: Duration,
    /// How long it is worth showing after that.
    pub stale_for: Duration,
}

/// Values of one type, by key.
#[derive(Debug)]
pub(crate) struct Memory<T> {
    store: Store,
    clock: Clock,
    recent: Cache<String, Arc<Remembered<T>>>,
}

impl<T: Serialize + DeserializeOwned> Memory<T> {
    /// A memory over a store. Keys of two memories must not meet.
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            recent: Cache::new(IN_MEMORY_MAX),
        }
    }

    /// What is remembered under a key, fresh or stale. A store that cannot be read remembers nothing.
    pub(crate) async fn recall(&self, key: &str) -> Option<Arc<Remembered<T>>> {
        let now = self.clock.now();
        if let Some(recent) = self.recent.get(key) {
            return (now < recent.keep_until).then_some(recent);
        }
        let stored = match self.store.remembered_answer(key.to_owned(), now).await {
            Ok(stored) => stored?,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "A remembered answer cannot be read");
                return None;
            }
        };
        match serde_json::from_slice(&stored.body) {
            Ok(value) => {
                let remembered = Arc::new(Remembered {
                    value,
                    fetched_at: stored.fetched_at,
                    fresh_until: stored.fresh_until,
                    keep_until: stored.keep_until,
                });
                self.recent.insert(key.to_owned(), Arc::clone(&remembered));
                Some(remembered)
            }
            Err(error) => {
                // Written by another version of the program; it will be fetched anew.
                tracing::info!(%error, "A remembered answer has another form");
                None
            }
        }
    }

    /// Remembers a value that was fetched now. A store that cannot be written costs only the restart.
    pub(crate) async fn remember(
        &self,
        key: &str,
        value: T,
        lasting: Lasting,
    ) -> Arc<Remembered<T>> {
        let fetched_at = self.clock.now();
        let fresh_until = later(fetched_at, lasting.fresh_for);
        let keep_until = later(fresh_until, lasting.stale_for);
        let remembered = Arc::new(Remembered {
            value,
            fetched_at,
            fresh_until,
            keep_until,
        });
        self.recent.insert(key.to_owned(), Arc::clone(&remembered));
        let stored = match serde_json::to_vec(&remembered.value) {
            Ok(body) => {
                let answer = Answer {
                    body,
                    fetched_at,
                    fresh_until,
                    keep_until,
                };
                self.store.remember_answer(key.to_owned(), answer).await
            }
            Err(error) => {
                tracing::error!(%error, "An answer has no stored form");
                return remembered;
            }
        };
        if let Err(error) = stored {
            tracing::error!(error = %Chain(&error), "An answer was not stored");
        }
        remembered
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(time)
}
