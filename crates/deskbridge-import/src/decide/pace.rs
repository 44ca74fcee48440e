//! How many requests may be under way at once: more until the helpdesk slows down, fewer when it says so.
//!
//! Additive increase, multiplicative decrease. A helpdesk that writes as fast with two clients as with eight answers
//! each of the eight four times later: so growth ends where answers take half again as long as the quickest ones of
//! their sort did, not only where something fails.
//!
//! An answer that got lost says nothing about how many requests the helpdesk bears, and costs nobody else anything.
//! Several in a row, or no connection, say that the helpdesk is gone: then nothing is sent but a probe now and then,
//! and with the first that is answered everything goes on as it was.

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
/// How often that wait is doubled at most: a helpdesk that is ready again does not stand idle for long.
const DOUBLINGS_MAX: u32 = 5;
/// Longest wait that is obeyed in one piece.
const WAIT_MAX: Duration = Duration::from_secs(3_600);
/// So many answers lost without one that came say that the helpdesk is gone. Where each twentieth is lost, that happens
/// once in a hundred thousand requests, and costs a probe.
const LOSSES: u32 = 4;
/// How long a probe may take.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// Between two probes there is this part of the time for which the helpdesk has been gone, within the limits below.
const PROBED_PER_ABSENCE: u32 = 8;
const PROBE_AFTER: Duration = Duration::from_millis(100);
const PROBE_AFTER_MAX: Duration = Duration::from_secs(2);
/// How often is asked again whether a helpdesk that was gone is back.
const LOOK_AFTER: Duration = Duration::from_millis(50);

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
    /// Too many requests, a deadlock, maintenance, or nothing within the deadline.
    Overloaded {
        /// How long the helpdesk asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The connection broke before the answer was there.
    Lost,
    /// There was no connection.
    Unreachable,
}

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Send.
    Now,
    /// Ask again after this time.
    Wait(Duration),
    /// Find out whether the helpdesk is back, and [say so](Pace::probed).
    Probe,
}

/// A helpdesk that does not answer.
#[derive(Clone, Copy, Debug)]
struct Gone {
    since: Duration,
    probe_at: Duration,
}

/// The controller. Times are since the start of the run.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: f64,
    most: f64,
    is_starting: bool,
    quickest: BTreeMap<Sort, f64>,
    slowness: f64,
    overloads: u32,
    free_at: Duration,
    /// Since the last answer.
    losses: u32,
    gone: Option<Gone>,
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
            overloads: 0,
            free_at: Duration::ZERO,
            losses: 0,
            gone: None,
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

    /// What somebody may do who has something to send.
    pub fn turn(&mut self, at: Duration) -> Turn {
        if let Some(gone) = &mut self.gone {
            if at < gone.probe_at {
                return Turn::Wait((gone.probe_at - at).min(LOOK_AFTER));
            }
            // One probes, and says when the next may; should it never say anything, another does.
            gone.probe_at = at + PROBE_DEADLINE + PROBE_AFTER_MAX;
            return Turn::Probe;
        }
        match self.free_at.saturating_sub(at) {
            Duration::ZERO => Turn::Now,
            wait => Turn::Wait(wait),
        }
    }

    /// How long the helpdesk has been gone.
    pub fn gone_for(&self, at: Duration) -> Option<Duration> {
        self.gone.map(|gone| at.saturating_sub(gone.since))
    }

    /// Learns from a request.
    pub fn see(&mut self, seen: Seen, at: Duration) {
        match seen {
            Seen::Answer { sort, after } => {
                self.is_there();
                self.answered(sort, after);
            }
            Seen::Overloaded { retry_after } => {
                self.is_there();
                self.overloaded(retry_after, at);
            }
            Seen::Lost => {
                self.losses = self.losses.saturating_add(1);
                if self.losses >= LOSSES {
                    self.is_gone(at);
                }
            }
            Seen::Unreachable => self.is_gone(at),
        }
    }

    /// Learns what a [probe](Turn::Probe) came to.
    pub fn probed(&mut self, is_back: bool, at: Duration) {
        if is_back {
            self.is_there();
        } else if let Some(gone) = &mut self.gone {
            let absence = at.saturating_sub(gone.since);
            let after = absence / PROBED_PER_ABSENCE;
            gone.probe_at = at + after.clamp(PROBE_AFTER, PROBE_AFTER_MAX);
        }
    }

    fn is_there(&mut self) {
        self.losses = 0;
        self.gone = None;
    }

    fn is_gone(&mut self, at: Duration) {
        // Those that were under way together find it gone together.
        self.gone.get_or_insert(Gone {
            since: at,
            probe_at: at,
        });
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
        if at >= self.free_at {
            self.overloads = self.overloads.saturating_add(1);
            self.limit = (self.limit * CUT).clamp(1.0, self.most);
        }
        let doublings = self.overloads.saturating_sub(1).min(DOUBLINGS_MAX);
        let wait = retry_after.unwrap_or(WAIT * (1 << doublings));
        self.free_at = self.free_at.max(at + wait.clamp(WAIT, WAIT_MAX));
    }
}
