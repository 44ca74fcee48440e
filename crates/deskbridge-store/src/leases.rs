//! Leases: which node alone may do something, and which nodes live.
//!
//! SQLite is for one process, which owns everything in the file. PostgreSQL is shared, and the clocks of those who
//! share it are never compared with each other: whether a lease or a node's sign of life has run out is judged by the
//! clock of the database.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    Backend, Error, Result, Store,
    postgres::nodes,
    sqlite::{failed, micros},
};

/// A lease that somebody took, by its number: see [`Store::hold`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The name of the lease.
    pub lease: String,
    /// The number under which it was taken.
    pub number: u64,
}

impl Fence {
    /// Refuses who does not hold the lease under this number any more, or agrees to nobody else's taking it before the
    /// end of the transaction.
    pub(crate) fn check(&self, connection: &Connection) -> Result<()> {
        const IS_HELD: &str = "SELECT 1 FROM lease WHERE name = ?1 AND fence = ?2";
        let number = i64::try_from(self.number).unwrap_or(i64::MAX);
        let is_held = connection
            .prepare_cached(IS_HELD)
            .and_then(|mut statement| statement.exists((&self.lease, number)))
            .map_err(failed("look at a lease"))?;
        match is_held {
            true => Ok(()),
            false => Err(self.lost()),
        }
    }

    pub(crate) fn lost(&self) -> Error {
        Error::LeaseLost {
            id: self.lease.clone(),
            fence: self.number,
        }
    }
}

impl Store {
    /// Takes the lease of that name for `hold_for`, or renews it; its fencing number, or `None` when somebody else
    /// holds it. The number is another one whenever the holder is.
    ///
    /// For what only one node may do at a time, such as asking a remote system for news: renewed every two seconds
    /// and held for six, it goes over to another node within ten. `holder` must name one process, of all that share
    /// the store.
    ///
    /// # Errors
    /// When the transaction is not stored; then the lease may be lost.
    pub async fn hold(
        &self,
        name: String,
        holder: String,
        hold_for: Duration,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| hold(connection, &name, &holder, hold_for, now))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write(
                        (name, holder, hold_for),
                        |work, (name, holder, hold_for)| {
                            Box::pin(nodes::hold(work, name, holder, *hold_for))
                        },
                    )
                    .await
            }
        }
    }

    /// Gives a lease up, so that another node need not wait until it runs out; `false` when it was not held.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn let_go(&self, name: String, holder: String) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| let_go(connection, &name, &holder))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((name, holder), |work, (name, holder)| {
                        Box::pin(nodes::let_go(work, name, holder))
                    })
                    .await
            }
        }
    }

    /// Says that this node lives, and will say so again within `valid_for`.
    ///
    /// Who claims work must say so as long as it is at work, or lose it to others; who never did keeps what it
    /// claimed until the lease of the claim runs out. On SQLite there is nobody else, and nothing happens.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn beat(&self, valid_for: Duration) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(database) => database.beat(valid_for).await,
        }
    }

    /// Takes the claims of effects and events from nodes that did not say in time that they live, to be claimed by
    /// others; how many claims. On SQLite there is nobody else, and nothing happens.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn take_over(&self) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(0),
            Backend::Postgres(database) => {
                let node = database.node();
                database
                    .write(node, |work, node| Box::pin(nodes::take_over(work, *node)))
                    .await
            }
        }
    }
}

fn hold(
    connection: &Connection,
    name: &str,
    holder: &str,
    hold_for: Duration,
    now: Timestamp,
) -> Result<Option<u64>> {
    const HOLD: &str = "INSERT INTO lease (name, holder, fence, held_until) VALUES (?1, ?2, 1, ?3)
        ON CONFLICT (name) DO UPDATE SET holder = ?2, held_until = ?3, fence = fence + (holder <> ?2)
        WHERE holder = ?2 OR held_until <= ?4 RETURNING fence";
    let hold_for = SignedDuration::try_from(hold_for).unwrap_or(SignedDuration::MAX);
    let until = now.saturating_add(hold_for).unwrap_or(Timestamp::MAX);
    let fence: Option<i64> = connection
        .prepare_cached(HOLD)
        .and_then(|mut statement| {
            statement
                .query_row((name, holder, micros(until), micros(now)), |row| row.get(0))
                .optional()
        })
        .map_err(failed("take a lease"))?;
    Ok(fence.map(i64::unsigned_abs))
}

fn let_go(connection: &Connection, name: &str, holder: &str) -> Result<bool> {
    // The row stays, so that its number is not given again.
    const LET_GO: &str =
        "UPDATE lease SET held_until = 0, holder = '' WHERE name = ?1 AND holder = ?2";
    let left = connection
        .prepare_cached(LET_GO)
        .and_then(|mut statement| statement.execute((name, holder)))
        .map_err(failed("give a lease up"))?;
    Ok(left > 0)
}
