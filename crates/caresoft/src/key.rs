//! Keys that a journal needs: what is the same event, and what has to wait for what.

use std::fmt;

use ring::digest;

use crate::{
    Id,
    json::{Json, write_canonical},
    object::call::CallId,
};

/// SHA-256 of a body. CareSoft sends no ids, so events are told apart by what they say.
///
/// Every known event that changes something when it is repeated carries a time in milliseconds, so equal ones are one
/// event sent again; an event that is not known may say the same twice and mean it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut own = [0; 32];
        own.copy_from_slice(hash.as_ref());
        Self(own)
    }

    /// Of a value that was read from so many bytes; its canonical form is rarely longer.
    pub(crate) fn of_json(json: &Json<'_>, read_bytes: usize) -> Self {
        let mut canonical = Vec::with_capacity(read_bytes);
        write_canonical(json, &mut canonical);
        Self::of(&canonical)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What is handled one after another, within one account. `Display` writes it as a text that no other key has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderingKey {
    /// A ticket, lead or deal, which are one thing at different times.
    Case(Id),
    /// A user.
    User(Id),
    /// An organisation.
    Organization(Id),
    /// A call that is not a ticket's.
    Call(CallId),
}

impl fmt::Display for OrderingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(id) => write!(f, "case:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Organization(id) => write!(f, "organization:{id}"),
            Self::Call(id) => write!(f, "call:{id}"),
        }
    }
}
