//! The words of Deskbridge, shared by every crate of ours.
//!
//! Values only: nothing here performs I/O, and time and randomness are arguments. The one reader of the
//! machine's clock is [`Clock`].

pub mod backoff;
pub mod chain;
pub mod clock;
pub mod effect;
pub mod id;
pub mod language;
pub mod outcome;
pub mod secret;

pub use backoff::Backoff;
pub use chain::Chain;
pub use clock::Clock;
pub use effect::{Effect, IdempotencyKey, NewEffect, OrderingKey};
pub use id::EffectId;
pub use language::Language;
pub use outcome::{Failure, Outcome};
pub use secret::Secret;
