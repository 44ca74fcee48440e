//! Answers: which are records, which are refusals.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    budget::Told,
    error::{Cause, Message},
    record::Record,
};

const MESSAGE_CHARS_MAX: usize = 500;

/// An answer over the wire.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) told: Told,
    pub(super) has_next: bool,
    pub(super) body: Bytes,
}

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    pub(super) has_next: bool,
}

impl Answer {
    /// Why this is no answer to the question.
    pub(super) fn failure(&self) -> Option<Cause> {
        let status = self.status;
        let is_page = self.body.trim_ascii_start().first() == Some(&b'<');
        Some(match status {
            200..=299 if is_page => Cause::Page { status },
            200..=299 => return None,
            300..=399 => Cause::Redirected { status },
            401 => Cause::WrongKey,
            403 if is_page => Cause::Page { status },
            403 => match self.code().as_deref() {
                Some("require_feature") => Cause::NotOnPlan,
                _ => Cause::NotAllowed,
            },
            404 if is_page => Cause::Page { status },
            404 => Cause::Missing,
            429 => Cause::TooManyRequests {
                retry_after: self.retry_after.unwrap_or_default(),
            },
            500.. => Cause::ServerFault {
                status,
                retry_after: self.retry_after,
            },
            _ => Cause::Refused {
                status,
                message: self.message(),
            },
        })
    }

    fn code(&self) -> Option<String> {
        let json = self.json().ok()?;
        Some(json.get("code")?.as_str()?.to_owned())
    }

    /// `{"description": …, "errors": [{"field": …, "message": …}]}`, or `{"message": …}`.
    fn message(&self) -> Message {
        let json = self.json().unwrap_or_default();
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut words: Vec<String> = Vec::new();
        words.extend(text(&json, "description").or_else(|| text(&json, "message")));
        for error in json
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let field = text(error, "field").unwrap_or_default();
            let message = text(error, "message").unwrap_or_default();
            words.push(format!("{field}: {message}"));
        }
        Message(words.join("; ").chars().take(MESSAGE_CHARS_MAX).collect())
    }

    pub(super) fn json(&self) -> Result<Value, Cause> {
        serde_json::from_slice(&self.body).map_err(|_unreadable| Cause::Shape {
            what: "it is no JSON",
        })
    }

    /// One record.
    pub(super) fn one<T: Record>(self) -> Result<T, Cause> {
        T::read(self.json()?).map_err(Cause::Record)
    }

    /// A page of records. Anything else than a list is never an empty one.
    pub(super) fn page<T: Record>(self) -> Result<Page<T>, Cause> {
        let has_next = self.has_next;
        let rows = self.all()?;
        Ok(Page { rows, has_next })
    }

    /// A list that has no pages.
    pub(super) fn whole_list<T: Record>(self) -> Result<Vec<T>, Cause> {
        match self.has_next {
            false => self.all(),
            true => Err(Cause::Shape {
                what: "it goes on, which such a list was not known to do",
            }),
        }
    }

    /// The records of a page.
    pub(super) fn all<T: Record>(self) -> Result<Vec<T>, Cause> {
        let Value::Array(rows) = self.json()? else {
            return Err(Cause::Shape {
                what: "it is no list",
            });
        };
        rows.into_iter()
            .map(|row| T::read(row).map_err(Cause::Record))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status,
            retry_after: None,
            told: Told::default(),
            has_next: false,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (status, body, expected) in [
            (
                200,
                " <html>",
                "a page for people came in place of an answer (200)",
            ),
            (302, "", "redirected (302), which was not followed"),
            (401, "{}", "the key is not valid (401)"),
            (
                403,
                r#"{"code":"require_feature"}"#,
                "the account's plan does not have it (403)",
            ),
            (
                403,
                r#"{"code":"access_denied"}"#,
                "the key's agent may not see it (403)",
            ),
            (403, "", "the key's agent may not see it (403)"),
            (404, "", "there is none (404)"),
            (
                404,
                "<!DOCTYPE html>",
                "a page for people came in place of an answer (404)",
            ),
            (400, "{}", "the request was refused (400)"),
            (503, "<html>", "Freshdesk failed (503)"),
        ] {
            let failure = answer(status, body)
                .failure()
                .map(|cause| cause.to_string());
            assert_eq!(failure.as_deref(), Some(expected), "{status} {body}");
        }
        assert!(answer(200, "[]").failure().is_none());
    }

    #[test]
    fn what_freshdesk_said_is_kept() {
        let body = r#"{"description":"Validation failed","errors":[{"field":"page","message":"too far","code":"x"}]}"#;
        let Some(Cause::Refused { message, .. }) = answer(400, body).failure() else {
            panic!("not refused")
        };
        assert_eq!(message.as_str(), "Validation failed; page: too far");
    }

    #[test]
    fn nothing_but_a_list_is_a_list() {
        for body in ["", "{}", "null", "{\"results\":[]}", "[1]", "[{}]"] {
            let rows = answer(200, body).all::<crate::record::Ticket>();
            assert!(rows.is_err(), "{body}");
        }
    }
}
