//! After a while of not seeing: what is there now, and what must have gone.

use std::collections::BTreeMap;

use ami::Message;
use jiff::Timestamp;

use super::{Step, Tracker};

/// The channels that the PBX lists.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    channels: BTreeMap<String, Message>,
}

impl Listing {
    /// Takes an item.
    pub fn add(&mut self, message: &Message) {
        let _ = message;
        let _ = &mut self.channels;
    }
}

impl Tracker {
    /// Compares.
    pub fn resync(&mut self, _listing: &Listing, _now: Timestamp) -> Step {
        Step::default()
    }
}
