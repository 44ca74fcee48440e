//! Which spans of the id space are known.

use std::collections::BTreeMap;

/// Spans of ids, each from an exclusive start to an inclusive end, that neither touch nor overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage(BTreeMap<u64, u64>);

impl Coverage {
    /// Adds a span, and joins it with those it touches.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        while let Some((from, to)) = self.touching(start, end) {
            self.0.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        self.0.insert(start, end);
    }

    /// Takes a span away.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        while let Some((&from, &to)) = self.0.range(..end).next_back()
            && to > start
        {
            self.0.remove(&from);
            if from < start {
                self.0.insert(from, start);
            }
            if to > end {
                self.0.insert(end, to);
            }
        }
    }

    /// How far the ids after `start` are known without a gap.
    pub(super) fn reach(&self, start: u64) -> u64 {
        match self.0.range(..=start).next_back() {
            Some((_, end)) => (*end).max(start),
            None => start,
        }
    }

    /// Where the next known span after `start` begins.
    pub(super) fn next_start(&self, start: u64) -> Option<u64> {
        self.0.range(start..).next().map(|(start, _)| *start)
    }

    fn touching(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let (from, to) = self.0.range(..=end).next_back()?;
        (*to >= start).then_some((*from, *to))
    }
}
