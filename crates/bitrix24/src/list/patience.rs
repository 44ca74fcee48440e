//! How a stream bears with a portal that has no budget for it just now.

use std::time::Duration;

use tokio::time::sleep;

use crate::{Error, Verdict};

/// Failures in a row before a stream gives up.
const FAILURES_MAX: u32 = 6;
/// The longest pause worth waiting out.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The pause when none was named.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts failures in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    pub(super) fn restore(&mut self) {
        self.failures = 0;
    }

    /// Waits as long as the error says, or gives it back when there is no point.
    pub(super) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        match self.pause(&error) {
            Some(pause) => {
                sleep(pause).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    fn pause(&mut self, error: &Error) -> Option<Duration> {
        // A read that may have run does no harm by running again.
        let Verdict::RetryAfter(after) = error.verdict() else {
            return None;
        };
        self.failures += 1;
        let pause = after.unwrap_or(PAUSE);
        (self.failures <= FAILURES_MAX && pause <= PAUSE_MAX).then_some(pause)
    }
}
