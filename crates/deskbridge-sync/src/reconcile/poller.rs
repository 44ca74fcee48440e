//! The poll of one account, round after round.

use std::{fmt, time::Duration};

use caresoft::{
    Zone,
    rest::{self, Account, Cause, Verdict},
};
use deskbridge_core::{Backoff, Chain};
use deskbridge_journal::Tasks;
use jiff::{SignedDuration, Timestamp};

use super::{
    Error,
    row::AS_WRITTEN,
    settings::{Object, Settings},
    setup::{Invalid, Setup, Source},
    state::{Progress, State},
    times::Meaning,
};

/// How soon a node that does not hold the poll asks again whether it does, and how soon what is left is read.
const SOON: Duration = Duration::from_secs(5);
/// The first wait after a failure that does not say how long to wait.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The part of a wait that is left to chance, so that pollers do not all ask at once.
const JITTER: f64 = 0.1;

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
            self.failed_rounds = match again {
                Again::AfterFailure => self.failed_rounds.saturating_add(1),
                Again::AsUsual | Again::Soon | Again::After(_) | Again::WhenHeld => 0,
            };
            let usual = self.settings.poll_every();
            let wait = again.wait(self.failed_rounds, usual, &mut self.setup.rng);
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(wait) => {}
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

    /// How long to wait after so many failed rounds in a row.
    fn wait(self, failed_rounds: u32, usual: Duration, rng: &mut fastrand::Rng) -> Duration {
        let spread = JITTER * rng.f64();
        match self {
            Self::AsUsual => usual.mul_f64(1.0 - JITTER / 2.0 + spread),
            Self::Soon | Self::WhenHeld => SOON.min(usual).mul_f64(1.0 - spread),
            // Never shorter than was asked for.
            Self::After(wait) => wait.mul_f64(1.0 + spread),
            Self::AfterFailure => {
                let backoff = Backoff::new(RETRY_AFTER, usual.max(RETRY_AFTER), u32::MAX).ok();
                let wait = backoff.map_or(usual, |backoff| backoff.ceiling(failed_rounds));
                wait.mul_f64(1.0 - spread)
            }
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

fn left_of(until: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let left = until?.duration_since(now);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_about_as_long_as_the_round_says() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut check = |again: Again, failed_rounds, from_ms: u64, to_ms: u64| {
            for _ in 0..100 {
                let wait = again.wait(failed_rounds, Duration::from_mins(5), &mut rng);
                let bounds = Duration::from_millis(from_ms)..=Duration::from_millis(to_ms);
                assert!(bounds.contains(&wait), "{again:?} {wait:?}");
            }
        };
        check(Again::AsUsual, 0, 285_000, 315_000);
        check(Again::Soon, 0, 4_500, 5_000);
        check(Again::WhenHeld, 0, 4_500, 5_000);
        check(Again::After(Duration::from_mins(15)), 0, 900_000, 990_000);
        check(Again::AfterFailure, 1, 4_500, 5_000);
        check(Again::AfterFailure, 4, 36_000, 40_000);
        check(Again::AfterFailure, 400, 270_000, 300_000);
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
