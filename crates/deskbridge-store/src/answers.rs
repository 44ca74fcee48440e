//! What remote systems answered, kept to be shown again: fresh for a while, then stale, then gone.

mod postgres;
mod sqlite;

use jiff::Timestamp;

use crate::{Backend, Result, Store};

/// A remembered answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer, in whatever form its owner reads.
    pub body: Vec<u8>,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Until when it need not be fetched again.
    pub fresh_until: Timestamp,
    /// Until when it is worth showing if nothing better can be had.
    pub keep_until: Timestamp,
}

impl Store {
    /// Remembers an answer under a key, in place of an earlier one.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn remember_answer(&self, key: String, answer: Answer) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::remember(connection, &key, &answer))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((key, answer), |work, (key, answer)| {
                        Box::pin(postgres::remember(work, key, answer))
                    })
                    .await
            }
        }
    }

    /// The answer under a key, fresh or stale, if it is still worth showing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn remembered_answer(&self, key: String, now: Timestamp) -> Result<Option<Answer>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::recall(connection, &key, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((key, now), |client, (key, now)| {
                        Box::pin(postgres::recall(client, key, *now))
                    })
                    .await
            }
        }
    }

    /// Forgets the answer under a key.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn forget_answer(&self, key: String) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::forget(connection, &key))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write(key, |work, key| Box::pin(postgres::forget(work, key)))
                    .await
            }
        }
    }

    /// Forgets what is no longer worth showing, at most `limit` answers; how many they were.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn prune_answers(&self, now: Timestamp, limit: usize) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::prune(connection, now, limit))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((now, limit), |work, (now, limit)| {
                        Box::pin(postgres::prune(work, *now, *limit))
                    })
                    .await
            }
        }
    }
}
