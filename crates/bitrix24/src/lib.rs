//! A client for the Bitrix24 REST API that shares one portal's budget, batches what waits and says whether a call ran

mod answer;
mod budget;
mod call;
mod decode;
mod dispatch;
mod error;
mod group;
mod id;
mod options;
mod outcome;
mod params;
mod portal;
mod row;
#[cfg(test)]
mod testing;
mod transport;
mod webhook;

pub use answer::{Answer, Time};
pub use budget::Limits;
pub use call::{Call, Kind, Lane, Order};
pub use dispatch::counters::Counters;
pub use error::{Context, Error, Fault, Limit, Mishap, Refusal, Unsent, Verdict};
pub use group::{COMMANDS_MAX, Command, Group, GroupAnswer, Reference};
pub use id::{Id, NotAnId};
pub use options::{Options, OptionsError};
pub use outcome::Outcome;
pub use params::Param;
pub use portal::{Client, Portal, WrongPortal};
pub use row::{Moment, Multifield, Row};
pub use webhook::{PortalBase, Webhook, WebhookError};
