//! Why the store did not do what it was asked.

use std::{fmt, io, path::PathBuf};

use crate::postgres::Failure;

/// What a database said about why it did not do something. It names no value of ours and no secret.
#[derive(Debug)]
pub struct DatabaseError(pub(crate) Source);

#[derive(Debug)]
pub(crate) enum Source {
    Sqlite(rusqlite::Error),
    Postgres(Failure),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Sqlite(error) => error.fmt(f),
            Source::Postgres(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for DatabaseError {}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Source::Sqlite(error))
    }
}

impl From<Failure> for DatabaseError {
    fn from(failure: Failure) -> Self {
        Self(Source::Postgres(failure))
    }
}

impl Error {
    /// Whether a statement waited too long for what somebody else has locked.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        let Self::Statement {
            source: DatabaseError(Source::Postgres(failure)),
            ..
        } = self
        else {
            return false;
        };
        failure.is_lock_timeout()
    }
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be opened.
    #[error("opening the database {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// The address of a PostgreSQL database cannot be used.
    #[error("the address of the PostgreSQL database cannot be used: {why}")]
    Address {
        /// What is wrong with it, without the address, which holds a password.
        why: String,
    },
    /// The PostgreSQL database cannot be reached, or turned us away. Nothing was stored; trying again is safe.
    #[error("the database on {server} cannot be reached")]
    Unreachable {
        /// Its host and port.
        server: String,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// A PostgreSQL server is set up so that what was acknowledged can be lost.
    #[error("the PostgreSQL server runs with {setting} = {answered}; {remedy}")]
    Unsafe {
        /// The setting.
        setting: &'static str,
        /// What it is.
        answered: String,
        /// Why that is not enough, and what to do about it.
        remedy: &'static str,
    },
    /// The database refused a durability setting.
    #[error(
        "the database answered `{answered}` to {setting}; it must be {wanted} so that what is acknowledged is on disk"
    )]
    Setting {
        /// The pragma.
        setting: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        answered: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database has schema {found} and this program knows {known}; use the newer program"
    )]
    Newer {
        /// The schema of the database.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// A schema change that was applied earlier is not the one that this program carries.
    #[error("schema change {version} of the database is not the one that this program carries")]
    ChangedHistory {
        /// Its number.
        version: u32,
    },
    /// A schema change failed.
    #[error("applying schema change {version}")]
    Migrate {
        /// Its number.
        version: u32,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// A statement failed.
    #[error("the database failed to {what}")]
    Statement {
        /// What it was to do.
        what: &'static str,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// The disk did not take a finished transaction; nothing of it is stored.
    #[error("the database did not store a transaction: {why}")]
    Commit {
        /// Why, shared by all whose work was in it.
        why: String,
    },
    /// The connection was lost while a transaction was being stored: it is stored, or nothing of it is.
    #[error("whether the database stored a transaction is not known: {why}")]
    CommitUnknown {
        /// How the connection ended.
        why: String,
    },
    /// A stored value is not what the program writes.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The effect or event is no longer in the hands of the one who reports on it.
    #[error("{id} is not held under fencing number {fence} any more")]
    LeaseLost {
        /// The effect or event.
        id: String,
        /// The number of the claim.
        fence: u64,
    },
    /// What is known of a record has changed since it was read.
    #[error("what is known of {record} has changed meanwhile")]
    Outdated {
        /// The record.
        record: String,
    },
    /// There is no more room; what came is not stored.
    #[error("the store is full: {why}")]
    Full {
        /// What is full, and what to do about it.
        why: String,
    },
    /// More is waiting to be written than may wait; what came is not stored.
    #[error("more waits to be written than may wait")]
    Busy,
    /// A file that was to be written is there already.
    #[error("{} exists, and no file is written over; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A copy of the database could not be made.
    #[error("copying the database to {}", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DatabaseError,
    },
    /// The file system failed.
    #[error("the file system failed to {what} {}", path.display())]
    File {
        /// What it was to do.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A PostgreSQL database is not backed up by this program.
    #[error(
        "a PostgreSQL database is backed up with PostgreSQL's own means: pg_dump --format=custom --schema={schema}"
    )]
    BackupElsewhere {
        /// The schema that holds everything.
        schema: String,
    },
    /// A file is not a database of this program.
    #[error("{} is not a database of Deskbridge: {why}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The store was closed, or its writer broke down.
    #[error("the database is closed")]
    Closed,
}
