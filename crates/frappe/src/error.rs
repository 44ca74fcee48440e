//! Why a request failed, and whether it may be sent again.

use std::{error, fmt, time::Duration};

use crate::{Message, operation::Operation};

/// A request that failed.
///
/// Neither `Display` nor `Debug` shows a credential, a field's value, a traceback or what Frappe said in words:
/// that is [`message`](Error::message), for people who may see the document.
#[derive(Debug)]
pub struct Error {
    /// What was asked.
    pub operation: Box<Operation>,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// It was not sent, because the site would misunderstand or refuse it.
    #[error("not sent, because {0}")]
    Unsendable(Unsendable),
    /// No connection could be made. Nothing was sent.
    #[error("the site could not be reached")]
    Connect(#[source] Transport),
    /// The connection broke after the request, or part of it, had been sent.
    #[error("the connection broke before the answer was complete")]
    Lost(#[source] Transport),
    /// No complete answer within the deadline. The request may have been carried out.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The answer is larger than this client reads.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// 401: the key is unknown, the secret is wrong, or the token has run out.
    #[error("the key or token is not valid (401)")]
    WrongKey,
    /// 403: the user may not do this, or is not logged in and may not for that reason.
    #[error("the user has no right to it (403)")]
    NoRight {
        /// What Frappe said.
        message: Option<Message>,
    },
    /// 403: Server Scripts are switched off on the site.
    #[error("server scripts are switched off on the site (403)")]
    ScriptsDisabled,
    /// The session has ended; the caller must log in again. Frappe treats the request as a Guest's.
    #[error("the session has expired")]
    SessionExpired,
    /// 400: the caller's CSRF token is missing or wrong.
    #[error("the CSRF token is missing or wrong (400)")]
    Csrf,
    /// 404: there is no such document; on an insert, no such document as a field refers to.
    #[error("there is no such document (404)")]
    Missing {
        /// What Frappe said.
        message: Option<Message>,
    },
    /// There is no such DocType on the site. Frappe 15 answers 404 to a list and 500 `ImportError` elsewhere.
    #[error("there is no such DocType on the site")]
    MissingDocType,
    /// The values were refused (417, or 409 for a name with forbidden characters).
    #[error("the site refused the values ({kind})")]
    Validation {
        /// Frappe's exception, such as `MandatoryError`.
        kind: String,
        /// What Frappe said.
        message: Option<Message>,
    },
    /// 409: a document with this `name` exists, by the site's collation.
    #[error("a document with this name exists (409)")]
    Duplicate {
        /// What Frappe said.
        message: Option<Message>,
    },
    /// 417: another document has this value in a unique field.
    #[error("another document has this value in a unique field (417)")]
    NotUnique {
        /// What Frappe said; it names the field by its label.
        message: Option<Message>,
    },
    /// 417: a link field names a document that does not exist.
    #[error("a field links to a document that does not exist (417)")]
    LinkMissing {
        /// What Frappe said.
        message: Option<Message>,
    },
    /// 417: the document was changed after it was read.
    #[error("the document was changed since it was read (417)")]
    TimestampMismatch,
    /// 413: the site does not take a body as large as this.
    #[error("the site does not take a request as large as this (413)")]
    RequestTooLarge,
    /// 429: the site's budget, or that of one method, is used up.
    #[error("too many requests (429)")]
    TooManyRequests {
        /// When to come back, where the site said so.
        retry_after: Option<Duration>,
        /// Whose limit it is.
        limit: Limit,
    },
    /// 500: the database chose this transaction to end a deadlock. Rolled back.
    #[error("the database ended a deadlock by rolling this back (500)")]
    Deadlock,
    /// 500: a row stayed locked for too long. Rolled back.
    #[error("a row in the database stayed locked (500)")]
    LockTimeout,
    /// 503: the site is under maintenance.
    #[error("the site is under maintenance (503)")]
    Maintenance {
        /// When to come back, where the site said so.
        retry_after: Option<Duration>,
    },
    /// 5xx: the site failed on it and will do so again: a wrong date, an unknown column, a failing script.
    #[error("the site failed on it ({kind}, {status})")]
    ServerFault {
        /// The HTTP status.
        status: u16,
        /// Frappe's or Python's exception, such as `OperationalError`.
        kind: String,
        /// What Frappe said.
        message: Option<Message>,
    },
    /// An answer that Frappe gives with a status that it was not seen to use.
    #[error("the site answered with {kind} ({status})")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// Frappe's exception.
        kind: String,
        /// What Frappe said.
        message: Option<Message>,
    },
    /// A status with neither a document nor a reason: a script's own status, a proxy's page, another program.
    #[error("the answer is not Frappe's ({status}{})", hint_of(.hint.as_ref()))]
    NotFrappe {
        /// The HTTP status.
        status: u16,
        /// When to come back, where the answer said so.
        retry_after: Option<Duration>,
        /// The title of the page, if it was one.
        hint: Option<String>,
    },
    /// The site wants the request to go elsewhere. It was not followed.
    #[error("redirected ({status}) to {host}, which was not followed")]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to: a host, without path or query.
        host: String,
    },
    /// A success whose content has another shape than the documented one.
    #[error("the answer has an unexpected shape: {0}")]
    Shape(&'static str),
}

fn hint_of(hint: Option<&String>) -> String {
    hint.map(|hint| format!(", {hint:?}")).unwrap_or_default()
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// An empty DocType, document or method name: the request would mean another resource.
    #[error("a DocType, document or method has an empty name")]
    EmptyName,
    /// `.` or `..`, which no URL can carry as a name.
    #[error("a DocType, document or method is named `.` or `..`")]
    DotName,
    /// Frappe takes no such name (409 `NameError`).
    #[error("a document's name has `<` or `>`")]
    AngleBracket,
    /// Longer than a name may be.
    #[error("a document's name is longer than 140 characters")]
    NameTooLong,
    /// More documents than one request may carry.
    #[error("it carries more than {max} documents")]
    TooManyDocuments {
        /// The most that Frappe takes.
        max: usize,
    },
    /// A document for `insert_many` or `save` that does not say what it is.
    #[error("a document does not name its DocType")]
    NoDocType,
    /// A document without its name where one is needed.
    #[error("a document does not carry its name")]
    NoName,
    /// A question that would be answered with any document at all.
    #[error("it has no filter")]
    NoFilter,
    /// A larger body than the site takes.
    #[error("its body is {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// The size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Frappe fails on an empty file (500, observed on 15.50).
    #[error("the file is empty")]
    EmptyFile,
    /// A file elsewhere: the credential belongs to the site.
    #[error("the file is not one of this site")]
    FileElsewhere,
    /// A credential or an address that HTTP cannot carry. What can be given is checked before, so this is a bug.
    #[error("it cannot be written as a request")]
    NotHttp,
    /// A value that JSON cannot carry.
    #[error("a value cannot be written as JSON")]
    NotJson,
}

/// Whose request limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The site-wide budget of processing time, shared by all users.
    Site,
    /// The limit of one method or script.
    Method,
    /// A proxy's, or one that this client does not know.
    Other,
}

/// Whether a failed request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did not run, or changed nothing: it may be sent again, after this time if one is given.
    RetryAfter(Option<Duration>),
    /// It did not run, and the same request never will.
    Never,
    /// It may have run: look before it is sent again.
    LookFirst,
}

impl Error {
    pub(crate) fn new(operation: &Operation, cause: Cause) -> Self {
        Self {
            operation: Box::new(operation.clone()),
            cause,
        }
    }

    /// Whether the request may be sent again.
    pub fn verdict(&self) -> Verdict {
        let writes = self.operation.verb.writes();
        let unless_it_ran = || match writes {
            true => Verdict::LookFirst,
            false => Verdict::RetryAfter(None),
        };
        match &self.cause {
            Cause::Connect(_) | Cause::Deadlock | Cause::LockTimeout => Verdict::RetryAfter(None),
            Cause::Lost(_) | Cause::Deadline(_) => unless_it_ran(),
            Cause::TooManyRequests { retry_after, .. } | Cause::Maintenance { retry_after } => {
                Verdict::RetryAfter(*retry_after)
            }
            Cause::NotFrappe {
                status,
                retry_after,
                ..
            } => match status {
                // A proxy in front of the site, which may have passed the request on.
                500.. if writes => Verdict::LookFirst,
                502..=504 => Verdict::RetryAfter(*retry_after),
                ..300 if writes => Verdict::LookFirst,
                _ => Verdict::Never,
            },
            // It ran; what came of it could not be read.
            Cause::TooLarge { .. } | Cause::Shape(_) if writes => Verdict::LookFirst,
            Cause::TooLarge { .. }
            | Cause::Shape(_)
            | Cause::Unsendable(_)
            | Cause::WrongKey
            | Cause::NoRight { .. }
            | Cause::ScriptsDisabled
            | Cause::SessionExpired
            | Cause::Csrf
            | Cause::Missing { .. }
            | Cause::MissingDocType
            | Cause::Validation { .. }
            | Cause::Duplicate { .. }
            | Cause::NotUnique { .. }
            | Cause::LinkMissing { .. }
            | Cause::TimestampMismatch
            | Cause::RequestTooLarge
            | Cause::ServerFault { .. }
            | Cause::Unexpected { .. }
            | Cause::Redirected { .. } => Verdict::Never,
        }
    }

    /// What Frappe said about it, as plain text. It may quote values of the document.
    pub fn message(&self) -> Option<&Message> {
        match &self.cause {
            Cause::NoRight { message }
            | Cause::Missing { message }
            | Cause::Validation { message, .. }
            | Cause::Duplicate { message }
            | Cause::NotUnique { message }
            | Cause::LinkMissing { message }
            | Cause::ServerFault { message, .. }
            | Cause::Unexpected { message, .. } => message.as_ref(),
            Cause::Unsendable(_)
            | Cause::Connect(_)
            | Cause::Lost(_)
            | Cause::Deadline(_)
            | Cause::TooLarge { .. }
            | Cause::WrongKey
            | Cause::ScriptsDisabled
            | Cause::SessionExpired
            | Cause::Csrf
            | Cause::MissingDocType
            | Cause::TimestampMismatch
            | Cause::RequestTooLarge
            | Cause::TooManyRequests { .. }
            | Cause::Deadlock
            | Cause::LockTimeout
            | Cause::Maintenance { .. }
            | Cause::NotFrappe { .. }
            | Cause::Redirected { .. }
            | Cause::Shape(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
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
