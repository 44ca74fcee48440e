//! A PostgreSQL server that any number of processes share.
//!
//! What only one of them may do at a time is kept apart by locks in the database: the head of an ordering key is
//! changed under an advisory lock of the key, work is claimed with `FOR UPDATE SKIP LOCKED`, and duplicates meet at a
//! unique index. Locks are always taken in the same order, and a transaction that is turned away all the same, by a
//! deadlock, is run again.
//!
//! A statement that was lost with its connection is repeated once, on a new one, if it only read, or if it was in a
//! transaction whose commit was not sent yet. A commit that was lost is not: it may have happened.

pub(crate) mod asking;
pub(crate) mod clock;
mod connecting;
mod failure;
pub(crate) mod intake;
mod migrating;
pub(crate) mod nodes;
mod text;
mod tls;
pub(crate) mod turns;

use std::{fmt, sync::Arc, time::Duration};

use deadpool_postgres::{Client, Pool, PoolError, Transaction};
use deskbridge_core::{EventId, NewEvent};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::connecting::PostgresOptions;
use self::{
    clock::DatabaseClock,
    intake::{Arrival, Intake},
};
pub(crate) use self::{
    failure::{Failure, failed},
    text::{Text, fingerprint, number, ordering_hash},
};
use crate::{Accepted, DatabaseError, Error, Result, error::Source};

/// How long an answer may take; the server gives a statement up well before.
const ANSWER_FOR: Duration = Duration::from_secs(40);
/// How often a transaction that others were in the way of is run.
const RUNS_MAX: u32 = 5;

/// A database. Clones share it.
#[derive(Clone)]
pub(crate) struct Database {
    link: Arc<Link>,
    /// A connection of its own, so that a sign of life waits for nothing else.
    life: Arc<Link>,
    intake: Intake,
}

/// Connections to the server.
pub(crate) struct Link {
    pool: Pool,
    /// Host and port, for errors.
    server: String,
    schema: String,
    /// This process among those that share the database.
    node: Uuid,
    clock: DatabaseClock,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("server", &self.link.server)
            .field("schema", &self.link.schema)
            .field("node", &self.link.node)
            .finish()
    }
}

impl Database {
    /// Writes an event, or counts it on the one that it repeats; that is on disk when this returns `Ok`.
    pub(crate) async fn accept(
        &self,
        id: EventId,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<Accepted> {
        let claimable_at = self.clock.of(now);
        let arrival = Arrival::new(id, event, now, claimable_at);
        self.intake.accept(arrival).await
    }

    /// Says that this node lives.
    pub(crate) async fn beat(&self, valid_for: Duration) -> Result<()> {
        nodes::beat(&self.life, valid_for).await
    }
}

impl std::ops::Deref for Database {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

/// How a transaction failed.
enum Undone {
    /// Nothing of it is stored, because the connection was lost before its commit was sent.
    Lost(Error),
    /// Nothing of it is stored, because another one was in its way.
    InTheWay(Error),
    /// As the error says.
    Failed(Error),
}

impl Undone {
    fn before_commit(error: Error) -> Self {
        match &error {
            Error::Statement {
                source: DatabaseError(Source::Postgres(failure)),
                ..
            } if failure.is_lost() => Self::Lost(error),
            Error::Statement {
                source: DatabaseError(Source::Postgres(failure)),
                ..
            } if failure.is_passing() => Self::InTheWay(error),
            _ => Self::Failed(error),
        }
    }

    fn at_commit(failure: Failure) -> Self {
        match failure.is_passing() {
            true => Self::InTheWay(failure.of_commit()),
            false => Self::Failed(failure.of_commit()),
        }
    }
}

impl Link {
    pub(crate) fn node(&self) -> Uuid {
        self.node
    }

    pub(crate) fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// Runs `job` on a connection, with its parameters; it must only read, because it is run again when the connection
    /// is lost.
    pub(crate) async fn read<P: Sync, T>(
        &self,
        parameters: P,
        job: impl for<'j> Fn(&'j Client, &'j P) -> BoxFuture<'j, Result<T>>,
    ) -> Result<T> {
        let mut runs = 0;
        loop {
            let client = self.client().await?;
            runs += 1;
            let answer = in_time(ANSWER_FOR, job(&client, &parameters), "read").await;
            match answer.map_err(Undone::before_commit) {
                Ok(answer) => return Ok(answer),
                Err(Undone::Lost(error)) => {
                    self.give_up(client);
                    if runs > 1 {
                        return Err(self.unreachable(error));
                    }
                }
                Err(Undone::InTheWay(error) | Undone::Failed(error)) => return Err(error),
            }
        }
    }

    /// Runs `job` in a transaction, with its parameters; what it did is on disk when this returns `Ok`. It may be run
    /// several times.
    pub(crate) async fn write<P: Sync, T>(
        &self,
        parameters: P,
        job: impl for<'j> Fn(&'j Transaction<'_>, &'j P) -> BoxFuture<'j, Result<T>>,
    ) -> Result<T> {
        self.write_within(Some(ANSWER_FOR), parameters, job).await
    }

    /// As [`Link::write`], for what may take its time, however long where there is no limit.
    pub(crate) async fn write_within<P: Sync, T>(
        &self,
        limit: Option<Duration>,
        parameters: P,
        job: impl for<'j> Fn(&'j Transaction<'_>, &'j P) -> BoxFuture<'j, Result<T>>,
    ) -> Result<T> {
        let (mut runs, mut losses) = (0, 0);
        loop {
            let mut client = self.client().await?;
            runs += 1;
            match transact(&mut client, limit, &parameters, &job).await {
                Ok(done) => return Ok(done),
                Err(Undone::Lost(error)) => {
                    self.give_up(client);
                    losses += 1;
                    if losses > 1 {
                        return Err(self.unreachable(error));
                    }
                }
                Err(Undone::InTheWay(error)) => {
                    if runs >= RUNS_MAX {
                        return Err(error);
                    }
                }
                Err(Undone::Failed(error)) => {
                    if matches!(error, Error::CommitUnknown { .. }) {
                        self.give_up(client);
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn client(&self) -> Result<Client> {
        self.pool.get().await.map_err(|error| {
            let failure = match error {
                PoolError::Backend(error) => Failure::from(error),
                PoolError::Closed => return Error::Closed,
                PoolError::Timeout(_) => {
                    Failure::silence("no connection became free in time".to_owned())
                }
                other => Failure::silence(other.to_string()),
            };
            Error::Unreachable {
                server: self.server.clone(),
                source: failure.into(),
            }
        })
    }

    /// Does not use a connection again, and none of those that were as old: they are probably lost too.
    fn give_up(&self, client: Client) {
        drop(Client::take(client));
        self.pool.retain(|_, _| false);
    }

    fn unreachable(&self, error: Error) -> Error {
        match error {
            Error::Statement { source, .. } => Error::Unreachable {
                server: self.server.clone(),
                source,
            },
            other => other,
        }
    }
}

async fn transact<P: Sync, T>(
    client: &mut Client,
    limit: Option<Duration>,
    parameters: &P,
    job: &impl for<'j> Fn(&'j Transaction<'_>, &'j P) -> BoxFuture<'j, Result<T>>,
) -> std::result::Result<T, Undone> {
    let work = async {
        let transaction = client
            .transaction()
            .await
            .map_err(failed("begin a transaction"))?;
        match job(&transaction, parameters).await {
            Ok(done) => Ok((transaction, done)),
            Err(error) => {
                // Its locks are gone before it is run again on another connection.
                drop(transaction.rollback().await);
                Err(error)
            }
        }
    };
    let (transaction, done) = match limit {
        Some(limit) => in_time(limit, work, "write").await,
        None => work.await,
    }
    .map_err(Undone::before_commit)?;
    let commit = transaction.commit();
    let committed = match limit {
        None => commit.await.map_err(Failure::from),
        Some(_) => match tokio::time::timeout(ANSWER_FOR, commit).await {
            Ok(committed) => committed.map_err(Failure::from),
            Err(_elapsed) => Err(silence(ANSWER_FOR)),
        },
    };
    committed.map_err(Undone::at_commit)?;
    Ok(done)
}

fn silence(limit: Duration) -> Failure {
    Failure::silence(format!("no answer in {} s", limit.as_secs()))
}

async fn in_time<T>(
    limit: Duration,
    job: impl Future<Output = Result<T>>,
    what: &'static str,
) -> Result<T> {
    match tokio::time::timeout(limit, job).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(silence(limit).of(what)),
    }
}

/// A column of a row.
pub(crate) fn column<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r Row,
    place: usize,
) -> Result<T> {
    row.try_get(place).map_err(|error| Error::Corrupt {
        what: "column",
        why: error.to_string(),
    })
}

/// A time in a column.
pub(crate) fn time_at(row: &Row, place: usize) -> Result<Timestamp> {
    crate::sqlite::time(column(row, place)?)
}
