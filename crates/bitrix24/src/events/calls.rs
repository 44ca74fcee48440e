//! A click on a number, and a request to be called back.

use std::fmt;

use super::EventError;
use crate::{CallId, CrmRecord, Id};

/// How a value of an event is found by its name.
type Fields<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// A user clicked on a number; the application dials it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStart {
    /// The number as it stood there.
    pub phone_number: String,
    /// The same with its country.
    pub phone_number_international: Option<String>,
    /// What is dialled after it.
    pub extension: Option<String>,
    /// Who clicked.
    pub user: Id,
    /// The call, which the portal has registered by itself, without our id: it must not be registered again, and a
    /// second click on the number within half an hour names the same.
    pub call_id: Option<CallId>,
    /// The line to dial by.
    pub line_number: Option<String>,
    /// The call list it was dialled from.
    pub call_list: Option<Id>,
    /// Whether it was the mobile application.
    pub is_mobile: bool,
    /// The record that the number stood in.
    pub record: Option<CrmRecord>,
}

/// Somebody asked by a form to be called back. The call is to be registered as
/// [`CallKind::Callback`](crate::CallKind::Callback).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackRequest {
    /// The number to call.
    pub phone_number: String,
    /// What the employee is told first.
    pub text: Option<String>,
    /// In which voice.
    pub voice: Option<String>,
    /// The line whose form it was.
    pub line_number: Option<String>,
    /// The record that was made or found.
    pub record: Option<CrmRecord>,
}

impl CallStart {
    pub(crate) const EVENT: &str = "ONEXTERNALCALLSTART";

    pub(crate) fn read<'a>(field: &Fields<'a>) -> Result<Self, EventError> {
        let missing = |field| EventError::Incomplete {
            event: Self::EVENT,
            field,
        };
        let text = |name: &str| field(name).map(str::to_owned);
        let id = |name: &str| field(name)?.parse::<Id>().ok();
        Ok(Self {
            phone_number: text("PHONE_NUMBER").ok_or_else(|| missing("PHONE_NUMBER"))?,
            phone_number_international: text("PHONE_NUMBER_INTERNATIONAL"),
            extension: text("EXTENSION"),
            user: id("USER_ID").ok_or_else(|| missing("USER_ID"))?,
            call_id: field("CALL_ID").and_then(CallId::new),
            line_number: text("LINE_NUMBER"),
            call_list: id("CALL_LIST_ID"),
            is_mobile: matches!(field("IS_MOBILE"), Some("1" | "Y" | "true")),
            record: CrmRecord::read(field("CRM_ENTITY_TYPE"), field("CRM_ENTITY_ID")),
        })
    }
}

impl CallbackRequest {
    pub(crate) const EVENT: &str = "ONEXTERNALCALLBACKSTART";

    pub(crate) fn read<'a>(field: &Fields<'a>) -> Result<Self, EventError> {
        let text = |name: &str| field(name).map(str::to_owned);
        let missing = EventError::Incomplete {
            event: Self::EVENT,
            field: "PHONE_NUMBER",
        };
        Ok(Self {
            phone_number: text("PHONE_NUMBER").ok_or(missing)?,
            text: text("TEXT"),
            voice: text("VOICE"),
            line_number: text("LINE_NUMBER"),
            record: CrmRecord::read(field("CRM_ENTITY_TYPE"), field("CRM_ENTITY_ID")),
        })
    }
}

/// Without numbers: they are people's.
impl fmt::Debug for CallStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStart")
            .field("user", &self.user)
            .field("call_id", &self.call_id)
            .field("line_number", &self.line_number)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// Without the number and the text.
impl fmt::Debug for CallbackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackRequest")
            .field("line_number", &self.line_number)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
