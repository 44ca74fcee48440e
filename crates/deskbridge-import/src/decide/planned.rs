//! What is to be written.

use std::collections::HashMap;

use frappe::Document;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{key::SourceKey, problem::Problems};
use crate::record::{Kind, Remote};

/// The documents that records became which this one refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    names: HashMap<(Kind, String), Option<String>>,
}

impl Resolved {
    /// Says which document a record is; none when it is not in the helpdesk.
    pub fn add(&mut self, kind: Kind, id: String, name: Option<String>) {
        self.names.insert((kind, id), name);
    }

    /// The document of a record.
    pub fn name(&self, kind: Kind, id: &str) -> Option<&str> {
        self.names.get(&(kind, id.to_owned()))?.as_deref()
    }
}

/// A record, decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// What it is.
    pub kind: Kind,
    /// The source's id.
    pub id: String,
    /// What is wrong with it.
    pub problems: Problems,
    /// What is to be written.
    pub planned: Planned,
}

/// What is to be written of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Planned {
    /// A customer or a contact.
    One(PlannedDocument),
    /// A ticket.
    Ticket(Box<PlannedTicket>),
}

/// One document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedDocument {
    /// Its DocType.
    pub doctype: String,
    /// Under which it is found again.
    pub key: SourceKey,
    /// Its fields.
    pub document: Document,
    /// The customer that has to list it, where customers list their contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

/// A ticket with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedTicket {
    /// Under which it is found again.
    pub key: SourceKey,
    /// Its fields as it is inserted: without status, and without a description, which would become a message of ours.
    pub document: Document,
    /// What was said, oldest first.
    pub messages: Vec<PlannedMessage>,
    /// Its status in the end: every message changes it.
    pub status: Option<String>,
    /// What messages and status overwrite with the time of the import.
    pub times: Document,
    /// Its tags.
    pub tags: Vec<String>,
    /// The user who works on it.
    pub agent: Option<String>,
    /// Files of its description.
    pub files: Vec<PlannedFile>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedMessage {
    /// `Communication`, or `HD Ticket Comment` for what agents say among themselves.
    pub doctype: &'static str,
    /// Under which it is found again.
    pub key: SourceKey,
    /// Its fields without the ticket, which has no name yet.
    pub document: Document,
    /// Its files.
    pub files: Vec<PlannedFile>,
    /// Images in its text, whose addresses there become the helpdesk's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PlannedFile>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    /// Its name in the helpdesk.
    pub name: String,
    /// Where it is to be had.
    #[serde(flatten)]
    pub place: FilePlace,
    /// Its address in the text that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// Its size, if its source says so.
    #[serde(skip)]
    pub size_bytes: Option<u64>,
}

/// Where a file is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FilePlace {
    /// Below the folder of files.
    #[serde(rename = "path")]
    Folder(String),
    /// In a ticket of Freshdesk.
    Freshdesk(Remote),
    /// At an address that a text names.
    Address(String),
}

impl Serialize for SourceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Changes when the same content is written in another way, so that all of it is compared again.
const HASH_VERSION: u8 = 1;

impl Planned {
    /// The DocType of the document that the ledger names.
    pub fn doctype(&self) -> &str {
        match self {
            Self::One(one) => &one.doctype,
            Self::Ticket(_) => "HD Ticket",
        }
    }

    /// Under which that document is found again.
    pub fn key(&self) -> &SourceKey {
        match self {
            Self::One(one) => &one.key,
            Self::Ticket(ticket) => &ticket.key,
        }
    }

    /// Of all that is to be written.
    pub fn hash(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        digest.update([HASH_VERSION]);
        // Maps of JSON are sorted, so that equal content is equal text.
        let written = serde_json::to_vec(self).unwrap_or_default();
        digest.update(&written);
        digest.finalize().to_vec()
    }
}
