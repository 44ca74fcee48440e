//! How long to wait before trying again.

use std::time::Duration;

/// Exponential growth with full jitter: attempt `n` waits anything between nothing and
/// `base * 2^(n-1)`, at most `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempts_max: u32,
}

/// A backoff that would never wait or never stop.
#[derive(Debug, thiserror::Error)]
#[error("a backoff needs a base above zero, a cap not below it and at least one attempt")]
pub struct NotABackoff;

impl Backoff {
    /// Tries `attempts_max` times in all.
    ///
    /// # Errors
    /// When the base is zero, the cap is below it, or no attempt is allowed.
    pub fn new(base: Duration, cap: Duration, attempts_max: u32) -> Result<Self, NotABackoff> {
        if base.is_zero() || cap < base || attempts_max == 0 {
            return Err(NotABackoff);
        }
        Ok(Self {
            base,
            cap,
            attempts_max,
        })
    }

    /// The wait after so many attempts have failed; `None` when there are no more.
    pub fn wait_after(&self, attempts: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        (attempts < self.attempts_max)
            .then(|| self.ceiling(attempts).mul_f64(rng.f64()).min(self.cap))
    }

    /// The longest wait that may follow so many failed attempts.
    pub fn ceiling(&self, attempts: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempts.saturating_sub(1).min(31));
        self.base.saturating_mul(doubled).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nonsense_is_refused() {
        let second = Duration::from_secs(1);
        assert!(Backoff::new(Duration::ZERO, second, 3).is_err());
        assert!(Backoff::new(second, Duration::from_millis(1), 3).is_err());
        assert!(Backoff::new(second, second, 0).is_err());
    }

    proptest! {
        #[test]
        fn a_wait_stays_under_its_ceiling_and_ceilings_grow(
            base_ms in 1u64..10_000, factor in 1u32..1_000, attempts in 1u32..100, seed: u64,
        ) {
            let base = Duration::from_millis(base_ms);
            let backoff = Backoff::new(base, base * factor, 50).unwrap();
            let wait = backoff.wait_after(attempts, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(wait.is_some(), attempts < 50);
            prop_assert!(wait.unwrap_or_default() <= backoff.ceiling(attempts));
            prop_assert!(backoff.ceiling(attempts) <= backoff.ceiling(attempts + 1));
            prop_assert!(backoff.ceiling(attempts) <= base * factor);
        }
    }
}
