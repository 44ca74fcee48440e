//! How comparisons stand, for who measures them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Report;
use crate::decide::reconcile::{Because, What};

/// How the comparisons of one PBX stand.
#[derive(Debug, Default)]
pub struct Status {
    runs: AtomicU64,
    is_failing: AtomicBool,
    missing: AtomicU64,
    differing: AtomicU64,
    repaired: AtomicU64,
}

/// How they stand at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSnapshot {
    /// Comparisons that were made by this node.
    pub runs: u64,
    /// The last one failed.
    pub is_failing: bool,
    /// Calls and recordings that were not in the CRM the last time.
    pub missing: u64,
    /// Calls that were there in another form the last time.
    pub differing: u64,
    /// Writes that were carried out once more, and calls that were planned late.
    pub repaired: u64,
}

const ORDER: Ordering = Ordering::Relaxed;

impl Status {
    /// How they stand now.
    pub fn snapshot(&self) -> StatusSnapshot {
        StatusSnapshot {
            runs: self.runs.load(ORDER),
            is_failing: self.is_failing.load(ORDER),
            missing: self.missing.load(ORDER),
            differing: self.differing.load(ORDER),
            repaired: self.repaired.load(ORDER),
        }
    }

    pub(super) fn failed(&self) {
        self.is_failing.store(true, ORDER);
    }

    pub(super) fn done(&self, report: &Report) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.runs.fetch_add(1, ORDER);
        self.is_failing.store(false, ORDER);
        self.missing.store(number(report.missing()), ORDER);
        self.differing.store(number(report.differing()), ORDER);
        self.repaired
            .fetch_add(number(report.sent + report.planned), ORDER);
    }
}

impl Report {
    /// Calls and recordings that are not in the CRM and not on their way there.
    pub fn missing(&self) -> usize {
        self.count(|what| match what {
            What::NoCall(because) | What::NoRecording(because) => *because != Because::Waits,
            What::Differs { .. } | What::Several(_) | What::Stranger => false,
        })
    }

    /// What is in the CRM in another form.
    pub fn differing(&self) -> usize {
        self.count(|what| match what {
            What::NoCall(_) | What::NoRecording(_) => false,
            What::Differs { .. } | What::Several(_) | What::Stranger => true,
        })
    }

    fn count(&self, is: impl Fn(&What) -> bool) -> usize {
        self.findings.iter().filter(|found| is(&found.what)).count()
    }
}
