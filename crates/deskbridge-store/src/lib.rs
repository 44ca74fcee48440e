//! What Deskbridge remembers.
//!
//! One [`Store`] over a closed choice of back ends. Each public method is one transaction and one
//! business sentence; no transaction leaves this crate, so none can be held across a network call.
//! Times are whole microseconds UTC.
//!
//! Not here: what to do with the rows. Nothing in this crate speaks to a remote system.

mod answers;
mod calls;
mod checks;
mod effects;
mod error;
mod events;
mod imports;
mod known;
mod leases;
mod links;
mod migrations;
mod postgres;
mod quarantine;
mod retention;
mod sealed;
mod sqlite;
mod unread;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;

use std::path::Path;

use deskbridge_core::Secret;

pub use answers::Answer;
pub use calls::{CallChange, CallFilter, CallLine, CallPlace, KeptCall};
pub use checks::{CheckedFile, Finding, check_file, copy_to_restore, fold_log};
pub use effects::{
    Claim, Claimed, EffectCounts, EffectFilter, EffectRecord, EffectState, Recorded, Retry,
};
pub use error::{DatabaseError, Error};
pub use events::{
    Accepted, ClaimedEvent, EventCounts, EventFilter, EventKind, EventRecord, EventState, Plan,
    Reread,
};
pub use imports::{ImportCount, ImportFilter, ImportRecord, ImportState, Settled};
pub use known::Known;
pub use leases::Fence;
pub use postgres::PostgresOptions;
pub use quarantine::{QuarantineLimits, Quarantined};
pub use retention::{Pruned, Retention};
pub use sealed::Sealed;
pub use sqlite::space::Limits;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Store {
    /// Opens the SQLite file at `path`, creating it where it is missing and bringing its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, belongs to a newer program, or the disk cannot promise durability.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, Limits::default())
    }

    /// Opens the SQLite file at `path` as [`Store::open`] does, and keeps it within limits.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_within(path: &Path, limits: Limits) -> Result<Self> {
        Ok(Self {
            backend: Backend::Sqlite(sqlite::Database::open(path, limits)?),
        })
    }

    /// Opens the PostgreSQL database at `address`, creating its schema where it is missing and bringing it up to
    /// date. Any number of processes may do so at the same time.
    ///
    /// The address reads as `postgres://user:password@host:5432/database`. Over a network the connection is under TLS
    /// and the server's certificate is verified, unless the address says `sslmode=disable`; on loopback it is in the
    /// clear, unless it says `sslmode=require`.
    ///
    /// # Errors
    /// [`Error::Address`] when the address cannot be used, [`Error::Unreachable`] when the server cannot be reached,
    /// [`Error::Unsafe`] when it is set up so that it can lose what was acknowledged, and when the database belongs to
    /// a newer program.
    pub async fn open_postgres(address: &Secret, options: &PostgresOptions) -> Result<Self> {
        Ok(Self {
            backend: Backend::Postgres(postgres::Database::open(address, options).await?),
        })
    }

    /// Whether other processes may work on it at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// A store in memory that works on the caller's thread, so that tests with a paused clock can use it.
    ///
    /// # Errors
    /// When SQLite cannot be set up.
    pub fn open_inline() -> Result<Self> {
        Ok(Self {
            backend: Backend::Sqlite(sqlite::Database::open_inline()?),
        })
    }
}
