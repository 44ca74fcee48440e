//! The poll of one account, round after round.

use std::{fmt, sync::Arc, time::Duration};

use caresoft::{
    Zone,
    rest::{self, Account, Cause, InvalidAccount, List, Order, ROWS_MAX, Token, Verdict},
};
use deskbridge_core::{Backoff, Chain, Clock};
use deskbridge_journal::{Intake, Tasks};
use deskbridge_store::{Known, Store};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp, tz::Offset};

use super::{
    Error,
    row::{AS_WRITTEN, Bounds},
    settings::{InvalidSettings, Object, Settings},
    state::{Progress, State},
    times::{Meaning, distance},
    walk::{Asked, Shown, Turn, Walk},
};

/// How soon a node that does not hold the poll asks again whether it does, and how soon what is left is read.
const SOON: Duration = Duration::from_secs(5);
/// The first wait after a failure that does not say how long to wait.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// By how much rounds are apart from one time to the next, of the time between them.
const JITTER: f64 = 0.1;
/// The version up to which a record is known: when its latest state that was told came to be. `None` when only its
/// name is known.
pub type Seen = Arc<dyn Fn(&Known) -> Option<Timestamp> + Send + Sync>;
/// Whether this node is the one that polls.
pub type Holds = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The account to poll.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name of the configured connection.
    pub connection: String,
    /// Such as `https://api.caresoft.vn`.
    pub host: String,
    /// The account's name in addresses.
    pub domain: String,
    /// Its token.
    pub token: Token,
    /// How it is spoken to. Its zone is the account's; what `Z` means there is found out. The smaller of its requests
    /// a second and those of the settings is used.
    pub options: rest::Options,
}

/// What the poll works with.
#[derive(Clone)]
pub struct Setup {
    /// What is known, and where the poll is kept.
    pub store: Store,
    /// Where missed changes go.
    pub intake: Intake,
    /// The time of day.
    pub clock: Clock,
    /// Spreads rounds.
    pub rng: fastrand::Rng,
    /// How far a record is known.
    pub seen: Seen,
    /// Asked before each round and object.
    pub holds: Holds,
}

impl Setup {
    /// For a program that is the only one.
    pub fn alone(
        store: Store,
        intake: Intake,
        clock: Clock,
        rng: fastrand::Rng,
        seen: Seen,
    ) -> Self {
        Self {
            store,
            intake,
            clock,
            rng,
            seen,
            holds: Arc::new(|| Box::pin(std::future::ready(true))),
        }
    }
}

/// A poll that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The settings.
    #[error("the poll of {connection} has settings that cannot be used")]
    Settings {
        /// The connection.
        connection: String,
        /// Why.
        #[source]
        source: InvalidSettings,
    },
    /// The account.
    #[error("the account of {connection} cannot be asked")]
    Account {
        /// The connection.
        connection: String,
        /// Why.
        #[source]
        source: InvalidAccount,
    },
}

/// The poll of one account.
pub struct Poller {
    pub(super) connection: String,
    pub(super) account: Account,
    pub(super) zone: Zone,
    pub(super) settings: Settings,
    pub(super) setup: Setup,
    failed_rounds: u32,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("connection", &self.connection)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Rows that were read.
    pub rows: u64,
    /// Changes that no webhook told of, now in the journal.
    pub missed: u64,
    /// When the next round is due.
    pub again: Again,
}

/// When the next round is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// At the usual time.
    #[default]
    AsUsual,
    /// At once: there is more to read.
    Soon,
    /// Not before this time has passed.
    After(Duration),
    /// After a while that grows from failure to failure.
    AfterFailure,
    /// When another node no longer does it.
    WhenHeld,
}

/// What ends a round, or the part of it that reads one object.
#[derive(Debug)]
pub(super) enum Stop {
    /// CareSoft did not answer as it should.
    Asked(rest::Error),
    /// What came cannot be believed, or not be judged yet.
    Held(String),
    /// What came puts in doubt what times mean.
    Doubtful(String),
    /// Our own store failed.
    Own(Error),
}

impl From<rest::Error> for Stop {
    fn from(error: rest::Error) -> Self {
        Self::Asked(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Poller {
    /// Prepares to poll an account. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings or the account's address cannot be used.
    pub fn new(source: Source, settings: Settings, setup: Setup) -> Result<Self, Invalid> {
        let connection = source.connection;
        let unusable = |source| Invalid::Settings {
            connection: connection.clone(),
            source,
        };
        settings.check().map_err(unusable)?;
        let zone = source.options.zone;
        let per_second = source.options.requests_per_second;
        let options = rest::Options {
            // What a time is in the account's words is worked out here, once that is known.
            zone: AS_WRITTEN,
            requests_per_second: settings.requests_per_second.min(per_second),
            ..source.options
        };
        let account = Account::new(&source.host, &source.domain, source.token, options);
        let account = account.map_err(|source| Invalid::Account {
            connection: connection.clone(),
            source,
        })?;
        Ok(Self {
            connection,
            account,
            zone,
            settings,
            setup,
            failed_rounds: 0,
        })
    }

    /// Polls until the program stops, and then at once.
    pub async fn run(mut self, tasks: Tasks) {
        loop {
            let round = tokio::select! {
                () = tasks.stopping() => return,
                round = self.round() => round,
            };
            let again = match round {
                Ok(round) => round.again,
                Err(error) => {
                    let connection = self.connection.as_str();
                    tracing::error!(connection, error = %Chain(&error), "The poll failed");
                    Again::AfterFailure
                }
            };
            let wait = self.wait(again);
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn wait(&mut self, again: Again) -> Duration {
        let usual = self.settings.poll_every();
        self.failed_rounds = match again {
            Again::AfterFailure => self.failed_rounds.saturating_add(1),
            Again::AsUsual | Again::Soon | Again::After(_) | Again::WhenHeld => 0,
        };
        let spread = 1.0 + JITTER * (2.0 * self.setup.rng.f64() - 1.0);
        match again {
            Again::AsUsual => usual.mul_f64(spread),
            Again::Soon | Again::WhenHeld => SOON.min(usual).mul_f64(spread),
            Again::After(wait) => wait.mul_f64(1.0 + JITTER * self.setup.rng.f64()),
            Again::AfterFailure => {
                let backoff = Backoff::new(RETRY_AFTER, usual.max(RETRY_AFTER), u32::MAX);
                let wait = backoff
                    .ok()
                    .map(|backoff| backoff.ceiling(self.failed_rounds));
                wait.unwrap_or(usual).mul_f64(spread)
            }
        }
    }

    /// Reads once what changed.
    ///
    /// # Errors
    /// When the store fails. What CareSoft refuses is kept in the [`Status`](super::Status).
    pub async fn round(&mut self) -> Result<Round, Error> {
        let mut round = Round::default();
        if !(self.setup.holds)().await {
            round.again = Again::WhenHeld;
            return Ok(round);
        }
        let now = self.setup.clock.now();
        let mut state = self.state(now).await?;
        if let Some(left) = left_of(state.banned_until, now) {
            round.again = Again::After(left);
            return Ok(round);
        }
        state.banned_until = None;
        if state.times.meaning == Meaning::Unknown || state.is_look_due(now) {
            let looked = self.look(&mut state, now).await;
            let stopped = looked
                .err()
                .map(|stop| self.stopped(&mut state, None, stop));
            self.save(&state).await?;
            if let Some(stopped) = stopped.transpose()? {
                round.again = stopped.again;
                if stopped.is_of_account {
                    return Ok(round);
                }
            }
            if state.times.meaning == Meaning::Unknown {
                return Ok(round);
            }
        }
        for object in self.settings.objects.clone() {
            if !(self.setup.holds)().await {
                break;
            }
            let read = self.read(&mut state, object, &mut round).await;
            let stopped = match read {
                Ok(again) => Stopped {
                    again,
                    is_of_account: false,
                },
                Err(stop) => self.stopped(&mut state, Some(object), stop)?,
            };
            self.save(&state).await?;
            round.again = round.again.or(stopped.again);
            if stopped.is_of_account {
                break;
            }
        }
        Ok(round)
    }

    /// Reads what changed of one object, from where the last round ended.
    async fn read(
        &self,
        state: &mut State,
        object: Object,
        round: &mut Round,
    ) -> Result<Again, Stop> {
        let meaning = state.times.meaning;
        for _page in 0..self.settings.pages_per_round {
            let Some(progress) = state.objects.get_mut(&object) else {
                break;
            };
            let turn = self.read_page(progress, object, meaning, round).await?;
            self.save(state).await?;
            if turn == Turn::End {
                return Ok(Again::AsUsual);
            }
        }
        Ok(Again::Soon)
    }

    async fn read_page(
        &self,
        progress: &mut Progress,
        object: Object,
        meaning: Meaning,
        round: &mut Round,
    ) -> Result<Turn, Stop> {
        let now = self.setup.clock.now();
        progress.counts.last_round_at = Some(now);
        let mut walk = match progress.walk.take() {
            Some(walk) => walk,
            None => {
                let end = before(now, self.settings.grace());
                let from = before(progress.mark.min(end), self.settings.overlap());
                match Walk::new(from, progress.mark, end) {
                    Some(walk) => walk,
                    None => return Ok(Turn::End),
                }
            }
        };
        let list = question(walk.asks(), meaning, self.zone.offset);
        let page = match self.account.list(object.resource(), &list).await {
            Err(error) if matches!(error.cause, Cause::TooLarge { .. }) && walk.narrow() => {
                progress.walk = Some(walk);
                return Ok(Turn::On(None));
            }
            answered => answered,
        };
        // A page that is not taken is asked for again.
        progress.walk = Some(walk.clone());
        let page = page?;
        let bounds = Bounds {
            since: progress.since,
            new_from: walk.new_from,
            end: walk.end,
        };
        let taken = self.take(object, &page, meaning, bounds).await?;
        taken.count(&mut progress.counts, now);
        round.rows += taken.rows;
        round.missed += taken.missed;
        let turn = walk.turn(Shown {
            times: &taken.times,
            rows_max: ROWS_MAX.into(),
            is_more: page.next.is_some(),
            found: page.found,
        });
        match turn {
            Turn::On(reached) => {
                progress.mark = progress.mark.max(reached.unwrap_or(progress.mark));
                progress.walk = Some(walk);
            }
            Turn::End => {
                progress.mark = progress.mark.max(walk.end);
                progress.walk = None;
                progress.counts.last_end_at = Some(now);
            }
        }
        Ok(turn)
    }

    /// Keeps why a round, or the part of it that reads one object, ended early.
    fn stopped(
        &self,
        state: &mut State,
        object: Option<Object>,
        stop: Stop,
    ) -> Result<Stopped, Error> {
        let now = self.setup.clock.now();
        let (why, stopped) = match stop {
            Stop::Own(error) => return Err(error),
            Stop::Held(why) => (why, Again::AsUsual.of_object()),
            Stop::Doubtful(why) => {
                state.times.meaning = Meaning::Unknown;
                (why, Again::Soon.of_account())
            }
            Stop::Asked(error) => {
                if let Cause::Banned { retry_after } = error.cause {
                    let ban = SignedDuration::try_from(retry_after);
                    let ban = ban.unwrap_or(SignedDuration::ZERO);
                    state.banned_until = now.saturating_add(ban).ok();
                }
                (Chain(&error).to_string(), after(&error))
            }
        };
        let polled = object.map_or("all", Object::as_str);
        let connection = self.connection.as_str();
        tracing::warn!(connection, object = polled, why, "The poll could not go on");
        let failed = state.objects.iter_mut();
        for (_, progress) in failed.filter(|(own, _)| object.is_none_or(|it| it == **own)) {
            progress.counts.fail(why.clone(), now);
        }
        Ok(stopped)
    }

    /// What is kept, with everything in it that is polled.
    async fn state(&self, now: Timestamp) -> Result<State, Error> {
        let kept = State::load(&self.setup.store, &self.connection, now).await?;
        let is_first = kept.is_none();
        let mut state = kept.unwrap_or_default();
        let since = self.settings.since.unwrap_or(now);
        let known = state.objects.len();
        for object in &self.settings.objects {
            let first = || Progress::new(since);
            state.objects.entry(*object).or_insert_with(first);
        }
        if is_first || state.objects.len() > known {
            self.save(&state).await?;
        }
        Ok(state)
    }

    pub(super) async fn save(&self, state: &State) -> Result<(), Error> {
        let now = self.setup.clock.now();
        state.save(&self.setup.store, &self.connection, now).await
    }
}

/// When to go on, and whether the account's other objects can be read until then.
struct Stopped {
    again: Again,
    is_of_account: bool,
}

/// What follows from a failed read.
fn after(error: &rest::Error) -> Stopped {
    match (error.verdict(), &error.cause) {
        (Verdict::RetryAfter(_), Cause::ServerFault { retry_after, .. }) => retry_after
            .map_or(Again::AfterFailure, Again::After)
            .of_object(),
        (Verdict::RetryAfter(Some(wait)), _) => Again::After(wait).of_account(),
        (Verdict::RetryAfter(None), _) => Again::AfterFailure.of_account(),
        (Verdict::Never, _) => Again::AsUsual.of_object(),
    }
}

impl Again {
    fn of_object(self) -> Stopped {
        Stopped {
            again: self,
            is_of_account: false,
        }
    }

    fn of_account(self) -> Stopped {
        Stopped {
            again: self,
            is_of_account: true,
        }
    }

    /// What two objects come to: a break that was asked for is kept, then failures wait, then what is left is read.
    fn or(self, other: Self) -> Self {
        let rank = |again: Self| match again {
            Self::AsUsual => (0, Duration::ZERO),
            Self::WhenHeld => (1, Duration::ZERO),
            Self::Soon => (2, Duration::ZERO),
            Self::AfterFailure => (3, Duration::ZERO),
            Self::After(wait) => (4, wait),
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }
}

/// The question for a piece of a walk.
///
/// Times are written in the account's words. Where its rows do not tell how it takes a `Z`, they are written so that
/// either way nothing is left out, and what is too much is told by the rows' own times.
fn question(asked: Asked, meaning: Meaning, offset: Offset) -> List {
    let local = distance(offset);
    let shifted = |time: Timestamp, by: SignedDuration| time.saturating_add(by).unwrap_or(time);
    let list = List::new()
        .order_by("updated_at", Order::Ascending)
        .page(asked.page);
    match meaning {
        Meaning::Utc => list.updated_since(asked.from).updated_to(asked.to),
        Meaning::Local => list
            .updated_since(shifted(asked.from, local))
            .updated_to(shifted(asked.to, local)),
        Meaning::Unwritten | Meaning::Unknown => {
            let (early, late) = (
                local.min(SignedDuration::ZERO),
                local.max(SignedDuration::ZERO),
            );
            list.updated_since(shifted(asked.from, early))
                .updated_to(shifted(asked.to, late))
        }
    }
}

fn before(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(time)
}

fn left_of(until: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let left = until?.duration_since(now);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_in_the_words_of_the_account() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let hours_7 = 7 * 3_600;
        let asked = Asked {
            from: at(1_000_000),
            to: at(1_000_500),
            page: 3,
        };
        let check = |meaning, hours: i8, since: i64, to: i64| {
            let expected = List::new()
                .order_by("updated_at", Order::Ascending)
                .page(3)
                .updated_since(at(since))
                .updated_to(at(to));
            let question = question(asked, meaning, Offset::constant(hours));
            assert_eq!(question, expected, "{meaning:?} at {hours}");
        };
        check(Meaning::Utc, 7, 1_000_000, 1_000_500);
        check(Meaning::Local, 7, 1_000_000 + hours_7, 1_000_500 + hours_7);
        check(Meaning::Local, -7, 1_000_000 - hours_7, 1_000_500 - hours_7);
        // Nothing is left out, whichever it is.
        check(Meaning::Unwritten, 7, 1_000_000, 1_000_500 + hours_7);
        check(Meaning::Unwritten, -7, 1_000_000 - hours_7, 1_000_500);
    }

    #[test]
    fn a_round_waits_for_what_asks_for_most() {
        let second = Duration::from_secs(1);
        let check = |objects: &[Again], expected: Again| {
            let joined = objects.iter().fold(Again::AsUsual, |all, one| all.or(*one));
            assert_eq!(joined, expected, "{objects:?}");
        };
        check(&[Again::AsUsual], Again::AsUsual);
        check(&[Again::Soon, Again::AsUsual], Again::Soon);
        check(&[Again::AfterFailure, Again::Soon], Again::AfterFailure);
        check(
            &[Again::After(second), Again::AfterFailure],
            Again::After(second),
        );
        check(
            &[Again::After(second), Again::After(second * 9)],
            Again::After(second * 9),
        );
    }
}
