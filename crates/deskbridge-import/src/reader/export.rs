//! An account export of Freshdesk.
//!
//! A thread of its own reads it record by record, a few ahead of what is taken.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use freshdesk::{
    Account,
    export::{Bounds, Export, ExportError, Placed, User},
    record::{Group, PersonId},
};
use tokio::sync::mpsc;

use super::{Batch, Item, Place, Position, Unreadable, freshdesk::Wanted};
use crate::{
    Error, Result,
    decide::freshdesk::{Known, Words, contact, customer, known_agent, known_contact, ticket},
    record::{Kind, Record},
};

/// How many people are kept, so that their names are known where tickets have their ids.
const PEOPLE_MAX: usize = 1_000_000;
/// How many batches are read ahead.
const AHEAD: usize = 1;

/// An account export as a source.
#[derive(Clone, Debug)]
pub struct Exported {
    path: PathBuf,
    wanted: Wanted,
    account: Option<Account>,
}

/// The records of one kind.
#[derive(Debug)]
pub(super) struct Rows {
    batches: mpsc::Receiver<Result<Batch>>,
}

impl Exported {
    /// A folder or a zip, of which this much is to be read. Files are fetched from the account, if one is given: an export
    /// has links to them which soon expire.
    pub fn new(path: PathBuf, wanted: Wanted, account: Option<Account>) -> Self {
        Self {
            path,
            wanted,
            account,
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its files are fetched from.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// What is odd about it as a whole, such as a missing file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn oddities(&self) -> Result<Vec<String>> {
        let export = self.open()?;
        Ok(export
            .oddities()
            .iter()
            .map(|oddity| format!("{oddity:?}"))
            .collect())
    }

    fn open(&self) -> Result<Export> {
        Export::open(&self.path, Bounds::default()).map_err(Error::Export)
    }

    fn read(&self, kind: Kind, from: &Position, reading: &mut Reading) -> Result<()> {
        let export = self.open()?;
        let names = &self.wanted.fields;
        let wants_deleted = self.wanted.deleted;
        let skipped = usize::try_from(from.lines).unwrap_or(usize::MAX);
        match kind {
            Kind::Customer => {
                let rows = export.companies();
                let rows =
                    rows.map(|row| taken(row, |row| Some(Record::Customer(customer(row, names)))));
                reading.all(rows.skip(skipped))
            }
            Kind::Contact => {
                let rows = export.users();
                let rows = rows.map(|row| {
                    taken(row, |user| match user {
                        User::Contact(row) if wants_deleted || row.deleted != Some(true) => {
                            Some(Record::Contact(contact(row, names)))
                        }
                        User::Contact(_) | User::Agent(_) => None,
                    })
                });
                reading.all(rows.skip(skipped))
            }
            Kind::Ticket => {
                let (words, people) = self.words(&export);
                let wants_spam = self.wanted.spam;
                let rows = export.tickets();
                let rows = rows.map(|row| {
                    taken(row, |row| {
                        let is_left_out = (row.spam == Some(true) && !wants_spam)
                            || (row.deleted == Some(true) && !wants_deleted);
                        let made = || ticket(&row, &words, &people, &[], names);
                        (!is_left_out).then(|| Record::Ticket(Box::new(made())))
                    })
                });
                reading.all(rows.skip(skipped))
            }
        }
    }

    /// What numbers stand for. What of it cannot be read is told where the records themselves are read.
    fn words(&self, export: &Export) -> (Words, BTreeMap<PersonId, Known>) {
        let groups: Vec<Group> = export
            .groups()
            .filter_map(|row| Some(row.ok()?.value))
            .collect();
        let mut people = BTreeMap::new();
        let users = export.users().filter_map(std::result::Result::ok);
        for user in users.take(PEOPLE_MAX) {
            match user.value {
                User::Contact(row) => people.insert(row.id, known_contact(&row)),
                User::Agent(row) => people.insert(row.id, known_agent(&row)),
            };
        }
        let agents = export.agents().filter_map(|row| Some(row.ok()?.value));
        (Words::new(&[], groups, agents.collect()), people)
    }
}

/// A record, with what is wrong with it if it is none; nothing for one that is not wanted.
fn taken<T>(
    row: std::result::Result<Placed<T>, ExportError>,
    make: impl FnOnce(T) -> Option<Record>,
) -> Result<Option<Item>> {
    let unreadable = |file: &str, line: u64, why: String| Item {
        place: Place {
            part: Arc::from(file),
            line,
        },
        read: Err(Unreadable {
            why,
            text: String::new(),
        }),
    };
    match row {
        Ok(Placed {
            file,
            record,
            value,
        }) => Ok(make(value).map(|made| Item {
            place: Place {
                part: Arc::from(file.as_str()),
                line: record,
            },
            read: Ok(made),
        })),
        Err(ExportError::Record {
            file,
            record,
            source,
        }) => Ok(Some(unreadable(&file, record, source.to_string()))),
        Err(ExportError::Json { file, record, .. }) => {
            Ok(Some(unreadable(&file, record, "it is no JSON".to_owned())))
        }
        Err(error) => Err(Error::Export(error)),
    }
}

/// Hands records over in batches.
struct Reading {
    batches: mpsc::Sender<Result<Batch>>,
    items: Vec<Item>,
    items_max: usize,
    position: Position,
}

impl Reading {
    fn all(&mut self, rows: impl Iterator<Item = Result<Option<Item>>>) -> Result<()> {
        for row in rows {
            self.position.lines += 1;
            self.items.extend(row?);
            if self.items.len() >= self.items_max && !self.hand_over() {
                return Ok(());
            }
        }
        self.hand_over();
        Ok(())
    }

    /// Whether anybody still wants them.
    fn hand_over(&mut self) -> bool {
        if self.items.is_empty() {
            return true;
        }
        let batch = Batch {
            items: std::mem::take(&mut self.items),
            part_read: None,
            position: self.position.clone(),
            hooked: super::hooked::Told::default(),
        };
        self.batches.blocking_send(Ok(batch)).is_ok()
    }
}

impl Rows {
    pub(super) fn new(export: &Exported, kind: Kind, from: Position) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let export = export.clone();
        let mut reading = Reading {
            batches: sender.clone(),
            items: Vec::new(),
            items_max: ITEMS,
            position: from.clone(),
        };
        // It ends when nobody takes its records any more.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = export.read(kind, &from, &mut reading) {
                drop(sender.blocking_send(Err(error)));
            }
        }));
        Self { batches }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Batch>> {
        self.batches.recv().await.transpose()
    }
}

/// How many records come together; tickets may be large.
const ITEMS: usize = 100;
