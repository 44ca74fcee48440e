//! Credentials that remote systems change, sealed by who keeps them here: nothing in a copy of the database opens them.

mod postgres;
mod sqlite;

use jiff::Timestamp;

use crate::{Backend, Result, Store};

/// A sealed credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Which state of it this is. To change it, name the revision that the change was made from.
    pub revision: u64,
    /// The sealed bytes.
    pub body: Vec<u8>,
}

impl Store {
    /// The sealed credential of this name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sealed(&self, name: String) -> Result<Option<Sealed>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::read(connection, &name))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(name, |client, name| Box::pin(postgres::read(client, name)))
                    .await
            }
        }
    }

    /// Keeps a sealed credential in place of the revision that it was made from, 0 where there was none; `false` when
    /// somebody else has changed it since.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn keep_sealed(&self, name: String, sealed: Sealed, now: Timestamp) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::keep(connection, &name, &sealed, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((name, sealed, now), |work, (name, sealed, now)| {
                        Box::pin(postgres::keep(work, name, sealed, *now))
                    })
                    .await
            }
        }
    }
}
