//! The durable log of events from outside and of effects, the intended changes in remote systems; both carried out
//! in order.
//!
//! An event is [taken in](Intake::accept) and acknowledged once it is on disk. Later the [`Planner`] of its source
//! says what is to be done about it, and its [end, effects and links](Events) are recorded at once. The journal hands
//! each effect to the [`Handler`] of its kind and acts on the [`Outcome`](deskbridge_core::Outcome): finished, tried
//! again after a growing wait, looked at before it is written again, or given up for a person to see. For events as
//! for effects, a failing ordering key waits alone.
//!
//! Several nodes may share a PostgreSQL store. Each says every second that it lives; what a node that no longer says so
//! had claimed is carried out by the others within ten seconds, and looked at before it is written again.
//!
//! Not here: what an event or effect means. Planners and handlers belong to the features.

mod counters;
mod dispatch;
mod events;
mod intake;
mod journal;
mod lane;
mod presence;
mod running;
pub mod tasks;

#[cfg(test)]
mod tests;

pub use counters::{Counters, CountersSnapshot};
pub use dispatch::Settings;
pub use events::{Events, Planned, Planner, Reader, Run};
pub use intake::Intake;
pub use journal::{Handler, Journal, Waited};
pub use tasks::{Holds, Tasks};
