//! Why the store did not do what it was asked.

use std::path::PathBuf;

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
        source: rusqlite::Error,
    },
    /// A copy of the database could not be made before its schema is changed.
    #[error("copying the database to {} before changing its schema", path.display())]
    Copy {
        /// Where the copy was to be.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A copy of the database could not be made.
    #[error("copying the database to {}", path.display())]
    Backup {
        /// Where the copy was to be.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A copy of the database is not surely on disk.
    #[error("bringing {} to disk", path.display())]
    Sync {
        /// The copy.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no database of this program.
    #[error("{} holds no database of Deskbridge", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
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
        source: rusqlite::Error,
    },
    /// A statement failed.
    #[error("the database failed to {what}")]
    Statement {
        /// What it was to do.
        what: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk did not take a finished transaction; nothing of it is stored.
    #[error("the database did not store a transaction: {why}")]
    Commit {
        /// Why, shared by all whose work was in it.
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
    /// The store was closed, or its writer broke down.
    #[error("the database is closed")]
    Closed,
}
