//! How a portal is spoken to.

use std::time::Duration;

use crate::{Limits, call::DEADLINE_MAX};

/// How a portal is spoken to. Change what you need:
///
/// ```
/// use bitrix24::{Limits, Options};
///
/// let options = Options {
///     limits: Limits::enterprise(),
///     ..Options::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// The request limit of the portal's plan.
    pub limits: Limits,
    /// How many requests of the burst are kept for [`Lane::Interactive`](crate::Lane::Interactive).
    pub reserve: u32,
    /// How long calls are gathered into a batch. A call with no other beside it and no request under way does
    /// not wait.
    pub batch_window: Duration,
    /// How many requests are under way at once; background work leaves a quarter of them free.
    pub requests_in_flight_max: usize,
    /// How many commands may wait; more are refused.
    pub waiting_max: usize,
    /// The largest answer accepted, in bytes.
    pub body_bytes_max: usize,
    /// How long a call waits for its answer, queueing included, when it does not say itself.
    pub deadline: Duration,
    /// The operating time that the portal allows one webhook for one method in ten minutes. Background
    /// work stops at four fifths of it.
    pub operating_limit: Duration,
    /// Certificates to trust besides the machine's, as PEM texts.
    pub roots_pem: Vec<String>,
    /// What the client calls itself.
    pub user_agent: String,
    /// Seed for the jitter of retries; drawn at random if absent.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::standard(),
            reserve: 10,
            batch_window: Duration::from_millis(3),
            requests_in_flight_max: 32,
            waiting_max: 20_000,
            body_bytes_max: 32 << 20,
            deadline: Duration::from_secs(15),
            operating_limit: Duration::from_secs(480),
            roots_pem: Vec::new(),
            user_agent: concat!("bitrix24-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: None,
        }
    }
}

/// What is wrong with [`Options`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A limit of zero would let nothing through.
    #[error("{0} must be above zero")]
    Zero(&'static str),
    /// The reserve is the whole bucket.
    #[error("a reserve of {reserve} leaves background work none of the {capacity} requests")]
    Reserve {
        /// The reserve.
        reserve: u32,
        /// The bucket's capacity.
        capacity: u32,
    },
    /// The deadline is beyond what a portal works on a request.
    #[error("a deadline must be under 60 s, the longest a portal works on a request")]
    Deadline,
    /// The user agent cannot be sent in a header.
    #[error("the user agent has characters that a header cannot carry")]
    UserAgent,
    /// A root certificate cannot be read.
    #[error("a root certificate cannot be used: {0}")]
    Root(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let above_zero = [
            ("limits.capacity", self.limits.capacity > 0),
            ("limits.per_second", self.limits.per_second > 0),
            ("requests_in_flight_max", self.requests_in_flight_max > 0),
            ("waiting_max", self.waiting_max > 0),
            ("body_bytes_max", self.body_bytes_max > 0),
            ("deadline", !self.deadline.is_zero()),
        ];
        if let Some((name, _)) = above_zero.into_iter().find(|(_, is_above)| !is_above) {
            return Err(OptionsError::Zero(name));
        }
        if self.reserve >= self.limits.capacity {
            return Err(OptionsError::Reserve {
                reserve: self.reserve,
                capacity: self.limits.capacity,
            });
        }
        if self.deadline > DEADLINE_MAX {
            return Err(OptionsError::Deadline);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_let_nothing_through_are_refused() {
        type Change = fn(&mut Options);
        let check = |change: Change| {
            let mut options = Options::default();
            change(&mut options);
            options.check()
        };
        let rows: [(Change, Result<(), OptionsError>); 6] = [
            (|_| {}, Ok(())),
            (
                |o| o.limits.per_second = 0,
                Err(OptionsError::Zero("limits.per_second")),
            ),
            (
                |o| o.waiting_max = 0,
                Err(OptionsError::Zero("waiting_max")),
            ),
            (
                |o| o.deadline = Duration::from_secs(60),
                Err(OptionsError::Deadline),
            ),
            (
                |o| o.deadline = Duration::ZERO,
                Err(OptionsError::Zero("deadline")),
            ),
            (
                |o| o.reserve = 50,
                Err(OptionsError::Reserve {
                    reserve: 50,
                    capacity: 50,
                }),
            ),
        ];
        for (change, expected) in rows {
            assert_eq!(check(change), expected);
        }
    }
}
