//! When to connect again.

use std::time::Duration;

use crate::signal::Reason;

/// How long to wait between attempts to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait; each further one is up to twice as long.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// A connection that lasted this long begins anew with the shortest wait.
    pub stable_after: Duration,
    /// How long to wait after a refused login, which a repetition does not mend and which may get this address
    /// banned; `None` for until it is told to.
    pub refused: Option<Duration>,
}

impl Default for Backoff {
    /// Half a second, doubling up to 30 seconds; anew after 30 seconds; a quarter of an hour after a refused login.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            stable_after: Duration::from_secs(30),
            refused: Some(Duration::from_secs(15 * 60)),
        }
    }
}

/// Counts attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts(u32);

impl Attempts {
    /// When to try again after a connection ended for `reason`, having been up for `lasted`; `None` for when told.
    /// `random` is between 0 and 1: every wait is between half and the whole of what its attempt allows, so that
    /// several clients do not come back at once.
    pub(crate) fn next(
        &mut self,
        backoff: &Backoff,
        reason: &Reason,
        lasted: Duration,
        random: f64,
    ) -> Option<Duration> {
        if matches!(reason, Reason::LoginRefused(_)) {
            *self = Self::default();
            return backoff.refused;
        }
        if lasted >= backoff.stable_after {
            *self = Self::default();
        }
        let doubled = backoff
            .first
            .saturating_mul(1_u32.checked_shl(self.0).unwrap_or(u32::MAX));
        self.0 = (self.0 + 1).min(31);
        let most = doubled.min(backoff.longest);
        Some(most.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(10),
        stable_after: Duration::from_secs(60),
        refused: Some(Duration::from_secs(900)),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut attempts = Attempts::default();
        let mut next = |lasted: u64, random| {
            let lasted = Duration::from_secs(lasted);
            let wait = attempts.next(&BACKOFF, &Reason::Closed, lasted, random);
            wait.unwrap().as_millis()
        };
        let waits = [1.0; 6].map(|random| next(0, random));
        assert_eq!(waits, [1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(next(59, 0.0), 5000, "half of the longest");
        assert_eq!(next(60, 1.0), 1000, "it was stable");
        assert_eq!(next(0, 0.5), 1500);
    }

    #[test]
    fn a_refused_login_waits_long_or_for_ever() {
        let refused = Reason::LoginRefused("Authentication failed".to_owned());
        let mut attempts = Attempts(7);
        let wait = attempts.next(&BACKOFF, &refused, Duration::ZERO, 0.0);
        assert_eq!(wait, Some(Duration::from_secs(900)));
        let until_told = Backoff {
            refused: None,
            ..BACKOFF
        };
        assert_eq!(
            attempts.next(&until_told, &refused, Duration::ZERO, 0.0),
            None
        );
    }

    proptest! {
        #[test]
        fn waits_are_within_their_bounds(count in 0_u32..100, random in 0.0..=1.0_f64) {
            let mut attempts = Attempts::default();
            let mut before = Duration::ZERO;
            for _ in 0..count {
                let wait = attempts.next(&BACKOFF, &Reason::Closed, Duration::ZERO, random).unwrap();
                prop_assert!(wait >= BACKOFF.first / 2 && wait <= BACKOFF.longest && wait >= before);
                before = wait;
            }
        }
    }
}
