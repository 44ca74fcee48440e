//! How much may be asked: one budget for everybody who asks as one account, a share of what the account's plan allows.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

const MINUTE: Duration = Duration::from_secs(60);
/// What is waited when nothing says how long.
const PAUSE: Duration = MINUTE;
/// From so many on, a plan's limit is one for an hour: no plan allows as many in a minute.
const HOURLY_FROM: u32 = 1000;

/// The account's plan, as far as limits go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// Begins as slowly as a trial, and learns from the first answer.
    #[default]
    Unknown,
    /// 50 requests a minute.
    Trial,
    /// 200 a minute, of which 20 lists of tickets and 20 of contacts.
    Growth,
    /// 400 a minute, of which 100 lists of tickets and 100 of contacts.
    Pro,
    /// 700 a minute, of which 200 lists of tickets and 200 of contacts.
    Enterprise,
    /// An old plan, with so many an hour.
    PerHour(u32),
    /// Another agreement, with so many a minute.
    PerMinute(u32),
}

/// What may be asked in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Everything together, in credits: a request is one, and more with includes.
    pub total: u32,
    /// Lists of tickets, in requests.
    pub ticket_lists: u32,
    /// Lists of contacts, in requests.
    pub contact_lists: u32,
    /// How long a window lasts.
    pub window: Duration,
}

impl Plan {
    /// What it allows.
    pub fn limits(self) -> Limits {
        match self {
            Self::Unknown | Self::Trial => Limits::of_total(50),
            Self::Growth => Limits::of_total(200),
            Self::Pro => Limits::of_total(400),
            Self::Enterprise => Limits::of_total(700),
            Self::PerMinute(total) => Limits {
                window: MINUTE,
                ..Limits::of_total(total)
            },
            Self::PerHour(total) => Limits {
                window: MINUTE * 60,
                ..Limits::of_total(total)
            },
        }
    }
}

impl Limits {
    /// What goes with a total, which is all that an answer tells.
    fn of_total(total: u32) -> Self {
        let lists = match total {
            HOURLY_FROM.. => total,
            700.. => 200,
            400.. => 100,
            _ => 20,
        };
        let window = if total >= HOURLY_FROM {
            MINUTE * 60
        } else {
            MINUTE
        };
        Self {
            total,
            ticket_lists: lists.min(total),
            contact_lists: lists.min(total),
            window,
        }
    }

    fn share(self, percent: u8) -> Self {
        let share = |whole: u32| {
            let part = u64::from(whole) * u64::from(percent) / 100;
            u32::try_from(part).unwrap_or(u32::MAX).max(1)
        };
        Self {
            total: share(self.total),
            ticket_lists: share(self.ticket_lists),
            contact_lists: share(self.contact_lists),
            window: self.window,
        }
    }

    /// How many of these may be asked in a window.
    pub(crate) fn of(self, endpoint: Endpoint) -> u32 {
        match endpoint {
            Endpoint::TicketList => self.ticket_lists,
            Endpoint::ContactList => self.contact_lists,
            Endpoint::Other => self.total,
        }
    }
}

/// Which of the smaller limits a request draws upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    TicketList,
    ContactList,
    Other,
}

/// What an answer says of the account's budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) total: Option<u32>,
    pub(crate) remaining: Option<u32>,
    pub(crate) used: Option<u32>,
}

/// How the account's budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the plan allows.
    pub limits: Limits,
    /// What of it is drawn upon here.
    pub share: Limits,
    /// What the last answer said was left, to everybody.
    pub remaining: Option<u32>,
    /// How much longer nothing is sent.
    pub paused_for: Option<Duration>,
}

/// Decides; holds no clock.
///
/// A request counts from when it is sent until a window after its answer: Freshdesk counts it somewhere in between, so
/// that none of its windows, wherever they begin, holds more than ours.
#[derive(Debug)]
pub(crate) struct Ledger {
    share_percent: u8,
    is_learning: bool,
    limits: Limits,
    unanswered: Vec<(Endpoint, u32)>,
    counted: VecDeque<Counted>,
    remaining: Option<u32>,
    paused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    until: Instant,
    endpoint: Endpoint,
    credits: u32,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    Now,
    At(Instant),
    AfterAnswer,
}

impl Ledger {
    pub(crate) fn new(plan: Plan, share_percent: u8) -> Self {
        Self {
            share_percent: share_percent.clamp(1, 100),
            is_learning: plan == Plan::Unknown,
            limits: plan.limits(),
            unanswered: Vec::new(),
            counted: VecDeque::new(),
            remaining: None,
            paused_until: None,
        }
    }

    /// Takes room for one request, if there is any.
    pub(crate) fn take(&mut self, now: Instant, endpoint: Endpoint, credits: u32) -> Take {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Take::At(until);
        }
        self.counted.retain(|counted| counted.until > now);
        let share = self.limits.share(self.share_percent);
        let is_same = |other: Endpoint| endpoint != Endpoint::Other && other == endpoint;
        let (mut credits_used, mut requests) = (credits.min(share.total), 1);
        for (other, credits) in &self.unanswered {
            credits_used += credits;
            requests += u32::from(is_same(*other));
        }
        for counted in &self.counted {
            credits_used += counted.credits;
            requests += u32::from(is_same(counted.endpoint));
        }
        // The earliest that ends makes room, until there is enough.
        let mut wait = None;
        let mut ending = self.counted.iter();
        while credits_used > share.total || requests > share.of(endpoint) {
            let Some(counted) = ending.next() else {
                return Take::AfterAnswer;
            };
            credits_used -= counted.credits;
            requests -= u32::from(is_same(counted.endpoint));
            wait = Some(counted.until);
        }
        match wait {
            Some(until) => Take::At(until),
            None => {
                self.unanswered.push((endpoint, credits));
                Take::Now
            }
        }
    }

    /// A request ended, with or without an answer.
    pub(crate) fn ended(&mut self, now: Instant, endpoint: Endpoint, credits: u32, told: Told) {
        let place = self
            .unanswered
            .iter()
            .position(|open| *open == (endpoint, credits));
        if let Some(place) = place {
            self.unanswered.swap_remove(place);
        }
        if let Some(total) = told.total.filter(|total| *total > 0) {
            let is_other = total != self.limits.total;
            if is_other && (self.is_learning || self.limits.total > total) {
                self.limits = Limits::of_total(total);
            }
        }
        self.counted.push_back(Counted {
            until: now + self.limits.window,
            endpoint,
            credits: told.used.unwrap_or(credits).max(1),
        });
        self.remaining = told.remaining.or(self.remaining);
        // Others are close to their end: what is left is theirs.
        if told
            .remaining
            .is_some_and(|remaining| remaining < self.limits.total / 10)
        {
            self.pause_until(now + self.limits.window / 10);
        }
    }

    /// Freshdesk said that it was asked too often, which may be true of a limit that its headers do not tell of. Everybody
    /// waits, as long as it said.
    pub(crate) fn refused(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        let pause = retry_after.unwrap_or(PAUSE).max(Duration::from_secs(1));
        self.pause_until(now + pause);
        pause
    }

    fn pause_until(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    fn standing(&self, now: Instant) -> Standing {
        Standing {
            limits: self.limits,
            share: self.limits.share(self.share_percent),
            remaining: self.remaining,
            paused_for: self
                .paused_until
                .and_then(|until| until.checked_duration_since(now)),
        }
    }
}

/// Waits as the ledger decides.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Held by whoever waits for room, so that all go in their turn.
    turn: tokio::sync::Mutex<()>,
    ledger: Mutex<Ledger>,
    answered: Notify,
}

/// Leave to send one request.
pub(crate) struct Permit<'a> {
    budget: &'a Budget,
    endpoint: Endpoint,
    credits: u32,
    pub(crate) told: Told,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut ledger = self.budget.lock();
        ledger.ended(Instant::now(), self.endpoint, self.credits, self.told);
        self.budget.answered.notify_one();
    }
}

impl Budget {
    pub(crate) fn new(plan: Plan, share_percent: u8) -> Self {
        Self {
            turn: tokio::sync::Mutex::default(),
            ledger: Mutex::new(Ledger::new(plan, share_percent)),
            answered: Notify::new(),
        }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn take(&self, endpoint: Endpoint, credits: u32) -> Permit<'_> {
        let _turn = self.turn.lock().await;
        loop {
            let take = self.lock().take(Instant::now(), endpoint, credits);
            match take {
                Take::Now => {
                    return Permit {
                        budget: self,
                        endpoint,
                        credits,
                        told: Told::default(),
                    };
                }
                Take::At(until) => sleep_until(until).await,
                Take::AfterAnswer => self.answered.notified().await,
            }
        }
    }

    pub(crate) fn refused(&self, retry_after: Option<Duration>) -> Duration {
        self.lock().refused(Instant::now(), retry_after)
    }

    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic leaves whole values behind.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
