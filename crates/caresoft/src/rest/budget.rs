//! How many requests may be sent: one budget for everybody who asks as one account.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// What CareSoft lets an account ask in a second; 54,000 in an hour is the same.
pub const REQUESTS_PER_SECOND_MAX: u16 = 15;
/// How long a client is banned that goes on asking after twenty refusals.
const BANNED_FOR: Duration = Duration::from_mins(15);
const SECOND: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A window of one second over the requests sent, and the breaks that CareSoft asked for.
pub(super) struct Budget {
    per_second: usize,
    /// When the latest requests were sent. Whoever waits for room holds the lock, so that all go in their turn.
    sent: tokio::sync::Mutex<VecDeque<Instant>>,
    breaks: Mutex<Breaks>,
}

#[derive(Clone, Copy, Default)]
struct Breaks {
    paused_until: Option<Instant>,
    banned_until: Option<Instant>,
    refusals: u32,
}

impl Budget {
    pub(super) fn new(per_second: u16) -> Self {
        Self {
            per_second: usize::from(per_second.clamp(1, REQUESTS_PER_SECOND_MAX)),
            sent: tokio::sync::Mutex::default(),
            breaks: Mutex::default(),
        }
    }

    /// Waits until a request may be sent; fails with the time that is left of a ban.
    pub(super) async fn take(&self) -> Result<(), Duration> {
        let mut sent = self.sent.lock().await;
        loop {
            let now = Instant::now();
            let breaks = *self.lock();
            if let Some(until) = breaks.banned_until.filter(|until| *until > now) {
                return Err(until - now);
            }
            while sent.front().is_some_and(|oldest| *oldest + SECOND <= now) {
                sent.pop_front();
            }
            let full_until = sent
                .front()
                .filter(|_| sent.len() >= self.per_second)
                .map(|oldest| *oldest + SECOND);
            let paused_until = breaks.paused_until.filter(|until| *until > now);
            match full_until.max(paused_until) {
                Some(until) => sleep_until(until).await,
                None => {
                    sent.push_back(now);
                    return Ok(());
                }
            }
        }
    }

    /// CareSoft answered.
    pub(super) fn answered(&self) {
        self.lock().refusals = 0;
    }

    /// CareSoft said that it was asked too often. Everybody pauses, longer each time, and never shorter than it said.
    pub(super) fn refused(&self, retry_after: Option<Duration>) -> Duration {
        let mut breaks = self.lock();
        let grown = SECOND.saturating_mul(1 << breaks.refusals.min(6));
        let pause = retry_after.unwrap_or(grown).clamp(SECOND, PAUSE_MAX);
        breaks.refusals = breaks.refusals.saturating_add(1);
        let until = Instant::now() + pause;
        breaks.paused_until = breaks.paused_until.max(Some(until));
        pause
    }

    /// CareSoft no longer knows the domain.
    pub(super) fn banned(&self) -> Duration {
        self.lock().banned_until = Some(Instant::now() + BANNED_FOR);
        BANNED_FOR
    }

    fn lock(&self) -> MutexGuard<'_, Breaks> {
        // A panic leaves whole values behind.
        self.breaks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
