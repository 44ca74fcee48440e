//! The one thread that writes.
//!
//! It takes what is waiting, runs it in one transaction, syncs once, and only then answers everybody.
//! Each job has a savepoint, so that one that fails is undone alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Result};

/// Jobs that may wait; more are kept waiting at the door.
const QUEUE: usize = 1_024;
/// Jobs in one transaction.
const GROUP: usize = 256;

/// Answers one caller, told whether the transaction was stored.
type Reply = Box<dyn FnOnce(&std::result::Result<(), String>) + Send>;
/// Runs one caller's work in the open transaction and says how to answer; without one it does not run.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Reply + Send>;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        std::thread::spawn(move || write(&connection, waiting));
        Self { jobs }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let outcome = match transaction {
                Some(connection) => in_savepoint(connection, job),
                None => Err(Error::Closed),
            };
            Box::new(move |stored| {
                let outcome = match stored {
                    Ok(()) => outcome,
                    Err(why) => Err(Error::Commit { why: why.clone() }),
                };
                // A caller that went away needs no answer; its work is stored all the same.
                drop(answer.send(outcome));
            })
        });
        self.jobs.send(job).await.map_err(|_closed| Error::Closed)?;
        answered.await.map_err(|_panicked| Error::Closed)?
    }
}

/// Runs one job in a transaction of its own.
pub(super) fn alone<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    begin(connection).map_err(|why| Error::Commit { why })?;
    let outcome = catch_unwind(AssertUnwindSafe(|| in_savepoint(connection, job)));
    commit(connection).map_err(|why| Error::Commit { why })?;
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn write(connection: &Connection, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < GROUP
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        let begun = begin(connection);
        let transaction = begun.is_ok().then_some(connection);
        // A job that panics loses its caller's channel, which tells the caller; the thread lives on.
        let replies: Vec<Reply> = jobs
            .into_iter()
            .filter_map(|job| catch_unwind(AssertUnwindSafe(|| job(transaction))).ok())
            .collect();
        let stored = begun.and_then(|()| commit(connection));
        if let Err(why) = &stored {
            tracing::error!(%why, "The database did not store a transaction");
        }
        for reply in replies {
            reply(&stored);
        }
    }
}

/// `IMMEDIATE`, because a transaction that starts by reading cannot always be turned into a writing one.
fn begin(connection: &Connection) -> std::result::Result<(), String> {
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|error| error.to_string())
}

fn commit(connection: &Connection) -> std::result::Result<(), String> {
    let committed = connection
        .execute_batch("COMMIT")
        .map_err(|error| error.to_string());
    if committed.is_err() && !connection.is_autocommit() {
        connection
            .execute_batch("ROLLBACK")
            .map_err(|error| error.to_string())?;
    }
    committed
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let failed = |source| Error::Statement {
        what: "mark the start of a job",
        source,
    };
    connection.execute_batch("SAVEPOINT job").map_err(failed)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
    let end = match &outcome {
        Ok(Ok(_)) => "RELEASE job",
        Ok(Err(_)) | Err(_) => "ROLLBACK TO job; RELEASE job",
    };
    connection.execute_batch(end).map_err(failed)?;
    match outcome {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
