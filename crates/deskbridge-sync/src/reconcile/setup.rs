//! What a poll is set up with.

use std::sync::Arc;

use caresoft::rest::{self, InvalidAccount, Token};
use deskbridge_core::Clock;
use deskbridge_journal::{Holds, Intake};
use deskbridge_store::{Known, Store};
use jiff::Timestamp;

use super::settings::InvalidSettings;

/// The version up to which a record is known: when its latest state that was told came to be. `None` when only its
/// name is known.
pub type Seen = Arc<dyn Fn(&Known) -> Option<Timestamp> + Send + Sync>;

/// The account to poll.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name of the configured connection.
    pub connection: String,
    /// Such as `https://api.caresoft.vn`.
    pub host: String,
    /// The account's name in addresses.
    pub domain: String,
    /// Its token.
    pub token: Token,
    /// How it is spoken to. Its zone is the account's; what `Z` means there is found out. The smaller of its requests
    /// a second and those of the settings is used.
    pub options: rest::Options,
}

/// What the poll works with.
#[derive(Clone)]
pub struct Setup {
    /// What is known, and where the poll is kept.
    pub store: Store,
    /// Where missed changes go.
    pub intake: Intake,
    /// The time of day.
    pub clock: Clock,
    /// Spreads rounds.
    pub rng: fastrand::Rng,
    /// How far a record is known.
    pub seen: Seen,
    /// Asked before each round and object.
    pub holds: Holds,
}

impl Setup {
    /// For a program that is the only one.
    pub fn alone(
        store: Store,
        intake: Intake,
        clock: Clock,
        rng: fastrand::Rng,
        seen: Seen,
    ) -> Self {
        Self {
            store,
            intake,
            clock,
            rng,
            seen,
            holds: Arc::new(|| Box::pin(std::future::ready(true))),
        }
    }
}

/// A poll that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The settings.
    #[error("the poll of {connection} has settings that cannot be used")]
    Settings {
        /// The connection.
        connection: String,
        /// Why.
        #[source]
        source: InvalidSettings,
    },
    /// The account.
    #[error("the account of {connection} cannot be asked")]
    Account {
        /// The connection.
        connection: String,
        /// Why.
        #[source]
        source: InvalidAccount,
    },
}
