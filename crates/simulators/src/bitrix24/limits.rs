//! What a portal limits: requests of everybody together, and operating time of each credential and method.

mod bucket;
mod operating;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{bucket::Bucket, operating::Windows};
use super::answer::Operating;

/// The limits of a portal.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The bucket that all requests to the portal share, whichever webhook they use; `null` switches it
    /// off.
    pub requests: Option<RequestLimit>,
    /// The time that each credential may spend in each method; `null` switches it off.
    pub operating: Option<OperatingLimit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: Some(RequestLimit::default()),
            operating: Some(OperatingLimit::default()),
        }
    }
}

impl Limits {
    /// No limits at all.
    pub fn off() -> Self {
        Self {
            requests: None,
            operating: None,
        }
    }
}

/// A leaky bucket. A batch counts one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimit {
    /// A request that brings the counter above this is refused.
    pub burst: u32,
    /// So much leaves the counter every second.
    pub per_second: f64,
    /// Whether refused requests stay in the counter, so that hammering keeps the door shut. The
    /// documentation can be read both ways.
    pub refusals_count: bool,
}

impl Default for RequestLimit {
    /// 50 and 2, what every plan but the largest has.
    fn default() -> Self {
        Self {
            burst: 50,
            per_second: 2.0,
            refusals_count: false,
        }
    }
}

/// Operating time within ten minutes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperatingLimit {
    /// A call is refused once so many seconds were spent within the window; the call that crosses the
    /// line still completes.
    pub limit_seconds: f64,
    /// What one call of a method costs in milliseconds, whatever it really took. Methods that are not
    /// named cost what they took.
    pub cost_ms: BTreeMap<String, f64>,
    /// To which method a batch is charged.
    pub batch_charge: BatchCharge,
    /// Whether all webhooks share one sum for a method (one page of the vendor says so) instead of each
    /// having its own.
    pub shared_by_webhooks: bool,
}

impl Default for OperatingLimit {
    /// 480 seconds, each webhook for itself, batches charged to the methods inside.
    fn default() -> Self {
        Self {
            limit_seconds: 480.0,
            cost_ms: BTreeMap::new(),
            batch_charge: BatchCharge::default(),
            shared_by_webhooks: false,
        }
    }
}

/// To which method the commands of a batch are charged. Portals were seen doing all three.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchCharge {
    /// Each command to its own method, the batch itself nothing (documented; observed in 2025).
    #[default]
    Commands,
    /// Each command to its own method, and the sum of them to `batch` (observed in 2022).
    Both,
    /// Everything to `batch`, at least a tenth of a second; every command shows the sum of the whole
    /// batch (observed on a portal of 2026 on its owner's own server).
    Batch,
}

/// The least that a batch costs under [`BatchCharge::Batch`], in microseconds.
pub(crate) const BATCH_FLOOR_US: i64 = 100_000;

/// Artificial slowness.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds that every request waits.
    pub request_ms: u64,
    /// Milliseconds that every command waits besides: once for a call of its own, once for each command
    /// of a batch, one after another.
    pub command_ms: u64,
}

/// Whose operating time is counted, and for what.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Account {
    /// The webhook's number, or nothing where all share.
    pub webhook: Option<usize>,
    pub method: String,
}

/// The counters of a portal.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    bucket: Bucket,
    windows: Windows,
}

impl Ledger {
    /// Counts a request; whether it may come in.
    pub(crate) fn admit(&mut self, limit: Option<&RequestLimit>, now: Timestamp) -> bool {
        limit.is_none_or(|limit| self.bucket.admit(limit, now))
    }

    /// What stands in the request counter.
    pub(crate) fn waiting_requests(&mut self, limit: &RequestLimit, now: Timestamp) -> f64 {
        self.bucket.level(limit, now)
    }

    /// Whether the account has used its time up.
    pub(crate) fn is_blocked(
        &mut self,
        limit: &OperatingLimit,
        account: &Account,
        now: Timestamp,
    ) -> bool {
        let spent = self.windows.read(account, now).spent_us;
        spent >= microseconds(limit.limit_seconds * 1_000.0)
    }

    /// Charges an account.
    pub(crate) fn charge(&mut self, account: Account, spent_us: i64, now: Timestamp) -> Operating {
        self.windows.charge(account, spent_us, now)
    }

    /// What an account has spent so far.
    pub(crate) fn read(&mut self, account: &Account, now: Timestamp) -> Operating {
        self.windows.read(account, now)
    }

    /// Every account that spent something within its window.
    pub(crate) fn accounts(&mut self, now: Timestamp) -> Vec<(Account, Operating)> {
        self.windows.accounts(now)
    }
}

/// Milliseconds with a fraction as whole microseconds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from float saturates, which is what a limit beyond all time means"
)]
pub(crate) fn microseconds(milliseconds: f64) -> i64 {
    (milliseconds * 1_000.0).round() as i64
}
