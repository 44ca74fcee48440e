//! What is known of records of remote systems: put together from events, and changed only in the transaction that
//! ends the event which taught it.

pub(crate) mod postgres;

use deskbridge_core::RemoteRecord;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use crate::{
    Backend, Error, Result, Store,
    effects::corrupt,
    sqlite::{failed, micros},
};

/// What is known of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The record.
    pub record: RemoteRecord,
    /// Which state of our knowledge this is; 0 when nothing is known yet. To change it, name the revision that the
    /// change was made from.
    pub revision: u64,
    /// What is known; its shape belongs to who plans the record's events. Null at revision 0.
    pub facts: Value,
}

impl Store {
    /// What is known of each of some records, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known(&self, records: Vec<RemoteRecord>) -> Result<Vec<Known>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| all(connection, records))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(records, |client, records| {
                        Box::pin(postgres::all(client, records))
                    })
                    .await
            }
        }
    }
}

fn all(connection: &Connection, records: Vec<RemoteRecord>) -> Result<Vec<Known>> {
    const KNOWN: &str =
        "SELECT revision, facts FROM known WHERE connection = ?1 AND object = ?2 AND id = ?3";
    let reading = failed("read what is known of a record");
    let mut statement = connection.prepare_cached(KNOWN).map_err(&reading)?;
    let mut known = Vec::with_capacity(records.len());
    for record in records {
        let found: Option<(i64, String)> = statement
            .query_row((&record.connection, &record.object, &record.id), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(&reading)?;
        known.push(facts_of(record, found)?);
    }
    Ok(known)
}

/// What is known of a record, from its row if it has one.
fn facts_of(record: RemoteRecord, found: Option<(i64, String)>) -> Result<Known> {
    let (revision, facts) = match found {
        None => (0, Value::Null),
        Some((revision, facts)) => (
            u64::try_from(revision).unwrap_or_default(),
            serde_json::from_str(&facts).map_err(|error| corrupt("fact", &error))?,
        ),
    };
    Ok(Known {
        record,
        revision,
        facts,
    })
}

fn outdated(record: &RemoteRecord) -> Error {
    Error::Outdated {
        record: format!("{} {} {}", record.connection, record.object, record.id),
    }
}

/// Keeps what was learnt, unless somebody else has learnt something since it was read.
pub(crate) fn keep(connection: &Connection, known: &[Known], now: Timestamp) -> Result<()> {
    const FIRST: &str = "INSERT INTO known (connection, object, id, revision, facts, changed_at)
        VALUES (?1, ?2, ?3, 1, ?4, ?5) ON CONFLICT DO NOTHING";
    const NEXT: &str = "UPDATE known SET revision = revision + 1, facts = ?4, changed_at = ?5
        WHERE connection = ?1 AND object = ?2 AND id = ?3 AND revision = ?6";
    let keeping = failed("keep what is known of a record");
    for Known {
        record,
        revision,
        facts,
    } in known
    {
        let facts = facts.to_string();
        let (connection_name, object, id) = (&record.connection, &record.object, &record.id);
        let changed = if *revision == 0 {
            connection.prepare_cached(FIRST).and_then(|mut statement| {
                statement.execute((connection_name, object, id, &facts, micros(now)))
            })
        } else {
            let revision = i64::try_from(*revision).unwrap_or(i64::MAX);
            connection.prepare_cached(NEXT).and_then(|mut statement| {
                statement.execute((connection_name, object, id, &facts, micros(now), revision))
            })
        };
        if changed.map_err(&keeping)? == 0 {
            return Err(outdated(record));
        }
    }
    Ok(())
}
