//! What is to be written to CRM and helpdesk: the payloads of effects.
//!
//! A write names the call that it is about by its [`CallKey`], which the CRM stores as `EXTERNAL_CALL_ID`; what the CRM
//! answered to the registration (`CALL_ID`, activity, entity) is looked up by it when the write is carried out.
//! The writes of one call share an ordering key, so that each finds what those before it made.

use std::{collections::BTreeMap, fmt};

use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::users::UserId;
use crate::call::{Linkedid, Uniqueid};

/// Names a call in the CRM: `<connection>:<linkedid>`, and `<connection>:<linkedid>:<uniqueid>` for a leg of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallKey(String);

impl CallKey {
    /// The key of a call of a PBX.
    pub fn new(connection: &str, linkedid: &Linkedid) -> Self {
        Self(format!("{connection}:{linkedid}"))
    }

    /// The key of an order that no call came of.
    pub fn of_order(connection: &str, order: &str) -> Self {
        Self(format!("{connection}:order:{order}"))
    }

    /// The key of one of its legs.
    #[must_use]
    pub fn leg(&self, uniqueid: &Uniqueid) -> Self {
        Self(format!("{self}:{uniqueid}"))
    }

    /// The PBX that the call is of.
    pub fn connection(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(connection, _)| connection)
    }

    /// The linkedid, if this is the key of a call itself and not that of a leg or of an order.
    pub fn linkedid(&self) -> Option<&str> {
        let (_, linkedid) = self.0.split_once(':')?;
        (!linkedid.contains(':')).then_some(linkedid)
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call in the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Our key.
    pub key: CallKey,
    /// `CALL_ID`, where the CRM registered the call itself; `None` where it follows from our registration.
    pub call_id: Option<String>,
}

/// Fields by the target's own names.
pub type Fields = BTreeMap<String, String>;

/// One write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub enum Write {
    /// `telephony.externalCall.register`.
    Register(Register),
    /// `telephony.externalCall.show`.
    Show(Cards),
    /// `telephony.externalCall.hide`.
    Hide(Cards),
    /// `telephony.externalCall.finish`. Only the first of a call counts.
    Finish(Finish),
    /// `telephony.externalCall.attachRecord`. A later one replaces what an earlier one attached.
    Attach(Attach),
    /// The activity that the CRM made of the call is to have these fields.
    SaveActivity(SaveFields),
    /// The entity that the CRM made for the call, if it made one, is to have these fields.
    SaveEntity(SaveFields),
    /// An activity instead of a call, where the portal refuses telephony.
    AddActivity(AddActivity),
    /// A task because of a missed call.
    AddTask(AddTask),
    /// The task of a missed call is over.
    CloseTask(CloseTask),
    /// A ticket because of a missed call.
    AddTicket(AddTicket),
    /// A comment on the client's open ticket; nothing where there is none.
    AddComment(AddComment),
}

impl Write {
    /// The kinds of effects, one for each variant.
    pub const KINDS: [&'static str; 12] = [
        "calls.register",
        "calls.show",
        "calls.hide",
        "calls.finish",
        "calls.attach",
        "calls.save_activity",
        "calls.save_entity",
        "calls.add_activity",
        "calls.add_task",
        "calls.close_task",
        "calls.add_ticket",
        "calls.add_comment",
    ];

    /// The kind of its effect.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Register(_) => "calls.register",
            Self::Show(_) => "calls.show",
            Self::Hide(_) => "calls.hide",
            Self::Finish(_) => "calls.finish",
            Self::Attach(_) => "calls.attach",
            Self::SaveActivity(_) => "calls.save_activity",
            Self::SaveEntity(_) => "calls.save_entity",
            Self::AddActivity(_) => "calls.add_activity",
            Self::AddTask(_) => "calls.add_task",
            Self::CloseTask(_) => "calls.close_task",
            Self::AddTicket(_) => "calls.add_ticket",
            Self::AddComment(_) => "calls.add_comment",
        }
    }
}

/// A write as it is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Intended {
    /// The call in the order of whose writes it stands.
    pub order: CallKey,
    /// What no other write has.
    pub key: String,
    /// Somebody waits for it: it goes before what nobody does.
    pub is_live: bool,
    /// The write.
    pub write: Write,
}

/// The payload of an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// See [`Intended::is_live`].
    pub is_live: bool,
    /// What is to be written.
    #[serde(flatten)]
    pub write: Write,
}

impl Intended {
    /// The effect that it is recorded as.
    pub fn effect(&self) -> NewEffect {
        let payload = Payload {
            is_live: self.is_live,
            write: self.write.clone(),
        };
        NewEffect {
            urgency: if self.is_live {
                Urgency::Live
            } else {
                Urgency::Usual
            },
            kind: self.write.kind().to_owned(),
            ordering_key: OrderingKey::new(format!("call:{}", self.order)),
            idempotency_key: IdempotencyKey::new(format!("call:{}", self.key)),
            // A write is texts, numbers and maps with texts as keys: it can always be written as JSON.
            payload: serde_json::to_value(payload).unwrap_or_default(),
        }
    }
}

/// `TYPE` of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallType {
    /// An agent called.
    Outgoing,
    /// The client called.
    Incoming,
    /// The client called and was forwarded.
    Redirected,
    /// The client asked to be called.
    Callback,
}

impl CallType {
    /// The number that the CRM has for it.
    pub fn code(self) -> u8 {
        match self {
            Self::Outgoing => 1,
            Self::Incoming => 2,
            Self::Redirected => 3,
            Self::Callback => 4,
        }
    }
}

/// A lead, contact or company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// `LEAD`, `CONTACT` or `COMPANY`.
    pub kind: String,
    /// Its id.
    pub id: u64,
}

/// See [`Write::Register`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// `EXTERNAL_CALL_ID`.
    pub key: CallKey,
    /// `USER_ID`.
    pub user: UserId,
    /// `PHONE_NUMBER`.
    pub phone: String,
    /// `TYPE`.
    pub call_type: CallType,
    /// `CALL_START_DATE`: ISO 8601 with the offset of the configured zone.
    pub started_at: String,
    /// `CRM_CREATE`.
    pub is_created: bool,
    /// `CRM_SOURCE`.
    pub source: Option<String>,
    /// `LINE_NUMBER`.
    pub line: String,
    /// `SHOW`, if it is carried out before this time; afterwards nobody is at the phone any more.
    pub shown_until: Option<Timestamp>,
    /// `ADD_TO_CHAT`.
    pub is_in_chat: bool,
    /// `CALL_LIST_ID`.
    pub call_list: Option<String>,
    /// `CRM_ENTITY_TYPE` and `CRM_ENTITY_ID`.
    pub entity: Option<Entity>,
}

impl Register {
    /// Makes it that of a leg that came to the client later: redirected, and nothing is made again.
    pub(super) fn of_leg(&mut self, began_at: String) {
        self.started_at = began_at;
        self.call_list = None;
        self.is_created = false;
        if self.call_type == CallType::Incoming {
            self.call_type = CallType::Redirected;
        }
    }
}

/// See [`Write::Show`] and [`Write::Hide`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cards {
    /// The call.
    pub call: Registered,
    /// `USER_ID`, as a list.
    pub users: Vec<UserId>,
    /// It is left out after this time.
    pub until: Timestamp,
}

/// See [`Write::Finish`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// The call.
    pub call: Registered,
    /// `USER_ID`.
    pub user: UserId,
    /// `DURATION`.
    pub duration_s: u64,
    /// `STATUS_CODE`.
    pub status: String,
    /// `FAILED_REASON`.
    pub failed_reason: Option<String>,
    /// `ADD_TO_CHAT`.
    pub is_in_chat: bool,
}

/// See [`Write::Attach`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attach {
    /// The call.
    pub call: Registered,
    /// All files of it in their order, as paths of this machine in configured folders. Several are joined.
    pub files: Vec<String>,
}

/// See [`Write::SaveActivity`] and [`Write::SaveEntity`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveFields {
    /// The call.
    pub call: Registered,
    /// The fields.
    pub fields: Fields,
}

/// See [`Write::AddActivity`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddActivity {
    /// `ORIGIN_ID`, beside our `ORIGINATOR_ID`.
    pub key: CallKey,
    /// `RESPONSIBLE_ID`.
    pub user: UserId,
    /// Of whom the activity is: whoever has this number.
    pub phone: String,
    /// `DIRECTION`: the client called.
    pub is_incoming: bool,
    /// `SUBJECT`.
    pub subject: String,
    /// `DESCRIPTION`.
    pub description: String,
    /// `START_TIME`, as in a registration.
    pub started_at: String,
    /// `END_TIME`, likewise.
    pub ended_at: String,
    /// A missed call from a client is not `COMPLETED`.
    pub is_completed: bool,
    /// As in [`Attach`].
    pub files: Vec<String>,
}

/// See [`Write::AddTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddTask {
    /// The missed call, by which its task is found again.
    pub call: Registered,
    /// The client, to whose entity the task is bound where the registration names none.
    pub phone: String,
    /// `TITLE`.
    pub title: String,
    /// `DESCRIPTION`.
    pub description: String,
    /// `DEADLINE`, as in a registration; `None` has none.
    pub deadline: Option<String>,
    /// `RESPONSIBLE_ID`.
    pub responsible: UserId,
    /// `CREATED_BY`; `None` is whom the connection speaks for.
    pub creator: Option<UserId>,
    /// Fields that a portal wants besides.
    pub fields: Fields,
}

/// See [`Write::CloseTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloseTask {
    /// The missed call whose task it is.
    pub missed: CallKey,
    /// The call in which the client was reached.
    pub reached_by: CallKey,
}

/// See [`Write::AddTicket`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddTicket {
    /// The call.
    pub key: CallKey,
    /// The client.
    pub phone: String,
    /// The subject.
    pub subject: String,
    /// The description, as plain text.
    pub description: String,
    /// `HD Ticket Type`; `None` leaves it to the helpdesk.
    pub ticket_type: Option<String>,
    /// `HD Ticket Priority`; `None` leaves it to the helpdesk.
    pub priority: Option<String>,
    /// `HD Team`; `None` leaves it to the helpdesk.
    pub team: Option<String>,
    /// A client with an open ticket gets the description as a comment on it instead.
    pub unless_open: bool,
}

/// See [`Write::AddComment`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddComment {
    /// The call.
    pub key: CallKey,
    /// The client.
    pub phone: String,
    /// What is told, as plain text.
    pub text: String,
    /// As in [`Attach`].
    pub files: Vec<String>,
}
