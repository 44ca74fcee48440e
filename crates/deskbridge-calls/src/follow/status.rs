//! How following stands, for who measures it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use ami::Signals;

use super::book::Book;

/// How following one PBX stands.
#[derive(Debug, Default)]
pub struct Status {
    is_following: AtomicBool,
    is_connected: AtomicBool,
    events: AtomicU64,
    strays: AtomicU64,
    failures: AtomicU64,
    calls_open: AtomicU64,
    calls_unsaved: AtomicU64,
    waiting_bytes: AtomicU64,
    disconnected_because: Mutex<Option<String>>,
}

/// How it stands at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSnapshot {
    /// This node follows the PBX.
    pub is_following: bool,
    /// It is logged in, and has said which channels live.
    pub is_connected: bool,
    /// Why it is not.
    pub disconnected_because: Option<String>,
    /// Events that came.
    pub events: u64,
    /// Blocks that were no events.
    pub strays: u64,
    /// How often calls could not be stored.
    pub failures: u64,
    /// Calls that go on.
    pub calls_open: u64,
    /// Calls that wait for being stored.
    pub calls_unsaved: u64,
    /// Bytes that came and were not taken yet.
    pub waiting_bytes: u64,
}

const ORDER: Ordering = Ordering::Relaxed;

impl Status {
    /// How it stands now.
    pub fn snapshot(&self) -> StatusSnapshot {
        StatusSnapshot {
            is_following: self.is_following.load(ORDER),
            is_connected: self.is_connected.load(ORDER),
            disconnected_because: self.because().clone(),
            events: self.events.load(ORDER),
            strays: self.strays.load(ORDER),
            failures: self.failures.load(ORDER),
            calls_open: self.calls_open.load(ORDER),
            calls_unsaved: self.calls_unsaved.load(ORDER),
            waiting_bytes: self.waiting_bytes.load(ORDER),
        }
    }

    fn because(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.disconnected_because
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(ORDER)
    }

    pub(super) fn set_following(&self, is_following: bool) {
        self.is_following.store(is_following, ORDER);
    }

    pub(super) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, ORDER);
        *self.because() = None;
    }

    pub(super) fn set_disconnected(&self, because: String) {
        self.is_connected.store(false, ORDER);
        *self.because() = Some(because);
    }

    pub(super) fn count_event(&self) {
        self.events.fetch_add(1, ORDER);
    }

    pub(super) fn count_stray(&self) {
        self.strays.fetch_add(1, ORDER);
    }

    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, ORDER);
    }

    pub(super) fn look(&self, book: &Book, signals: &Signals) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.calls_open.store(number(book.open()), ORDER);
        self.calls_unsaved.store(number(book.unsaved()), ORDER);
        self.waiting_bytes
            .store(number(signals.waiting_bytes()), ORDER);
    }
}
