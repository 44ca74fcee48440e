//! What was planned of a call before: kept beside it, so that nothing is planned twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    call::Uniqueid,
    decide::{
        users::UserId,
        write::{CallKey, Registered},
    },
};

/// What was planned of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Planned {
    /// The registration of the call.
    pub(super) main: Option<Main>,
    /// Legs that have registrations of their own.
    pub(super) legs: BTreeMap<Uniqueid, PlannedLeg>,
    /// Open registrations of calls that were joined into this one.
    pub(super) absorbed: Vec<Main>,
    /// Who is shown the card of the call.
    pub(super) shown: BTreeSet<UserId>,
    /// Somebody talked with the client. Never forgotten.
    pub(super) is_answered: bool,
    /// The files that were attached last.
    pub(super) attached: BTreeMap<CallKey, Vec<String>>,
    /// The keys of all writes.
    pub(super) keys: BTreeSet<String>,
}

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Main {
    pub(super) call: Registered,
    /// Whom it was made for.
    pub(super) user: UserId,
    pub(super) is_finished: bool,
}

/// A leg that has a registration of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedLeg {
    /// Whom it was made for.
    pub(super) user: UserId,
    /// The user sees its card.
    pub(super) is_shown: bool,
}

impl Main {
    /// The registration of one of the call's legs.
    pub(super) fn leg(&self, leg: &Uniqueid) -> Registered {
        Registered {
            key: self.call.key.leg(leg),
            call_id: None,
        }
    }
}

impl Planned {
    /// The key that the CRM knows the call by; `None` while it does not.
    pub fn key(&self) -> Option<&CallKey> {
        self.main.as_ref().map(|main| &main.call.key)
    }

    /// Whether the call's end was planned.
    pub fn is_finished(&self) -> bool {
        self.main.as_ref().is_some_and(|main| main.is_finished)
    }

    /// Every registration of the call: its own, those of its legs, and those of calls that were joined into it.
    pub fn registrations(&self) -> Vec<Registered> {
        let of_call = self.main.iter().flat_map(|main| {
            let legs = self.legs.keys().map(|leg| main.leg(leg));
            std::iter::once(main.call.clone()).chain(legs)
        });
        let absorbed = self.absorbed.iter().map(|joined| joined.call.clone());
        of_call.chain(absorbed).collect()
    }

    /// Whether a task was planned because the call was missed.
    pub fn has_task(&self) -> bool {
        self.keys.iter().any(|key| key.ends_with("/task"))
    }

    /// Adds what was planned of a call that was joined into this one. What is open of it is closed with this call: an
    /// open registration would be found by the next call with the same numbers.
    pub fn absorb(&mut self, other: Self) {
        self.is_answered |= other.is_answered;
        self.absorbed.extend(other.absorbed);
        let Some(main) = other.main.filter(|main| !main.is_finished) else {
            return;
        };
        if self.main.is_none() {
            self.main = Some(main);
            self.legs = other.legs;
            self.shown = other.shown;
            self.attached = other.attached;
            self.keys.extend(other.keys);
        } else {
            let legs = other.legs.into_iter().map(|(leg, planned)| Main {
                call: main.leg(&leg),
                user: planned.user,
                is_finished: false,
            });
            self.absorbed.extend(legs);
            self.absorbed.push(main);
        }
    }
}
