//! Calls of a PBX: how far each is known, and its story.

mod postgres;
mod sqlite;

use deskbridge_core::{EffectId, NewEffect};
use jiff::Timestamp;
use serde_json::Value;

use crate::{Backend, Fence, Recorded, Result, Store, postgres::nodes};

/// A call, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCall {
    /// The PBX.
    pub connection: String,
    /// Names it there.
    pub linkedid: String,
    /// Calls that were joined into it; it is found under these names too, and they are calls no more.
    pub joined: Vec<String>,
    /// Which way it goes.
    pub direction: String,
    /// The client's number, in one spelling.
    pub client: Option<String>,
    /// The number that was called, or shown to the client.
    pub line: Option<String>,
    /// What came of it; `None` while it goes on.
    pub result: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// What is known of it; its shape belongs to who follows calls.
    pub state: Value,
}

/// A sentence of a call's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLine {
    /// When it happened.
    pub at: Timestamp,
    /// What happened or was decided.
    pub text: String,
}

/// Where a call stands among all, the latest first: those that began in one instant are told apart by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPlace {
    /// When it began.
    pub started_at: Timestamp,
    /// The PBX.
    pub connection: String,
    /// Names it there.
    pub linkedid: String,
}

impl KeptCall {
    /// Its place among all calls.
    pub fn place(&self) -> CallPlace {
        CallPlace {
            started_at: self.started_at,
            connection: self.connection.clone(),
            linkedid: self.linkedid.clone(),
        }
    }
}

/// What is new of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallChange {
    /// The call as it is known now.
    pub call: KeptCall,
    /// What is added to its story.
    pub lines: Vec<CallLine>,
}

/// Which calls a person wants to see. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only of this PBX.
    pub connection: Option<String>,
    /// Only of this client.
    pub client: Option<String>,
    /// Only on this line.
    pub line: Option<String>,
    /// Only those that went this way.
    pub direction: Option<String>,
    /// Only those that ended with this.
    pub result: Option<String>,
    /// Only those that go on, or only those that have ended.
    pub is_open: Option<bool>,
    /// Not those that began before this time.
    pub since: Option<Timestamp>,
    /// Only those that began before this time.
    pub until: Option<Timestamp>,
    /// Only those that are listed behind this place, whether or not a call has it.
    pub behind: Option<CallPlace>,
    /// The latest so many.
    pub limit: usize,
}

impl Store {
    /// Keeps what is known of calls, adds to their stories, and records the effects that follow; one whose idempotency
    /// key is known is left out. With a fence nothing of it is stored unless its lease is held under that number until
    /// the end of the transaction: who lost it unawares must not write over what its next holder has written.
    ///
    /// # Errors
    /// [`Error::LeaseLost`](crate::Error::LeaseLost) when the lease went over to somebody else, and when the
    /// transaction is not stored; then nothing of it is.
    pub async fn keep_calls(
        &self,
        changes: Vec<CallChange>,
        effects: Vec<(EffectId, NewEffect)>,
        fence: Option<Fence>,
        now: Timestamp,
    ) -> Result<Vec<Recorded>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| {
                        let recorded = sqlite::keep(connection, &changes, &effects, now)?;
                        fence.map_or(Ok(()), |fence| fence.check(connection))?;
                        Ok(recorded)
                    })
                    .await
            }
            Backend::Postgres(database) => {
                let now = database.clock().of(now);
                database
                    .write(
                        (changes, effects, fence, now),
                        |work, (changes, effects, fence, now)| {
                            Box::pin(async move {
                                let recorded = postgres::keep(work, changes, effects, *now).await?;
                                // Last, so that it is locked for as short as can be.
                                if let Some(fence) = fence {
                                    nodes::check(work, fence).await?;
                                }
                                Ok(recorded)
                            })
                        },
                    )
                    .await
            }
        }
    }

    /// The call that has this linkedid, or that a call with it was joined into.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn call(&self, connection: String, linkedid: String) -> Result<Option<KeptCall>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |at| sqlite::by_linkedid(at, &connection, &linkedid))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((connection, linkedid), |client, (connection, linkedid)| {
                        Box::pin(postgres::by_linkedid(client, connection, linkedid))
                    })
                    .await
            }
        }
    }

    /// The story of the call that has this linkedid, in the order of time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn call_story(&self, connection: String, linkedid: String) -> Result<Vec<CallLine>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |at| sqlite::story(at, &connection, &linkedid))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read((connection, linkedid), |client, (connection, linkedid)| {
                        Box::pin(postgres::story(client, connection, linkedid))
                    })
                    .await
            }
        }
    }

    /// The latest calls that a filter lets through, the latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_calls(&self, filter: CallFilter) -> Result<Vec<KeptCall>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| sqlite::list(connection, &filter))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .read(filter, |client, filter| {
                        Box::pin(postgres::list(client, filter))
                    })
                    .await
            }
        }
    }

    /// Forgets calls that have ended and began before a time, at most `limit`; how many they were.
    ///
    /// # Errors
    /// When the transaction is not stored.
    pub async fn prune_calls(&self, started_before: Timestamp, limit: usize) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .write(move |connection| sqlite::prune(connection, started_before, limit))
                    .await
            }
            Backend::Postgres(database) => {
                database
                    .write((started_before, limit), |work, (before, limit)| {
                        Box::pin(postgres::prune(work, *before, *limit))
                    })
                    .await
            }
        }
    }
}
