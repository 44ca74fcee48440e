//! Which pages an export reads next. Pages in, pages out; no clock, no network.
//!
//! The id space is cut into spans that should hold a little less than a page each, judged by how densely ids
//! lay in what was read nearby; a wide id space is surveyed first, by pages at even distances. A page that
//! comes back full covers only as far as its last row; the rest of its span is a gap again and is cut anew,
//! finer. The last page of each request has no upper end: where the ids stop for a million numbers, it lands
//! on the far side at once and shows that there is nothing between.
//!
//! Invariants: a row is released once, after everything before it; nothing is released beyond a gap.

use std::collections::BTreeMap;

use super::{
    super::page::{PAGE, Span},
    coverage::Coverage,
};
use crate::{Order, group::COMMANDS_MAX};

#[cfg(test)]
mod tests;

/// Requests under way at once. Twenty of fifty pages are fifty thousand rows.
const REQUESTS_MAX: usize = 24;
/// Rows held or expected at once.
const ROWS_MAX: usize = 1 << 16;
/// Bytes held or expected at once, by the size of the rows that were seen.
const BYTES_MAX: u64 = 128 << 20;
/// Bytes expected of one request.
const REQUEST_BYTES_MAX: u64 = 8 << 20;
/// The part of it for rows that cannot be released before a gap left of them is read, so that they leave room
/// for what fills the gap.
const ROWS_AHEAD: usize = 4;
/// The most pages into which the id space is simply cut up. Where more are needed, or a survey meets deserts,
/// gaps are entered step by step.
const PLAIN_PAGES: u64 = (2 * REQUESTS_MAX * COMMANDS_MAX) as u64;
/// The widest id space that needs no survey.
const PLAIN_WIDTH: u64 = PLAIN_PAGES * PAGE as u64;
/// Rows that a page is expected to hold: so few are over, and so few go to waste.
const ROWS_AIMED: u64 = 40;
/// Pages nearby that a density is judged by, when they hold few rows.
const SAMPLES: usize = 20;
/// The part of a full request that is worth one while others are under way.
const WORTH: usize = 2;
/// The same for the last pages there are.
const WORTH_AT_THE_END: usize = 5;
/// Pages read into a gap of which nothing is known but where it begins.
const STEP_FIRST: usize = 4;
/// Pages in a row that speak for the next ones.
const RUN_MAX: usize = REQUESTS_MAX * COMMANDS_MAX / 2;

/// A page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) span: Span,
    /// The end of the part that nobody else reads meanwhile.
    claim: u64,
}

/// What became of a page.
#[derive(Debug)]
pub(super) enum Read<R> {
    /// Its rows with their ids, ascending.
    Rows(Vec<(u64, R)>),
    /// It has to be read again.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Planner<R> {
    phase: Phase,
    /// Everything up to here is released.
    released: u64,
    /// The last id that existed when the export began.
    end: u64,
    known: Coverage,
    claimed: Coverage,
    /// By its end, where each span begins that is being read.
    claims: BTreeMap<u64, u64>,
    rows: BTreeMap<u64, R>,
    /// By its end, where each span that was read began and how many rows it holds.
    samples: BTreeMap<u64, (u64, u64)>,
    pages_under_way: usize,
    /// How many pages go into a request as far as requests have failed, and up to how many that may grow.
    pages_max: usize,
    ceiling: usize,
    rows_seen: u64,
    bytes_seen: u64,
    /// Whether gaps are entered step by step.
    is_wide: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first and the last page are to be read.
    Ends { has_head: bool, has_tail: bool },
    /// The last id is known; how densely ids lie before it is to be looked at, if it is far.
    Survey,
    /// It is being looked at.
    Surveying,
    /// Gaps are cut into pages.
    Middle,
}

impl<R> Planner<R> {
    pub(super) fn new(after: u64) -> Self {
        Self {
            phase: Phase::Ends {
                has_head: false,
                has_tail: false,
            },
            released: after,
            end: u64::MAX,
            known: Coverage::default(),
            claimed: Coverage::default(),
            claims: BTreeMap::new(),
            rows: BTreeMap::new(),
            samples: BTreeMap::new(),
            pages_under_way: 0,
            pages_max: COMMANDS_MAX,
            ceiling: COMMANDS_MAX,
            rows_seen: 0,
            bytes_seen: 0,
            is_wide: false,
        }
    }

    /// The pages of one more request; `None` when none is to be sent before another has come back.
    pub(super) fn plan(&mut self) -> Option<Vec<Page>> {
        if self.phase == Phase::Surveying && self.pages_under_way == 0 {
            self.phase = Phase::Middle;
            self.is_wide |= self.pages_in_gaps() > PLAIN_PAGES;
        }
        let pages = match self.phase {
            Phase::Ends { has_head, has_tail } => self.ends(has_head, has_tail),
            Phase::Surveying => Vec::new(),
            Phase::Survey => match self.next_gap(self.released) {
                Some((start, end)) if end - start > PLAIN_WIDTH => {
                    self.phase = Phase::Surveying;
                    survey(start, end, self.request_max())
                }
                _ => {
                    self.phase = Phase::Middle;
                    self.slices()
                }
            },
            Phase::Middle => self.slices(),
        };
        self.pages_under_way += pages.len();
        (!pages.is_empty()).then_some(pages)
    }

    /// How many pages a request may have now.
    pub(super) fn request_max(&self) -> usize {
        let page = (PAGE as u64 * self.bytes_seen).checked_div(self.rows_seen);
        let pages = page.and_then(|page| REQUEST_BYTES_MAX.checked_div(page));
        let pages = pages.and_then(|pages| usize::try_from(pages).ok());
        pages.unwrap_or(COMMANDS_MAX).clamp(1, self.pages_max)
    }

    /// Makes requests half as large as one that was too much at once, for good if it always will be. Answers
    /// whether they can get smaller than that one.
    pub(super) fn shrink(&mut self, pages: usize, is_for_good: bool) -> bool {
        let half = (pages / 2).max(1);
        self.pages_max = self.pages_max.min(half);
        if is_for_good {
            self.ceiling = self.ceiling.min(half);
        }
        half < pages
    }

    /// Makes requests a little larger again after one that was answered, as far as they may grow.
    pub(super) fn grow(&mut self) {
        self.pages_max = (self.pages_max + 1).min(self.ceiling);
    }

    /// Notes how large rows are, so that no more of them are read at once than can be held.
    pub(super) fn weigh(&mut self, rows: usize, bytes: usize) {
        self.rows_seen += rows as u64;
        self.bytes_seen += bytes as u64;
    }

    /// How many rows may be held or expected at once.
    fn rows_max(&self) -> usize {
        let row = self.bytes_seen.checked_div(self.rows_seen);
        let rows = row.and_then(|row| BYTES_MAX.checked_div(row));
        let rows = rows.and_then(|rows| usize::try_from(rows).ok());
        rows.unwrap_or(ROWS_MAX).min(ROWS_MAX)
    }

    /// Takes in what became of a page.
    pub(super) fn take_in(&mut self, page: Page, read: Read<R>) {
        self.pages_under_way -= 1;
        if page.claim > page.span.after {
            self.claimed.remove(page.span.after, page.claim);
            self.claims.remove(&page.claim);
        }
        let Read::Rows(rows) = read else {
            return;
        };
        match page.span.order {
            Order::Ascending => self.take_page(page, rows),
            Order::Descending => self.take_tail(page, rows),
        }
    }

    /// The rows that are now known in order.
    pub(super) fn release(&mut self) -> impl Iterator<Item = R> + use<R> {
        let reach = self.known.reach(self.released).min(self.end);
        let later = match reach.checked_add(1) {
            Some(first) => self.rows.split_off(&first),
            None => BTreeMap::new(),
        };
        let ready = std::mem::replace(&mut self.rows, later);
        self.released = reach;
        let oldest = self.samples.range(..=reach).rev().nth(RUN_MAX);
        if let Some(oldest) = oldest.map(|(end, _)| *end) {
            self.samples = self.samples.split_off(&oldest);
        }
        ready.into_values()
    }

    fn ends(&self, has_head: bool, has_tail: bool) -> Vec<Page> {
        if self.pages_under_way > 0 {
            return Vec::new();
        }
        let page = |span| Page {
            span,
            claim: self.released,
        };
        let head = (!has_head).then(|| page(Span::after(self.released)));
        let tail = (!has_tail).then(|| page(Span::from_the_end(self.released)));
        head.into_iter()
            .chain(tail)
            .take(self.request_max())
            .collect()
    }

    /// How many pages all gaps would be cut into.
    fn pages_in_gaps(&self) -> u64 {
        let (mut from, mut pages) = (self.released, 0u64);
        while let Some((start, end)) = self.next_gap(from) {
            pages = pages.saturating_add((end - start).div_ceil(self.width(start)));
            from = end;
        }
        pages
    }

    /// Cuts gaps from the left into pages, until a request is full or enough is under way. A request that is
    /// hardly filled waits for what others will show.
    fn slices(&mut self) -> Vec<Page> {
        let mut pages: Vec<Page> = Vec::new();
        let mut from = self.released;
        let mut is_everything = true;
        let mut step = 0;
        while let Some((start, end)) = self.next_gap(from) {
            let width = self.width(start);
            // What is left over of a span that was read, or follows on what is being read: rows beyond it
            // are waiting for it.
            let is_awaited = is_everything || end - start <= width.saturating_mul(2);
            let room = self.room(pages.len(), is_awaited);
            if room == 0 && (is_everything || pages.len() >= self.request_max()) {
                break;
            }
            // What is left of the step into a gap that is filled leads into the next.
            let left = if is_everything { step } else { 0 };
            step = self.step(start, width).max(left);
            let cut = cut(start, end, width, room.min(step));
            step -= cut.len();
            pages.extend(cut);
            is_everything &= pages.last().is_some_and(|last| last.claim == end);
            from = end;
        }
        let worth = if is_everything {
            WORTH_AT_THE_END
        } else {
            WORTH
        };
        if pages.len() < self.request_max() / worth && self.pages_under_way > 0 {
            return Vec::new();
        }
        for page in &pages {
            self.claimed.add(page.span.after, page.claim);
            self.claims.insert(page.claim, page.span.after);
        }
        pages
    }

    /// How many pages more may go into a request that has so many.
    fn room(&self, pages: usize, is_awaited: bool) -> usize {
        let request_max = self.request_max();
        let in_request = request_max.saturating_sub(pages);
        // Without these, nothing could be released to make room.
        if self.pages_under_way == 0 && is_awaited {
            return in_request;
        }
        if self.pages_under_way + request_max > REQUESTS_MAX * request_max {
            return 0;
        }
        let ahead = if is_awaited { 1 } else { ROWS_AHEAD };
        let rows_max = self.rows_max() / ahead;
        let expected = self.rows.len() + (self.pages_under_way + pages) * PAGE;
        in_request.min(rows_max.saturating_sub(expected) / PAGE)
    }

    /// How many pages may be read into the gap that begins at `start`: twice as many as held rows in a row
    /// before it, so that no more is read in vain than was read with profit.
    fn step(&self, start: u64, width: u64) -> usize {
        if !self.is_wide {
            return COMMANDS_MAX;
        }
        let (mut at, mut held, mut awaited) = (start, 0, 0);
        while held < RUN_MAX {
            let claim = self.claims.range(..=at).next_back();
            let claim = claim.map(|(end, from)| (*end, *from, 1));
            let sample = self.samples.range(..=at).next_back();
            let sample = sample.map(|(end, (from, held))| (*end, *from, *held));
            // What is left over of a span does not end a row of them.
            let is_near = |(end, ..): &(u64, u64, u64)| at - end <= width.saturating_mul(2);
            match (claim.filter(is_near), sample.filter(is_near)) {
                (Some((claim, from, _)), sample) if sample.is_none_or(|(end, ..)| end <= claim) => {
                    awaited += 1;
                    at = from;
                }
                (_, Some((_, from, 1..))) => {
                    held += 1;
                    at = from;
                }
                _ => break,
            }
        }
        (2 * held).max(STEP_FIRST).saturating_sub(awaited)
    }

    /// The first span from `from` on that is neither known nor being read.
    fn next_gap(&self, from: u64) -> Option<(u64, u64)> {
        let mut start = from;
        loop {
            let reach = self.known.reach(start).max(self.claimed.reach(start));
            if start >= self.end || reach == start {
                break;
            }
            start = reach;
        }
        let next = [self.known.next_start(start), self.claimed.next_start(start)];
        let end = next.into_iter().flatten().fold(self.end, u64::min);
        (start < end).then_some((start, end))
    }

    /// How wide a span after `start` should be to hold a little less than a page.
    fn width(&self, start: u64) -> u64 {
        let (mut width, mut rows) = (0, 0);
        for (end, (from, held)) in self.samples.range(..=start).rev().take(SAMPLES) {
            width += u128::from(end - from);
            rows += u128::from(*held);
            if rows >= u128::from(ROWS_AIMED) {
                break;
            }
        }
        let aimed = match rows {
            0 => width * u128::from(2 * ROWS_AIMED),
            rows => width * u128::from(ROWS_AIMED) / rows,
        };
        u64::try_from(aimed).unwrap_or(u64::MAX).max(PAGE as u64)
    }

    fn take_page(&mut self, page: Page, rows: Vec<(u64, R)>) {
        let start = page.span.after;
        let ids = rows
            .first()
            .zip(rows.last())
            .map(|((first, _), (last, _))| (*first, *last));
        let is_full = rows.len() >= PAGE;
        let reach = match (ids, page.span.until) {
            (Some((_, last)), _) if is_full => last,
            (_, Some(until)) => until,
            (_, None) => u64::MAX,
        };
        let held = rows.len() as u64;
        match (ids, page.span.until) {
            (_, Some(_)) => self.sample(start, reach, held),
            // It has jumped over a desert, which says nothing about where it landed.
            (Some((first, last)), None) if first - start > last - first + 1 => {
                self.is_wide |= self.phase == Phase::Surveying;
                self.sample(start, first - 1, 0);
                self.sample(first - 1, last, held);
            }
            (Some((_, last)), None) => self.sample(start, last, held),
            (None, None) => {}
        }
        if let Phase::Ends { has_head, .. } = &mut self.phase {
            *has_head = true;
            if !is_full {
                self.end = ids.map_or(start, |(_, last)| last);
                self.phase = Phase::Middle;
            }
        }
        self.known.add(start, reach);
        self.keep(rows);
        self.leave_the_ends();
    }

    fn take_tail(&mut self, page: Page, rows: Vec<(u64, R)>) {
        // A short head has said already where the end is.
        let Phase::Ends { has_tail, .. } = &mut self.phase else {
            return;
        };
        *has_tail = true;
        let ids = rows
            .first()
            .zip(rows.last())
            .map(|((first, _), (last, _))| (*first, *last));
        let start = match ids {
            Some((first, _)) if rows.len() >= PAGE => first - 1,
            _ => page.span.after,
        };
        self.end = ids.map_or(page.span.after, |(_, last)| last);
        self.sample(start, self.end, rows.len() as u64);
        self.known.add(start, u64::MAX);
        self.keep(rows);
        self.leave_the_ends();
    }

    fn leave_the_ends(&mut self) {
        if let Phase::Ends {
            has_head: true,
            has_tail: true,
        } = self.phase
        {
            self.phase = Phase::Survey;
        }
    }

    fn keep(&mut self, rows: Vec<(u64, R)>) {
        let wanted = self.released..=self.end;
        let new = rows
            .into_iter()
            .filter(|(id, _)| *id > self.released && wanted.contains(id));
        self.rows.extend(new);
    }

    fn sample(&mut self, start: u64, end: u64, held: u64) {
        if start < end {
            self.samples.insert(end, (start, held));
        }
    }
}

/// Pages at even distances.
fn survey(start: u64, end: u64, pages: usize) -> Vec<Page> {
    let step = (end - start) / (pages as u64 + 1);
    (1..=pages as u64)
        .map(|nth| start + step * nth)
        .map(|after| Page {
            span: Span::after(after),
            claim: after,
        })
        .collect()
}

/// Cuts the beginning of a gap into pages, so many at most.
fn cut(start: u64, end: u64, width: u64, pages_max: usize) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut after = start;
    while pages.len() < pages_max && after < end {
        let claim = after.saturating_add(width).min(end);
        // The last one shows what is beyond.
        let is_last = pages.len() + 1 == pages_max && claim < end;
        let span = if is_last {
            Span::after(after)
        } else {
            Span::between(after, claim)
        };
        pages.push(Page { span, claim });
        after = claim;
    }
    pages
}
