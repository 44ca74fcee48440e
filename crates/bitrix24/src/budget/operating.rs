//! Operating time: how long one webhook's calls of one method may keep a portal busy in ten minutes.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{Lane, answer::Time};

/// What a method is parked for when the portal refused it without saying until when: the span of one of
/// the portal's baskets, after which some time is free again.
const PARKED_FOR: Duration = Duration::from_secs(60);

/// The part of the limit that background work uses before it leaves the rest to people, in percent.
const BACKGROUND_SHARE: u32 = 80;

/// The operating time of one webhook.
///
/// The documentation charges commands of a batch to their own methods, some portals charge `batch` instead
/// and give every command the sum: both are kept, and either can hold a call up.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// The portal's limit as far as known; only background work heeds it.
    limit: Duration,
    methods: HashMap<Box<str>, Account>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    /// What the portal last said, which is cumulative.
    used: Duration,
    reset_at: Option<Reset>,
    /// Until when the portal refuses the method.
    parked: Option<Reset>,
}

/// When time is free again, by our clock and by the portal's.
#[derive(Clone, Copy, Debug)]
struct Reset {
    at: Instant,
    wall: Option<Timestamp>,
}

/// Why a method has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) until: Instant,
    /// The same by the portal's clock, if it said so.
    pub(crate) wall: Option<Timestamp>,
}

impl Ledger {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            methods: HashMap::new(),
        }
    }

    /// Notes what the portal said about a method with an answer.
    pub(crate) fn note(&mut self, method: &str, time: &Time, now: Instant) {
        let Some(used) = time
            .operating_s
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
        else {
            return;
        };
        let reset_at = time.reset_after().map(|after| Reset {
            at: now + after,
            wall: time.operating_reset_at,
        });
        let account = self.account(method);
        // Answers overtake each other: within one window the sum only grows.
        let is_same_window = match (account.reset_at, reset_at) {
            (Some(before), Some(after)) => before.wall == after.wall,
            _ => false,
        };
        account.used = if is_same_window {
            account.used.max(used)
        } else {
            used
        };
        account.reset_at = reset_at;
    }

    /// The portal refused the method for its operating time.
    pub(crate) fn park(
        &mut self,
        method: &str,
        after: Option<Duration>,
        wall: Option<Timestamp>,
        now: Instant,
    ) {
        let account = self.account(method);
        let known = account.reset_at.filter(|reset| reset.at > now);
        account.parked = Some(match (after, known) {
            (Some(after), _) => Reset {
                at: now + after.max(Duration::from_secs(1)),
                wall,
            },
            (None, Some(known)) => known,
            (None, None) => Reset {
                at: now + PARKED_FOR,
                wall: None,
            },
        });
    }

    /// Whether a call of the method has to wait.
    pub(crate) fn parked(&self, method: &str, lane: Lane, now: Instant) -> Option<Parked> {
        let reset = self.held_until(self.methods.get(method)?, lane, now)?;
        Some(Parked {
            until: reset.at,
            wall: reset.wall,
        })
    }

    /// Whether a call of any method has to wait.
    pub(crate) fn is_restrained(&self, now: Instant) -> bool {
        // Whatever holds people up holds background work up too.
        let is_held = |account| self.held_until(account, Lane::Background, now).is_some();
        self.methods.values().any(is_held)
    }

    fn held_until(&self, account: &Account, lane: Lane, now: Instant) -> Option<Reset> {
        let refused = account.parked.filter(|reset| reset.at > now);
        let is_nearly_used = account.used * 100 >= self.limit * BACKGROUND_SHARE;
        let held_back = account
            .reset_at
            .filter(|reset| lane == Lane::Background && is_nearly_used && reset.at > now);
        refused.or(held_back)
    }

    /// How many methods the portal refuses now.
    pub(crate) fn parked_methods(&self, now: Instant) -> usize {
        let is_parked = |account: &&Account| account.parked.is_some_and(|reset| reset.at > now);
        self.methods.values().filter(is_parked).count()
    }

    fn account(&mut self, method: &str) -> &mut Account {
        self.methods.entry(method.into()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINISH: f64 = 1_700_000_000.5;

    fn time(operating_s: f64, reset_in_s: f64) -> Time {
        let reset = FINISH + reset_in_s;
        Time {
            finish_s: Some(FINISH),
            operating_s: Some(operating_s),
            operating_reset_at: Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(
                reset,
            ))
            .ok(),
            ..Time::default()
        }
    }

    fn ledger() -> Ledger {
        Ledger::new(Duration::from_secs(480))
    }

    fn until(ledger: &Ledger, method: &str, lane: Lane, now: Instant) -> Option<f64> {
        let parked = ledger.parked(method, lane, now)?;
        Some((parked.until - now).as_secs_f64())
    }

    #[test]
    fn a_refused_method_is_parked_until_its_reset_and_no_other() {
        let now = Instant::now();
        for (said_after, noted, expected) in [
            (Some(90), Some(300.0), 90.0),
            (None, Some(300.0), 300.0),
            (None, None, 60.0),
            (Some(0), None, 1.0),
        ] {
            let mut ledger = ledger();
            if let Some(reset_in_s) = noted {
                ledger.note("crm.deal.list", &time(481.0, reset_in_s), now);
            }
            ledger.park(
                "crm.deal.list",
                said_after.map(Duration::from_secs),
                None,
                now,
            );
            for lane in [Lane::Interactive, Lane::Background] {
                let parked = until(&ledger, "crm.deal.list", lane, now);
                assert!(
                    parked.is_some_and(|s| (s - expected).abs() < 1e-3),
                    "{said_after:?} {noted:?}: {parked:?}"
                );
                assert_eq!(until(&ledger, "crm.lead.list", lane, now), None);
            }
            assert_eq!(ledger.parked_methods(now), 1);
            let later = now + Duration::from_secs_f64(expected);
            assert_eq!(
                until(&ledger, "crm.deal.list", Lane::Interactive, later),
                None
            );
            assert_eq!(ledger.parked_methods(later), 0);
        }
    }

    #[test]
    fn what_the_portal_says_is_a_sum_and_not_added_up() {
        let now = Instant::now();
        let mut ledger = ledger();
        for used in 1..=100 {
            ledger.note("crm.deal.list", &time(f64::from(used), 500.0), now);
        }
        assert_eq!(until(&ledger, "crm.deal.list", Lane::Background, now), None);
    }

    #[test]
    fn background_stops_before_people_have_to() {
        let now = Instant::now();
        let mut ledger = ledger();
        ledger.note("crm.deal.list", &time(383.0, 200.0), now);
        assert_eq!(until(&ledger, "crm.deal.list", Lane::Background, now), None);
        ledger.note("crm.deal.list", &time(384.0, 200.0), now);
        ledger.note("crm.deal.list", &time(100.0, 200.0), now);
        assert!(until(&ledger, "crm.deal.list", Lane::Background, now).is_some());
        assert_eq!(
            until(&ledger, "crm.deal.list", Lane::Interactive, now),
            None
        );
        ledger.note("crm.deal.list", &time(100.0, 260.0), now);
        assert_eq!(until(&ledger, "crm.deal.list", Lane::Background, now), None);
    }

    #[test]
    fn counters_that_are_missing_hold_nobody_up() {
        let now = Instant::now();
        let mut ledger = ledger();
        ledger.note("crm.deal.list", &Time::default(), now);
        let without_reset = Time {
            operating_s: Some(1e6),
            ..Time::default()
        };
        ledger.note("crm.lead.list", &without_reset, now);
        for method in ["crm.deal.list", "crm.lead.list"] {
            assert_eq!(until(&ledger, method, Lane::Background, now), None);
        }
    }
}
