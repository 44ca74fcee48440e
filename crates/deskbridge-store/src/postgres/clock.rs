//! The clock of the database, by which all nodes say when something may be claimed, whatever their own clocks show.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use deskbridge_core::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::{Claim, Retry, sqlite::micros};

/// Clocks that differ by less go alike, in microseconds: more than a question to the database takes.
const ALIKE: i64 = 1_000_000;

/// How far the clock of the database is ahead of that of this machine. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseClock {
    /// In microseconds.
    ahead: Arc<AtomicI64>,
}

impl DatabaseClock {
    /// This machine's time, before the database is asked for its own.
    pub(super) fn asked_at() -> Timestamp {
        Clock::system().now()
    }

    /// Learns what the database showed when it was asked.
    pub(super) fn learn(&self, asked_at: Timestamp, shown: i64) {
        let ahead = ahead(micros(asked_at), micros(Clock::system().now()), shown);
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        if ahead.abs_diff(before) > ALIKE.unsigned_abs() {
            tracing::warn!(
                ahead_ms = ahead / 1_000,
                "The clocks of the database and of this machine differ; what waits goes by that of the database"
            );
        }
    }

    #[cfg(test)]
    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds * 1_000_000, Ordering::Relaxed);
    }

    fn ahead(&self) -> SignedDuration {
        SignedDuration::from_micros(self.ahead.load(Ordering::Relaxed))
    }

    /// What the database shows when this machine shows `time`.
    pub(crate) fn of(&self, time: Timestamp) -> Timestamp {
        time.saturating_add(self.ahead()).unwrap_or(time)
    }

    /// What this machine shows when the database shows `time`.
    pub(crate) fn to_own(&self, time: Timestamp) -> Timestamp {
        time.saturating_sub(self.ahead()).unwrap_or(time)
    }

    pub(crate) fn of_claim(&self, claim: Claim) -> Claim {
        Claim {
            now: self.of(claim.now),
            lease_until: self.of(claim.lease_until),
            ..claim
        }
    }

    pub(crate) fn of_retry(&self, retry: Retry) -> Retry {
        Retry {
            not_before: self.of(retry.not_before),
            ..retry
        }
    }
}

/// How far a clock is ahead that showed `shown` between two times, in microseconds.
fn ahead(from: i64, to: i64, shown: i64) -> i64 {
    let ahead = if shown < from {
        shown - from
    } else {
        (shown - to).max(0)
    };
    if ahead.abs() < ALIKE { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_only_where_that_is_certain() {
        const SECOND: i64 = 1_000_000;
        let check = |from: i64, to: i64, shown: i64, expected: i64| {
            let found = ahead(from * SECOND, to * SECOND, shown * SECOND);
            assert_eq!(found, expected * SECOND, "{shown} between {from} and {to}");
        };
        check(10, 10, 10, 0);
        check(10, 15, 12, 0);
        check(10, 15, 15, 0);
        check(10, 11, 71, 60);
        check(100, 101, 40, -60);
        assert_eq!(ahead(0, 0, SECOND - 1), 0);
        assert_eq!(ahead(0, 0, 1 - SECOND), 0);
    }
}
