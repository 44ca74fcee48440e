//! What became of a write.

use crate::{Answer, Error};

/// What became of a call that changes something; what it answered, read where the call is a typed one.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome<T = Answer> {
    /// It ran.
    Done(T),
    /// It did not run, and will not as it is.
    Refused(Error),
    /// It did not run, and may be sent again.
    NotSent(Error),
    /// It may have run: look for its effect before sending it again.
    Unknown(Error),
}

impl<T> Outcome<T> {
    /// The same with what it answered made into something else.
    pub fn map<U>(self, read: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(done) => Outcome::Done(read(done)),
            Self::Refused(error) => Outcome::Refused(error),
            Self::NotSent(error) => Outcome::NotSent(error),
            Self::Unknown(error) => Outcome::Unknown(error),
        }
    }
}

impl Outcome {
    /// The same with its answer read. It ran, whatever it answered; with an answer that says nothing nobody knows
    /// what came of it.
    pub(crate) fn read<T>(self, read: impl FnOnce(&Answer) -> Option<T>) -> Outcome<T> {
        match self {
            Self::Done(answer) => match read(&answer) {
                Some(read) => Outcome::Done(read),
                None => Outcome::Unknown(answer.unreadable_write()),
            },
            Self::Refused(error) => Outcome::Refused(error),
            Self::NotSent(error) => Outcome::NotSent(error),
            Self::Unknown(error) => Outcome::Unknown(error),
        }
    }
}

impl<T> From<Result<T, Error>> for Outcome<T> {
    fn from(result: Result<T, Error>) -> Self {
        let error = match result {
            Ok(done) => return Self::Done(done),
            Err(error) => error,
        };
        match &error {
            Error::NotFound { .. } | Error::Refused { .. } | Error::Configuration { .. } => {
                Self::Refused(error)
            }
            Error::Overload { .. } | Error::NotSent { .. } => Self::NotSent(error),
            Error::MaybeExecuted { .. } | Error::NoAnswer { .. } => Self::Unknown(error),
        }
    }
}
