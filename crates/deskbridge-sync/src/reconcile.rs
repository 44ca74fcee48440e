//! Finding what no webhook told, by reading what changed.
//!
//! CareSoft sends a webhook once, as far as anybody knows, and does not say how many it sent. So each account that has
//! a token is asked from time to time what changed; a change that is neither known nor waiting in the journal becomes
//! an event of its own [source](SOURCE), in the order of its record's webhooks. Its count is the only measure there is
//! of how reliably CareSoft delivers.
//!
//! What was read is marked in the store after its events are on disk, so that a crash has rows read again and loses
//! none. A change is left to its webhook for a while before it counts as missed. Changes from before the first round
//! are history, unless the settings say since when they matter.
//!
//! An answer that failed is never the end of a list: a 500 was seen to be taken for an empty page. The object's round
//! ends there, and the next one begins where it was. When CareSoft asks for a break or bans us, nothing is asked
//! until that is over, by this program or, after a restart, by the next.
//!
//! Webhooks of contacts tell only what changed. One that came hides an earlier one that did not, so a contact that
//! changed is taken in whole even where its latest change is known; that is not counted as missed.
//!
//! What cannot be found: deletions and merges, because what is gone is not listed; organisations, which have no list;
//! and steps of calls.

mod look;
mod page;
mod poller;
mod read;
mod row;
mod settings;
mod setup;
mod state;
mod times;
mod walk;

#[cfg(test)]
mod tests;

pub use self::{
    poller::{Again, Poller, Round},
    row::{SOURCE, zone_of},
    settings::{InvalidSettings, Object, Settings},
    setup::{Invalid, Seen, Setup, Source},
    state::{Failed, ObjectStatus, Status},
    times::{Finding, Meaning},
};

/// Why the poll cannot go on by itself. What CareSoft refuses is told in the [`Status`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("could not {what}")]
    Store {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        #[source]
        source: deskbridge_store::Error,
    },
    /// What the store kept is of another program.
    #[error("how far the poll of {connection} has come is kept in a form that is not known")]
    Unreadable {
        /// The connection.
        connection: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}
