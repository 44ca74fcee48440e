//! Whether a database is whole, and copies of it.

mod copies;
mod postgres;
mod sqlite;

use std::path::Path;

pub(crate) use self::copies::backup;
pub use self::copies::{check_file, copy_to_restore, fold_log};
use crate::{Backend, Error, Result, Store};

/// Flaws of one kind that are looked for.
const TOLD_MAX: usize = 20;

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
    /// Events in it; none are counted where the schema is older.
    pub events: u64,
    /// Effects in it.
    pub effects: u64,
    /// What is wrong with it; empty when it is whole.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Looks through the whole database; what is wrong with it, nothing when it is whole. Others go on working.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(|connection| sqlite::at_one_moment(connection, sqlite::check))
                    .await
            }
            Backend::Postgres(database) => postgres::check(database).await,
        }
    }

    /// Copies the database, as it is at one moment, into a new file that only its owner may read; what it holds. Others
    /// go on working. The file is on disk, and a whole database, when this returns `Ok`; otherwise there is none.
    ///
    /// To go back to a copy: end the program, [make a copy to restore](copy_to_restore), [fold the log](fold_log) of the
    /// database and put the copy in its place, remove the files beside it whose names end in `-wal` and `-shm`, and
    /// start the program.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is such a file, and [`Error::BackupElsewhere`] for PostgreSQL.
    pub async fn backup(&self, path: &Path) -> Result<CheckedFile> {
        let path = path.to_owned();
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| backup(connection, &path))
                    .await
            }
            Backend::Postgres(database) => Err(Error::BackupElsewhere {
                schema: database.schema().to_owned(),
            }),
        }
    }
}

/// What always holds.
struct Rule {
    /// How to say of rows that they break it: `{}` stands for their names.
    broken: &'static str,
    /// A query for the names of the rows that break it.
    find: &'static str,
}

impl Rule {
    /// The query for as many names as are told.
    fn sql(&self) -> String {
        format!("{} LIMIT {}", self.find, TOLD_MAX + 1)
    }

    fn finding(&self, names: &[String]) -> Option<Finding> {
        let first = names.first()?;
        let more = match names.len() {
            1 => String::new(),
            number if number > TOLD_MAX => ", and many more".to_owned(),
            number => format!(", and {} more", number - 1),
        };
        let sentence = self.broken.replace("{}", &format!("{first}{more}"));
        Some(Finding(sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_first_and_counts_the_others() {
        let rule = Rule {
            broken: "Lost: {}.",
            find: "",
        };
        for (number, told) in [
            (1, "Lost: 0."),
            (3, "Lost: 0, and 2 more."),
            (21, "Lost: 0, and many more."),
        ] {
            let names: Vec<String> = (0..number).map(|name| name.to_string()).collect();
            assert_eq!(rule.finding(&names), Some(Finding(told.to_owned())));
        }
        assert_eq!(rule.finding(&[]), None);
    }
}
