//! How often what happened, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the program started.
#[derive(Debug, Default)]
pub struct Counters {
    recorded: AtomicU64,
    done: AtomicU64,
    rescheduled: AtomicU64,
    dead: AtomicU64,
    panicked: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Effects recorded.
    pub recorded: u64,
    /// Effects carried out.
    pub done: u64,
    /// Attempts that failed and will be repeated.
    pub rescheduled: u64,
    /// Effects given up.
    pub dead: u64,
    /// Handlers that panicked; each of their effects is also counted as dead.
    pub panicked: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    Recorded,
    Done,
    Rescheduled,
    Dead,
    Panicked,
}

impl Counters {
    pub(crate) fn add(&self, what: Counted, number: usize) {
        let counter = match what {
            Counted::Recorded => &self.recorded,
            Counted::Done => &self.done,
            Counted::Rescheduled => &self.rescheduled,
            Counted::Dead => &self.dead,
            Counted::Panicked => &self.panicked,
        };
        counter.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self) -> CountersSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountersSnapshot {
            recorded: read(&self.recorded),
            done: read(&self.done),
            rescheduled: read(&self.rescheduled),
            dead: read(&self.dead),
            panicked: read(&self.panicked),
        }
    }
}
