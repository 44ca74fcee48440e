//! What is counted since the start.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Clicks and clients who ask to be called.
#[derive(Debug, Default)]
pub struct Clicks {
    /// Orders that came in, repeats left out.
    pub received: Count,
    /// Posts that were no event of the portal, or not proved to be.
    pub refused: Count,
    /// Calls that a PBX began.
    pub dialled: Count,
    /// Orders that a PBX was asked for, or would have been, and that came to nothing.
    pub not_dialled: Count,
}

/// Questions of dialplans who takes the call of a client.
#[derive(Debug, Default)]
pub struct Lookups {
    /// Those that the CRM answered in time.
    pub answered: Count,
    /// Those whose answer was remembered.
    pub remembered: Count,
    /// Those that the CRM did not answer, or not in time.
    pub unanswered: Count,
    /// Those without the right token, or from elsewhere.
    pub refused: Count,
}
