//! Why a read failed, and what is to be done about it.

use std::{error, fmt, time::Duration};

use crate::{question::Question, record::Misfit, scan::Astray};

/// A read that failed. Neither `Display` nor `Debug` shows the key, an address of a file, or what Freshdesk said in words.
#[derive(Debug)]
pub struct Error {
    asked: String,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No connection.
    #[error("the host could not be reached")]
    Connect(#[source] Transport),
    /// The connection broke.
    #[error("the connection broke before the answer was complete")]
    Lost(#[source] Transport),
    /// No complete answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// More than is read.
    #[error("it is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// 401.
    #[error("the key is not valid (401)")]
    WrongKey,
    /// 403 `access_denied`, or without a reason.
    #[error("the key's agent may not see it (403)")]
    NotAllowed,
    /// 403 `require_feature`.
    #[error("the account's plan does not have it (403)")]
    NotOnPlan,
    /// 404: there is none.
    #[error("there is none (404)")]
    Missing,
    /// 429, and a wait longer than is waited silently. Until then nothing is sent.
    #[error("too many requests (429), for {} more seconds", .retry_after.as_secs())]
    TooManyRequests {
        /// How long to wait.
        retry_after: Duration,
    },
    /// 4xx: the request was not understood.
    #[error("the request was refused ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What Freshdesk said; it may quote what was asked.
        message: Message,
    },
    /// 5xx.
    #[error("Freshdesk failed ({status})")]
    ServerFault {
        /// The HTTP status.
        status: u16,
        /// When to come back, where the answer said so.
        retry_after: Option<Duration>,
    },
    /// Not followed: the key would go to wherever it leads.
    #[error("redirected ({status}), which was not followed")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// A page for people, as for a suspended account. Never an empty list.
    #[error("a page for people came in place of an answer ({status})")]
    Page {
        /// The HTTP status.
        status: u16,
    },
    /// An answer of an unexpected shape.
    #[error("the answer has an unexpected shape: {what}")]
    Shape {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A record that is none.
    #[error("a record could not be read")]
    Record(#[source] Misfit),
    /// A list that is not what was asked for.
    #[error("the list is not the one that was asked for")]
    Astray(#[source] Astray),
    /// A list without an end.
    #[error("there are more than {rows_max} of them")]
    TooMany {
        /// The limit.
        rows_max: usize,
    },
    /// A file at a host that files do not come from.
    #[error("the file lies at {host:?}, from where none is fetched")]
    ForeignHost {
        /// The host.
        host: String,
    },
    /// A file's address that cannot be asked.
    #[error("the file's address cannot be read")]
    FileAddress,
    /// A file whose link no longer works, even after it was read anew.
    #[error("the link to the file does not work ({status})")]
    DeadLink {
        /// The HTTP status.
        status: u16,
    },
    /// A file that ended early or late.
    #[error("{got} bytes came of a file of {expected}")]
    WrongSize {
        /// As announced.
        expected: u64,
        /// As counted.
        got: u64,
    },
}

/// Words of Freshdesk's, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(pub(crate) String);

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

/// Whether a failed read is worth asking again. Everything here is a read, so it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be, after this time if one is given.
    RetryAfter(Option<Duration>),
    /// The same read will fail again.
    Never,
}

impl Cause {
    /// Whether it is worth asking again.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Connect(_) | Self::Lost(_) | Self::Deadline(_) | Self::WrongSize { .. } => {
                Verdict::RetryAfter(None)
            }
            Self::TooManyRequests { retry_after } => Verdict::RetryAfter(Some(*retry_after)),
            Self::ServerFault { retry_after, .. } => Verdict::RetryAfter(*retry_after),
            Self::TooLarge { .. }
            | Self::WrongKey
            | Self::NotAllowed
            | Self::NotOnPlan
            | Self::Missing
            | Self::Refused { .. }
            | Self::Redirected { .. }
            | Self::Page { .. }
            | Self::Shape { .. }
            | Self::Record(_)
            | Self::Astray(_)
            | Self::TooMany { .. }
            | Self::ForeignHost { .. }
            | Self::FileAddress
            | Self::DeadLink { .. } => Verdict::Never,
        }
    }

    /// What a person is to do, as a sentence.
    pub fn what_now(&self) -> &'static str {
        match self {
            Self::Connect(_) => {
                "Check the account's address and the network, then go on from where it stopped."
            }
            Self::Lost(_) | Self::Deadline(_) | Self::ServerFault { .. } => {
                "Go on from where it stopped; if it keeps failing, see Freshdesk's status page."
            }
            Self::TooLarge { .. } | Self::TooMany { .. } => {
                "Raise the limit, or leave this one out."
            }
            Self::WrongKey => {
                "Copy the key anew from the profile settings of an administrator in Freshdesk."
            }
            Self::NotAllowed => {
                "Use the key of an account administrator with the global ticket scope."
            }
            Self::NotOnPlan => "Leave it out, or ask Freshdesk for a plan that has it.",
            Self::Missing => "Nothing: it was deleted, or archived.",
            Self::TooManyRequests { .. } => {
                "Wait; nothing is sent until then. A smaller share of the limit leaves more to others."
            }
            Self::Refused { .. } | Self::Shape { .. } | Self::Record(_) | Self::Astray(_) => {
                "Report this: Freshdesk answers otherwise than is known here."
            }
            Self::Redirected { .. } => {
                "Give the account's own host, such as acme.freshdesk.com, not the portal's."
            }
            Self::Page { .. } => {
                "Open the account in a browser: it may be suspended, or under maintenance."
            }
            Self::ForeignHost { .. } | Self::FileAddress => {
                "Allow the host if it is known to be Freshdesk's; otherwise leave the file out."
            }
            Self::DeadLink { .. } => {
                "Open the ticket in Freshdesk: the file may be lost there, too."
            }
            Self::WrongSize { .. } => "Fetch the file again.",
        }
    }
}

impl Error {
    pub(crate) fn new(question: &Question, cause: Cause) -> Self {
        Self {
            asked: question.to_string(),
            cause,
        }
    }

    /// Whether it is worth asking again.
    pub fn verdict(&self) -> Verdict {
        self.cause.verdict()
    }

    /// What a person is to do, as a sentence.
    pub fn what_now(&self) -> &'static str {
        self.cause.what_now()
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
