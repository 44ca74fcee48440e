//! What to do with an effect or event after an attempt: a function of values.

use std::time::Duration;

use deskbridge_core::{Backoff, Outcome};
use jiff::{SignedDuration, Timestamp};

/// How the journal works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many effects, and how many events, are carried out at once. One that is slow to end, or failed before, does
    /// not count among them, up to twice as many.
    pub concurrent_max: usize,
    /// How long one attempt may take; afterwards its outcome is unknown.
    pub attempt_for: Duration,
    /// How long to wait between attempts, and how many there are.
    pub backoff: Backoff,
}

impl Settings {
    /// How long a claim is good: an attempt has ended, and its end is stored, well before.
    pub(crate) fn lease_for(&self) -> Duration {
        lease_for(self.attempt_for)
    }
}

/// How long a claim is good for an attempt that may take so long.
pub(crate) fn lease_for(attempt_for: Duration) -> Duration {
    attempt_for.saturating_mul(2)
}

/// How many places are left alone by all but fresh effects, so that one that comes while a backlog waits for a remote
/// system finds one.
pub(crate) fn kept_for_fresh(concurrent_max: usize) -> usize {
    concurrent_max / 8
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next<T> {
    Complete(T),
    Retry {
        not_before: Timestamp,
        look_first: bool,
        why: String,
    },
    Bury(String),
}

/// What was known before an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Attempts that were made.
    pub(crate) attempts: u32,
    /// One of them may have run.
    pub(crate) look_first: bool,
}

/// What follows when an attempt ended in `outcome`.
pub(crate) fn next<T>(
    before: Before,
    outcome: Outcome<T>,
    backoff: &Backoff,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Next<T> {
    let (failure, may_have_run) = match outcome {
        Outcome::Done(value) => return Next::Complete(value),
        Outcome::Refused(failure) => return Next::Bury(failure.why),
        Outcome::NotSent(failure) => (failure, false),
        Outcome::Unknown(failure) => (failure, true),
    };
    // What an earlier attempt may have done is still not known after one that was not sent.
    let look_first = may_have_run || before.look_first;
    let attempts = before.attempts.saturating_add(1);
    match backoff.wait_after(attempts, rng) {
        None => Next::Bury(format!(
            "given up after {attempts} attempts: {}",
            failure.why
        )),
        Some(wait) => {
            let wait = wait.max(failure.retry_after.unwrap_or_default());
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            let not_before = now.saturating_add(wait).unwrap_or(now);
            Next::Retry {
                not_before,
                look_first,
                why: failure.why,
            }
        }
    }
}
