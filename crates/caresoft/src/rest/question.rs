//! What can be asked.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Id, Zone};

/// The most rows that a page holds.
pub const ROWS_MAX: u16 = 500;

/// A kind of thing that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Tickets.
    Tickets,
    /// Contacts, which webhooks call users.
    Contacts,
    /// Agents: `id` is a ticket's assignee, `agent_id` the IP phone.
    Agents,
    /// Groups of agents.
    Groups,
    /// Services, such as hotlines.
    Services,
    /// Calls.
    Calls,
    /// Chats. A window of more than 31 days is refused.
    Chats,
    /// Leads.
    Leads,
    /// Deals.
    Deals,
}

impl Resource {
    /// Its name in an address, which its rows go by in an answer, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Contacts => "contacts",
            Self::Agents => "agents",
            Self::Groups => "groups",
            Self::Services => "services",
            Self::Calls => "calls",
            Self::Chats => "chats",
            Self::Leads => "leads",
            Self::Deals => "deals",
        }
    }

    /// What one of them goes by in an answer.
    pub(super) fn singular(self) -> &'static str {
        self.name().trim_end_matches('s')
    }
}

/// Which way rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// Which rows of a resource, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    limits: Vec<(&'static str, Bound)>,
    page: u32,
    count: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Time(Timestamp),
    Text(String),
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl List {
    /// All rows, the first page of as many as a page holds.
    pub fn new() -> Self {
        Self {
            limits: Vec::new(),
            page: 1,
            count: ROWS_MAX,
        }
    }

    fn with(mut self, name: &'static str, bound: Bound) -> Self {
        self.limits.push((name, bound));
        self
    }

    /// Only what was changed since, to the second.
    #[must_use]
    pub fn updated_since(self, since: Timestamp) -> Self {
        self.with("updated_since", Bound::Time(since))
    }

    /// Only what was changed until.
    #[must_use]
    pub fn updated_to(self, to: Timestamp) -> Self {
        self.with("updated_to", Bound::Time(to))
    }

    /// Only what was made since.
    #[must_use]
    pub fn created_since(self, since: Timestamp) -> Self {
        self.with("created_since", Bound::Time(since))
    }

    /// Only calls that began in this time.
    #[must_use]
    pub fn started_between(self, since: Timestamp, to: Timestamp) -> Self {
        self.with("start_time_since", Bound::Time(since))
            .with("start_time_to", Bound::Time(to))
    }

    /// Sorted by a field. While rows change, pages stay true only in ascending order of change.
    #[must_use]
    pub fn order_by(self, field: &str, order: Order) -> Self {
        let kind = match order {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        };
        self.with("order_by", Bound::Text(field.to_owned()))
            .with("order_type", Bound::Text(kind.to_owned()))
    }

    /// This page, counted from 1.
    #[must_use]
    pub fn page(mut self, page: u32) -> Self {
        self.page = page.max(1);
        self
    }

    /// So many rows on a page, at most [`ROWS_MAX`].
    #[must_use]
    pub fn count(mut self, count: u16) -> Self {
        self.count = count.clamp(1, ROWS_MAX);
        self
    }

    pub(super) fn number(&self) -> u32 {
        self.page
    }

    pub(super) fn rows_max(&self) -> u16 {
        self.count
    }

    fn query(&self, zone: &Zone) -> String {
        let mut query = format!("?page={}&count={}", self.page, self.count);
        for (name, bound) in &self.limits {
            let value = match bound {
                Bound::Time(time) => zone.write(*time),
                Bound::Text(text) => text.clone(),
            };
            push(&mut query, name, &value);
        }
        query
    }
}

fn push(query: &mut String, name: &str, value: &str) {
    let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
    // Writing to a `String` cannot fail.
    let _written: fmt::Result = write!(query, "&{name}={value}");
}

/// One request, as it is named in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    List(Resource, List),
    One(Resource, Id),
    CustomFields(Resource),
    ContactsByPhone(String),
}

impl Question {
    /// What follows `/api/v1/`.
    pub(super) fn path(&self, zone: &Zone) -> String {
        match self {
            Self::List(resource, list) => format!("{}{}", resource.name(), list.query(zone)),
            Self::One(resource, id) => format!("{}/{id}", resource.name()),
            Self::CustomFields(resource) => format!("{}/custom_fields", resource.name()),
            Self::ContactsByPhone(phone) => {
                let phone = utf8_percent_encode(phone, NON_ALPHANUMERIC);
                format!("contactsByPhone?phoneNo={phone}")
            }
        }
    }
}

/// Without a customer's number.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(resource, list) => write!(f, "page {} of {}", list.page, resource.name()),
            Self::One(resource, id) => write!(f, "{} {id}", resource.singular()),
            Self::CustomFields(resource) => write!(f, "custom fields of {}", resource.name()),
            Self::ContactsByPhone(_) => f.write_str("contacts by phone"),
        }
    }
}
