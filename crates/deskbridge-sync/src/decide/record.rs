//! The records of a CareSoft account that something is known of.

use std::fmt;

use caresoft::{Id, object::call::CallId};
use deskbridge_core::{OrderingKey, RemoteRecord};

use super::write::SourceKey;

/// A record of one CareSoft account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// A person.
    User(Id),
    /// An organisation.
    Organization(Id),
    /// A ticket, a lead or a deal, which are one thing at different times.
    Case(Id),
    /// A call.
    Call(CallId),
    /// A comment, by what tells it apart: CareSoft gives it no id.
    Comment(String),
}

impl Record {
    /// What it is: the object of its [`RemoteRecord`], and the kind of its [`SourceKey`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Organization(_) => "organization",
            Self::Case(_) => "case",
            Self::Call(_) => "call",
            Self::Comment(_) => "comment",
        }
    }

    fn id(&self) -> &dyn fmt::Display {
        match self {
            Self::User(id) | Self::Organization(id) | Self::Case(id) => id,
            Self::Call(id) => id,
            Self::Comment(id) => id,
        }
    }

    /// It among the records of remote systems.
    pub fn remote(&self, connection: &str) -> RemoteRecord {
        RemoteRecord {
            connection: connection.to_owned(),
            object: self.kind().to_owned(),
            id: self.id().to_string(),
        }
    }

    /// Its key in helpdesk and CRM.
    pub fn source_key(&self, connection: &str) -> SourceKey {
        SourceKey::new(connection, self.kind(), self.id())
    }

    /// The ordering key of its events and effects.
    pub fn ordering_key(&self, connection: &str) -> OrderingKey {
        OrderingKey::new(format!(
            "caresoft/{connection}/{}:{}",
            self.kind(),
            self.id()
        ))
    }
}
