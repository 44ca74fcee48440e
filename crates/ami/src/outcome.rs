//! What became of an action.

use std::{fmt, time::Duration};

use crate::{Message, signal::Reason};

/// What became of an action.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome {
    /// Asterisk did it, or took it on: for an `Originate`, `Done` says that it is queued.
    Done(Answer),
    /// Asterisk did not do it, and will not as it is.
    Refused(Refusal),
    /// It never left as a whole, so it did not run; it may be sent again.
    NotSent(NotSent),
    /// It may have run: look for its effect before sending it again.
    Unknown(Unknown),
}

impl Outcome {
    /// The answer, or why there is none: for actions that only ask, and may be asked again.
    ///
    /// # Errors
    /// When it was not answered with success.
    pub fn answer(self) -> Result<Answer, NoAnswer> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Refused(refusal) => Err(NoAnswer::Refused(refusal)),
            Self::NotSent(why) => Err(NoAnswer::NotSent(why)),
            Self::Unknown(why) => Err(NoAnswer::Unknown(why)),
        }
    }
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The response.
    pub response: Message,
    /// The items of a list, without its end.
    pub items: Vec<Message>,
}

/// Asterisk said no.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("Asterisk refused {action}: {message}")]
pub struct Refusal {
    /// The action.
    pub action: String,
    /// What Asterisk said, or the first line of what a command wrote.
    pub message: String,
    /// The response.
    pub response: Message,
}

impl Refusal {
    pub(crate) fn new(action: &str, response: Message) -> Self {
        let message = response.text("Message").unwrap_or_default().into_owned();
        let output = response.output().next().map(String::from_utf8_lossy);
        let message = match output {
            Some(output) => output.into_owned(),
            None => message,
        };
        Self {
            action: action.to_owned(),
            message,
            response,
        }
    }

    /// Whether the user lacks a class of `write` in `manager.conf`.
    pub fn is_for_lack_of_permission(&self) -> bool {
        self.message == "Permission denied"
    }
}

impl fmt::Debug for Refusal {
    /// Without what Asterisk said, which may repeat what it was sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// Why an action did not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// There is no connection, or it is not logged in yet.
    #[error("Asterisk is not connected")]
    NotConnected,
    /// The connection broke before the action had left.
    #[error("the connection was lost before it was sent: {0}")]
    Lost(Reason),
    /// As many actions as may be are waiting for their answers.
    #[error("{0} actions are waiting for their answers already")]
    TooMany(usize),
    /// An action of the same id is waiting for its answer.
    #[error("an action of the same id is waiting for its answer")]
    IdInUse,
    /// Nobody drives the connection any more.
    #[error("the connection was closed for good")]
    Closed,
}

/// Why it is not known what an action did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The connection broke between the action and its answer.
    #[error("the connection was lost before the answer: {0}")]
    Lost(Reason),
    /// No answer came.
    #[error("there was no answer in {0:?}")]
    Deadline(Duration),
    /// The answer was longer than allowed. It has run.
    #[error("the answer was longer than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// The connection was closed for good before the answer.
    #[error("the connection was closed for good before the answer")]
    Closed,
}

/// Why there is no successful answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Asterisk said no.
    #[error(transparent)]
    Refused(Refusal),
    /// It was not asked.
    #[error(transparent)]
    NotSent(NotSent),
    /// It was asked, and the answer did not come.
    #[error(transparent)]
    Unknown(Unknown),
}
