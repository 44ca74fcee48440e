//! Links: which record of one system is which of another.

pub(crate) mod postgres;

use deskbridge_core::{Link, RemoteRecord};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::{
    Backend, Result, Store,
    sqlite::{failed, micros, rows},
};

impl Store {
    /// Records links; those that are known are left as they are.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is recorded.
    pub async fn record_links(&self, links: Vec<Link>, now: Timestamp) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| record(connection, &links, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((links, now), |work, (links, now)| {
                        Box::pin(postgres::record(work, links, *now))
                    })
                    .await
            }
        }
    }

    /// The records that are one with a record, the first that was linked first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn linked_records(&self, record: RemoteRecord) -> Result<Vec<RemoteRecord>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| linked(connection, &record))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(record, |client, record| {
                        Box::pin(postgres::linked(client, record))
                    })
                    .await
            }
        }
    }
}

/// Records links in both directions.
pub(crate) fn record(connection: &Connection, links: &[Link], now: Timestamp) -> Result<()> {
    const RECORD: &str = "INSERT INTO link
        (connection, object, id, other_connection, other_object, other_id, made_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let recording = failed("record a link");
    let mut statement = connection.prepare_cached(RECORD).map_err(&recording)?;
    for Link { one, other } in links {
        for (from, to) in [(one, other), (other, one)] {
            let from = (&from.connection, &from.object, &from.id);
            let to = (&to.connection, &to.object, &to.id);
            statement
                .execute((from.0, from.1, from.2, to.0, to.1, to.2, micros(now)))
                .map_err(&recording)?;
        }
    }
    Ok(())
}

fn linked(connection: &Connection, record: &RemoteRecord) -> Result<Vec<RemoteRecord>> {
    const LINKED: &str = "SELECT other_connection, other_object, other_id FROM link
        WHERE connection = ?1 AND object = ?2 AND id = ?3
        ORDER BY made_at, other_connection, other_object, other_id";
    let reading = failed("read links");
    let mut statement = connection.prepare_cached(LINKED).map_err(&reading)?;
    let parameters = (&record.connection, &record.object, &record.id);
    rows(&mut statement, parameters, &reading, |row| {
        Ok(Ok(RemoteRecord {
            connection: row.get(0)?,
            object: row.get(1)?,
            id: row.get(2)?,
        }))
    })
}
