//! What an answer means: the table of statuses and exceptions, as pure functions.
//!
//! Decisions are made on the status and on Frappe's exception (`exc_type` in version 1 of the API, `type` in
//! version 2), never on words, which are translated.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    Credential,
    error::{Cause, Limit},
    message,
    operation::{Operation, Verb},
};

const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const KIND_CHARACTERS_MAX: usize = 80;

/// The method that reads a password field.
pub(crate) const PASSWORD: &str = "frappe.client.get_password";

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `Retry-After` header.
    pub(crate) retry_after: Option<Duration>,
    /// The `Date` header.
    pub(crate) date: Option<Timestamp>,
    /// The host that the `Location` header names.
    pub(crate) redirects_to: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body of a success, or why there is none.
    pub(crate) fn into_success(
        self,
        operation: &Operation,
        credential: &Credential,
    ) -> Result<Map<String, Value>, Cause> {
        let body = match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Some(body),
            Ok(_) | Err(_) => None,
        };
        // With a key pair it would be about a cookie that something on the way has added.
        let session_expired = credential.is_session()
            && body
                .as_ref()
                .and_then(|body| body.get("session_expired"))
                .is_some_and(crate::document::is_set);
        match (self.status, body) {
            // A read that Frappe answered as Guest is not the caller's answer.
            (200..=299, Some(_)) if session_expired && !operation.verb.writes() => {
                Err(Cause::SessionExpired)
            }
            (200..=299, Some(body)) => Ok(body),
            (401 | 403 | 404, Some(_)) if session_expired => Err(Cause::SessionExpired),
            (_, Some(body)) => Err(self.refusal(&body, operation, &credential.secrets())),
            (_, None) => Err(self.without_json(&credential.secrets())),
        }
    }

    /// Why a JSON body with an unhappy status says no.
    fn refusal(&self, body: &Map<String, Value>, operation: &Operation, secrets: &[&str]) -> Cause {
        let Some(kind) = exception_of(body) else {
            return self.without_json(secrets);
        };
        let message = || message::of_body(body, secrets);
        match (self.status, kind.as_str()) {
            (400, "CSRFTokenError") => Cause::Csrf,
            // Frappe says the same of a password field that is empty as of a wrong key, but says it in words.
            (401, _) if operation.target == PASSWORD && body.contains_key("_server_messages") => {
                Cause::Missing { message: message() }
            }
            (401, _) => Cause::WrongKey,
            (403, "ServerScriptNotEnabled") => Cause::ScriptsDisabled,
            (403, _) => Cause::NoRight { message: message() },
            (404, _) if matches!(operation.verb, Verb::List | Verb::Describe) => {
                Cause::MissingDocType
            }
            (404, _) => Cause::Missing { message: message() },
            (409, "DuplicateEntryError") => Cause::Duplicate { message: message() },
            (413, _) => Cause::RequestTooLarge,
            (417, "UniqueValidationError") => Cause::NotUnique { message: message() },
            (417, "LinkValidationError") => Cause::LinkMissing { message: message() },
            (417, "TimestampMismatchError") => Cause::TimestampMismatch,
            (409 | 417, _) => Cause::Validation {
                kind,
                message: message(),
            },
            (429, _) => Cause::TooManyRequests {
                retry_after: self.retry_after,
                limit: match kind.as_str() {
                    "TooManyRequestsError" => Limit::Site,
                    "RateLimitExceededError" => Limit::Method,
                    _ => Limit::Other,
                },
            },
            (500, "QueryDeadlockError") => Cause::Deadlock,
            (500, "QueryTimeoutError") => Cause::LockTimeout,
            // The controller of the DocType is imported; a script that imports something fails alike.
            (500, "ImportError") if operation.verb.is_of_doctype() && !is_of_script(body) => {
                Cause::MissingDocType
            }
            (503, "SessionStopped") => Cause::Maintenance {
                retry_after: self.retry_after,
            },
            (300..=399, _) => self.redirected(),
            (500.., _) => Cause::ServerFault {
                status: self.status,
                kind,
                message: message(),
            },
            _ => Cause::Unexpected {
                status: self.status,
                kind,
                message: message(),
            },
        }
    }

    /// What an answer means that has neither a document nor an exception of Frappe's.
    fn without_json(&self, secrets: &[&str]) -> Cause {
        match self.status {
            300..=399 => self.redirected(),
            413 => Cause::RequestTooLarge,
            429 => Cause::TooManyRequests {
                retry_after: self.retry_after,
                limit: Limit::Other,
            },
            status => Cause::NotFrappe {
                status,
                retry_after: self.retry_after,
                hint: message::page_title(&self.body, secrets),
            },
        }
    }

    /// Why a file was not given. Here a page is what Frappe answers with.
    pub(crate) fn into_file_refusal(self, operation: &Operation, credential: &Credential) -> Cause {
        match self.status {
            401 => Cause::WrongKey,
            403 => Cause::NoRight { message: None },
            404 => Cause::Missing { message: None },
            _ => match self.into_success(operation, credential) {
                Ok(_) => Cause::Shape("a success with no file in it"),
                Err(cause) => cause,
            },
        }
    }

    fn redirected(&self) -> Cause {
        Cause::Redirected {
            status: self.status,
            host: self
                .redirects_to
                .clone()
                .unwrap_or_else(|| "nowhere".to_owned()),
        }
    }
}

/// The name of Frappe's exception, from either version of the API.
fn exception_of(body: &Map<String, Value>) -> Option<String> {
    let kind = match body.get("exc_type") {
        Some(kind) => kind,
        None => body.get("errors")?.get(0)?.get("type")?,
    };
    identifier(kind.as_str()?)
}

/// The text, if it can be the name of an exception.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let fits = !text.is_empty() && text.len() <= KIND_CHARACTERS_MAX && text.chars().all(is_name);
    fits.then(|| text.to_owned())
}

/// Whether the exception came out of a Server Script. Said only while tracebacks are switched on, as they are
/// by default.
fn is_of_script(body: &Map<String, Value>) -> bool {
    body.get("_exc_source").and_then(Value::as_str) == Some("Server Script")
}

/// A `Date` header.
pub(crate) fn date(header: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(header).ok()?.timestamp())
}

/// A `Retry-After` header in seconds. Frappe never sends the form with a date.
pub(crate) fn retry_after(header: &str) -> Option<Duration> {
    let seconds = header.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests;
