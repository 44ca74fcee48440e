//! The wall clock of a simulated system, which a test can set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;

/// Where a simulator reads the time of day.
///
/// Limits that depend on elapsed time (a request bucket, an operating-time window) read it too, so that
/// a test can let minutes pass without waiting for them.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since 1970 when set by hand; `None` follows the machine.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// Follows the machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(AtomicI64::new(start.as_microsecond()))),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.set {
            Some(microseconds) => {
                Timestamp::from_microsecond(microseconds.load(Ordering::SeqCst)).unwrap_or_default()
            }
            None => system_now(),
        }
    }

    /// Whether the clock only moves by [`Clock::advance`].
    pub fn is_manual(&self) -> bool {
        self.set.is_some()
    }

    /// Moves a manual clock forward; does nothing to the machine's clock.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(microseconds) = &self.set {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            microseconds.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where simulators read the clock"
)]
fn system_now() -> Timestamp {
    Timestamp::now()
}
