//! What events are about: readings of the objects they carry, which stay what they are.

pub mod call;
pub mod case;
pub mod comment;
pub mod custom;
pub mod person;
pub mod ticket;

use std::borrow::Cow;

use crate::{
    Id,
    fields::{Fields, text_of},
    json::Json,
};

/// Who a thing is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// The event does not say.
    NotSaid,
    /// −1 (observed of a missed call) or 0. Whether 0 means nobody is not documented; what `acd_assign` says with it
    /// is to be looked up.
    Nobody,
    /// An agent.
    Agent(Id),
}

impl Assignee {
    pub(crate) fn of(fields: Fields<'_>) -> Self {
        match (fields.id("assignee_id"), fields.whole("assignee_id")) {
            (Some(agent), _) => Self::Agent(agent),
            (None, Some(_)) => Self::Nobody,
            (None, None) => Self::NotSaid,
        }
    }
}

/// One field that was changed, and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'e> {
    /// The field, such as `organization_name` or `addition_field13`.
    pub field: Cow<'e, str>,
    /// Its new value as it stands. Of a select it is the option's id, not its label.
    pub value: &'e Json<'e>,
}

impl<'e> Change<'e> {
    /// The new value as a text; `None` when the field was [cleared](Self::is_cleared) or holds more than one value.
    pub fn text(&self) -> Option<Cow<'e, str>> {
        text_of(self.value)
    }

    /// Whether the field was emptied. Elsewhere a blank means that nothing was said; a list of changes names only
    /// what was changed, so here it was changed to a blank.
    pub fn is_cleared(&self) -> bool {
        match self.value {
            Json::Null => true,
            Json::Text(text) => text.decode().trim().is_empty(),
            Json::List(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

/// `[{"field": …, "value": …}]`, one such object alone, or `{field: value}`.
pub(crate) fn changes<'e>(list: Option<&'e Json<'e>>) -> Vec<Change<'e>> {
    let change = |item: &'e Json<'e>| {
        let fields = Fields::of(item);
        Some(Change {
            field: fields.text("field")?,
            value: fields.get("value").unwrap_or(&Json::Null),
        })
    };
    match list {
        Some(Json::List(items)) => items.iter().filter_map(change).collect(),
        Some(object @ Json::Object(members)) => match change(object) {
            Some(only) => vec![only],
            None => members
                .iter()
                .map(|(field, value)| Change {
                    field: field.decode(),
                    value,
                })
                .collect(),
        },
        _ => Vec::new(),
    }
}
