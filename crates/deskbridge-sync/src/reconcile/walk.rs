//! The way through what changed in a time: what is asked for next, and up to when everything was read.
//!
//! Rows move while they are read: one that changes goes away from its place, and what slides into it would be skipped
//! by who goes on by page number. So the time is cut until what changed in a piece of it fits on one page, which shows
//! it at one moment. Only what changed within one second and fits on no page is read by page number, and read again
//! when rows went away meanwhile. Nothing here depends on the order of rows.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// How many times longer a piece is than the one before, at most.
const GROWTH_MAX: usize = 64;

/// A walk through what changed from one time to another, both whole seconds. It can be kept and gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// What changed before was looked at by an earlier walk.
    pub(super) new_from: Timestamp,
    /// What changed later is left to the next walk.
    pub(super) end: Timestamp,
    /// The piece that is being read.
    from: Timestamp,
    to: Timestamp,
    page: u32,
    /// How many rows the piece had at its first page.
    found: Option<u64>,
    /// Whether rows from outside of a piece came: then narrower bounds show no less, and nothing is cut.
    is_unbounded: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Changed since, this second included.
    pub(super) from: Timestamp,
    /// Changed until, this second included.
    pub(super) to: Timestamp,
    /// Which page, from 1.
    pub(super) page: u32,
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// When its rows were changed.
    pub(super) times: &'a [Timestamp],
    /// How many rows a page holds.
    pub(super) rows_max: usize,
    /// Whether there are more pages.
    pub(super) is_more: bool,
    /// How many rows there are on all pages.
    pub(super) found: Option<u64>,
}

/// How the walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more; what changed before this time was read.
    On(Option<Timestamp>),
    /// Everything was read.
    End,
}

impl Walk {
    /// A walk from `from` to `end`, where what changed before `new_from` was looked at before. `None` when there is
    /// no time between.
    pub(super) fn new(from: Timestamp, new_from: Timestamp, end: Timestamp) -> Option<Self> {
        let (from, end) = (to_second(from), to_second(end));
        (from <= end).then_some(Self {
            new_from,
            end,
            from,
            to: end,
            page: 1,
            found: None,
            is_unbounded: false,
        })
    }

    /// What is to be asked for now.
    pub(super) fn asks(&self) -> Asked {
        Asked {
            from: self.from,
            to: self.to,
            page: self.page,
        }
    }

    /// Goes on after a page.
    pub(super) fn turn(&mut self, shown: Shown<'_>) -> Turn {
        if self.page > 1 && shown.found < self.found {
            // Rows went away, and others slid to pages that were read.
            self.piece(self.from, self.to);
            return Turn::On(None);
        }
        if !shown.is_more {
            return self.end_piece(shown);
        }
        let is_outside = |time: &Timestamp| {
            time.duration_since(self.from) < -SECOND || time.duration_since(self.to) > SECOND
        };
        if !self.is_unbounded && shown.times.iter().any(is_outside) {
            self.is_unbounded = true;
            self.piece(self.from, self.end);
            return Turn::On(None);
        }
        if self.cut(fitting(shown.times)) {
            return Turn::On(None);
        }
        if self.page == 1 {
            self.found = shown.found;
        }
        self.page = self.page.saturating_add(1);
        Turn::On(None)
    }

    /// Asks for less at once, because the answer was too large; `false` when it cannot be less.
    pub(super) fn narrow(&mut self) -> bool {
        let half = SignedDuration::from_secs(self.length().as_secs() / 2);
        self.cut(Some(after(self.from, half)))
    }

    /// Cuts the piece at a time or, where that is its beginning, after its first second; `false` when it is read by
    /// page number, or cannot be shorter.
    fn cut(&mut self, at: Option<Timestamp>) -> bool {
        let can = self.page == 1 && self.length() > SECOND && !self.is_unbounded;
        if can {
            let shortest = after(self.from, SECOND);
            let longest = before(self.to, SECOND);
            let to = at.map_or(shortest, |at| at.max(shortest).min(longest));
            self.piece(self.from, to);
        }
        can
    }

    fn end_piece(&mut self, shown: Shown<'_>) -> Turn {
        if self.to >= self.end {
            return Turn::End;
        }
        let reached = self.to;
        // As long as one page would do for, were everything as dense as here.
        let growth = match self.page {
            1 => shown.rows_max / shown.times.len().max(1),
            _ => 1,
        };
        let growth = i32::try_from(growth.clamp(1, GROWTH_MAX)).unwrap_or(1);
        let length = self.length().max(SECOND).saturating_mul(growth);
        self.piece(reached, after(reached, length).min(self.end));
        Turn::On(Some(reached))
    }

    fn piece(&mut self, from: Timestamp, to: Timestamp) {
        (self.from, self.to) = (from, to);
        (self.page, self.found) = (1, None);
    }

    fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// The second up to which three quarters of a page's rows reach. What changed until then fits on one page: certainly
/// where rows come in order, probably where they do not.
fn fitting(times: &[Timestamp]) -> Option<Timestamp> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.get(times.len() * 3 / 4)?;
    Some(before(to_second(*last), SECOND))
}

fn before(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(time)
}

fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

/// The second that a time is in, which is what questions are asked by.
fn to_second(time: Timestamp) -> Timestamp {
    let second = time.as_millisecond().div_euclid(1000);
    Timestamp::from_second(second).unwrap_or(time)
}

#[cfg(test)]
mod tests;
