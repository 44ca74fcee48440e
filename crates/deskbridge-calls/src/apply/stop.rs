//! Why a write ended before it was done, in the journal's words.

use std::time::Duration;

use deskbridge_core::{Chain, Failure, Outcome};
use frappe::Cause;
use serde_json::{Value, json};

/// Why a write ended before it was done.
#[derive(Debug)]
pub(super) enum Stop {
    /// See [`Outcome::Refused`].
    Refused(Failure),
    /// See [`Outcome::NotSent`].
    NotSent(Failure),
    /// See [`Outcome::Unknown`].
    Unknown(Failure),
    /// It is not wanted any more, for this reason: there is nothing left to do.
    LeftOut(String),
}

impl Stop {
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(Failure::new(why))
    }

    pub(super) fn not_sent(why: impl Into<String>) -> Self {
        Self::NotSent(Failure::new(why))
    }

    pub(super) fn not_yet(why: impl Into<String>, again_after: Duration) -> Self {
        Self::NotSent(Failure::new(why).after(Some(again_after)))
    }

    pub(super) fn left_out(why: impl Into<String>) -> Self {
        Self::LeftOut(why.into())
    }
}

impl From<Stop> for Outcome<Value> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::LeftOut(why) => Self::Done(json!({ "left_out": why })),
            Stop::Refused(failure) => Self::Refused(failure),
            Stop::NotSent(failure) => Self::NotSent(failure),
            Stop::Unknown(failure) => Self::Unknown(failure),
        }
    }
}

/// The answer of a write to the portal.
pub(super) fn written<T>(outcome: bitrix24::Outcome<T>) -> Result<T, Stop> {
    match outcome {
        bitrix24::Outcome::Done(answer) => Ok(answer),
        bitrix24::Outcome::Refused(error)
        | bitrix24::Outcome::NotSent(error)
        | bitrix24::Outcome::Unknown(error) => Err(error.into()),
    }
}

impl From<bitrix24::Error> for Stop {
    fn from(error: bitrix24::Error) -> Self {
        let failure = Failure::new(Chain(&error).to_string());
        match error.verdict_in_days() {
            bitrix24::Verdict::RetryAfter(after) => Self::NotSent(failure.after(after)),
            bitrix24::Verdict::Never => Self::Refused(failure),
            bitrix24::Verdict::LookFirst => Self::Unknown(failure),
        }
    }
}

impl From<frappe::Error> for Stop {
    fn from(error: frappe::Error) -> Self {
        let failure = Failure::new(Chain(&error).to_string());
        match error.verdict() {
            frappe::Verdict::RetryAfter(after) => return Self::NotSent(failure.after(after)),
            frappe::Verdict::LookFirst => return Self::Unknown(failure),
            frappe::Verdict::Never => {}
        }
        match error.cause {
            // Somebody else wrote in between.
            Cause::NotUnique { .. } | Cause::TimestampMismatch | Cause::Duplicate { .. } => {
                Self::NotSent(failure)
            }
            // An administrator mends these, and what waits is still wanted.
            Cause::WrongKey | Cause::Redirected { .. } => Self::NotSent(failure),
            _ => Self::Refused(failure),
        }
    }
}

impl From<deskbridge_store::Error> for Stop {
    fn from(error: deskbridge_store::Error) -> Self {
        Self::not_sent(Chain(&error).to_string())
    }
}
