//! The tokens at hand, and what is known about them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{TokenStore, Tokens};
use crate::error::Failure;

/// Tokens that were renewed so short a time ago cannot have expired.
const FRESH_FOR: Duration = Duration::from_secs(600);

/// Tokens as they are used.
pub(crate) struct Held {
    pub(crate) tokens: Tokens,
    /// When they were renewed, if it was in this process.
    renewed_at: Option<Instant>,
    /// Whether the portal has taken them.
    is_proved: AtomicBool,
}

impl Held {
    pub(super) fn new(tokens: Tokens, renewed_at: Option<Instant>) -> Arc<Self> {
        Arc::new(Self {
            tokens,
            renewed_at,
            is_proved: AtomicBool::new(false),
        })
    }

    /// The portal has taken them.
    pub(crate) fn prove(&self) {
        self.is_proved.store(true, Ordering::Relaxed);
    }

    /// Whether they have just been renewed and never worked: to renew them again would be of no use.
    pub(super) fn is_useless(&self, now: Instant) -> bool {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH_FOR;
        self.renewed_at.is_some_and(is_fresh) && !self.is_proved.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// The tokens of an application in this process.
pub(crate) struct Keyring {
    pub(super) store: Arc<dyn TokenStore>,
    /// Those in force. There are none while they are looked for or renewed, so that nobody calls with the old ones.
    current: Mutex<Option<Arc<Held>>>,
    /// One at a time looks for tokens or renews them.
    pub(super) desk: tokio::sync::Mutex<Desk>,
}

/// What whoever renews has to know.
#[derive(Default)]
pub(super) struct Desk {
    /// Renewed and not yet saved, with those that were spent for them: the only ones that can still be renewed.
    pub(super) unsaved: Option<(Tokens, Arc<Held>)>,
    /// The tokens that were refused, why, and until when that is remembered.
    refused: Option<(Tokens, Failure, Option<Instant>)>,
}

impl Desk {
    /// Remembers why tokens were refused: for good, or for so long.
    pub(super) fn refuse(&mut self, tokens: &Tokens, failure: &Failure, until: Option<Instant>) {
        self.refused = Some((tokens.clone(), failure.clone(), until));
    }

    /// Why tokens were refused, if that is remembered.
    pub(super) fn refusal(&self, tokens: &Tokens, now: Instant) -> Option<Failure> {
        let (refused, failure, until) = self.refused.as_ref()?;
        let is_over = until.is_some_and(|until| until <= now);
        if is_over || !refused.is_same_as(tokens) {
            return None;
        }
        let mut failure = failure.clone();
        failure.said.remembered = true;
        Some(failure)
    }
}

impl Keyring {
    pub(super) fn new(store: Arc<dyn TokenStore>) -> Self {
        Self {
            store,
            current: Mutex::default(),
            desk: tokio::sync::Mutex::default(),
        }
    }

    /// The tokens in force, unless they are the expired ones.
    pub(super) fn at_hand(&self, expired: Option<&Arc<Held>>) -> Option<Arc<Held>> {
        let current = self.lock().clone()?;
        let is_expired = expired.is_some_and(|expired| expired.tokens.is_same_as(&current.tokens));
        (!is_expired).then_some(current)
    }

    pub(super) fn put(&self, held: Option<Arc<Held>>) {
        *self.lock() = held;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Held>>> {
        // A panic cannot leave half a pointer behind.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
