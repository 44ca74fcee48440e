//! Additions to the CRM of which nobody knows whether they run.
//!
//! The CRM has no field that two records cannot share. An addition whose attempt was cut off may still be running there
//! while a look finds nothing: before the portal must have ended it, nothing is added once more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use deskbridge_core::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};

use super::{Stop, stop::PORTAL_REQUEST_FOR};

/// Since when additions have certainly been left to the portal. A program that was started anew, or another node,
/// counts from its own first look.
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

    /// Notes that an addition is left to the portal since an instant, or since now.
    pub(super) fn note(&self, subject: &str, left_at: Option<Timestamp>) {
        let left_at = left_at.unwrap_or_else(|| self.clock.now());
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.insert(subject.to_owned(), left_at);
    }

    /// Forgets an addition that is known by now.
    pub(super) fn forget(&self, subject: &str) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.remove(subject);
    }

    /// Says that something may be added which was looked for and not found, and since when that was waited for;
    /// `may_have_run` when an earlier attempt to add it may still be running.
    pub(super) fn wait(
        &self,
        subject: &str,
        may_have_run: bool,
    ) -> Result<Option<Timestamp>, Stop> {
        if !may_have_run {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let left_at = *since.entry(subject.to_owned()).or_insert(now);
        let ends_at = SignedDuration::try_from(PORTAL_REQUEST_FOR)
            .ok()
            .and_then(|needed| left_at.checked_add(needed).ok());
        let rest = ends_at.map(|ends_at| ends_at.duration_since(now));
        match rest.and_then(|rest| rest.try_into().ok()) {
            Some(rest) if rest > std::time::Duration::ZERO => {
                let why = format!(
                    "an attempt to add {subject} was cut off and may still be running in the portal"
                );
                Err(Stop::NotSent(Failure::new(why).after(Some(rest))))
            }
            // The next attempt may be cut off as well.
            _ => Ok(since.remove(subject)),
        }
    }
}
