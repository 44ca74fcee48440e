//! Additions to the CRM of which nobody knows whether they run.
//!
//! Tasks and activities have no field that two cannot share. An addition whose attempt was cut off may still be running
//! in the portal while a look finds nothing: before the portal must have ended it, nothing is added once more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deskbridge_core::Clock;
use jiff::{SignedDuration, Timestamp};

use super::Stop;

/// A portal ends every request after a minute: whoever looks later sees all that it did.
const PORTAL_REQUEST_FOR: SignedDuration = SignedDuration::from_secs(60);

/// Since when additions were looked for in vain.
pub(super) struct Unsure {
    clock: Clock,
    since: Mutex<BTreeMap<String, Timestamp>>,
}

impl Unsure {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            since: Mutex::default(),
        }
    }

    /// Says that something may be added which was looked for in vain after an attempt that may have run.
    pub(super) fn wait(&self, subject: &str) -> Result<(), Stop> {
        let now = self.clock.now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = *since.entry(subject.to_owned()).or_insert(now);
        let rest = PORTAL_REQUEST_FOR - now.duration_since(looked_at);
        match Duration::try_from(rest) {
            Ok(rest) if !rest.is_zero() => Err(Stop::not_yet(
                format!(
                    "an attempt to add {subject} was cut off and may still be running in the portal"
                ),
                rest,
            )),
            // The next attempt may be cut off as well.
            _ => {
                since.remove(subject);
                Ok(())
            }
        }
    }

    /// Forgets an addition that is known by now.
    pub(super) fn forget(&self, subject: &str) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.remove(subject);
    }
}
