//! What Freshdesk holds, read tolerantly.
//!
//! A record keeps everything: a member that is not known here, or that has another shape than expected, stays in `other`
//! under its own name. Only an id is required. Written as JSON, a record can be read again and is the same.

mod contact;
mod conversation;
mod desk;
mod field;
mod member;
mod stats;
mod ticket;

use serde_json::{Map, Value};

pub use self::{
    contact::{Company, CompanyMembership, Contact},
    conversation::{Attachment, Conversation, ConversationSource, Kind, Link},
    desk::{Agent, AgentContact, Group, Rating, Role, TicketScope, TimeEntry, minutes_of},
    field::{Choice, Choices, NestedChoice, NestedField, RawChoices, TicketField},
    stats::{ClosedBy, Stats},
    ticket::{
        Association, FirstAuthor, Priority, Requester, Status, Ticket, TicketCompany, TicketSource,
    },
};
pub(crate) use self::{member::Member, ticket::settle};

/// An id of one kind of record.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl member::Member for Option<$name> {
            fn read(value: Value) -> Result<Self, Value> {
                member::id(value).map(|id| id.map($name))
            }

            fn is_absent(&self) -> bool {
                self.is_none()
            }
        }

        impl member::Member for Vec<$name> {
            fn read(value: Value) -> Result<Self, Value> {
                member::ids(value).map(|ids| ids.into_iter().map($name).collect())
            }

            fn is_absent(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}

id! {
    /// A ticket's number, as people quote it.
    TicketId,
    /// A message or note.
    ConversationId,
    /// A file.
    AttachmentId,
    /// A contact or an agent: they share one range, and one becomes the other.
    PersonId,
    /// A company.
    CompanyId,
    /// A group of agents.
    GroupId,
    /// A role of agents.
    RoleId,
    /// Any other record.
    OtherId,
}

/// Something that was read whole.
pub trait Record: Sized {
    /// Reads a record from its members.
    ///
    /// # Errors
    /// When it is no object, or has no id where it needs one.
    fn read(value: Value) -> Result<Self, Misfit>;
}

/// No record. Does not quote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} was expected, and {found} is there")]
pub struct Misfit {
    /// What kind of record.
    pub what: &'static str,
    /// What is there instead.
    pub found: &'static str,
}

pub(crate) fn members(value: Value, what: &'static str) -> Result<Map<String, Value>, Misfit> {
    let found = match value {
        Value::Object(members) => return Ok(members),
        Value::Array(_) => "a list",
        Value::Null => "nothing",
        Value::String(_) => "a text",
        Value::Bool(_) | Value::Number(_) => "a number",
    };
    Err(Misfit { what, found })
}

/// Declares a record: its id if it needs one, and the members that are read when they are there.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident as $what:literal $(by $id:ident)? {
            $( $(#[$member_doc:meta])* $member:ident $(as $key:literal)? : $type:ty, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $name {
            $( /// Its id.
            pub id: $crate::record::$id, )?
            $(
                $(#[$member_doc])*
                #[serde(skip_serializing_if = "crate::record::Member::is_absent" $(, rename = $key)?)]
                pub $member: $type,
            )*
            /// What else there is, by Freshdesk's own names.
            #[serde(flatten)]
            pub other: serde_json::Map<String, serde_json::Value>,
        }

        impl $crate::record::Record for $name {
            fn read(value: serde_json::Value) -> Result<Self, $crate::record::Misfit> {
                let mut members = $crate::record::members(value, $what)?;
                $( let id: Option<$crate::record::$id> = $crate::record::member::take(&mut members, "id");
                let id = id.ok_or($crate::record::Misfit { what: $what, found: "one without an id" })?; )?
                Ok(Self {
                    $( id: { let id: $crate::record::$id = id; id }, )?
                    $( $member: $crate::record::member::take(
                        &mut members,
                        $crate::record::key!($member $(as $key)?),
                    ), )*
                    other: members,
                })
            }
        }

        impl $crate::record::Member for Option<$name> {
            fn read(value: serde_json::Value) -> Result<Self, serde_json::Value> {
                $crate::record::member::one(value)
            }

            fn is_absent(&self) -> bool {
                self.is_none()
            }
        }

        impl $crate::record::Member for Vec<$name> {
            fn read(value: serde_json::Value) -> Result<Self, serde_json::Value> {
                $crate::record::member::several(value)
            }

            fn is_absent(&self) -> bool {
                self.is_empty()
            }
        }
    };
}

macro_rules! key {
    ($member:ident as $key:literal) => {
        $key
    };
    ($member:ident) => {
        stringify!($member)
    };
}

pub(crate) use key;
pub(crate) use record;

#[cfg(test)]
mod tests;
