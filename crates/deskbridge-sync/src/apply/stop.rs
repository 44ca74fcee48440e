//! Why a write ended before it was done, in the journal's words.

use std::time::Duration;

use deskbridge_core::{Chain, Failure, Outcome};
use frappe::Cause;
use serde_json::{Value, json};

use crate::decide::draft::Unreadable;

/// A portal ends every request after a minute: whoever looks later sees all that it did.
pub(super) const PORTAL_REQUEST_FOR: Duration = Duration::from_secs(60);

/// Why a write ended before it was done.
#[derive(Debug)]
pub(super) enum Stop {
    /// See [`Outcome::Refused`].
    Refused(Failure),
    /// See [`Outcome::NotSent`].
    NotSent(Failure),
    /// See [`Outcome::Unknown`].
    Unknown(Failure),
    /// Somebody else wrote in between: nothing ran, and the write is to be begun anew with what stands now.
    Again(Failure),
    /// It is not wanted any more, for this reason: there is nothing left to do.
    NotWanted(&'static str),
}

impl Stop {
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(Failure::new(why))
    }

    pub(super) fn went(what: &str) -> Self {
        Self::not_sent(format!("the {what} went while it was looked at"))
    }

    pub(super) fn not_sent(why: impl Into<String>) -> Self {
        Self::NotSent(Failure::new(why))
    }
}

impl From<Stop> for Outcome<Value> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::NotWanted(why) => Self::Done(json!({ "left_alone": why })),
            Stop::Refused(failure) => Self::Refused(failure),
            Stop::NotSent(failure) | Stop::Again(failure) => Self::NotSent(failure),
            Stop::Unknown(failure) => Self::Unknown(failure),
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
            Cause::NotUnique { .. } | Cause::TimestampMismatch | Cause::Duplicate { .. } => {
                Self::Again(failure)
            }
            // An administrator mends these, and what waits is still wanted.
            Cause::WrongKey | Cause::Redirected { .. } => Self::NotSent(failure),
            Cause::NoRight { .. } => Self::refused(format!(
                "{}; give the hub's user in the helpdesk the roles Agent and Agent Manager, and revive this",
                failure.why
            )),
            Cause::LinkMissing { .. } => Self::refused(format!(
                "{}; make what the field links to, or map the value to something else, and revive this",
                failure.why
            )),
            _ => Self::Refused(failure),
        }
    }
}

impl From<bitrix24::Error> for Stop {
    fn from(error: bitrix24::Error) -> Self {
        let failure = Failure::new(Chain(&error).to_string());
        match error.verdict_in_days() {
            bitrix24::Verdict::RetryAfter(after) => Self::NotSent(failure.after(after)),
            bitrix24::Verdict::Never => Self::Refused(failure),
            bitrix24::Verdict::LookFirst => Self::Unknown(failure.after(Some(PORTAL_REQUEST_FOR))),
        }
    }
}

impl From<Unreadable> for Stop {
    fn from(error: Unreadable) -> Self {
        Self::Refused(Failure::new(Chain(&error).to_string()))
    }
}

impl From<deskbridge_store::Error> for Stop {
    fn from(error: deskbridge_store::Error) -> Self {
        Self::not_sent(Chain(&error).to_string())
    }
}
