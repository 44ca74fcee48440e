//! Events: messages from outside, kept as the bytes that arrived.

use jiff::Timestamp;

use crate::{EventId, OrderingKey};

/// Two events of one connection with an equal key are the same event: the second is only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DuplicateKey([u8; 32]);

impl DuplicateKey {
    /// The key of a SHA-256 digest.
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a reader made of an event's bytes. It can be made anew when the reader has learnt more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which of our readers read it, such as `caresoft`.
    pub source: String,
    /// What it is about, in the sender's words; empty when the bytes do not say.
    pub object: String,
    /// What happened to it, in the sender's words; empty when the bytes do not say.
    pub action: String,
    /// The digest of the content whatever the spelling; that of the bytes when the content cannot be read.
    pub canonical_key: DuplicateKey,
    /// Events with equal keys are carried out one after another, in the order of their arrival.
    pub ordering_key: OrderingKey,
    /// Whether anybody knows what to do with it. What nobody knows is kept all the same.
    pub is_routed: bool,
}

/// An event as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The name of the configured connection that it came in through.
    pub connection: String,
    /// The bytes that arrived.
    pub body: Vec<u8>,
    /// The headers that matter, as they arrived.
    pub headers: Vec<(String, String)>,
    /// The digest of the bytes.
    pub raw_key: DuplicateKey,
    /// What the reader made of the bytes.
    pub reading: Reading,
}

/// An event as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names the record.
    pub id: EventId,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What arrived.
    pub arrival: NewEvent,
}
