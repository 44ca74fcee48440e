//! How many requests may be sent: one budget for everybody who asks as one account.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// What CareSoft lets an account ask in a second; 54,000 in an hour is the same.
pub const REQUESTS_PER_SECOND_MAX: u16 = 15;
/// How long a client is banned that goes on asking after twenty refusals.
const BANNED_FOR: Duration = Duration::from_mins(15);
const SECOND: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The requests of the last second, and the breaks that CareSoft asked for.
///
/// A request counts from when it is sent until a second after its answer: CareSoft counts it somewhere in between, so
/// that its second never holds more than ours, however slow the way is.
pub(super) struct Budget {
    per_second: usize,
    /// Held by whoever waits for room, so that all go in their turn.
    turn: tokio::sync::Mutex<()>,
    counted: Mutex<Counted>,
    answered: Notify,
    breaks: Mutex<Breaks>,
}

#[derive(Default)]
struct Counted {
    unanswered: usize,
    /// When answered requests cease to count, the earliest first.
    until: VecDeque<Instant>,
}

/// Leave to send one request; it counts until a second after this is dropped.
pub(super) struct Permit<'a>(&'a Budget);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut counted = lock(&self.0.counted);
        counted.unanswered = counted.unanswered.saturating_sub(1);
        counted.until.push_back(Instant::now() + SECOND);
        self.0.answered.notify_one();
    }
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
            turn: tokio::sync::Mutex::default(),
            counted: Mutex::default(),
            answered: Notify::new(),
            breaks: Mutex::default(),
        }
    }

    /// Waits until a request may be sent; fails with the time that is left of a ban.
    pub(super) async fn take(&self) -> Result<Permit<'_>, Duration> {
        let _turn = self.turn.lock().await;
        loop {
            let now = Instant::now();
            let breaks = *lock(&self.breaks);
            if let Some(until) = breaks.banned_until.filter(|until| *until > now) {
                return Err(until - now);
            }
            if let Some(until) = breaks.paused_until.filter(|until| *until > now) {
                sleep_until(until).await;
                continue;
            }
            match self.room(now) {
                Room::Free => return Ok(Permit(self)),
                Room::From(until) => sleep_until(until).await,
                Room::AfterAnswer => self.answered.notified().await,
            }
        }
    }

    /// Takes room for one request, if there is any.
    fn room(&self, now: Instant) -> Room {
        let mut counted = lock(&self.counted);
        while counted.until.front().is_some_and(|until| *until <= now) {
            counted.until.pop_front();
        }
        if counted.unanswered + counted.until.len() < self.per_second {
            counted.unanswered += 1;
            return Room::Free;
        }
        match counted.until.front() {
            Some(until) => Room::From(*until),
            None => Room::AfterAnswer,
        }
    }

    /// CareSoft answered.
    pub(super) fn answered(&self) {
        lock(&self.breaks).refusals = 0;
    }

    /// CareSoft said that it was asked too often. Everybody pauses, longer each time, and never shorter than it said.
    pub(super) fn refused(&self, retry_after: Option<Duration>) -> Duration {
        let mut breaks = lock(&self.breaks);
        let grown = SECOND.saturating_mul(1 << breaks.refusals.min(6));
        let pause = retry_after.unwrap_or(grown).clamp(SECOND, PAUSE_MAX);
        breaks.refusals = breaks.refusals.saturating_add(1);
        let until = Instant::now() + pause;
        breaks.paused_until = breaks.paused_until.max(Some(until));
        pause
    }

    /// CareSoft no longer knows the domain.
    pub(super) fn banned(&self) -> Duration {
        lock(&self.breaks).banned_until = Some(Instant::now() + BANNED_FOR);
        BANNED_FOR
    }
}

enum Room {
    Free,
    From(Instant),
    AfterAnswer,
}

/// A panic leaves whole values behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
