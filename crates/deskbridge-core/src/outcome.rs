//! What became of a write to a remote system.

use std::time::Duration;

/// The answer to a write. There is no blind retry: each variant says what may be done next, and every
/// caller matches all four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It ran.
    Done(T),
    /// It did not run and will not, however often it is sent.
    Refused(Failure),
    /// It did not run and may be sent again.
    NotSent(Failure),
    /// It may have run: look at the remote system before sending it again.
    Unknown(Failure),
}

/// Why a write is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, on what, and why: one line without secrets, for a person.
    pub why: String,
    /// How long the remote system asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure for which the remote system named no waiting time.
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            retry_after: None,
        }
    }

    /// The same failure with the waiting time that the remote system named.
    #[must_use]
    pub fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }
}
