//! What came in with a signature that is not right: kept for a while, so that a secret that was typed wrongly costs
//! nothing, and never believed before it was verified.

mod postgres;

use std::collections::BTreeMap;

use deskbridge_core::EventId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

use crate::{
    Backend, Result, Store,
    events::{headers_json, headers_of},
    sqlite::{failed, micros, rows, time},
};

/// A body that could not be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Names the record, and the event when it becomes one.
    pub id: EventId,
    /// The name of the configured connection that it came in through.
    pub connection: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Why it was not believed.
    pub why: String,
    /// The headers that matter, as they arrived, the signature among them.
    pub headers: Vec<(String, String)>,
    /// The bytes that arrived.
    pub body: Vec<u8>,
}

/// How much is kept of what was not believed, for each connection.
#[derive(Clone, Copy, Debug)]
pub struct QuarantineLimits {
    /// Bodies at most; the oldest go first.
    pub bodies_max: usize,
    /// Bytes of bodies at most; the oldest go first.
    pub bytes_max: usize,
    /// Not those that arrived before.
    pub received_from: Timestamp,
}

impl Store {
    /// Keeps a body that was not believed, and forgets the oldest of its connection beyond the limits.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn quarantine(&self, body: Quarantined, limits: QuarantineLimits) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| keep(connection, &body, limits))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((body, limits), |work, (body, limits)| {
                        Box::pin(postgres::keep(work, body, *limits))
                    })
                    .await
            }
        }
    }

    /// The oldest bodies of a connection that were not believed and arrived after the one named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantined(
        &self,
        connection: String,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |database| list(database, &connection, after, limit))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(
                        (connection, after, limit),
                        |client, (connection, after, limit)| {
                            Box::pin(postgres::list(client, connection, *after, *limit))
                        },
                    )
                    .await
            }
        }
    }

    /// How many bodies of each connection were not believed; a connection without any is absent.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_quarantined(&self) -> Result<BTreeMap<String, u64>> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(count).await,
            Backend::Postgres(database) => {
                database
                    .read((), |client, ()| Box::pin(postgres::count(client)))
                    .await
            }
        }
    }

    /// Forgets a body that was not believed: it has become an event, or a person threw it away. `false` when it is
    /// unknown.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn leave_quarantine(&self, id: EventId) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| leave(connection, id))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write(id, |work, id| Box::pin(postgres::leave(work, *id)))
                    .await
            }
        }
    }
}

fn keep(connection: &Connection, body: &Quarantined, limits: QuarantineLimits) -> Result<()> {
    const KEEP: &str = "INSERT INTO quarantine (id, connection, received_at, why, headers, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    // The newest come first; from where a limit is reached all are forgotten.
    const LIMIT: &str = "DELETE FROM quarantine WHERE sequence IN (SELECT sequence FROM (
            SELECT sequence, received_at, row_number() OVER newest AS bodies, sum(length(body)) OVER newest AS bytes
            FROM quarantine WHERE connection = ?1 WINDOW newest AS (ORDER BY sequence DESC))
        WHERE bodies > ?2 OR bytes > ?3 OR received_at < ?4)";
    let keeping = failed("keep what was not believed");
    connection
        .prepare_cached(KEEP)
        .and_then(|mut statement| {
            statement.execute((
                body.id.uuid(),
                &body.connection,
                micros(body.received_at),
                &body.why,
                headers_json(&body.headers),
                &body.body,
            ))
        })
        .map_err(&keeping)?;
    let number = |limit| i64::try_from(limit).unwrap_or(i64::MAX);
    let limits = (
        &body.connection,
        number(limits.bodies_max),
        number(limits.bytes_max),
        micros(limits.received_from),
    );
    connection
        .prepare_cached(LIMIT)
        .and_then(|mut statement| statement.execute(limits))
        .map_err(keeping)?;
    Ok(())
}

fn list(
    database: &Connection,
    connection: &str,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    const LIST: &str = "SELECT id, received_at, why, headers, body FROM quarantine
        WHERE connection = ?1 AND sequence > coalesce((SELECT sequence FROM quarantine WHERE id = ?2), 0)
        ORDER BY sequence LIMIT ?3";
    let listing = failed("list what was not believed");
    let mut statement = database.prepare_cached(LIST).map_err(&listing)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters = (connection, after.map(EventId::uuid), limit);
    rows(&mut statement, parameters, &listing, |row| {
        let (id, received_at): (Uuid, i64) = (row.get(0)?, row.get(1)?);
        let (why, headers, body): (_, String, _) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((|| {
            Ok(Quarantined {
                id: EventId::from_uuid(id),
                connection: connection.to_owned(),
                received_at: time(received_at)?,
                why,
                headers: headers_of(&headers)?,
                body,
            })
        })())
    })
}

fn count(connection: &Connection) -> Result<BTreeMap<String, u64>> {
    const COUNT: &str = "SELECT connection, count(*) FROM quarantine GROUP BY connection";
    let counting = failed("count what was not believed");
    let mut statement = connection.prepare_cached(COUNT).map_err(&counting)?;
    let counts = rows(&mut statement, [], &counting, |row| {
        let number: i64 = row.get(1)?;
        Ok(Ok((row.get(0)?, number.unsigned_abs())))
    })?;
    Ok(counts.into_iter().collect())
}

fn leave(connection: &Connection, id: EventId) -> Result<bool> {
    const LEAVE: &str = "DELETE FROM quarantine WHERE id = ?1 RETURNING 1";
    let left: Option<i64> = connection
        .prepare_cached(LEAVE)
        .and_then(|mut statement| {
            statement
                .query_row([id.uuid()], |row| row.get(0))
                .optional()
        })
        .map_err(failed("let out what was not believed"))?;
    Ok(left.is_some())
}
