//! The durable log of effects: intended changes in remote systems, carried out in order.
//!
//! A planner [records](Journal::record) effects; the journal hands each to the [`Handler`] of its kind and
//! acts on the [`Outcome`](deskbridge_core::Outcome): finished, tried again after a growing wait, looked
//! at before it is written again, or given up for a person to see. A failing ordering key waits alone.
//!
//! Not here: what an effect means. Handlers belong to the features that plan the effects.

mod counters;
mod dispatch;
mod events;
mod intake;
mod journal;
mod lane;
pub mod tasks;

#[cfg(test)]
mod tests;

pub use counters::{Counters, CountersSnapshot};
pub use dispatch::Settings;
pub use events::{Events, Planned, Planner, Reader, Run};
pub use intake::Intake;
pub use journal::{Handler, Journal, Waited};
pub use tasks::Tasks;
