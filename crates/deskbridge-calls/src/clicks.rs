//! Clicks on numbers in the CRM, and clients who ask to be called: from the portal's event to a call that the PBX
//! begins.
//!
//! The event is on disk before the portal is answered ([`http`]); planning it ([`plan`]) records the order of one call as
//! the effect [`ORIGINATE`]; carrying that out ([`dial`]) asks the PBX. The order's id is the channel's `ChannelId`, and
//! the effect's idempotency key is made of it, so that whoever sees the channel finds the order ([`RecordedOrders`]).

pub mod dial;
pub mod http;
pub mod notify;
pub mod offline;
pub mod plan;
pub mod reading;
#[cfg(test)]
mod tests;

use deskbridge_core::IdempotencyKey;
use deskbridge_store::Store;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{decide::originate::Order, follow::Orders};

/// The name of portals as a source in the journal.
pub const SOURCE: &str = "bitrix24";
/// The kind of effect that asks a PBX to begin a call.
pub const ORIGINATE: &str = "calls.originate";

/// The payload of an [`ORIGINATE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// The PBX, by the name of its connection.
    pub pbx: String,
    /// What was ordered.
    pub order: Order,
    /// After that nobody waits for the call any more, and it is not begun.
    pub until: Timestamp,
}

/// The idempotency key of the effect that begins the call of an order, whose id is the `ChannelId` of the call.
pub fn key(order: &str) -> IdempotencyKey {
    IdempotencyKey::new(format!("{ORIGINATE}:{order}"))
}

/// The orders that are recorded as effects: those of every node, and for as long as effects are kept.
#[derive(Clone, Debug)]
pub struct RecordedOrders(pub Store);

impl RecordedOrders {
    /// The order of this id, and where it went.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dial(&self, id: &str) -> deskbridge_store::Result<Option<Dial>> {
        let effect = self.0.effect_of_key(key(id)).await?;
        Ok(effect.and_then(|record| serde_json::from_value(record.effect.intent.payload).ok()))
    }
}

impl Orders for RecordedOrders {
    fn order<'a>(&'a self, id: &'a str) -> BoxFuture<'a, deskbridge_store::Result<Option<Order>>> {
        Box::pin(async move {
            let dial = self.dial(id).await?;
            Ok(dial.map(|dial| dial.order))
        })
    }
}
