//! What became of a write.

use crate::{Error, error::Verdict};

/// What became of a write, as far as it can be known.
#[derive(Debug)]
#[must_use = "a write that was not done, or may have been, is not an error that can be dropped"]
pub enum Outcome<T> {
    /// It was done.
    Done(T),
    /// It was not done, and the same request will never be.
    Refused(Error),
    /// It was not done: nothing was sent, or Frappe rolled everything back. The same request may be sent again.
    NotSent(Error),
    /// It may have been done. Look before it is sent again.
    Unknown(Error),
}

impl<T> Outcome<T> {
    /// What was done, or why not; [`Error::verdict`] still tells the three cases of the latter apart.
    ///
    /// # Errors
    /// Unless it was done.
    pub fn into_result(self) -> Result<T, Error> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Refused(error) | Self::NotSent(error) | Self::Unknown(error) => Err(error),
        }
    }

    /// Turns what was done into something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(done) => Outcome::Done(change(done)),
            Self::Refused(error) => Outcome::Refused(error),
            Self::NotSent(error) => Outcome::NotSent(error),
            Self::Unknown(error) => Outcome::Unknown(error),
        }
    }

    /// Why it was not done, or is not known to have been.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Done(_) => None,
            Self::Refused(error) | Self::NotSent(error) | Self::Unknown(error) => Some(error),
        }
    }
}

impl<T> From<Result<T, Error>> for Outcome<T> {
    fn from(result: Result<T, Error>) -> Self {
        match result {
            Ok(done) => Self::Done(done),
            Err(error) => match error.verdict() {
                Verdict::Never => Self::Refused(error),
                Verdict::RetryAfter(_) => Self::NotSent(error),
                Verdict::LookFirst => Self::Unknown(error),
            },
        }
    }
}
