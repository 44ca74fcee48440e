//! How many requests may be under way at once: more until the helpdesk slows down, fewer when it says so.
//!
//! Additive increase, multiplicative decrease. A helpdesk that writes as fast with two clients as with eight answers
//! each of the eight four times later: so growth ends where answers take half again as long as the quickest ones of
//! their sort did, not only where something fails.

use std::{collections::BTreeMap, time::Duration};

/// Growth goes on while answers take less than so many times the quickest.
const RISE_BELOW: f64 = 1.5;
/// From so many times the quickest on there are too many requests under way.
const FALL_ABOVE: f64 = 2.5;
/// What is left of the limit after a refusal.
const CUT: f64 = 0.5;
/// The weight of one answer in the smoothed slowness.
const WEIGHT: f64 = 0.05;
/// How quickly the quickest answer is forgotten, with each one that had the helpdesk nearly to itself. Others say nothing
/// about how quick it could be, and would let the limit creep up for ever.
const FORGET: f64 = 1.01;
/// With so many requests under way each has the helpdesk nearly to itself.
const FEW: f64 = 3.0;
/// Shortest wait after a refusal that names none.
const WAIT: Duration = Duration::from_millis(200);
/// Longest wait that is obeyed in one piece.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// A sort of request, whose answers take about as long as each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A customer.
    Customer,
    /// A contact.
    Contact,
    /// A ticket.
    Ticket,
    /// A change of a ticket.
    Change,
    /// What takes longer the more there is in it.
    Uneven,
}

/// What was seen of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// An answer.
    Answer {
        /// To what.
        sort: Sort,
        /// After which time.
        after: Duration,
    },
    /// Too many requests, a deadlock, maintenance, or no answer at all.
    Overloaded {
        /// How long the helpdesk asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// The controller. Times are since the start of the run.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: f64,
    most: f64,
    is_starting: bool,
    quickest: BTreeMap<Sort, f64>,
    slowness: f64,
    cut_at: Option<Duration>,
    overloads: u32,
    free_at: Duration,
}

impl Pace {
    /// Begins with two requests at a time, and goes up to so many.
    pub fn new(most: usize) -> Self {
        let most = u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        Self {
            limit: 2.0_f64.min(f64::from(most)),
            most: f64::from(most),
            is_starting: true,
            quickest: BTreeMap::new(),
            slowness: 1.0,
            cut_at: None,
            overloads: 0,
            free_at: Duration::ZERO,
        }
    }

    /// How many requests may be under way.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the most, which was a u32"
    )]
    pub fn limit(&self) -> usize {
        self.limit as u32 as usize
    }

    /// How long nothing is to be sent.
    pub fn wait(&self, at: Duration) -> Duration {
        self.free_at.saturating_sub(at)
    }

    /// Learns from a request.
    pub fn see(&mut self, seen: Seen, at: Duration) {
        match seen {
            Seen::Answer { sort, after } => self.answered(sort, after),
            Seen::Overloaded { retry_after } => self.overloaded(retry_after, at),
        }
    }

    fn answered(&mut self, sort: Sort, after: Duration) {
        self.overloads = 0;
        if sort != Sort::Uneven {
            let after = after.as_secs_f64().max(0.000_1);
            let quickest = self.quickest.entry(sort).or_insert(after);
            let forget = if self.limit < FEW { FORGET } else { 1.0 };
            *quickest = (*quickest * forget).min(after);
            self.slowness += WEIGHT * (after / *quickest - self.slowness);
        }
        let step = if self.is_starting {
            1.0
        } else {
            1.0 / self.limit
        };
        if self.slowness < RISE_BELOW {
            self.limit += step;
        } else {
            self.is_starting = false;
            if self.slowness > FALL_ABOVE {
                self.limit -= 1.0 / self.limit;
            }
        }
        self.limit = self.limit.clamp(1.0, self.most);
    }

    fn overloaded(&mut self, retry_after: Option<Duration>, at: Duration) {
        self.is_starting = false;
        // Requests that were under way together fail together: they are one refusal.
        let is_new = self.cut_at.is_none_or(|cut_at| at >= cut_at + WAIT);
        if is_new {
            self.cut_at = Some(at);
            self.overloads = self.overloads.saturating_add(1);
            self.limit = (self.limit * CUT).clamp(1.0, self.most);
        }
        let doubled = WAIT.saturating_mul(1 << self.overloads.saturating_sub(1).min(7));
        let wait = retry_after.unwrap_or(doubled).clamp(WAIT, WAIT_MAX);
        self.free_at = self.free_at.max(at + wait);
    }
}
