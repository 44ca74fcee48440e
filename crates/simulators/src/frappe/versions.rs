//! Which releases of Frappe and Helpdesk the site pretends to run, and what that changes.

use serde::{Deserialize, Serialize};

/// A release: major, minor, patch.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(pub u32, pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self(major, minor, patch))
            }
            _ => Err(format!("{text:?} is no version such as 15.50.0")),
        }
    }
}

/// The releases that the site runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Frappe Framework. From 16 on, an unknown ticket status is refused.
    pub frappe: Version,
    /// Frappe Helpdesk. Up to 1.24 tickets have integer names; from 1.28 on agents only read HD Customer,
    /// and its members are in a table of its own.
    pub helpdesk: Version,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            frappe: Version(15, 50, 0),
            helpdesk: Version(1, 25, 1),
        }
    }
}

impl Versions {
    /// Whether ticket names are JSON integers.
    pub(crate) fn has_integer_tickets(self) -> bool {
        self.helpdesk < Version(1, 25, 0)
    }

    /// Whether a link is checked although other fields are fetched through it.
    pub(crate) fn checks_fetching_links(self) -> bool {
        self.frappe >= Version(16, 0, 0)
    }

    /// Whether HD Customer has members of its own and agents may only read it.
    pub(crate) fn has_customer_members(self) -> bool {
        self.helpdesk >= Version(1, 28, 0)
    }
}
