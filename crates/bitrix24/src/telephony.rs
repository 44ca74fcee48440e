//! Calls of an external telephone system: registering them, showing their cards, finishing them, their recordings and
//! their statistics.
//!
//! What a portal does not say by itself:
//!
//! - Registering, finishing and lines are for [applications](crate::Application); see
//!   [`Client::telephony_access`](crate::Client::telephony_access).
//! - A registration that is like one of the last half hour is answered with that one's [`CallId`], even when that call
//!   is over. Give every call its own [`Registration::external_call_id`]: then a registration whose answer got lost
//!   can be repeated, and two calls never become one.
//! - Only the first [`Finish`] counts. One more is refused in the same words as one of an unknown call, so after a
//!   lost answer look into [the statistics](crate::Client::calls_in_statistics).
//! - A recording can be attached once the call is finished, and replaces the one before.

mod callers;
mod calls;
mod finish;
mod lines;
mod probe;
mod recording;
mod registration;
mod statistics;
#[cfg(test)]
mod tests;
mod window;

use std::fmt;

pub use callers::{Caller, Responsible, Workday};
pub use calls::TranscriptMessage;
pub use finish::{CallStatus, Finish, Finished};
pub use lines::ExternalLine;
pub use probe::{TelephonyAccess, TelephonyFault};
pub use recording::{AttachedRecord, Recording, UploadSlot};
pub use registration::{Registered, Registration};
pub use statistics::{StatisticCall, StatisticKey};

use crate::{Id, Param, Row};

/// The id that a portal gives a call, `externalCall.<hash>.<seconds>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Box<str>);

impl CallId {
    /// Takes the text of an id; `None` for an empty one.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn read(row: &Row, field: &str) -> Option<Self> {
        Self::new(&row.text(field)?)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&CallId> for Param {
    fn from(id: &CallId) -> Self {
        Self::from(id.as_str())
    }
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// An employee calls.
    Outgoing,
    /// A client calls.
    Incoming,
    /// A client calls and is put through.
    Redirected,
    /// A client asked to be called back.
    Callback,
    /// A machine calls.
    Informational,
}

impl CallKind {
    /// As the portal writes it.
    pub fn number(self) -> u32 {
        match self {
            Self::Outgoing => 1,
            Self::Incoming => 2,
            Self::Redirected => 3,
            Self::Callback => 4,
            Self::Informational => 5,
        }
    }

    pub(crate) fn of_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Outgoing,
            2 => Self::Incoming,
            3 => Self::Redirected,
            4 => Self::Callback,
            5 => Self::Informational,
            _ => return None,
        })
    }
}

/// A kind of CRM record that a call can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrmKind {
    /// A lead.
    Lead,
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// A deal; only events name one.
    Deal,
}

impl CrmKind {
    /// As telephony writes it, `CONTACT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lead => "LEAD",
            Self::Contact => "CONTACT",
            Self::Company => "COMPANY",
            Self::Deal => "DEAL",
        }
    }

    /// As `UF_CRM_TASK` writes it before the id, `C`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Lead => "L",
            Self::Contact => "C",
            Self::Company => "CO",
            Self::Deal => "D",
        }
    }

    /// The number that activities and the universal methods give it.
    pub fn type_id(self) -> u32 {
        match self {
            Self::Lead => 1,
            Self::Deal => 2,
            Self::Contact => 3,
            Self::Company => 4,
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Lead, Self::Contact, Self::Company, Self::Deal];
        let name = name.trim();
        let mut all = all.into_iter();
        all.find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A record of the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrmRecord {
    /// What it is.
    pub kind: CrmKind,
    /// Which.
    pub id: Id,
}

impl CrmRecord {
    pub(crate) fn read(kind: Option<&str>, id: Option<&str>) -> Option<Self> {
        Some(Self {
            kind: CrmKind::of_name(kind?)?,
            id: id?.trim().parse().ok()?,
        })
    }

    pub(crate) fn of_row(row: &Row) -> Option<Self> {
        Self::read(
            row.text("CRM_ENTITY_TYPE").as_deref(),
            row.text("CRM_ENTITY_ID").as_deref(),
        )
    }
}

/// An employee, as calls name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Employee {
    /// By the id of the user.
    User(Id),
    /// By the internal number. An empty one names nobody: such a call is not sent.
    InnerPhone(String),
}

impl Employee {
    /// The parameter that names the employee.
    pub(crate) fn param(&self) -> (&'static str, Param) {
        match self {
            Self::User(id) => ("USER_ID", (*id).into()),
            Self::InnerPhone(number) => ("USER_PHONE_INNER", number.into()),
        }
    }
}
