//! The words of Deskbridge, shared by every crate of ours.
//!
//! Values only: nothing here performs I/O, and time and randomness are arguments. The one reader of the
//! machine's clock is [`Clock`].

pub mod backoff;
pub mod call;
pub mod chain;
pub mod clock;
pub mod effect;
pub mod event;
pub mod id;
pub mod language;
pub mod link;
pub mod outcome;
pub mod secret;

pub use backoff::Backoff;
pub use chain::Chain;
pub use clock::Clock;
pub use effect::{Effect, IdempotencyKey, NewEffect, OrderingKey, Urgency};
pub use event::{DuplicateKey, Event, NewEvent, Reading};
pub use id::{EffectId, EventId};
pub use language::Language;
pub use link::{Link, RemoteRecord};
pub use outcome::{Failure, Outcome};
pub use secret::Secret;
