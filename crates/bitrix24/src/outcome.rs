//! What became of a write.

use crate::{Answer, Error};

/// What became of a call that changes something.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome {
    /// It ran.
    Done(Answer),
    /// It did not run, and will not as it is.
    Refused(Error),
    /// It did not run, and may be sent again.
    NotSent(Error),
    /// It may have run: look for its effect before sending it again.
    Unknown(Error),
}

impl From<Result<Answer, Error>> for Outcome {
    fn from(result: Result<Answer, Error>) -> Self {
        let error = match result {
            Ok(answer) => return Self::Done(answer),
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
