//! The leaky bucket: how many requests a portal accepts from one address.

use std::time::Duration;

use tokio::time::Instant;

use crate::Lane;

#[cfg(test)]
mod tests;

/// The request limit of a portal's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many requests the bucket holds.
    pub capacity: u32,
    /// How many of them leak out each second.
    pub per_second: u32,
}

impl Limits {
    /// Every plan but Enterprise: 50 at once, 2 a second (documented).
    pub fn standard() -> Self {
        Self {
            capacity: 50,
            per_second: 2,
        }
    }

    /// The Enterprise plan: 250 at once, 5 a second (documented).
    pub fn enterprise() -> Self {
        Self {
            capacity: 250,
            per_second: 5,
        }
    }
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// It may, and is counted.
    Now,
    /// Not before then, and only if nobody else takes that place.
    At(Instant),
}

/// The portal's bucket as we believe it to be.
///
/// Invariant: in any span of time `t` it lets at most `capacity + per_second * t` requests go. The place is
/// taken before a request is sent: clients that count after the answer let a crowd through together.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// That of the portal without a margin: see [`margin`].
    capacity: u32,
    /// The part that background work leaves alone.
    reserve: u32,
    /// The time one request takes to leak out.
    leak: Duration,
    /// When the bucket would be empty if nothing more were sent.
    empty_at: Instant,
    /// Refusals since a request was last accepted.
    refusals: u32,
    refused_at: Option<Instant>,
}

/// After so many refusals in a row the pause grows no further.
const REFUSALS_MAX: u32 = 8;

/// How many places of the portal's bucket are left alone. Requests bunch on their way: those that leave a second apart may
/// arrive together, and what would have leaked out between them has not. A small bucket has nothing to spare.
fn margin(limits: Limits) -> u32 {
    limits.per_second.min(limits.capacity / 25)
}

impl Bucket {
    pub(crate) fn new(limits: Limits, reserve: u32, now: Instant) -> Self {
        let capacity = limits.capacity.saturating_sub(margin(limits)).max(1);
        Self {
            capacity,
            reserve: reserve.min(capacity.saturating_sub(1)),
            leak: Duration::from_secs(1) / limits.per_second.max(1),
            empty_at: now,
            refusals: 0,
            refused_at: None,
        }
    }

    /// Takes a place, if there is one.
    pub(crate) fn try_take(&mut self, lane: Lane, now: Instant) -> Take {
        let at = self.place_at(1, lane, now);
        if at > now {
            return Take::At(at);
        }
        self.empty_at = self.empty_at.max(now) + self.leak;
        Take::Now
    }

    /// Whether one more request would leave no place for another.
    pub(crate) fn is_last_place(&self, now: Instant) -> bool {
        self.place_at(2, Lane::Interactive, now) > now
    }

    /// When the `nth` request from now could go, if all before it go as soon as they can.
    pub(crate) fn place_at(&self, nth: u32, lane: Lane, now: Instant) -> Instant {
        let room = match lane {
            Lane::Interactive => self.capacity,
            Lane::Background => self.capacity - self.reserve,
        };
        // It fits when the bucket has drained so far that all of them together fill it.
        let filled_until = self.empty_at.max(now) + self.leak * nth;
        let full = self.leak * room;
        match filled_until.checked_duration_since(now) {
            Some(level) if level > full => now + (level - full),
            _ => now,
        }
    }

    /// The portal refused a request that was sent at `sent_at`: others share its bucket, and it is full
    /// whatever we believed. Refusals may count against it too, so each further one waits longer.
    pub(crate) fn refused(&mut self, sent_at: Instant, now: Instant) {
        let is_news = self.refused_at.is_none_or(|before| sent_at > before);
        if is_news {
            self.refusals = (self.refusals + 1).min(REFUSALS_MAX);
            self.refused_at = Some(now);
        }
        let penalty = self.refusals.saturating_sub(1);
        let full = now + self.leak * self.capacity.saturating_add(penalty);
        self.empty_at = self.empty_at.max(full);
    }

    /// The portal accepted a request.
    pub(crate) fn accepted(&mut self) {
        self.refusals = 0;
    }

    /// How many requests the bucket holds now.
    pub(crate) fn level(&self, now: Instant) -> f64 {
        let level = self.empty_at.saturating_duration_since(now);
        level.as_secs_f64() / self.leak.as_secs_f64()
    }
}
