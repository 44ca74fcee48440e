//! Whether and when a failed command goes again.

use std::time::Duration;

use crate::{
    Kind,
    error::{Failure, class::Repeat},
};

/// How often a command is tried that may fail again.
const ATTEMPTS_MAX: u32 = 3;
/// The longest pause before the second attempt; each further one may be twice as long.
const BACKOFF: Duration = Duration::from_millis(300);

/// What becomes of a failed command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The caller is told.
    Told,
    /// It waits for the budget once more: it did not run.
    Requeued,
    /// The same, but never again in a batch.
    RequeuedAlone,
    /// It goes again after a pause, as one attempt more.
    TriedAgain,
}

/// Decides about one command after `attempts` earlier ones; `was_batched` when it had company.
pub(super) fn fate(failure: &Failure, kind: Kind, attempts: u32, was_batched: bool) -> Fate {
    let is_left = attempts + 1 < ATTEMPTS_MAX;
    match failure.class.repeat() {
        Repeat::Never => Fate::Told,
        Repeat::NotRun => Fate::Requeued,
        Repeat::Alone if was_batched => Fate::RequeuedAlone,
        Repeat::NotConnected if is_left => Fate::TriedAgain,
        Repeat::IfRead if is_left && kind == Kind::Read => Fate::TriedAgain,
        // Only company could have made the answer too large.
        Repeat::IfCompany if is_left && kind == Kind::Read && was_batched => Fate::TriedAgain,
        Repeat::Alone | Repeat::NotConnected | Repeat::IfRead | Repeat::IfCompany => Fate::Told,
    }
}

/// The pause before the next attempt: half of it fixed, half by `draw` from 0 to 1, so that clients spread
/// out. What failed together draws once, so that it can go together again.
pub(super) fn backoff(attempts: u32, draw: f64) -> Duration {
    let longest = BACKOFF * 2u32.saturating_pow(attempts.min(8));
    longest.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn writes_go_again_only_when_they_did_not_run() {
        use Fate::{Requeued, RequeuedAlone, Told, TriedAgain};
        use Kind::{Read, Write};
        for (class, kind, attempts, was_batched, expected) in [
            (Class::Requests, Write, 9, false, Requeued),
            (Class::OperatingTime, Write, 0, false, Requeued),
            (Class::NoConnection, Write, 0, false, TriedAgain),
            (Class::NoConnection, Write, 2, false, Told),
            (Class::NotInBatch, Write, 0, true, RequeuedAlone),
            (Class::NotInBatch, Write, 0, false, Told),
            (Class::HungUp, Write, 0, false, Told),
            (Class::ServerFault, Write, 0, true, Told),
            (Class::NotJson, Write, 0, false, Told),
            (Class::TooLarge, Write, 0, true, Told),
            (Class::NoResult, Write, 0, false, Told),
            (Class::Deadline, Write, 0, false, Told),
            // Another caller's deadline; its own is looked at before it goes again.
            (Class::Deadline, Read, 0, false, TriedAgain),
            (Class::HungUp, Read, 0, false, TriedAgain),
            (Class::HungUp, Read, 1, false, TriedAgain),
            (Class::HungUp, Read, 2, false, Told),
            (Class::ServerFault, Read, 0, false, TriedAgain),
            (Class::TooLarge, Read, 0, false, Told),
            (Class::TooLarge, Read, 0, true, TriedAgain),
            (Class::Blocked, Read, 0, false, Told),
            (Class::Credentials, Read, 0, false, Told),
            (Class::NotFound, Read, 0, false, Told),
            (Class::Argument, Read, 0, false, Told),
            (Class::Unresolved, Read, 0, true, Told),
        ] {
            let failure = Failure::bare(class);
            assert_eq!(
                fate(&failure, kind, attempts, was_batched),
                expected,
                "{class:?} {kind:?} {attempts} {was_batched}"
            );
        }
    }

    #[test]
    fn pauses_grow_and_stay_between_half_and_whole() {
        for attempts in 0..4 {
            let longest = BACKOFF * 2u32.pow(attempts);
            assert_eq!(backoff(attempts, 0.0), longest / 2);
            assert_eq!(backoff(attempts, 1.0), longest);
            assert!(backoff(attempts, 0.3) < backoff(attempts, 0.6));
        }
    }
}
