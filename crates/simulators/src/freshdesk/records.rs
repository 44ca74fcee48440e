//! What an account holds, before anybody asks: the API and the exports are renderings of this.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// The number that people quote; `id` in the API, `display_id` in exports.
    pub number: u64,
    /// The number inside the database, which only exports show.
    pub internal_id: u64,
    /// One line.
    pub subject: String,
    /// The first message as HTML.
    pub description: String,
    /// 2 open, 3 pending, 4 resolved, 5 closed, others of the account's own.
    pub status: i64,
    /// 1 low to 4 urgent.
    pub priority: i64,
    /// 1 e-mail, 2 portal, 3 phone, …
    pub source: i64,
    /// The type, if any.
    pub kind: Option<String>,
    /// Who asked; may be a contact that no longer exists.
    pub requester_id: u64,
    /// Whose it is; may be an agent that no longer exists.
    pub responder_id: Option<u64>,
    /// The group.
    pub group_id: Option<u64>,
    /// The company.
    pub company_id: Option<u64>,
    /// To whom it was sent.
    pub to_emails: Value,
    /// Who got copies; a list, except where it is one text.
    pub cc_emails: Value,
    /// Tags.
    pub tags: Vec<String>,
    /// Fields of the account's own, without `cf_`.
    pub custom_fields: Map<String, Value>,
    /// 1 parent, 2 child, 3 tracker, 4 related.
    pub association: Option<i64>,
    /// Where it lies.
    pub place: Place,
    /// When things happened.
    pub stats: Stats,
    /// Files of the first message.
    pub attachments: Vec<Attachment>,
    /// What followed.
    pub conversations: Vec<Conversation>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where a ticket lies; each place has a list of its own, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the usual list.
    Inbox,
    /// `filter=spam`.
    Spam,
    /// `filter=deleted`.
    Deleted,
    /// In no list.
    Archived,
}

/// When things happened to a ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// First answer of an agent.
    pub first_responded_at: Option<Timestamp>,
    /// Solved.
    pub resolved_at: Option<Timestamp>,
    /// Closed.
    pub closed_at: Option<Timestamp>,
    /// Last change of the status.
    pub status_updated_at: Option<Timestamp>,
}

/// A message or note.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are members of the record that the API shows"
)]
pub struct Conversation {
    /// Its id.
    pub id: u64,
    /// HTML.
    pub body: String,
    /// Whether the customer wrote it.
    pub incoming: bool,
    /// Whether customers do not see it.
    pub private: bool,
    /// 0 reply, 2 note, 8 forward, …
    pub source: i64,
    /// Who wrote it; may be nobody that still exists.
    pub user_id: Option<u64>,
    /// The address of the sender.
    pub from_email: Option<String>,
    /// To whom.
    pub to_emails: Value,
    /// Sent by a rule.
    pub auto_response: bool,
    /// Gone from the API, flagged in exports.
    pub deleted: bool,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// When.
    pub created_at: Timestamp,
}

/// A file; its bytes follow from its id and size.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// Its id.
    pub id: u64,
    /// Its name, as whoever sent it named it.
    pub name: String,
    /// What it says it is.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
}

/// A contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Its id, shared with agents.
    pub id: u64,
    /// Full name.
    pub name: String,
    /// Main address.
    pub email: Option<String>,
    /// Secondary addresses.
    pub other_emails: Vec<String>,
    /// Phone.
    pub phone: Option<String>,
    /// Mobile.
    pub mobile: Option<String>,
    /// Company.
    pub company_id: Option<u64>,
    /// `vi`, `en`, `ru`.
    pub language: String,
    /// In which list it is.
    pub state: ContactState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// In which list a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactState {
    /// The usual list and `state=verified`.
    Verified,
    /// The usual list and `state=unverified`.
    Unverified,
    /// `state=blocked`.
    Blocked,
    /// `state=deleted`.
    Deleted,
}

/// A company.
#[derive(Clone, Debug, PartialEq)]
pub struct Company {
    /// Its id.
    pub id: u64,
    /// Unique.
    pub name: String,
    /// Of its e-mail addresses.
    pub domains: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An agent who still is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Its id, shared with contacts.
    pub id: u64,
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// What it may see: 1 all, 2 its groups' tickets, 3 its own.
    pub ticket_scope: i64,
    /// Whether it is an account administrator.
    pub is_admin: bool,
    /// Its groups.
    pub group_ids: Vec<u64>,
}

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its agents.
    pub agent_ids: Vec<u64>,
}

/// What a customer thought of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    /// Its id.
    pub id: u64,
    /// Of which ticket.
    pub ticket_id: u64,
    /// By whom.
    pub user_id: u64,
    /// 103 best to -103 worst.
    pub score: i64,
    /// In words.
    pub feedback: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// Time spent on a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeEntry {
    /// Its id.
    pub id: u64,
    /// On which ticket.
    pub ticket_id: u64,
    /// By whom.
    pub agent_id: u64,
    /// Minutes.
    pub minutes: u64,
    /// When.
    pub executed_at: Timestamp,
}

/// Everything that an account holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// By number.
    pub tickets: BTreeMap<u64, Ticket>,
    /// By id.
    pub contacts: BTreeMap<u64, Contact>,
    /// By id.
    pub companies: BTreeMap<u64, Company>,
    /// By id.
    pub agents: BTreeMap<u64, Agent>,
    /// By id.
    pub groups: BTreeMap<u64, Group>,
    /// By id.
    pub ratings: BTreeMap<u64, Rating>,
    /// By id.
    pub time_entries: BTreeMap<u64, TimeEntry>,
}

/// The records with the order in which tickets are mostly asked for.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    records: Records,
    by_update: BTreeSet<(Timestamp, u64)>,
}

impl Shelf {
    pub(super) fn new(records: Records) -> Self {
        let tickets = records.tickets.values();
        let by_update = tickets
            .map(|ticket| (ticket.updated_at, ticket.number))
            .collect();
        Self { records, by_update }
    }

    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// For everything but tickets, whose order is kept.
    pub(super) fn records_mut(&mut self) -> &mut Records {
        &mut self.records
    }

    /// The tickets changed at or after `since`, the longest ago first.
    pub(super) fn updated_since(&self, since: Timestamp) -> impl Iterator<Item = &Ticket> {
        let keys = self.by_update.range((since, 0)..);
        keys.filter_map(|(_, number)| self.records.tickets.get(number))
    }

    /// Puts a ticket in, or in place of what it was.
    pub(super) fn put(&mut self, ticket: Ticket) {
        self.take(ticket.number);
        self.by_update.insert((ticket.updated_at, ticket.number));
        self.records.tickets.insert(ticket.number, ticket);
    }

    pub(super) fn take(&mut self, number: u64) -> Option<Ticket> {
        let ticket = self.records.tickets.remove(&number)?;
        self.by_update.remove(&(ticket.updated_at, number));
        Some(ticket)
    }
}
