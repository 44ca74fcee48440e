//! Effects: intended changes in remote systems.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::EffectId;

/// Effects with equal keys run one after another, in the order in which they were recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderingKey(String);

/// Two effects with equal keys are the same effect: the second is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

macro_rules! key {
    ($name:ident) => {
        impl $name {
            /// The key as text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the key.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

key!(OrderingKey);
key!(IdempotencyKey);

/// Which of the effects that wait goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it now: while it is fresh it goes before everything else that waits, afterwards before
    /// everything usual.
    Live,
    /// In its turn.
    #[default]
    Usual,
}

impl Urgency {
    /// How long what is live is fresh: phones ring no longer, so that afterwards nobody waits for it.
    pub const FRESH_FOR: SignedDuration = SignedDuration::from_mins(1);
}

/// An effect as a planner intends it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEffect {
    /// See [`Urgency`]. An attempt that fails does not end it while the next one is fresh. It is not told: an effect that
    /// is read is usual.
    pub urgency: Urgency,
    /// Names the handler that carries it out, such as `frappe.set_responsible`.
    pub kind: String,
    /// See [`OrderingKey`].
    pub ordering_key: OrderingKey,
    /// See [`IdempotencyKey`].
    pub idempotency_key: IdempotencyKey,
    /// What the handler needs; its shape belongs to the kind. No secrets.
    pub payload: Value,
}

/// An effect as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Names the record.
    pub id: EffectId,
    /// What was intended.
    pub intent: NewEffect,
    /// How often it was tried before this time.
    pub attempts: u32,
    /// The last attempt may have run: look at the remote system before writing.
    pub look_first: bool,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}
