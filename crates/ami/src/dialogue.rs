//! One connection's talk with Asterisk, without its socket: what arrives goes in, what is to be sent and told comes out.
//!
//! Time is an argument. Asterisk answers one action after another, and the items of a list come together; nothing here
//! depends on that.

mod pending;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::{sync::oneshot, time::Instant};

use self::pending::{Pending, Purpose, Settled, Waiting};
use crate::{
    Banner, Frame, Message, TooLong,
    action::{Action, CoreShowChannels, Ping, Status},
    filter::{self, Language},
    login::{Login, Means},
    options::Options,
    outcome::{NotSent, Outcome, Refusal, Unknown},
    signal::{Filtering, Greeting, Reason, Resync, Signal},
};

pub(crate) struct Dialogue<'a> {
    options: &'a Options,
    login: &'a Login,
    ids: &'a mut Ids,
    stage: Stage,
    pending: Pending,
    out: BytesMut,
    /// Bytes that were put out, and how many of them the socket has taken.
    queued_bytes: u64,
    taken_bytes: u64,
    signals: Vec<Signal>,
    held_bytes: usize,
    began_at: Instant,
    heard_at: Instant,
    filters: Vec<Action>,
    banner: Option<Banner>,
    up_for: Option<Duration>,
    shutdown: Option<Reason>,
    /// A resync became due while one was under way.
    resync_again: bool,
}

/// How far a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    LoggingIn,
    Filtering(Language),
    Up,
}

/// Ids of actions, which no other client of this Asterisk gives, and this one never again.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    prefix: String,
    next: u64,
}

impl Ids {
    /// Of a random number.
    pub(crate) fn new(random: u64) -> Self {
        Self {
            prefix: format!("{random:016x}"),
            next: 0,
        }
    }

    fn next(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.prefix, self.next)
    }
}

/// How events are to be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filters {
    AsWanted,
    /// A connection that tried was given up.
    GivenUp,
}

impl From<Filters> for Filtering {
    /// What an unfiltered connection says of itself.
    fn from(filters: Filters) -> Self {
        match filters {
            Filters::AsWanted => Self::Unasked,
            Filters::GivenUp => Self::GivenUp,
        }
    }
}

impl<'a> Dialogue<'a> {
    pub(crate) fn new(
        options: &'a Options,
        login: &'a Login,
        ids: &'a mut Ids,
        now: Instant,
    ) -> Self {
        Self {
            options,
            login,
            ids,
            stage: Stage::Greeting,
            pending: Pending::default(),
            out: BytesMut::new(),
            queued_bytes: 0,
            taken_bytes: 0,
            signals: Vec::new(),
            held_bytes: 0,
            began_at: now,
            heard_at: now,
            filters: Vec::new(),
            banner: None,
            up_for: None,
            shutdown: None,
            resync_again: false,
        }
    }

    /// What is to be sent.
    pub(crate) fn out(&self) -> &[u8] {
        &self.out
    }

    /// The socket took so many bytes.
    pub(crate) fn taken(&mut self, bytes: usize) {
        self.out.advance(bytes.min(self.out.len()));
        self.taken_bytes += bytes as u64;
    }

    /// What is to be told, once it may be told that there is a connection.
    pub(crate) fn signals(&mut self) -> std::vec::Drain<'_, Signal> {
        let count = match self.stage {
            Stage::Up => self.signals.len(),
            Stage::Greeting | Stage::LoggingIn | Stage::Filtering(_) => 0,
        };
        self.signals.drain(..count)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Takes what arrived.
    pub(crate) fn heard(
        &mut self,
        frame: Result<Frame, TooLong>,
        filters: Filters,
        now: Instant,
    ) -> Result<(), Reason> {
        self.heard_at = now;
        match frame {
            Ok(Frame::Banner(banner)) => self.greeted(banner, now),
            Ok(Frame::Message(message)) if message.event().is_some() => {
                self.event(message, filters, now)
            }
            // Without the id of an action that waits it is nobody's: Asterisk sends such a one only for an action
            // that it could not read, and a value with line ends in it can look like one.
            Ok(Frame::Message(message))
                if message.response().is_some() && self.pending.awaits(&message) =>
            {
                match self.pending.answer(message, self.options.answer_bytes_max) {
                    Some(settled) => self.settled(settled, filters, now),
                    None => Ok(()),
                }
            }
            Ok(Frame::Message(message)) => {
                self.hold(message.as_bytes().len())?;
                self.signals.push(Signal::Stray(message));
                Ok(())
            }
            Err(error) if self.stage == Stage::Greeting => {
                Err(Reason::NotAManager(error.to_string()))
            }
            Err(error) => {
                self.signals.push(Signal::LeftOut(error));
                self.resync(now);
                Ok(())
            }
        }
    }

    /// Takes an action of the consumer's.
    pub(crate) fn ask(&mut self, action: &Action, answer: oneshot::Sender<Outcome>, now: Instant) {
        let refused = if !self.is_up() {
            Some(NotSent::NotConnected)
        } else if self.pending.len() >= self.options.actions_in_flight_max {
            Some(NotSent::TooMany(self.pending.len()))
        } else if action.id().is_some_and(|id| self.pending.has(id.as_str())) {
            Some(NotSent::IdInUse)
        } else {
            None
        };
        match refused {
            // Nobody may be waiting any more, for this and for every other answer.
            Some(why) => drop(answer.send(Outcome::NotSent(why))),
            None => {
                let within = action.deadline().unwrap_or(self.options.answer_deadline);
                self.send(action, Purpose::Asked(answer), within, now);
            }
        }
    }

    /// When [`tick`](Dialogue::tick) is due.
    pub(crate) fn wake_at(&self) -> Instant {
        let next = match self.stage {
            Stage::Up => self.heard_at + self.options.ping_after,
            Stage::Greeting | Stage::LoggingIn | Stage::Filtering(_) => {
                self.began_at + self.options.login_deadline
            }
        };
        let next = match self.pending.has_ping() {
            true => None,
            false => Some(next),
        };
        let deadline = self.pending.next_deadline();
        let wakes = [next, deadline].into_iter().flatten();
        wakes
            .min()
            .unwrap_or(self.heard_at + self.options.ping_after)
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<(), Reason> {
        if !self.is_up() {
            return match now >= self.began_at + self.options.login_deadline {
                true => Err(Reason::LoginDeadline(self.options.login_deadline)),
                false => Ok(()),
            };
        }
        let silent_for = now.saturating_duration_since(self.heard_at);
        for overdue in self.pending.overdue(now) {
            // An action that Asterisk works on for long holds up the ping's answer, but then events have come since,
            // or come soon: only when nothing at all is heard is the connection dead.
            if silent_for >= self.options.ping_deadline {
                return Err(Reason::Silent(silent_for));
            }
            if matches!(overdue, Purpose::Resync) {
                self.resync(now);
            }
        }
        if silent_for >= self.options.ping_after && !self.pending.has_ping() {
            self.send(&Ping.into(), Purpose::Ping, self.options.ping_deadline, now);
        }
        Ok(())
    }

    /// Ends the talk. What was asked and not answered is told so.
    pub(crate) fn end(self, reason: Reason) -> Reason {
        let reason = match (self.shutdown, reason) {
            (Some(shutdown), Reason::Closed | Reason::ClosedInside | Reason::Socket(_)) => shutdown,
            (_, reason) => reason,
        };
        self.pending.end(&reason, self.taken_bytes);
        reason
    }

    fn greeted(&mut self, banner: Banner, now: Instant) -> Result<(), Reason> {
        if !banner.is_of_a_manager() {
            return Err(Reason::NotAManager(banner.text().to_owned()));
        }
        self.banner = Some(banner);
        self.stage = Stage::LoggingIn;
        match self.login.means() {
            Means::Challenge => self.send_own(&Login::challenge(), Purpose::Challenge, now),
            Means::Plain => self.log_in(None, now),
        }
        Ok(())
    }

    fn log_in(&mut self, challenge: Option<&[u8]>, now: Instant) {
        let action = self.login.action(challenge, &self.options.classes);
        self.send_own(&action, Purpose::Login, now);
    }

    fn event(&mut self, message: Message, filters: Filters, now: Instant) -> Result<(), Reason> {
        match self.pending.item(&message, self.options.answer_bytes_max) {
            Some(Settled::Item) => return Ok(()),
            Some(Settled::List(ended)) => {
                let (waiting, outcome) = *ended;
                return self.settled((waiting, outcome), filters, now);
            }
            None => {}
        }
        match message.event() {
            Some("FullyBooted") => {
                let seconds = message.text("Uptime").and_then(|text| text.parse().ok());
                self.up_for = seconds.map(Duration::from_secs);
                // It began to boot before we came, and has its channels only now.
                if self.is_up() {
                    self.resync(now);
                }
            }
            Some("Shutdown") => {
                let restarts = message.get("Restart").is_some_and(|value| value == b"True");
                self.shutdown = Some(Reason::Shutdown { restarts });
            }
            _ => {}
        }
        self.hold(message.as_bytes().len())?;
        self.signals.push(Signal::Event(message));
        Ok(())
    }

    /// Counts what is kept until the connection is up; afterwards the queue counts.
    fn hold(&mut self, bytes: usize) -> Result<(), Reason> {
        let bytes_max = self.options.backlog_bytes_max;
        if !self.is_up() {
            self.held_bytes += bytes;
        }
        match self.held_bytes > bytes_max {
            true => Err(Reason::Backlog { bytes_max }),
            false => Ok(()),
        }
    }

    fn settled(
        &mut self,
        (waiting, outcome): (Waiting, Outcome),
        filters: Filters,
        now: Instant,
    ) -> Result<(), Reason> {
        match (waiting.purpose, outcome) {
            (Purpose::Asked(answer), outcome) => drop(answer.send(outcome)),
            (Purpose::Challenge, Outcome::Done(answer)) => match answer.response.get("Challenge") {
                Some(challenge) => self.log_in(Some(challenge), now),
                // Never the secret itself in its place.
                None => return Err(Reason::LoginRefused("there is no challenge".to_owned())),
            },
            (Purpose::Login, Outcome::Done(_)) => self.logged_in(filters, now),
            (Purpose::Settle, _) => self.come_up(Filtering::from(filters), now),
            (Purpose::Challenge | Purpose::Login, outcome) => {
                return Err(Reason::LoginRefused(message_of(outcome)));
            }
            (Purpose::Probe, Outcome::Refused(refusal)) => self.probed(refusal, now),
            (Purpose::Filter, Outcome::Done(_)) => self.filter(now),
            (Purpose::Filter, Outcome::Refused(refusal)) if waiting.is_first_filter => {
                self.come_up(Filtering::Refused(refusal), now);
            }
            // A probe that is taken may keep everything from coming.
            (Purpose::Probe | Purpose::Filter, _) => return Err(Reason::Filters),
            (Purpose::Resync, outcome) => self.resynced(outcome, now),
            (Purpose::Ping | Purpose::Abandoned, _) => {}
        }
        Ok(())
    }

    fn logged_in(&mut self, filters: Filters, now: Instant) {
        let (action, purpose) = match (&self.options.wanted, filters) {
            (Some(_), Filters::AsWanted) => (filter::probe(), Purpose::Probe),
            (Some(_) | None, _) => (Ping.into(), Purpose::Settle),
        };
        self.send_own(&action, purpose, now);
    }

    fn probed(&mut self, refusal: Refusal, now: Instant) {
        if refusal.is_for_lack_of_permission() {
            self.come_up(Filtering::Refused(refusal), now);
            return;
        }
        let language = filter::language(&refusal.message);
        if let Some(wanted) = &self.options.wanted {
            self.filters = wanted.filters(language);
            self.filters.reverse();
        }
        self.stage = Stage::Filtering(language);
        self.filter(now);
    }

    /// Sends the next filter, or goes on after the last one.
    fn filter(&mut self, now: Instant) {
        match (self.filters.pop(), &self.stage) {
            (Some(filter), _) => self.send_own(&filter, Purpose::Filter, now),
            (None, Stage::Filtering(Language::Advanced)) => self.come_up(Filtering::Advanced, now),
            (None, _) => self.come_up(Filtering::Classic, now),
        }
    }

    fn come_up(&mut self, filtering: Filtering, now: Instant) {
        let Some(banner) = self.banner.clone() else {
            return;
        };
        self.stage = Stage::Up;
        let greeting = Greeting {
            banner,
            filtering,
            up_for: self.up_for,
        };
        self.signals.insert(0, Signal::Connected(greeting));
        self.resync(now);
    }

    /// Asks which channels live, once more if it is asked already: what that answer says may be older.
    fn resync(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        if self.pending.has_resync() {
            self.resync_again = true;
            return;
        }
        let within = self.options.answer_deadline;
        let list = match &self.options.resync_variables {
            Some(variables) => Action::from(Status {
                channel: None,
                variables: Some(variables.clone()),
            }),
            None => CoreShowChannels.into(),
        };
        self.send(&list, Purpose::Resync, within, now);
    }

    fn resynced(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Done(answer) => {
                self.signals
                    .push(Signal::Resync(Resync::Channels(answer.items)));
            }
            Outcome::Refused(refusal) => {
                self.signals.push(Signal::Resync(Resync::Refused(refusal)));
            }
            Outcome::Unknown(Unknown::TooLong { bytes_max }) => {
                self.signals
                    .push(Signal::Resync(Resync::TooLong { bytes_max }));
            }
            // The end of the connection and the deadline are told elsewhere.
            Outcome::NotSent(_) | Outcome::Unknown(_) => {}
        }
        if std::mem::take(&mut self.resync_again) {
            self.resync(now);
        }
    }

    /// Sends an action of the login, whose deadline is that of the whole.
    fn send_own(&mut self, action: &Action, purpose: Purpose, now: Instant) {
        self.send(action, purpose, self.options.login_deadline, now);
    }

    fn send(&mut self, action: &Action, purpose: Purpose, within: Duration, now: Instant) {
        let id = match action.id() {
            Some(id) => id.as_str().to_owned(),
            None => self.ids.next(),
        };
        let before = self.out.len();
        action.write(&id, &mut self.out);
        self.queued_bytes += (self.out.len() - before) as u64;
        let is_first_filter = self.pending.filters_sent == 0;
        self.pending.filters_sent += u32::from(matches!(purpose, Purpose::Filter));
        self.pending.add(Waiting {
            id: id.into_bytes(),
            action: action.name().as_str().to_owned(),
            ends_at_byte: self.queued_bytes,
            within,
            until: now + within,
            purpose,
            is_first_filter,
            list: None,
        });
    }
}

fn message_of(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(refusal) => refusal.message,
        Outcome::Done(_) | Outcome::NotSent(_) | Outcome::Unknown(_) => String::new(),
    }
}
