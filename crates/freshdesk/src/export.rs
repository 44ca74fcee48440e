//! The account export, read as the same records as the API's.
//!
//! A folder or a zip of numbered files of JSON or XML. Records are read one by one: memory grows with the largest record,
//! never with the file. Nothing is unpacked, nothing is written, and names in a zip are only ever compared.
//!
//! Names in exports are not the API's: there, `id` is a number of the database and `display_id` the ticket's, `description`
//! and `body` are plain text and the HTML has a name of its own. Here everything has the API's names. Times have offsets,
//! of which none is assumed. What was deleted is still in an export, with a flag.
//!
//! Not in an export: the bytes of files, and links to them that last. [`Account::ticket`](crate::Account::ticket) has
//! them anew.

mod bounded;
mod convert;
mod files;
mod json;
mod xml;

use std::{io, path::Path};

use serde_json::Value;

pub use self::files::{FileName, Form, What};
use self::{
    bounded::Bounded,
    files::{Found, Source},
};
use crate::record::{Agent, Company, Contact, Group, Misfit, Ticket, TimeEntry};

/// What is read of an export at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The largest record, with everything that was said on a ticket.
    pub record_bytes_max: u64,
    /// The largest file, unpacked.
    pub file_bytes_max: u64,
    /// The most files.
    pub files_max: usize,
    /// How many times larger than packed a file may be. Text is up to a hundred times; a thousand is an attack.
    pub ratio_max: u64,
    /// How deeply lists and objects may lie in each other.
    pub depth_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            record_bytes_max: 64 << 20,
            file_bytes_max: 64 << 30,
            files_max: 100_000,
            ratio_max: 400,
            depth_max: 64,
        }
    }
}

/// An account export.
#[derive(Debug)]
pub struct Export {
    source: Source,
    files: Vec<Found>,
    oddities: Vec<Oddity>,
    bounds: Bounds,
}

/// What is odd about an export as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A number is missing between others: a file may have got lost.
    MissingNumber {
        /// Of which files.
        what: What,
        /// The number.
        number: u64,
    },
    /// A file that is not known, and not read.
    Unknown(String),
    /// A name in a zip that leads out of it, a link, or something else that is no file.
    Refused(String),
}

/// A user of an export: agents are among them.
#[derive(Clone, Debug, PartialEq)]
pub enum User {
    /// A contact.
    Contact(Contact),
    /// An agent.
    Agent(Agent),
}

/// Why an export, or a part of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No folder and no zip.
    #[error("the export could not be opened")]
    Open(#[source] io::Error),
    /// Not a zip, or a broken one.
    #[error("the export is neither a folder nor a readable zip")]
    Zip(#[source] zip::result::ZipError),
    /// A password or a rare way of packing.
    #[error("{file} is packed in a way that is not read; unpack the zip and give the folder")]
    Packing {
        /// The file.
        file: String,
    },
    /// More files than are read.
    #[error("the export has more than {files_max} files")]
    TooManyFiles {
        /// The limit.
        files_max: usize,
    },
    /// Two files of one name, in different folders.
    #[error("{one} and {other} are the same part of the export; keep one of them")]
    Twice {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
    /// A file that ended in the middle of something, or is no JSON or XML. What came before was read.
    #[error("{file} could not be read on after {records} records, at byte {byte}: {why}")]
    Broken {
        /// The file.
        file: String,
        /// So many were read.
        records: u64,
        /// About where.
        byte: u64,
        /// Why.
        why: String,
    },
    /// A record that is none. The ones after it are read.
    #[error("record {record} of {file} could not be read")]
    Record {
        /// The file.
        file: String,
        /// Counted from 1.
        record: u64,
        /// Why.
        #[source]
        source: Misfit,
    },
    /// A record that is not JSON. The ones after it are read.
    #[error("record {record} of {file} is not JSON")]
    Json {
        /// The file.
        file: String,
        /// Counted from 1.
        record: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl ExportError {
    /// Whether the records after this one are read all the same.
    pub fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Record { .. } | Self::Json { .. })
    }
}

/// A record with where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<T> {
    /// The file.
    pub file: String,
    /// Which record of it, counted from 1.
    pub record: u64,
    /// The record.
    pub value: T,
}

impl Export {
    /// Opens a folder or a zip, and looks at which files there are.
    ///
    /// # Errors
    /// When it cannot be opened, has too many files, or one file twice.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Self, ExportError> {
        let (source, names) = Source::open(path, &bounds)?;
        let (files, oddities) = files::sort(names)?;
        Ok(Self {
            source,
            files,
            oddities,
            bounds,
        })
    }

    /// What is odd about it.
    pub fn oddities(&self) -> &[Oddity] {
        &self.oddities
    }

    /// The files that are read, in order.
    pub fn files(&self) -> impl Iterator<Item = &FileName> {
        self.files.iter().map(|found| &found.name)
    }

    /// The tickets, with everything that was said on them, spam and deleted ones too.
    pub fn tickets(&self) -> impl Iterator<Item = Result<Placed<Ticket>, ExportError>> + '_ {
        self.records(What::Tickets, convert::ticket)
    }

    /// Contacts, deleted ones too, and agents.
    pub fn users(&self) -> impl Iterator<Item = Result<Placed<User>, ExportError>> + '_ {
        self.records(What::Users, convert::user)
    }

    /// Agents, by the files of their own.
    pub fn agents(&self) -> impl Iterator<Item = Result<Placed<Agent>, ExportError>> + '_ {
        self.records(What::Agents, convert::agent)
    }

    /// Companies.
    pub fn companies(&self) -> impl Iterator<Item = Result<Placed<Company>, ExportError>> + '_ {
        self.records(What::Companies, convert::company)
    }

    /// Groups.
    pub fn groups(&self) -> impl Iterator<Item = Result<Placed<Group>, ExportError>> + '_ {
        self.records(What::Groups, convert::group)
    }

    /// Time entries.
    pub fn time_entries(
        &self,
    ) -> impl Iterator<Item = Result<Placed<TimeEntry>, ExportError>> + '_ {
        self.records(What::TimeEntries, convert::time_entry)
    }

    fn records<T: 'static>(
        &self,
        what: What,
        convert: fn(Value) -> Result<T, Misfit>,
    ) -> impl Iterator<Item = Result<Placed<T>, ExportError>> + '_ {
        let files = self
            .files
            .iter()
            .filter(move |found| found.name.what == what);
        files.flat_map(move |found| match self.read(found) {
            Ok(records) => Either::Records(records.map(move |read| {
                let (record, value) = read?;
                let file = found.name.path.clone();
                match convert(value) {
                    Ok(value) => Ok(Placed {
                        file,
                        record,
                        value,
                    }),
                    Err(source) => Err(ExportError::Record {
                        file,
                        record,
                        source,
                    }),
                }
            })),
            Err(error) => Either::Failed(std::iter::once(Err(error))),
        })
    }

    /// The records of one file as they are written.
    fn read(&self, found: &Found) -> Result<Raw, ExportError> {
        let reader = self.source.read(found)?;
        let bounded = Bounded::new(reader, &self.bounds);
        let file = found.name.path.clone();
        Ok(match found.name.form {
            Form::Json => Raw::Json(json::Records::new(file, bounded)),
            Form::Xml => Raw::Xml(Box::new(xml::Records::new(
                file,
                bounded,
                self.bounds.depth_max,
            ))),
        })
    }
}

/// The records of one file, with their places.
enum Raw {
    Json(json::Records),
    Xml(Box<xml::Records>),
}

impl Iterator for Raw {
    type Item = Result<(u64, Value), ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Json(records) => records.next(),
            Self::Xml(records) => records.next(),
        }
    }
}

enum Either<A, B> {
    Records(A),
    Failed(B),
}

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Records(records) => records.next(),
            Self::Failed(failed) => failed.next(),
        }
    }
}

#[cfg(test)]
mod tests;
