//! `telephony.externalCall.register`

use jiff::Timestamp;

use super::{CallId, CallKind, CrmKind, CrmRecord, Employee};
use crate::{Answer, Call, Id, Row};

/// A call to be registered.
///
/// The portal's own defaults show the card and write into the chat; here both are off unless they are asked for.
#[derive(Clone, Debug)]
pub struct Registration {
    /// For whom it is registered. The card is shown to this employee.
    pub employee: Employee,
    /// The client's number.
    pub phone_number: String,
    /// What kind of call it is.
    pub kind: CallKind,
    /// Our id of this very call. It keeps a call apart from others like it, and lets a repeated registration find it.
    pub external_call_id: String,
    /// When it began; now otherwise.
    pub started_at: Option<Timestamp>,
    /// The external line, which should always be given.
    pub line_number: Option<String>,
    /// Whether a lead is made where the number is unknown. For an outgoing call the line decides too.
    pub creates_lead: bool,
    /// `STATUS_ID` of the source that a new lead gets.
    pub source: Option<String>,
    /// The record that it belongs to, where that is known; the portal looks for one otherwise.
    pub record: Option<CrmRecord>,
    /// Whether the card is shown at once.
    pub shows_card: bool,
    /// Whether the employee's chat is told.
    pub adds_to_chat: bool,
    /// The call list that it was dialled from, as the event of the click said.
    pub call_list: Option<Id>,
}

impl Registration {
    /// A call of this kind, with nothing else said about it.
    pub fn new(
        employee: Employee,
        phone_number: impl Into<String>,
        kind: CallKind,
        external_call_id: impl Into<String>,
    ) -> Self {
        Self {
            employee,
            phone_number: phone_number.into(),
            kind,
            external_call_id: external_call_id.into(),
            started_at: None,
            line_number: None,
            creates_lead: false,
            source: None,
            record: None,
            shows_card: false,
            adds_to_chat: false,
            call_list: None,
        }
    }

    /// The call that registers it, for a [`Group`](crate::Group); its answer is read by [`Registered::read`].
    pub fn call(&self) -> Call {
        let (name, employee) = self.employee.param();
        let mut call = Call::write("telephony.externalCall.register")
            .param(name, employee)
            .param("PHONE_NUMBER", &self.phone_number)
            .param("TYPE", self.kind.number())
            .param("EXTERNAL_CALL_ID", &self.external_call_id)
            .param("CRM_CREATE", u32::from(self.creates_lead))
            .param("SHOW", u32::from(self.shows_card))
            .param("ADD_TO_CHAT", u32::from(self.adds_to_chat));
        if let Some(at) = self.started_at {
            call = call.param("CALL_START_DATE", iso(at));
        }
        if let Some(line) = &self.line_number {
            call = call.param("LINE_NUMBER", line);
        }
        if let Some(source) = &self.source {
            call = call.param("CRM_SOURCE", source);
        }
        if let Some(record) = self.record {
            call = call
                .param("CRM_ENTITY_TYPE", record.kind.name())
                .param("CRM_ENTITY_ID", record.id);
        }
        if let Some(list) = self.call_list {
            call = call.param("CALL_LIST_ID", list);
        }
        call
    }

    /// What keeps it from being sent.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        if let Employee::InnerPhone(number) = &self.employee
            && number.trim().is_empty()
        {
            return Some("an empty internal number names nobody");
        }
        let is_unnamed = self.external_call_id.trim().is_empty();
        is_unnamed.then_some("without an external call id it may become one with another call")
    }
}

/// A moment with its zone, without fractions: `2026-11-20T09:30:00+00:00`.
pub(super) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// What a registration came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The call. It may have been registered before.
    pub call_id: CallId,
    /// The record that it belongs to.
    pub record: Option<CrmRecord>,
    /// What was made for it.
    pub created: Vec<CrmRecord>,
    /// Why no lead was made, in the portal's words: the number belongs to an employee.
    pub lead_error: Option<String>,
}

impl Registered {
    /// Reads the answer to [`Registration::call`]; `None` without a `CALL_ID`.
    pub fn read(answer: &Answer) -> Option<Self> {
        let row = answer.row().ok()?;
        let created = row.rows("CRM_CREATED_ENTITIES");
        let one = |row: &Row| {
            CrmRecord::read(
                row.text("ENTITY_TYPE").as_deref(),
                row.text("ENTITY_ID").as_deref(),
            )
        };
        let mut created: Vec<CrmRecord> = created.iter().filter_map(one).collect();
        // The lead stands in a field of its own too.
        let lead = row.id("CRM_CREATED_LEAD").map(|id| CrmRecord {
            kind: CrmKind::Lead,
            id,
        });
        created.extend(lead.filter(|lead| !created.contains(lead)));
        Some(Self {
            call_id: CallId::read(&row, "CALL_ID")?,
            record: CrmRecord::of_row(&row),
            created,
            lead_error: row.text("LEAD_CREATION_ERROR").map(Into::into),
        })
    }
}
