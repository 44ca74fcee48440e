//! Whether a database is sound, and copies of it.

mod postgres;
mod sqlite;

use std::path::Path;

use crate::{Backend, Error, Result, Store};

/// Something about a database that is not as it must be, as a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(pub String);

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile {
    /// Its schema; a program that knows more of them brings it up to date when it opens the file.
    pub schema: u32,
    /// What is wrong with it; empty when it is sound.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Looks through the whole database; what is wrong with it, nothing when it is sound. Others go on working.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::check).await,
            Backend::Postgres(database) => postgres::check(database).await,
        }
    }

    /// Copies the database, as it is at one moment, into a new file that only its owner may read. Others go on
    /// working. The file is on disk, and a sound database, when this returns `Ok`.
    ///
    /// To go back to a copy: end the program, [check the copy](check_file), put it in the place of the database, remove
    /// the files beside it whose names end in `-wal` and `-shm`, and start the program.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is such a file, and [`Error::BackupElsewhere`] for PostgreSQL.
    pub async fn backup(&self, path: &Path) -> Result<()> {
        let path = path.to_owned();
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::backup(connection, &path))
                    .await
            }
            Backend::Postgres(database) => Err(Error::BackupElsewhere {
                schema: database.schema().to_owned(),
            }),
        }
    }
}

/// Looks through a file that may be a copy of a database, without changing it. It must not be in use.
///
/// # Errors
/// [`Error::NotOurs`] when it is no database of this program, and [`Error::Newer`] or [`Error::ChangedHistory`] when
/// it is one that this program cannot use.
pub fn check_file(path: &Path) -> Result<CheckedFile> {
    sqlite::check_file(path)
}

/// A rule, and a query for how many break it.
struct Rule {
    broken: &'static str,
    count: &'static str,
}

impl Rule {
    fn finding(&self, times: i64) -> Option<Finding> {
        (times != 0).then(|| Finding(format!("{times} {}", self.broken)))
    }
}
