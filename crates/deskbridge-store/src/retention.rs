//! Forgetting events that ended, by their age and by the room that they take.

mod postgres;
mod sqlite;

use jiff::Timestamp;

use crate::{Backend, Result, Store, sqlite::micros};

/// How long events that ended are kept. What is open, dead or unrouted is kept, and so is what caused an effect that
/// is open.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Not those that arrived before.
    pub received_from: Timestamp,
    /// Not the oldest while those that ended take more than so many bytes.
    pub ended_bytes_max: u64,
    /// Those that arrived then or later, whatever room they take.
    pub young_from: Timestamp,
}

/// How many events were forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Because they were old.
    pub old: u64,
    /// Before they were, to make room.
    pub for_room: u64,
}

impl Pruned {
    /// How many they were.
    pub fn number(self) -> u64 {
        self.old + self.for_room
    }
}

impl std::ops::AddAssign for Pruned {
    fn add_assign(&mut self, more: Self) {
        self.old += more.old;
        self.for_room += more.for_room;
    }
}

/// Which of the oldest events are forgotten.
struct Choice {
    retention: Retention,
    /// How many bytes are too many, while there are any.
    excess: i64,
    pruned: Pruned,
}

impl Choice {
    fn new(retention: Retention, ended_bytes: i64) -> Self {
        let max = i64::try_from(retention.ended_bytes_max).unwrap_or(i64::MAX);
        Self {
            retention,
            excess: ended_bytes.saturating_sub(max),
            pruned: Pruned::default(),
        }
    }

    /// Whether the next one is forgotten, the oldest first.
    fn takes(&mut self, received_at: i64, bytes: i64) -> bool {
        if received_at < micros(self.retention.received_from) {
            self.pruned.old += 1;
        } else if self.excess > 0 && received_at < micros(self.retention.young_from) {
            self.pruned.for_room += 1;
        } else {
            return false;
        }
        self.excess = self.excess.saturating_sub(bytes);
        true
    }
}

impl Store {
    /// Forgets the oldest events that ended and need not be kept, looking at the oldest `limit`.
    ///
    /// # Errors
    /// When the transaction is not stored; then none is forgotten.
    pub async fn prune_events(&self, retention: Retention, limit: usize) -> Result<Pruned> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::prune(connection, retention, limit))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((retention, limit), |work, (retention, limit)| {
                        Box::pin(postgres::prune(work, *retention, *limit))
                    })
                    .await
            }
        }
    }

    /// Makes the file that is given up when the disk is full, where it is missing; whether events are taken.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn recover_room(&self) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(database) => database.recover_room().await,
            // The room is the server's: whether it has any again shows when events are written.
            Backend::Postgres(_) => Ok(true),
        }
    }
}
