//! How a manager is spoken to.

use std::time::Duration;

use crate::{Limits, backoff::Backoff, filter::Wanted, login::Classes, value::Value};

/// How a manager is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// TLS, if it is to be used.
    pub tls: Option<Tls>,
    /// Which classes of events come.
    pub classes: Classes,
    /// Which events of them are wanted; all if it is not said. Needs the class `system` in `write`.
    pub wanted: Option<Wanted>,
    /// What a resync tells of each channel beside what every list has, as `MIXMONITOR_FILENAME,CDR(answer,u)`: variables, and
    /// functions of the dialplan. The channels are then listed by `Status`, else by `CoreShowChannels`.
    pub resync_variables: Option<Value>,
    /// How long a connection may take to be made, TLS included.
    pub connect_deadline: Duration,
    /// How long the greeting, the login and the filters may take together.
    pub login_deadline: Duration,
    /// How long an action waits for its answer, if it does not say itself.
    pub answer_deadline: Duration,
    /// After how long a silence Asterisk is asked for a sign of life.
    pub ping_after: Duration,
    /// How long it may take to give one.
    pub ping_deadline: Duration,
    /// When to connect again.
    pub backoff: Backoff,
    /// How many actions may wait for their answers.
    pub actions_in_flight_max: usize,
    /// The longest answer with its items, in bytes.
    pub answer_bytes_max: usize,
    /// How much may wait for the consumer, in bytes. Beyond it the connection is given up, and made anew once
    /// everything that waits was taken.
    pub backlog_bytes_max: usize,
    /// How long blocks may be.
    pub limits: Limits,
    /// Seed for jitter and ids; drawn at random if absent.
    pub seed: Option<u64>,
}

/// TLS with Asterisk.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The name in Asterisk's certificate; the host's if it is not said.
    pub name: Option<String>,
    /// Authorities to trust besides the machine's, as PEM.
    pub roots_pem: Vec<String>,
    /// Asterisk's very certificate, as PEM, which is then trusted whatever its name, its dates and its issuer are. It
    /// usually signed itself as an authority, and such a one is not trusted as a root.
    pub pinned_pem: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            classes: Classes::All,
            wanted: None,
            resync_variables: None,
            connect_deadline: Duration::from_secs(10),
            login_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(10),
            ping_after: Duration::from_secs(15),
            ping_deadline: Duration::from_secs(10),
            backoff: Backoff::default(),
            actions_in_flight_max: 256,
            answer_bytes_max: 32 << 20,
            backlog_bytes_max: 64 << 20,
            limits: Limits::default(),
            seed: None,
        }
    }
}

/// What is wrong with [`Options`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A limit of zero would let nothing through.
    #[error("{0} must be above zero")]
    Zero(&'static str),
    /// The host's name is not one that a certificate can have.
    #[error("the name {0:?} cannot be that of a certificate")]
    Name(String),
    /// A certificate cannot be read.
    #[error("a certificate cannot be used: {0}")]
    Root(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let above_zero = [
            ("connect_deadline", !self.connect_deadline.is_zero()),
            ("login_deadline", !self.login_deadline.is_zero()),
            ("answer_deadline", !self.answer_deadline.is_zero()),
            ("ping_after", !self.ping_after.is_zero()),
            ("ping_deadline", !self.ping_deadline.is_zero()),
            ("backoff.first", !self.backoff.first.is_zero()),
            ("actions_in_flight_max", self.actions_in_flight_max > 0),
            ("answer_bytes_max", self.answer_bytes_max > 0),
            ("backlog_bytes_max", self.backlog_bytes_max > 0),
            ("limits.block_bytes_max", self.limits.block_bytes_max > 0),
        ];
        match above_zero.into_iter().find(|(_, is_above)| !is_above) {
            Some((name, _)) => Err(OptionsError::Zero(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_let_nothing_through_are_refused() {
        let check = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options.check()
        };
        assert_eq!(check(|_| {}), Ok(()));
        let ping = check(|options| options.ping_after = Duration::ZERO);
        assert_eq!(ping, Err(OptionsError::Zero("ping_after")));
        let backlog = check(|options| options.backlog_bytes_max = 0);
        assert_eq!(backlog, Err(OptionsError::Zero("backlog_bytes_max")));
    }
}
