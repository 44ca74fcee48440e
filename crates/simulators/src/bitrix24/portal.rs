//! A portal: its records, its limits, its faults, and the way of a request through them.

mod commands;
mod telephony;
mod visit;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

pub(crate) use self::telephony::ToldText;
pub use self::telephony::{CallbackRequest, Click, InstallCallback, InstallFailed, Told};
use self::visit::Visit;
use super::{
    behaviour::Behaviour,
    data::{Data, Webhook},
    journal::{Counts, Entry, Journal},
    limits::{Latency, Ledger, Limits, RequestLimit},
    presets,
    state::{State, Unusable},
};
use crate::{
    clock::Clock,
    faults::{Answer, Rule, Script},
    server::{Reply, Request},
};

/// A portal in memory. Clones are handles to the same portal.
#[derive(Clone)]
pub struct Portal {
    inner: Arc<Inner>,
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").finish_non_exhaustive()
    }
}

struct Inner {
    clock: Clock,
    faults: Script,
    settings: Mutex<Arc<Settings>>,
    state: Mutex<State>,
    ledger: Mutex<Ledger>,
    journal: Mutex<Journal>,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    limits: Limits,
    latency: Latency,
    behaviour: Behaviour,
    /// Scheme and host, without a slash at the end.
    address: String,
}

/// A fault script names a failure that nobody knows.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("a fault script names the preset {name:?}; the known ones are {known}", known = presets::PRESETS.join(", "))]
pub struct UnknownPreset {
    /// What it names.
    pub name: String,
}

/// The clock cannot be moved.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the portal's clock is the machine's; start the portal with a manual one to move it")]
pub struct NotManual;

/// So many requests stay in the journal unless it is told otherwise.
const JOURNAL_ENTRIES_MAX: usize = 10_000;

/// How full a portal's counters are.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// What it was asked.
    pub counts: Counts,
    /// What stands in the request bucket; nought when it is off.
    pub bucket: f64,
    /// Operating time within the window, by webhook and method.
    pub operating: Vec<Spent>,
}

/// Operating time of one account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spent {
    /// The user id of the webhook; `None` where all webhooks share one sum.
    pub user_id: Option<u64>,
    /// The method.
    pub method: String,
    /// Seconds within the window.
    pub seconds: f64,
    /// When the oldest part of the window leaves, in seconds since 1970.
    pub reset_at: i64,
}

impl Portal {
    /// A portal that holds this data: the limits of an ordinary plan, no latency, no faults.
    ///
    /// # Errors
    /// When the data contradicts itself.
    pub fn new(clock: Clock, data: Data) -> Result<Self, Unusable> {
        Ok(Self {
            inner: Arc::new(Inner {
                clock,
                faults: Script::default(),
                settings: Mutex::default(),
                state: Mutex::new(State::new(data)?),
                ledger: Mutex::default(),
                journal: Mutex::new(Journal::new(JOURNAL_ENTRIES_MAX)),
            }),
        })
    }

    /// Answers a request to the REST interface.
    pub async fn answer(&self, request: &Request, secure: bool) -> Reply {
        Visit::arrive(&self.inner, request, secure).answer().await
    }

    /// The time of day in the portal.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Moves a manual clock forward.
    ///
    /// # Errors
    /// When the portal's clock is the machine's; then nothing changes.
    pub fn advance(&self, by: Duration) -> Result<(), NotManual> {
        if !self.inner.clock.is_manual() {
            return Err(NotManual);
        }
        self.inner.clock.advance(by);
        Ok(())
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.inner.settings().limits.clone()
    }

    /// Sets other limits and empties all counters.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.change(|settings| settings.limits = limits);
        *lock(&self.inner.ledger) = Ledger::default();
    }

    /// How slow the portal is.
    pub fn latency(&self) -> Latency {
        self.inner.settings().latency
    }

    /// Makes the portal faster or slower.
    pub fn set_latency(&self, latency: Latency) {
        self.inner.change(|settings| settings.latency = latency);
    }

    /// How the portal behaves where portals differ.
    pub fn behaviour(&self) -> Behaviour {
        self.inner.settings().behaviour.clone()
    }

    /// Makes the portal behave otherwise.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.inner.change(|settings| settings.behaviour = behaviour);
    }

    /// Replaces the fault script. Requests are named after their method in lower case, `batch` included;
    /// a command of a batch is named `batch:` and its method.
    ///
    /// # Errors
    /// When a rule names a preset that does not exist; then nothing changes.
    pub fn set_faults(&self, rules: Vec<Rule>) -> Result<(), UnknownPreset> {
        let unknown = rules.iter().find_map(|rule| match &rule.answer {
            Answer::Preset(name) if !presets::is_known(name) => Some(name.clone()),
            _ => None,
        });
        if let Some(name) = unknown {
            return Err(UnknownPreset { name });
        }
        self.inner.faults.set(rules);
        Ok(())
    }

    /// The fault script in force.
    pub fn faults(&self) -> Vec<Rule> {
        self.inner.faults.rules()
    }

    /// The kept requests, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        lock(&self.inner.journal).entries().cloned().collect()
    }

    /// Keeps so many requests from now on; none when nought.
    pub fn set_journal_entries_max(&self, entries_max: usize) {
        lock(&self.inner.journal).set_entries_max(entries_max);
    }

    /// Forgets the kept requests and the counts.
    pub fn clear_journal(&self) {
        lock(&self.inner.journal).clear();
    }

    /// How much the portal was asked.
    pub fn counts(&self) -> Counts {
        lock(&self.inner.journal).counts
    }

    /// Counts, and how full the limits are.
    pub fn stats(&self) -> Stats {
        let now = self.now();
        let settings = self.inner.settings();
        let counts = self.counts();
        let mut ledger = lock(&self.inner.ledger);
        let level = |limit: &RequestLimit| ledger.waiting_requests(limit, now);
        let bucket = settings.limits.requests.as_ref().map_or(0.0, level);
        let accounts = ledger.accounts(now);
        drop(ledger);
        let state = lock(&self.inner.state);
        let mut operating: Vec<Spent> = accounts
            .into_iter()
            .map(|(account, spent)| Spent {
                user_id: account
                    .webhook
                    .and_then(|at| Some(state.webhooks.get(at)?.user_id)),
                method: account.method,
                seconds: Duration::from_micros(spent.spent_us.unsigned_abs()).as_secs_f64(),
                reset_at: spent.reset_at,
            })
            .collect();
        operating.sort_by(|a, b| (&a.method, a.user_id).cmp(&(&b.method, b.user_id)));
        Stats {
            counts,
            bucket,
            operating,
        }
    }

    /// Scheme and host under which the portal speaks of itself, without a slash at the end.
    pub fn address(&self) -> String {
        self.inner.settings().address.clone()
    }

    /// Lets the portal speak of itself under this scheme and host.
    pub fn set_address(&self, address: &str) {
        self.inner
            .change(|settings| address.clone_into(&mut settings.address));
    }

    /// What the portal holds now.
    pub fn data(&self) -> Data {
        lock(&self.inner.state).data()
    }

    /// The webhooks that may call.
    pub fn webhooks(&self) -> Vec<Webhook> {
        let state = lock(&self.inner.state);
        let webhooks = state.webhooks.iter();
        webhooks.map(|webhook| Webhook::clone(webhook)).collect()
    }

    /// Replaces all that the portal holds, and empties the counters of its limits.
    ///
    /// # Errors
    /// When the data contradicts itself; then nothing changes.
    pub fn set_data(&self, data: Data) -> Result<(), Unusable> {
        let state = State::new(data)?;
        *lock(&self.inner.state) = state;
        *lock(&self.inner.ledger) = Ledger::default();
        Ok(())
    }
}

impl Inner {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = lock(&self.settings);
        let mut changed = Settings::clone(&settings);
        change(&mut changed);
        *settings = Arc::new(changed);
    }
}

/// Locks, whatever a panic elsewhere left behind: every change to what is behind these locks is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
