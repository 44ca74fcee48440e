//! The one place that writes.
//!
//! It takes what is waiting, runs it in one transaction, syncs once, and only then answers everybody. A job has a
//! savepoint, so that one that fails is undone alone. An event needs none, because it is one statement.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{failed, keys::Keys, space::Space};
use crate::{
    DatabaseError, Error, Result,
    error::Source,
    events::{Accepted, Accepting, Arrival},
};

/// Jobs and events that may wait; more jobs are kept waiting at the door, more events are turned away.
const QUEUE: usize = 1_024;
/// Jobs and events in one transaction.
const GROUP: usize = 512;

/// Answers one caller, told whether the transaction was stored.
type Reply = Box<dyn FnOnce(&Stored) + Send>;
/// Runs one caller's work in the open transaction and says how to answer; without one it does not run.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Reply + Send>;
/// Whether a transaction was stored.
type Stored = std::result::Result<(), NotStored>;

/// Why a transaction was not stored, for all whose work was in it.
#[derive(Clone, Debug)]
pub(super) struct NotStored {
    why: String,
    is_full: bool,
}

impl NotStored {
    fn because(error: &DatabaseError) -> Self {
        let is_full = matches!(&error.0, Source::Sqlite(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull));
        Self {
            why: error.to_string(),
            is_full,
        }
    }

    fn to_error(&self) -> Error {
        let why = self.why.clone();
        match self.is_full {
            true => Error::Full { why },
            false => Error::Commit { why },
        }
    }
}

/// What waits to be written.
enum Work {
    Job(Job),
    Event(Waiting),
}

/// What became of an event, and the event: its memory goes back to the thread that took it, which costs less than to
/// free it here.
type Answer = (Result<Accepted>, Box<Arrival>);

/// An event that waits to be written.
struct Waiting {
    arrival: Box<Arrival>,
    answer: oneshot::Sender<Answer>,
    /// Its share of the bytes that may wait.
    _room: Option<OwnedSemaphorePermit>,
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    waiting: mpsc::Sender<Work>,
    room: Arc<Semaphore>,
    room_bytes: usize,
}

impl Writer {
    pub(super) fn start(mut desk: Desk, waiting_bytes_max: usize) -> Self {
        let (waiting, mut works) = mpsc::channel(QUEUE);
        std::thread::spawn(move || {
            while let Some(first) = works.blocking_recv() {
                let mut group = vec![first];
                while group.len() < GROUP
                    && let Ok(work) = works.try_recv()
                {
                    group.push(work);
                }
                desk.write(group);
            }
        });
        let room_bytes = waiting_bytes_max.min(Semaphore::MAX_PERMITS);
        Self {
            waiting,
            room: Arc::new(Semaphore::new(room_bytes)),
            room_bytes,
        }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, answered) = boxed(job);
        let sent = self.waiting.send(Work::Job(job)).await;
        sent.map_err(|_closed| Error::Closed)?;
        answered.await.map_err(|_panicked| Error::Closed)?
    }

    /// Has an event written, unless too much waits already.
    pub(super) async fn accept(&self, arrival: Arrival) -> Result<Accepted> {
        // One that is larger than all the room may still come, alone.
        let bytes = arrival.body.len().min(self.room_bytes);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let room = room.map_err(|_full| Error::Busy)?;
        let (answer, answered) = oneshot::channel();
        let event = Waiting {
            arrival: Box::new(arrival),
            answer,
            _room: Some(room),
        };
        self.waiting
            .try_send(Work::Event(event))
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        let (accepted, _arrival) = answered.await.map_err(|_panicked| Error::Closed)?;
        accepted
    }
}

/// The connection that writes, with what it must know.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) connection: Connection,
    pub(super) keys: Keys,
    pub(super) space: Arc<Space>,
}

impl Desk {
    /// Runs one job in a transaction of its own.
    pub(super) fn run_alone<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, mut answered) = boxed(job);
        self.write(vec![Work::Job(job)]);
        answered.try_recv().map_err(|_panicked| Error::Closed)?
    }

    /// Writes one event in a transaction of its own.
    pub(super) fn accept_alone(&mut self, arrival: Arrival) -> Result<Accepted> {
        let (answer, mut answered) = oneshot::channel();
        let event = Waiting {
            arrival: Box::new(arrival),
            answer,
            _room: None,
        };
        self.write(vec![Work::Event(event)]);
        let (accepted, _arrival) = answered.try_recv().map_err(|_panicked| Error::Closed)?;
        accepted
    }

    /// Writes a group: one transaction, one sync, then the answers.
    fn write(&mut self, group: Vec<Work>) {
        let mut stored = execute(&self.connection, BEGIN);
        let mut replies: Vec<Reply> = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        let mut accepting = None;
        for work in group {
            match work {
                Work::Job(job) => {
                    let transaction = stored.is_ok().then_some(&self.connection);
                    // A job that panics loses its caller's channel, which tells the caller; the writer lives on.
                    replies.extend(catch_unwind(AssertUnwindSafe(|| job(transaction))).ok());
                }
                Work::Event(event) => {
                    let accepted = match stored {
                        Ok(()) => {
                            let (connection, keys) = (&self.connection, &mut self.keys);
                            let begun = match &mut accepting {
                                Some(begun) => Ok(begun),
                                none => self
                                    .space
                                    .require(connection)
                                    .and_then(|()| Accepting::begin(connection, keys))
                                    .map(|begun| none.insert(begun)),
                            };
                            begun.and_then(|accepting| accepting.accept(keys, &event.arrival))
                        }
                        Err(_) => Err(Error::Closed),
                    };
                    if let Err(Error::Statement { source, .. }) = &accepted
                        && self.connection.is_autocommit()
                    {
                        stored = Err(NotStored::because(source));
                    }
                    answers.push((event, accepted));
                }
            }
            // SQLite undoes the whole transaction when the disk fails it, and what follows would run without one.
            if stored.is_ok() && self.connection.is_autocommit() {
                stored = Err(NotStored {
                    why: "a statement before it made the database undo the transaction".to_owned(),
                    is_full: false,
                });
            }
        }
        let brought_keys = accepting.is_some();
        drop(accepting);
        if brought_keys && stored.is_ok() {
            stored = self
                .keys
                .merge(&self.connection)
                .map_err(|error| match error {
                    Error::Statement { source, .. } => NotStored::because(&source),
                    other => NotStored {
                        why: other.to_string(),
                        is_full: false,
                    },
                });
        }
        let stored = self.end(stored);
        for reply in replies {
            reply(&stored);
        }
        for (event, accepted) in answers {
            let answer = stored
                .as_ref()
                .map_or_else(|not_stored| Err(not_stored.to_error()), |()| accepted);
            // A caller that went away needs no answer; its event is stored all the same.
            drop(event.answer.send((answer, event.arrival)));
        }
    }

    /// Commits, or undoes what is left of the transaction.
    ///
    /// A sync that fails needs no new connection: nothing after it trusts the pages that were to be synced, because
    /// the next transaction writes over the same part of the log.
    fn end(&mut self, done: Stored) -> Stored {
        let stored = done.and_then(|()| execute(&self.connection, COMMIT));
        if !self.connection.is_autocommit()
            && let Err(error) = execute(&self.connection, ROLLBACK)
        {
            tracing::error!(why = error.why, "The database did not undo a transaction");
        }
        self.keys.end(stored.is_ok());
        if let Err(error) = &stored {
            tracing::error!(why = error.why, "The database did not store a transaction");
            if error.is_full {
                self.space.disk_is_full();
            }
        }
        stored
    }
}

/// A job that answers through a channel.
fn boxed<T: Send + 'static>(
    job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T>>) {
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |transaction| {
        let outcome = match transaction {
            Some(connection) => in_savepoint(connection, job),
            None => Err(Error::Closed),
        };
        Box::new(move |stored: &Stored| {
            let outcome = stored
                .as_ref()
                .map_or_else(|not_stored| Err(not_stored.to_error()), |()| outcome);
            // A caller that went away needs no answer; its work is stored all the same.
            drop(answer.send(outcome));
        })
    });
    (job, answered)
}

/// `IMMEDIATE`, because a transaction that starts by reading cannot always be turned into a writing one.
const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

fn execute(connection: &Connection, sql: &str) -> Stored {
    let executed = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]));
    executed
        .map(drop)
        .map_err(|error| NotStored::because(&error.into()))
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let mark = |sql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(failed("mark where a job starts and ends"))
    };
    mark("SAVEPOINT job")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
    if !matches!(outcome, Ok(Ok(_))) && !connection.is_autocommit() {
        mark("ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        mark("RELEASE job")?;
    }
    match outcome {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
