//! The cursor of a list in an order that is not known.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cursor, Gap, Key, slice::Slice};

/// So many of the last rows are remembered, to know them again.
const RECENT_MAX: usize = 500;
const RESTARTS_MAX: u8 = 3;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Offsets {
    since: Timestamp,
    pages_max: Option<u32>,
    offset: u64,
    overlap: u64,
    recent: VecDeque<(u64, Option<Timestamp>)>,
    restarts: u8,
    gaps: Vec<Gap>,
    is_done: bool,
}

impl Offsets {
    pub(super) fn since(since: Timestamp, pages_max: Option<u32>) -> Self {
        Self {
            since,
            pages_max,
            offset: 0,
            overlap: 1,
            recent: VecDeque::new(),
            restarts: 0,
            gaps: Vec::new(),
            is_done: false,
        }
    }

    pub(super) fn next_pass(&self, newest: Option<Timestamp>) -> Cursor {
        Cursor::Offsets(Self::since(newest.unwrap_or(self.since), self.pages_max))
    }

    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    pub(super) fn ask(&self) -> Option<(Timestamp, Slice)> {
        let slice = self.slice()?;
        (!self.is_done).then_some((self.since, slice))
    }

    fn slice(&self) -> Option<Slice> {
        Slice::holding(self.offset.saturating_sub(self.overlap), self.pages_max)
    }

    pub(super) fn take(&mut self, keys: &[Key], has_next: bool) -> Vec<bool> {
        let nothing = vec![false; keys.len()];
        let Some(slice) = self.slice() else {
            return nothing;
        };
        let begins_known = keys.first().is_some_and(|key| self.knows(key.id));
        if slice.start() > 0 && !begins_known && self.goes_back() {
            return nothing;
        }
        let fresh = keys.iter().map(|key| self.remember(*key)).collect();
        self.offset = slice.start() + keys.len() as u64;
        self.overlap = 1;
        self.is_done = !has_next;
        if has_next && !Slice::goes_on(self.offset, self.pages_max) {
            self.gaps.push(Gap::Beyond { read: self.offset });
            self.is_done = true;
        }
        fresh
    }

    fn knows(&self, id: u64) -> bool {
        self.recent.iter().any(|(known, _)| *known == id)
    }

    /// Rows moved up past this page. Goes back to before them, or to the beginning; not for ever.
    fn goes_back(&mut self) -> bool {
        if self.overlap.saturating_mul(2) <= self.recent.len() as u64 {
            self.overlap = self.overlap.saturating_mul(2);
            return true;
        }
        if self.restarts < RESTARTS_MAX {
            self.restarts += 1;
            self.offset = 0;
            self.overlap = 1;
            return true;
        }
        if !self.gaps.contains(&Gap::Unsteady) {
            self.gaps.push(Gap::Unsteady);
        }
        false
    }

    /// Whether this is new.
    fn remember(&mut self, key: Key) -> bool {
        let known = self.recent.iter_mut().find(|(id, _)| *id == key.id);
        if let Some((_, at)) = known {
            let is_changed = *at != key.updated_at;
            *at = key.updated_at;
            return is_changed;
        }
        self.recent.push_back((key.id, key.updated_at));
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        true
    }
}
