//! The cursor of a list that is sorted by time of change.

use std::collections::BTreeMap;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use super::{
    Astray, Gap, Key,
    slice::{Slice, TICKET_PAGES_MAX},
};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// The window is moved when at most so many rows are read twice for it.
const REREAD_MAX: usize = 20;

/// Invariant: every row of the list that was changed at or after `since`, comes before a row of `seen` and was not
/// changed since, is in `seen`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Updates {
    from: Timestamp,
    since: Timestamp,
    /// So many rows at the beginning of the window were seen.
    offset: u64,
    /// So many of them are asked for again with the next page.
    overlap: u64,
    /// What was read of the window: by id, when it was changed.
    seen: BTreeMap<u64, Timestamp>,
    gaps: Vec<Gap>,
    is_done: bool,
}

impl Updates {
    pub(super) fn since(since: Timestamp) -> Self {
        // Times are whole seconds in questions and in answers.
        let since = second_of(since);
        Self {
            from: since,
            since,
            offset: 0,
            overlap: 1,
            seen: BTreeMap::new(),
            gaps: Vec::new(),
            is_done: false,
        }
    }

    pub(super) fn from(&self) -> Timestamp {
        self.from
    }

    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    pub(super) fn ask(&self) -> Option<(Timestamp, Slice)> {
        // A window that cannot be read on was left when its last page was taken.
        let slice = self.slice()?;
        (!self.is_done).then_some((self.since, slice))
    }

    fn slice(&self) -> Option<Slice> {
        Slice::holding(
            self.offset.saturating_sub(self.overlap),
            Some(TICKET_PAGES_MAX),
        )
    }

    pub(super) fn take(&mut self, keys: &[Key], has_next: bool) -> Result<Vec<bool>, Astray> {
        let rows = self.check(keys)?;
        let Some(slice) = self.slice() else {
            return Ok(vec![false; keys.len()]);
        };
        let begins_known = rows
            .first()
            .is_some_and(|(id, at)| self.seen.get(id) == Some(at));
        if slice.start() > 0 && !begins_known {
            // Rows before this page may have moved up past it.
            self.overlap = self.overlap.saturating_mul(2).min(self.offset);
            return Ok(vec![false; keys.len()]);
        }
        let fresh = rows
            .iter()
            .map(|(id, at)| self.seen.insert(*id, *at) != Some(*at));
        let fresh = fresh.collect();
        self.offset = slice.start() + rows.len() as u64;
        self.overlap = 1;
        match rows.last() {
            _ if !has_next => self.is_done = true,
            Some((_, newest)) => self.move_window(*newest),
            None => {}
        }
        Ok(fresh)
    }

    fn check(&self, keys: &[Key]) -> Result<Vec<(u64, Timestamp)>, Astray> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut last = None;
        for key in keys {
            let at = key.updated_at.ok_or(Astray::NoTime)?;
            if at < self.since {
                return Err(Astray::TooOld);
            }
            if last.is_some_and(|last| at < last) {
                return Err(Astray::Disordered);
            }
            last = Some(at);
            rows.push((key.id, at));
        }
        Ok(rows)
    }

    /// Moves the window along where that is cheap, or where it must be.
    fn move_window(&mut self, newest: Timestamp) {
        let second = second_of(newest);
        let next = second.checked_sub(SECOND).unwrap_or(second);
        let is_full = !Slice::goes_on(self.offset, Some(TICKET_PAGES_MAX));
        if next > self.since {
            let twice = self.seen.values().filter(|at| **at >= next).count();
            if twice <= REREAD_MAX || is_full {
                self.begin_at(next);
            }
        } else if is_full {
            let read = self.seen.values().filter(|at| **at >= second).count() as u64;
            self.gaps.push(Gap::Second { at: second, read });
            self.begin_at(second.checked_add(SECOND).unwrap_or(second));
        }
    }

    fn begin_at(&mut self, since: Timestamp) {
        self.since = since;
        self.offset = 0;
        self.overlap = 1;
        self.seen.retain(|_, at| *at >= since);
    }
}

fn second_of(at: Timestamp) -> Timestamp {
    let down = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::Floor);
    at.round(down).unwrap_or(at)
}
