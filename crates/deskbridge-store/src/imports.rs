//! What was moved in from elsewhere: which record of a source is which document of the helpdesk, what was written of it,
//! and up to where its source is settled.

mod postgres;
mod sqlite;

use jiff::Timestamp;
use serde_json::Value;

use crate::{Backend, Error, Result, Store, effects::corrupt};

/// What became of one record of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRecord {
    /// What it is, such as `ticket`.
    pub kind: String,
    /// Which one it is among those of its kind.
    pub id: String,
    /// How it stands.
    pub state: ImportState,
    /// The DocType of its document.
    pub doctype: String,
    /// The document; none while there is none.
    pub name: Option<String>,
    /// Of the content that was written.
    pub hash: Option<Vec<u8>>,
    /// Whether the document was made by an import, rather than found.
    pub is_made: bool,
    /// What a found document held in the fields that were changed. The first one that is recorded stays.
    pub before: Option<Value>,
    /// Why it failed.
    pub why: Option<String>,
    /// The run that wrote it first; a later run that changes it does not take its place.
    pub run: String,
}

/// How a record of a source stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImportState {
    /// All of it is in the helpdesk.
    Written,
    /// It is not, or not all of it.
    Failed,
}

/// Up to where a kind of a source is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Up to this position, whose shape belongs to who reads the source.
    UpTo(String),
    /// All of it: the next run begins at the start.
    Whole,
}

/// Which records are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFilter {
    /// Of this kind only.
    pub kind: Option<String>,
    /// In this state only.
    pub state: Option<ImportState>,
    /// First written by this run only.
    pub run: Option<String>,
    /// Behind this kind and id.
    pub after: Option<(String, String)>,
    /// At most so many.
    pub limit: u32,
}

/// How many records of a kind stand how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportCount {
    /// What they are.
    pub kind: String,
    /// How they stand.
    pub state: ImportState,
    /// How many.
    pub records: u64,
}

impl ImportState {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Failed => "failed",
        }
    }

    fn read(text: &str) -> Result<Self> {
        match text {
            "written" => Ok(Self::Written),
            "failed" => Ok(Self::Failed),
            other => Err(Error::Corrupt {
                what: "state of an imported record",
                why: format!("`{other}` is none"),
            }),
        }
    }
}

fn before_of(text: Option<String>) -> Result<Option<Value>> {
    let read = text.map(|text| serde_json::from_str(&text));
    read.transpose()
        .map_err(|error| corrupt("document before its import", &error))
}

impl Store {
    /// Records what became of records of a source, and up to where a kind of it is settled with them.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn record_imports(
        &self,
        source: String,
        records: Vec<ImportRecord>,
        settled: Option<(String, Settled)>,
        now: Timestamp,
    ) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| {
                        sqlite::record(connection, &source, &records, settled.as_ref(), now)
                    })
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write(
                        (source, records, settled, now),
                        |work, (source, records, settled, now)| {
                            Box::pin(postgres::record(
                                work,
                                source,
                                records,
                                settled.as_ref(),
                                *now,
                            ))
                        },
                    )
                    .await
            }
        }
    }

    /// What became of those of some records that were seen before, in no order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn imported(
        &self,
        source: String,
        kind: String,
        ids: Vec<String>,
    ) -> Result<Vec<ImportRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::imported(connection, &source, &kind, &ids))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((source, kind, ids), |client, (source, kind, ids)| {
                        Box::pin(postgres::imported(client, source, kind, ids))
                    })
                    .await
            }
        }
    }

    /// Records of a source by kind and id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_imports(
        &self,
        source: String,
        filter: ImportFilter,
    ) -> Result<Vec<ImportRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::list(connection, &source, &filter))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((source, filter), |client, (source, filter)| {
                        Box::pin(postgres::list(client, source, filter))
                    })
                    .await
            }
        }
    }

    /// How many records of a source stand how, by kind and state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_imports(&self, source: String) -> Result<Vec<ImportCount>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::count(connection, &source))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(source, |client, source| {
                        Box::pin(postgres::count(client, source))
                    })
                    .await
            }
        }
    }

    /// Up to where a kind of a source is settled; none where nothing is or all of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn import_position(&self, source: String, kind: String) -> Result<Option<String>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::position(connection, &source, &kind))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((source, kind), |client, (source, kind)| {
                        Box::pin(postgres::position(client, source, kind))
                    })
                    .await
            }
        }
    }

    /// Forgets records of a source, by kind and id, and up to where it was settled.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn forget_imports(
        &self,
        source: String,
        records: Vec<(String, String)>,
    ) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::forget(connection, &source, &records))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((source, records), |work, (source, records)| {
                        Box::pin(postgres::forget(work, source, records))
                    })
                    .await
            }
        }
    }
}
