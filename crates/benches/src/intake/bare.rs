//! What anybody would write first: one thread, one table, one column, a transaction for what is waiting.

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// The way to the thread that writes.
#[derive(Clone)]
pub(super) struct Bare {
    waiting: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>,
}

impl Bare {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full;
            CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
        )?;
        let (waiting, mut events) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1_024);
        std::thread::spawn(move || -> rusqlite::Result<()> {
            while let Some(first) = events.blocking_recv() {
                let mut group = vec![first];
                while group.len() < 512
                    && let Ok(next) = events.try_recv()
                {
                    group.push(next);
                }
                connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                let mut insert =
                    connection.prepare_cached("INSERT INTO event (body) VALUES (?1)")?;
                for (body, _) in &group {
                    insert.execute([body])?;
                }
                connection.prepare_cached("COMMIT")?.execute([])?;
                for (_, answer) in group {
                    // A client that went away needs no answer.
                    answer.send(()).ok();
                }
            }
            Ok(())
        });
        Ok(Self { waiting })
    }

    /// Writes a body; it is on disk when this returns.
    pub(super) async fn write(&self, body: Vec<u8>) -> anyhow::Result<()> {
        let (answer, answered) = oneshot::channel();
        self.waiting.send((body, answer)).await?;
        Ok(answered.await?)
    }
}
