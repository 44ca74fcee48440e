//! `responsible`: who takes the call of a client, when the PBX asks.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{hours_named, problem::Checks};
use crate::decide::{
    responsible::{EntityKind, Timeman},
    working_time::WorkingTime,
};

/// Who is responsible for a caller, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LookupSource {
    /// Whether callers are put through to who is responsible for them.
    pub enabled: bool,
    /// Whose responsible user is taken where several are found: `contact`, `company` and `lead` in the wanted order.
    pub order: Vec<EntityKind>,
    /// The states in which somebody takes calls: `opened`, `closed`, `paused`, `expired`, `unavailable`,
    /// `not_installed`, or `unknown` for any other.
    pub at_work: Vec<Timeman>,
    /// The name of the hours in which callers are put through; by default always.
    pub hours: Option<String>,
    /// How long the PBX waits for an answer: a second at most.
    pub deadline_ms: u32,
    /// How long an answer is believed.
    pub believed_s: u32,
}

impl Default for LookupSource {
    fn default() -> Self {
        Self {
            enabled: true,
            order: vec![EntityKind::Contact, EntityKind::Company, EntityKind::Lead],
            at_work: vec![Timeman::Opened, Timeman::NotInstalled],
            hours: None,
            deadline_ms: 1_000,
            believed_s: 60,
        }
    }
}

/// Who is responsible for a caller.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// See [`LookupSource::enabled`].
    pub enabled: bool,
    /// See [`LookupSource::order`].
    pub order: Vec<EntityKind>,
    /// See [`LookupSource::at_work`].
    pub at_work: Vec<Timeman>,
    /// See [`LookupSource::hours`].
    pub hours: Option<Arc<WorkingTime>>,
    /// See [`LookupSource::deadline_ms`].
    pub deadline_ms: u32,
    /// See [`LookupSource::believed_s`].
    pub believed_s: u32,
}

impl LookupSource {
    pub(super) fn compile(
        self,
        hours: &BTreeMap<String, Arc<WorkingTime>>,
        checks: &mut Checks,
    ) -> Lookup {
        if self.enabled && self.order.is_empty() {
            let remedy = "name contact, company or lead, or write enabled = false";
            checks.add("responsible.order", "is empty", remedy);
        }
        if !(100..=1_000).contains(&self.deadline_ms) {
            let wrong = format!(
                "{} ms is no deadline for a caller who waits",
                self.deadline_ms
            );
            checks.add("responsible.deadline_ms", wrong, "write 100 to 1000");
        }
        let name = self.hours;
        Lookup {
            enabled: self.enabled,
            order: self.order,
            at_work: self.at_work,
            hours: name.map(|name| hours_named("responsible.hours", &name, hours, checks)),
            deadline_ms: self.deadline_ms,
            believed_s: self.believed_s,
        }
    }
}
