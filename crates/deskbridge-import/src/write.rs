//! Writes what was decided.
//!
//! Every document carries its key in a unique field. So an insert that ran without our hearing of it makes the next one
//! fail, and never a second document; and after an answer that was lost we look before we write again.

mod files;
mod one;
mod sender;
mod ticket;

use std::path::PathBuf;

use deskbridge_store::ImportRecord;
use frappe::{Cause, Document, Filter, List, Name, Order};
use serde_json::Value;

use self::sender::Sent;
pub(crate) use self::{
    files::read_below,
    sender::{Down, Sender},
};
use crate::decide::{Planned, SourceKey, key::KEY_FIELD};

/// How often a write is tried whose outcome stays unknown, or whose name others take at the same time.
const TRIES_MAX: u32 = 12;

/// A document that stands as it should.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Saved {
    pub(crate) name: Name,
    /// Whether it was made by an import.
    pub(crate) is_made: bool,
    /// What it held in the fields that were changed, if it was not.
    pub(crate) before: Option<Value>,
    /// Why files of it are missing.
    pub(crate) lost: Vec<String>,
}

/// Why a record is not written.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The helpdesk refuses it; others may be written.
    Refused { why: String, name: Option<Name> },
    /// The helpdesk is gone.
    Down(Down),
}

impl From<Down> for Stop {
    fn from(down: Down) -> Self {
        Self::Down(down)
    }
}

impl Stop {
    fn refused(error: &frappe::Error) -> Self {
        let said = error.message().map(|message| message.text().to_owned());
        let why = match said {
            Some(said) => format!("{error}: {said}"),
            None => error.to_string(),
        };
        Self::Refused { why, name: None }
    }

    fn of(self, document: &Name) -> Self {
        match self {
            Self::Refused { why, name } => Self::Refused {
                why,
                name: name.or_else(|| Some(document.clone())),
            },
            Self::Down(down) => Self::Down(down),
        }
    }
}

/// Writes records to one helpdesk.
pub(crate) struct Writer {
    pub(crate) sender: Sender,
    /// Where files lie that messages refer to.
    pub(crate) files: Option<PathBuf>,
    /// The account that other files lie in.
    pub(crate) account: Option<freshdesk::Account>,
    /// The status of a ticket to which somebody has written, when it is that of a new one too.
    pub(crate) status_of_open: Option<String>,
    /// One after the other a customer's contacts are put into its list, which is sent whole.
    pub(crate) joining: Joining,
}

/// Locks of customers, of which some share one.
#[derive(Default)]
pub(crate) struct Joining([tokio::sync::Mutex<()>; 32]);

impl Joining {
    async fn turn(&self, customer: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let hash = customer.bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        match self.0.get(hash % self.0.len()) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}

impl Writer {
    /// Writes a record, or brings it up to date.
    pub(crate) async fn save(
        &self,
        planned: &Planned,
        known: Option<&ImportRecord>,
    ) -> Result<Saved, Stop> {
        let name = known.and_then(|known| known.name.clone()).map(Name::from);
        match planned {
            Planned::One(one) => {
                let saved = self.save_one(one, name).await?;
                if let Some(customer) = &one.customer {
                    let joined = self.join(customer, &saved.name).await;
                    joined.map_err(|stop| stop.of(&saved.name))?;
                }
                Ok(saved)
            }
            Planned::Ticket(ticket) => self.save_ticket(ticket, name).await,
        }
    }

    /// The document that carries a key.
    async fn find(&self, doctype: &str, key: &SourceKey) -> Result<Option<Name>, Stop> {
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .filter(Filter::eq(KEY_FIELD, key.as_str()))
            .order_by("creation", Order::Ascending)
            .limit(2);
        let found = self
            .sender
            .read(async |client| client.list(doctype, &list).await)
            .await?;
        // The database does not tell a from A.
        let ours = found
            .iter()
            .find(|row| row.text(KEY_FIELD) == Some(key.as_str()));
        Ok(ours.and_then(Document::name))
    }

    /// A document; none where somebody has deleted it.
    async fn get(&self, doctype: &str, name: &Name) -> Result<Option<Document>, Stop> {
        let read = async |client: &frappe::Client| match client.get(doctype, name).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if matches!(error.cause, Cause::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let read = self.sender.read(read).await;
        read.map_err(|stop| stop.of(name))
    }

    /// Changes a document; what cannot be told apart from done is done again, as it comes to the same.
    async fn update(
        &self,
        sort: crate::decide::pace::Sort,
        doctype: &str,
        name: &Name,
        changes: &Document,
    ) -> Result<(), Stop> {
        if changes.fields().is_empty() {
            return Ok(());
        }
        for _ in 0..TRIES_MAX {
            let sent = self
                .sender
                .write(sort, async |client| {
                    client.update(doctype, name, changes).await
                })
                .await?;
            match sent {
                Sent::Done(_) => return Ok(()),
                Sent::Refused(error) => return Err(Stop::refused(&error).of(name)),
                Sent::Unknown => {}
            }
        }
        Err(never_heard(doctype))
    }
}

fn never_heard(doctype: &str) -> Stop {
    Stop::Refused {
        why: format!("the helpdesk gave no answer to {TRIES_MAX} writes of this {doctype}"),
        name: None,
    }
}
