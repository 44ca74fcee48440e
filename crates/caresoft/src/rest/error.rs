//! Why a read failed.

use std::{error, fmt, time::Duration};

use super::question::Question;

/// A read that failed. Neither `Display` nor `Debug` shows the token, a phone number or what CareSoft said in words.
#[derive(Debug)]
pub struct Error {
    asked: String,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No connection could be made, to either host.
    #[error("no host could be reached")]
    Connect(#[source] Transport),
    /// The connection broke.
    #[error("the connection broke before the answer was complete")]
    Lost(#[source] Transport),
    /// No complete answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The answer is larger than is read.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// 401, 403: the token is wrong, was reset, or may not do this. Resetting it breaks every client at once.
    #[error("the token is not valid, or was reset ({status})")]
    WrongToken {
        /// The HTTP status.
        status: u16,
    },
    /// 404 that speaks of the domain: what CareSoft answers for 15 minutes to a client that went on after being told
    /// that it asks too often, and also to a domain that does not exist.
    #[error(
        "banned for {} more seconds for asking too often, or the domain does not exist (404)",
        .retry_after.as_secs()
    )]
    Banned {
        /// How much longer. Until then nothing is sent.
        retry_after: Duration,
    },
    /// 404: there is none.
    #[error("there is none (404)")]
    Missing,
    /// 429. Every clone of the account waits until then.
    #[error("too many requests (429)")]
    TooManyRequests {
        /// How long to wait.
        retry_after: Duration,
    },
    /// CareSoft says that it cannot be answered, with any status.
    #[error("the request was refused ({status})")]
    Refused {
        /// The HTTP status, which is often 200.
        status: u16,
        /// What CareSoft said; it may quote what was asked.
        message: Message,
    },
    /// 5xx. Not an empty page, as which it was seen to be taken.
    #[error("CareSoft failed ({status})")]
    ServerFault {
        /// The HTTP status.
        status: u16,
        /// When to come back, where the answer said so.
        retry_after: Option<Duration>,
    },
    /// Not followed.
    #[error("redirected ({status}), which was not followed")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is not one of CareSoft's.
    #[error("the answer has an unexpected shape ({status}): {what}")]
    Shape {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Words of CareSoft's, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(pub(super) String);

impl Message {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

/// Whether a failed read is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be, after this time if one is given.
    RetryAfter(Option<Duration>),
    /// The same read will fail again.
    Never,
}

impl Error {
    pub(super) fn new(question: &Question, cause: Cause) -> Self {
        Self {
            asked: question.to_string(),
            cause,
        }
    }

    /// Whether it is worth asking again.
    pub fn verdict(&self) -> Verdict {
        match &self.cause {
            Cause::Connect(_) | Cause::Lost(_) | Cause::Deadline(_) => Verdict::RetryAfter(None),
            Cause::Banned { retry_after } | Cause::TooManyRequests { retry_after } => {
                Verdict::RetryAfter(Some(*retry_after))
            }
            Cause::ServerFault { retry_after, .. } => Verdict::RetryAfter(*retry_after),
            Cause::TooLarge { .. }
            | Cause::WrongToken { .. }
            | Cause::Missing
            | Cause::Refused { .. }
            | Cause::Redirected { .. }
            | Cause::Shape { .. } => Verdict::Never,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be read: {}", self.asked, self.cause)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.source()
    }
}

/// What went wrong below HTTP. The address of the request is taken out of it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Transport(reqwest::Error);

impl From<reqwest::Error> for Transport {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}
