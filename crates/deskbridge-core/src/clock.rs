//! The time of day.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Where the time of day comes from: the machine, or a value that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since 1970 when set by hand.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until it is moved. Clones share the setting.
    pub fn manual(start: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(AtomicI64::new(start.as_microsecond()))),
        }
    }

    /// The time now, in whole microseconds, which is what the store keeps.
    pub fn now(&self) -> Timestamp {
        let microseconds = match &self.set {
            Some(set) => set.load(Ordering::SeqCst),
            None => system_now().as_microsecond(),
        };
        // Both sources hold what came out of a `Timestamp`.
        Timestamp::from_microsecond(microseconds).unwrap_or_default()
    }

    /// Moves a manual clock; the machine's clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(set) = &self.set {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            set.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(Timestamp::from_second(100).unwrap());
        let other = clock.clone();
        assert_eq!(clock.now().as_second(), 100);
        other.advance(SignedDuration::from_secs(5));
        assert_eq!(clock.now().as_second(), 105);
    }

    #[test]
    fn the_system_clock_gives_whole_microseconds() {
        assert_eq!(Clock::system().now().subsec_nanosecond() % 1_000, 0);
    }
}
