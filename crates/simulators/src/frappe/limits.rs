//! The site-wide budget: so many microseconds of processing in a window, for all users together.

use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::Answer;

/// What one request is charged with: GET, and everything that writes.
///
/// A real site charges the time that it took; here it is the same every time, so that a test can count.
pub(crate) const READ_COST_MICROS: u64 = 2_500;
/// See [`READ_COST_MICROS`].
pub(crate) const WRITE_COST_MICROS: u64 = 20_000;

/// `rate_limit` in the site's configuration.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Seconds of processing in one window.
    pub limit: f64,
    /// Seconds in a window; windows begin at multiples of this since 1970.
    pub window: u64,
}

/// What has been used of the current window.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    window: u64,
    used_micros: u64,
}

/// What the budget says about one request.
#[derive(Debug, PartialEq)]
pub(crate) struct Charge {
    limit_micros: u64,
    remaining_micros: u64,
    /// Nothing when the budget is used up: the request does not run.
    used_micros: Option<u64>,
    pub reset_seconds: u64,
}

impl Budget {
    /// Charges a request, unless the budget is used up.
    pub(crate) fn charge(&mut self, limit: RateLimit, cost_micros: u64, now: Timestamp) -> Charge {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let length = limit.window.max(1);
        let window = seconds / length;
        if self.window != window {
            *self = Self {
                window,
                used_micros: 0,
            };
        }
        let limit_micros = micros(limit.limit);
        let remaining_micros = limit_micros.saturating_sub(self.used_micros);
        let used_micros = (remaining_micros > 0).then_some(cost_micros);
        self.used_micros += used_micros.unwrap_or_default();
        Charge {
            limit_micros,
            remaining_micros,
            used_micros,
            reset_seconds: length - seconds % length,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and a limit below zero is none at all"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

impl Charge {
    pub(crate) fn is_refused(&self) -> bool {
        self.used_micros.is_none()
    }

    /// Adds the headers that tell a client where it stands.
    pub(crate) fn tell(&self, answer: &mut Answer) {
        let mut tell = |name: &'static str, value: u64| {
            answer.header(HeaderName::from_static(name), HeaderValue::from(value));
        };
        tell("x-ratelimit-reset", self.reset_seconds);
        tell("x-ratelimit-limit", self.limit_micros);
        tell("x-ratelimit-remaining", self.remaining_micros);
        match self.used_micros {
            Some(used) => tell("x-ratelimit-used", used),
            None => answer.header(header::RETRY_AFTER, HeaderValue::from(self.reset_seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_and_new_in_the_next_window() {
        let limit = RateLimit {
            limit: 0.005,
            window: 60,
        };
        let mut budget = Budget::default();
        let at = |second: i64| Timestamp::from_second(6_000 + second).unwrap();
        let charges: Vec<bool> = (0..3)
            .map(|_| budget.charge(limit, READ_COST_MICROS, at(10)).is_refused())
            .collect();
        assert_eq!(charges, [false, false, true]);
        let refused = budget.charge(limit, READ_COST_MICROS, at(59));
        assert_eq!((refused.reset_seconds, refused.remaining_micros), (1, 0));
        assert!(!budget.charge(limit, READ_COST_MICROS, at(60)).is_refused());
    }
}
