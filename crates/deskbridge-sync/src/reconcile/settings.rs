//! What an administrator decides about the poll of an account.

use std::{collections::BTreeSet, time::Duration};

use caresoft::rest::{REQUESTS_PER_SECOND_MAX, Resource};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The shortest time between two rounds, in seconds.
const POLL_EVERY_MIN: u32 = 10;

/// How an account is polled, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The time between two rounds.
    pub poll_every_seconds: u32,
    /// How far a round reaches back before where the last one ended, for rows that became visible late.
    pub overlap_seconds: u32,
    /// How long a change is left to its webhook before it is held to be missed.
    pub grace_seconds: u32,
    /// The poll's share of what CareSoft lets an account ask.
    pub requests_per_second: u16,
    /// How many pages of each object a round reads at most; what is left is read soon after.
    pub pages_per_round: u32,
    /// What is polled.
    pub objects: BTreeSet<Object>,
    /// From when on changes are looked for that no webhook told; from the first round on when absent. Read once, at
    /// the first round.
    pub since: Option<Timestamp>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll_every_seconds: 300,
            overlap_seconds: 600,
            grace_seconds: 60,
            requests_per_second: 5,
            pages_per_round: 40,
            objects: Object::ALL.into(),
            since: None,
        }
    }
}

/// Settings that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// Too often.
    #[error("poll_every_seconds is {0}, it must be at least {POLL_EVERY_MIN}")]
    PollEvery(u32),
    /// Nothing, or more than CareSoft allows.
    #[error("requests_per_second is {0}, it must be from 1 to {REQUESTS_PER_SECOND_MAX}")]
    RequestsPerSecond(u16),
    /// Nothing could ever be read.
    #[error("pages_per_round is 0, it must be at least 1")]
    PagesPerRound,
    /// Nothing to poll.
    #[error("objects is empty; leave it out to poll all, or configure no token to poll none")]
    Objects,
}

impl Settings {
    /// Whether they can be used.
    ///
    /// # Errors
    /// When they cannot; the error names the setting.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        match self {
            _ if self.poll_every_seconds < POLL_EVERY_MIN => {
                Err(InvalidSettings::PollEvery(self.poll_every_seconds))
            }
            _ if !(1..=REQUESTS_PER_SECOND_MAX).contains(&self.requests_per_second) => {
                Err(InvalidSettings::RequestsPerSecond(self.requests_per_second))
            }
            _ if self.pages_per_round == 0 => Err(InvalidSettings::PagesPerRound),
            _ if self.objects.is_empty() => Err(InvalidSettings::Objects),
            _ => Ok(()),
        }
    }

    pub(super) fn poll_every(&self) -> Duration {
        Duration::from_secs(self.poll_every_seconds.into())
    }

    pub(super) fn overlap(&self) -> SignedDuration {
        SignedDuration::from_secs(self.overlap_seconds.into())
    }

    pub(super) fn grace(&self) -> SignedDuration {
        SignedDuration::from_secs(self.grace_seconds.into())
    }
}

/// What can be polled, by the names of CareSoft's lists. Organisations cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    /// Persons come first: tickets refer to them.
    Contacts,
    /// Tickets.
    Tickets,
    /// Leads.
    Leads,
    /// Deals.
    Deals,
}

impl Object {
    /// All of them, in the order in which they are read.
    pub const ALL: [Self; 4] = [Self::Contacts, Self::Tickets, Self::Leads, Self::Deals];

    /// The name of its list.
    pub fn as_str(self) -> &'static str {
        self.resource().name()
    }

    pub(super) fn resource(self) -> Resource {
        match self {
            Self::Contacts => Resource::Contacts,
            Self::Tickets => Resource::Tickets,
            Self::Leads => Resource::Leads,
            Self::Deals => Resource::Deals,
        }
    }

    /// What webhooks call one of them.
    pub(super) fn in_webhooks(self) -> &'static str {
        match self {
            Self::Contacts => "user",
            Self::Tickets => "ticket",
            Self::Leads => "lead",
            Self::Deals => "deal",
        }
    }

    /// The kind of record that what is known of it is kept under: tickets, leads and deals are one thing at
    /// different times.
    pub(super) fn record(self) -> &'static str {
        match self {
            Self::Contacts => "user",
            Self::Tickets | Self::Leads | Self::Deals => "case",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let check = |json: &str, expected: Result<(), InvalidSettings>| {
            let settings: Settings = serde_json::from_str(json).unwrap();
            assert_eq!(settings.check(), expected, "{json}");
        };
        check("{}", Ok(()));
        check(
            r#"{"objects":["tickets"],"since":"2026-01-05T00:00:00+07:00"}"#,
            Ok(()),
        );
        check(
            r#"{"poll_every_seconds":9}"#,
            Err(InvalidSettings::PollEvery(9)),
        );
        check(
            r#"{"requests_per_second":0}"#,
            Err(InvalidSettings::RequestsPerSecond(0)),
        );
        check(
            r#"{"requests_per_second":16}"#,
            Err(InvalidSettings::RequestsPerSecond(16)),
        );
        check(
            r#"{"pages_per_round":0}"#,
            Err(InvalidSettings::PagesPerRound),
        );
        check(r#"{"objects":[]}"#, Err(InvalidSettings::Objects));
        for unknown in [r#"{"poll_every":1}"#, r#"{"objects":["calls"]}"#] {
            assert!(
                serde_json::from_str::<Settings>(unknown).is_err(),
                "{unknown}"
            );
        }
    }
}
