//! Following the calls of a PBX: from what its manager tells to calls that are kept and effects that are recorded.
//!
//! One task a PBX. What the manager tells changes calls at once (`book`), whatever the store does; whatever changed
//! while one transaction was written goes into the next. A call, its story and the effects that follow from it are one
//! transaction, so that a program that is killed between any two has told of neither or of both.
//!
//! While the store fails, it is tried again and again with what waited; when too much waits, the manager is not listened
//! to any more. The connection is then given up and made anew later, and what the PBX lists by then makes good what can
//! be.

mod book;
mod kept;
mod lookup;
mod status;

use std::{sync::Arc, time::Duration};

use ami::{Filtering, Resync, Signal, Signals};
use deskbridge_core::{Chain, Clock, EffectId};
use deskbridge_hooks::Hooks;
use deskbridge_journal::{Journal, Tasks};
use deskbridge_store::{Answer, CallFilter, Fence, Recorded, Store};
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

pub(crate) use self::lookup::{Asked, Sources};
use self::{
    book::{BATCH_MAX, Batch, Book},
    lookup::{Found, Lookups},
};
pub use self::{
    kept::{Kept, Progress, Reported},
    lookup::{NoOrders, Orders},
    status::{Status, StatusSnapshot},
};
use crate::{
    decide::tracker::{self, Listing},
    people::Directory,
    settings::Settings,
};

/// Whether this node is the one that follows.
pub type Holds = Arc<dyn Fn() -> BoxFuture<'static, Held> + Send + Sync>;

/// Whether this node is the one that follows, and what proves it to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Another one may be.
    Elsewhere,
    /// It is, because there is no other one.
    Alone,
    /// It is, for as long as the lease is held under this number.
    Under(Fence),
}

/// How often it is asked whether this node is the one that follows.
const HOLD_EVERY: Duration = Duration::from_secs(1);
/// How often calls are looked for that have been open for too long.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// How often it is noted until when the PBX was seen.
const SEEN_EVERY: Duration = Duration::from_secs(5);
/// How long what is of no consequence yet waits for more.
const IDLE_FOR: Duration = Duration::from_millis(200);
/// Signals that are taken at once.
const SIGNALS_AT_ONCE: usize = 1_024;
/// Calls that may wait for the store before the PBX is not listened to any more.
const UNSAVED_MAX: usize = 20_000;
/// The longest wait between two attempts to store.
const STORE_AGAIN_AFTER_MAX: Duration = Duration::from_secs(5);
/// So long it is remembered until when the PBX was seen.
const SEEN_FOR: SignedDuration = SignedDuration::from_hours(24 * 7);
/// More open calls than any PBX has.
const OPEN_MAX: usize = 100_000;

/// How the manager of a PBX is spoken to.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Where it is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub login: ami::Login,
    /// How.
    pub options: ami::Options,
}

impl Manager {
    /// How a manager is to be spoken to so that its calls can be followed: that it sends no more than what is needed, and
    /// tells of each channel what is needed.
    pub fn options() -> ami::Options {
        ami::Options {
            wanted: Some(tracker::wanted()),
            resync_variables: tracker::of_channels(),
            ..ami::Options::default()
        }
    }
}

/// A PBX to be followed.
#[derive(Clone)]
pub struct Setup {
    /// How its manager is spoken to.
    pub manager: Manager,
    /// What is known of it beforehand.
    pub endpoints: tracker::Settings,
    /// What becomes of its calls.
    pub settings: Arc<Settings>,
    /// Who in the CRM is asked who is responsible for a client.
    pub crm: bitrix24::Client,
    /// Who answers which phone.
    pub directory: Directory,
    /// Who knows why a call was begun that we ordered.
    pub orders: Arc<dyn Orders>,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
    /// Where calls are kept.
    pub store: Store,
    /// Who carries out what follows from them.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Asked again and again.
    pub holds: Holds,
}

/// Follows one PBX.
pub struct Follower {
    setup: Setup,
    rng: fastrand::Rng,
    status: Arc<Status>,
    /// What speaks to the manager now.
    connection: watch::Sender<Option<ami::Connection>>,
}

/// Why following paused.
enum Paused {
    /// The program stops.
    Stopping,
    /// Another node follows now.
    Elsewhere,
}

impl Follower {
    /// Nothing is connected before it [runs](Self::run).
    pub fn new(setup: Setup, rng: fastrand::Rng) -> Self {
        Self {
            setup,
            rng,
            status: Arc::default(),
            connection: watch::Sender::new(None),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// What speaks to the manager: `None` while this node does not follow. A connection tells itself when it is down.
    pub fn connection(&self) -> watch::Receiver<Option<ami::Connection>> {
        self.connection.subscribe()
    }

    /// Follows until the program stops, whenever this node is the one to do so.
    pub async fn run(mut self, tasks: Tasks) {
        while !tasks.is_stopping() {
            let held = (self.setup.holds)().await;
            if held != Held::Elsewhere {
                match Box::pin(self.follow(&tasks, held)).await {
                    Paused::Stopping => return,
                    Paused::Elsewhere => self.status.set_following(false),
                }
            }
            tokio::select! {
                () = tasks.stopping() => return,
                () = sleep(HOLD_EVERY) => {}
            }
        }
    }

    async fn follow(&mut self, tasks: &Tasks, held: Held) -> Paused {
        let name = self.setup.settings.connection.clone();
        let Some(book) = self.restored(tasks).await else {
            return Paused::Stopping;
        };
        let manager = self.setup.manager.clone();
        let connected = ami::connect(&manager.host, manager.port, manager.login, manager.options);
        let (connection, signals, driver) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                tracing::error!(connection = name, error = %Chain(&error), "The PBX cannot be followed");
                tasks.stopping().await;
                return Paused::Stopping;
            }
        };
        // It ends when nobody takes its signals any more.
        tasks.spawn("asterisk", driver.run());
        self.connection.send_replace(Some(connection));
        self.status.set_following(true);
        let running = Running {
            setup: &self.setup,
            status: &self.status,
            rng: &mut self.rng,
            held,
            is_lost: false,
            book,
            signals,
            lookups: FuturesUnordered::new(),
            saving: None,
            unsaved_since: None,
            failures: 0,
            is_over: false,
        };
        let paused = Box::pin(running.run(tasks)).await;
        self.connection.send_replace(None);
        self.status.set_connected(false);
        paused
    }

    /// Goes on with the calls that are kept as open; `None` when the program stops before the store says which.
    async fn restored(&mut self, tasks: &Tasks) -> Option<Book> {
        let setup = &self.setup;
        let filter = CallFilter {
            connection: Some(setup.settings.connection.clone()),
            is_open: Some(true),
            limit: OPEN_MAX,
            ..CallFilter::default()
        };
        loop {
            let read = async {
                let calls = setup.store.list_calls(filter.clone()).await?;
                let now = setup.clock.now();
                let seen = setup.store.remembered_answer(seen_key(setup), now).await?;
                deskbridge_store::Result::Ok((calls, seen))
            };
            match read.await {
                Ok((calls, seen)) => {
                    let seen = seen.map(|seen| seen.fetched_at);
                    let mut book = Book::restored(
                        &setup.settings,
                        setup.endpoints.clone(),
                        setup.directory.people(),
                        Arc::clone(&setup.hooks),
                        calls,
                    );
                    let now = setup.clock.now();
                    book.disconnected(seen.map_or(now, |seen| seen.min(now)));
                    return Some(book);
                }
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "Open calls cannot be read");
                }
            }
            tokio::select! {
                () = tasks.stopping() => return None,
                () = sleep(STORE_AGAIN_AFTER_MAX) => {}
            }
        }
    }
}

/// Under which the last time is remembered at which the PBX was seen.
fn seen_key(setup: &Setup) -> String {
    format!("calls/seen/{}", setup.settings.connection)
}

/// A transaction that is being written.
type Saving = BoxFuture<'static, (Batch, deskbridge_store::Result<Vec<Recorded>>)>;

/// Following, while this node does.
struct Running<'f> {
    setup: &'f Setup,
    status: &'f Status,
    rng: &'f mut fastrand::Rng,
    /// By what this node has followed from the beginning. Under another number somebody else has followed meanwhile, and
    /// what is in the book is old.
    held: Held,
    /// The store said that it is not held any more.
    is_lost: bool,
    book: Book,
    signals: Signals,
    lookups: Lookups,
    saving: Option<Saving>,
    unsaved_since: Option<Instant>,
    /// How often storing failed in a row.
    failures: u32,
    /// The connection was closed for good.
    is_over: bool,
}

impl Running<'_> {
    async fn run(mut self, tasks: &Tasks) -> Paused {
        let mut people = self.setup.directory.changes();
        let mut hold_at = Instant::now() + HOLD_EVERY;
        let mut expire_at = Instant::now() + EXPIRE_EVERY;
        let mut seen_at = Instant::now();
        // Who came to be known before anybody listened.
        self.book.know(people.borrow_and_update().clone());
        loop {
            if self.is_lost {
                return self.elsewhere();
            }
            self.plan();
            self.save_if_due();
            self.status.look(&self.book, &self.signals);
            let save_at = self.unsaved_since.map(|since| since + IDLE_FOR);
            let again_at = self.book.next_at().map(|at| self.instant(at));
            let listens = !self.is_over && self.book.unsaved() < UNSAVED_MAX;
            tokio::select! {
                biased;
                () = tasks.stopping() => break,
                (batch, saved) = saved(&mut self.saving) => self.saved(batch, saved),
                Some(found) = self.lookups.next() => self.book.found(found),
                changed = people.changed() => {
                    if changed.is_ok() {
                        self.book.know(people.borrow_and_update().clone());
                    }
                }
                () = sleep_until(hold_at) => {
                    hold_at = Instant::now() + HOLD_EVERY;
                    self.is_lost |= (self.setup.holds)().await != self.held;
                }
                () = sleep_until(seen_at) => {
                    seen_at = Instant::now() + SEEN_EVERY;
                    self.note_seen().await;
                }
                () = sleep_until(expire_at) => {
                    expire_at = Instant::now() + EXPIRE_EVERY;
                    self.book.expire(self.setup.clock.now());
                }
                // Last, because it may always be ready.
                signal = self.signals.next(), if listens => match signal {
                    Some(signal) => self.take(signal),
                    None => self.is_over = true,
                },
                () = until(again_at) => {}
                () = until(save_at), if self.saving.is_none() => {}
            }
        }
        self.stop().await;
        Paused::Stopping
    }

    fn name(&self) -> &str {
        &self.setup.settings.connection
    }

    fn elsewhere(&self) -> Paused {
        tracing::warn!(connection = self.name(), "Another node follows the PBX now");
        Paused::Elsewhere
    }

    /// When a time of day is.
    fn instant(&self, at: Timestamp) -> Instant {
        let wait = at.duration_since(self.setup.clock.now());
        Instant::now() + Duration::try_from(wait).unwrap_or_default()
    }

    fn take(&mut self, signal: Signal) {
        let now = self.setup.clock.now();
        self.take_one(signal, now);
        // What waits behind it belongs into the same transaction.
        for _ in 1..SIGNALS_AT_ONCE {
            match self.signals.try_next() {
                Some(signal) => self.take_one(signal, now),
                None => break,
            }
        }
    }

    fn take_one(&mut self, signal: Signal, now: Timestamp) {
        match signal {
            Signal::Event(message) => {
                self.status.count_event();
                self.book.event(&message, now);
            }
            Signal::Resync(Resync::Channels(channels)) => {
                self.status.set_connected(true);
                let mut listing = Listing::default();
                for channel in &channels {
                    listing.add(channel);
                }
                self.book.resync(&listing, now);
            }
            Signal::Resync(Resync::Refused(refusal)) => {
                self.status.set_connected(true);
                tracing::error!(
                    connection = self.name(),
                    %refusal,
                    "The PBX does not say which channels live, so that calls whose end was not seen stay open; give the \
                     manager's user one of the classes system, call and reporting in `write`"
                );
            }
            Signal::Resync(Resync::TooLong { bytes_max }) => {
                self.status.set_connected(true);
                tracing::error!(
                    connection = self.name(),
                    bytes_max,
                    "The PBX has more channels than are listed"
                );
            }
            Signal::Connected(greeting) => {
                match &greeting.filtering {
                    Filtering::Refused(refusal) => tracing::warn!(
                        connection = self.name(),
                        %refusal,
                        "The PBX takes no filters and sends every event; give the manager's user the class system in \
                         `write`, or say `event_filters = false`"
                    ),
                    Filtering::GivenUp => tracing::warn!(
                        connection = self.name(),
                        "The PBX took one filter and refused another, so it sends every event"
                    ),
                    Filtering::Unasked | Filtering::Classic | Filtering::Advanced => {}
                }
                tracing::info!(
                    connection = self.name(),
                    banner = greeting.banner.text(),
                    filtering = ?greeting.filtering,
                    "The PBX is followed"
                );
            }
            Signal::Disconnected {
                reason,
                again_after,
            } => {
                tracing::warn!(
                    connection = self.name(),
                    %reason,
                    ?again_after,
                    "There is no connection to the PBX"
                );
                self.status.set_disconnected(reason.to_string());
                self.book.disconnected(now);
            }
            Signal::Stray(_) => self.status.count_stray(),
            Signal::LeftOut(too_long) => {
                self.status.count_stray();
                tracing::warn!(
                    connection = self.name(),
                    ?too_long,
                    "The PBX sent what was too long to be read"
                );
            }
        }
    }

    /// Plans every call that is other than when it was planned last.
    fn plan(&mut self) {
        let now = self.setup.clock.now();
        let planned = self.book.plan(now);
        for wanted in planned.lookups {
            self.lookups.push(lookup::look(self.setup, wanted));
        }
        if planned.lacks_people {
            self.setup.directory.look_again();
        }
        if self.book.unsaved() > 0 {
            self.unsaved_since.get_or_insert_with(Instant::now);
        }
    }

    /// Begins a transaction, if there is something to be written and none is.
    fn save_if_due(&mut self) {
        let Some(since) = self.unsaved_since else {
            return;
        };
        let is_full = self.book.unsaved() >= BATCH_MAX;
        let is_due = is_full || self.book.is_urgent() || since.elapsed() >= IDLE_FOR;
        if self.saving.is_some() || !is_due {
            return;
        }
        self.unsaved_since = None;
        let batch = self.book.take_batch();
        self.begin(batch, Duration::ZERO);
    }

    fn begin(&mut self, mut batch: Batch, after: Duration) {
        let (store, clock) = (self.setup.store.clone(), self.setup.clock.clone());
        let fence = match &self.held {
            Held::Under(fence) => Some(fence.clone()),
            Held::Alone | Held::Elsewhere => None,
        };
        let now = clock.now();
        for effect in &mut batch.effects {
            effect.0 = EffectId::new(now, self.rng);
        }
        self.saving = Some(Box::pin(async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            let (changes, effects) = (batch.changes.clone(), batch.effects.clone());
            let saved = store.keep_calls(changes, effects, fence, clock.now()).await;
            (batch, saved)
        }));
    }

    fn saved(&mut self, batch: Batch, saved: deskbridge_store::Result<Vec<Recorded>>) {
        self.saving = None;
        match saved {
            Ok(recorded) => {
                self.setup.journal.recorded(&recorded);
                self.failures = 0;
            }
            // What this node knows is older than what is kept.
            Err(deskbridge_store::Error::LeaseLost { .. }) => {
                self.status.count_failure();
                self.is_lost = true;
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.status.count_failure();
                tracing::error!(
                    connection = self.name(),
                    error = %Chain(&error),
                    calls = batch.changes.len(),
                    "Calls were not stored; they are tried again"
                );
                let after = Duration::from_millis(50)
                    .saturating_mul(2_u32.saturating_pow(self.failures.min(10)))
                    .min(STORE_AGAIN_AFTER_MAX);
                self.begin(batch, after);
            }
        }
    }

    /// Notes that the PBX is seen, so that a restart knows since when it was not.
    async fn note_seen(&mut self) {
        if !self.status.is_connected() {
            return;
        }
        let now = self.setup.clock.now();
        let answer = Answer {
            body: Vec::new(),
            fetched_at: now,
            fresh_until: now,
            keep_until: now.checked_add(SEEN_FOR).unwrap_or(now),
        };
        let noted = self
            .setup
            .store
            .remember_answer(seen_key(self.setup), answer);
        if let Err(error) = noted.await {
            tracing::warn!(error = %Chain(&error), "It was not noted that the PBX is seen");
        }
    }

    /// Stores what waits, as far as the time for stopping allows.
    async fn stop(&mut self) {
        self.note_seen().await;
        self.book.disconnected(self.setup.clock.now());
        self.plan();
        while !self.is_lost && (self.saving.is_some() || self.book.unsaved() > 0) {
            if self.saving.is_none() {
                let batch = self.book.take_batch();
                self.begin(batch, Duration::ZERO);
            }
            let (batch, stored) = saved(&mut self.saving).await;
            self.saved(batch, stored);
        }
    }
}

/// The end of a transaction, if one is being written.
async fn saved(saving: &mut Option<Saving>) -> (Batch, deskbridge_store::Result<Vec<Recorded>>) {
    match saving {
        Some(saving) => saving.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
