//! What is to be written to helpdesk and CRM: the payloads of effects.
//!
//! Each names the CareSoft record that it is about by its [`SourceKey`], which the other system stores: whoever writes
//! looks for it first. References are source keys too, resolved when the write is carried out, because what they name
//! may come to exist in the meantime. A write carries everything (`all`), for a record that is not there yet, and what
//! differs from the last write that was planned (`changed`), for one that is: what people changed meanwhile stays.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names a CareSoft record everywhere: `<connection>:<kind>:<id>`, such as `main:case:1234`.
///
/// The helpdesk stores it in `custom_caresoft_id`, the CRM in `ORIGIN_ID`. A ticket, lead or deal is one case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceKey(String);

impl SourceKey {
    /// The key of a record.
    pub fn new(connection: &str, kind: &str, id: impl fmt::Display) -> Self {
        Self(format!("{connection}:{kind}:{id}"))
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the configured connection.
    pub fn connection(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// What the record is.
    pub fn kind(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fields by the target's own names.
pub type Fields = Map<String, Value>;

/// One write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub enum Write {
    /// An `HD Customer` is to hold what is known of an organisation.
    SaveCustomer(SaveCustomer),
    /// A `Contact` is to hold what is known of a user.
    SaveContact(SaveContact),
    /// An `HD Ticket` is to hold what is known of a ticket.
    SaveTicket(SaveTicket),
    /// A `Communication` (public) or `HD Ticket Comment` (internal) is to stand on a ticket.
    AddComment(AddComment),
    /// A ticket is over in CareSoft: deleted there, or merged into another.
    EndTicket(EndTicket),
    /// What refers to a user or organisation and was written before it existed is to be joined to it.
    Join(Join),
    /// A CRM lead or deal is to hold what is known of one.
    SaveCase(SaveCase),
}

impl Write {
    /// The kinds of effects, one for each variant.
    pub const KINDS: [&'static str; 7] = [
        "caresoft.save_customer",
        "caresoft.save_contact",
        "caresoft.save_ticket",
        "caresoft.add_comment",
        "caresoft.end_ticket",
        "caresoft.join",
        "caresoft.save_case",
    ];

    /// The kind of its effect.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SaveCustomer(_) => "caresoft.save_customer",
            Self::SaveContact(_) => "caresoft.save_contact",
            Self::SaveTicket(_) => "caresoft.save_ticket",
            Self::AddComment(_) => "caresoft.add_comment",
            Self::EndTicket(_) => "caresoft.end_ticket",
            Self::Join(_) => "caresoft.join",
            Self::SaveCase(_) => "caresoft.save_case",
        }
    }
}

/// See [`Write::SaveCustomer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveCustomer {
    /// The organisation.
    pub key: SourceKey,
    /// All fields, `customer_name` among them.
    pub all: Fields,
    /// Those that differ from what was planned before.
    pub changed: Fields,
}

/// See [`Write::SaveContact`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveContact {
    /// The user.
    pub key: SourceKey,
    /// All fields but e-mails, phones and links.
    pub all: Fields,
    /// Those that differ from what was planned before.
    pub changed: Fields,
    /// E-mail addresses, the primary one first. Added to those that the contact has; none is taken away.
    pub emails: Vec<String>,
    /// Phone numbers as CareSoft has them (national form), the primary one first. Added to those that the contact has.
    pub phones: Vec<String>,
    /// The organisation whose `HD Customer` the contact is linked to.
    pub organization: Option<SourceKey>,
    /// The organisation that the user has left: the contact is not linked to its `HD Customer` any more.
    #[serde(default)]
    pub left: Option<SourceKey>,
}

/// See [`Write::SaveTicket`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveTicket {
    /// The case.
    pub key: SourceKey,
    /// All fields but those below; `subject` is among them.
    pub all: Fields,
    /// Those that differ from what was planned before.
    pub changed: Fields,
    /// The status, an `HD Ticket Status`: never sent with an insert, which ignores it, but after.
    pub status: Option<Status>,
    /// The user whose `Contact`, and by it `HD Customer`, is the ticket's.
    pub requester: Option<SourceKey>,
    /// Whether the requester differs from what was planned before: the contact of a former one then gives way.
    #[serde(default)]
    pub requester_has_changed: bool,
    /// The customer's number. Where no requester is known a contact that has it alone is the ticket's, until one is.
    pub requester_phone: Option<String>,
    /// Who works on it.
    pub assignment: Option<Assignment>,
    /// When it was opened in CareSoft.
    pub opened_at: Option<Timestamp>,
    /// The end that the ticket has come to: one that is made only now gets it at once. Not planned, but known when the
    /// write is carried out.
    #[serde(skip)]
    pub end: Option<EndTicket>,
}

/// A ticket's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// An `HD Ticket Status`.
    pub name: String,
    /// Whether it differs from what was planned before; if not, an existing ticket keeps the status that it has.
    pub has_changed: bool,
}

/// Who works on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The agent's e-mail address in the helpdesk; `None` when nobody does.
    pub agent: Option<String>,
    /// Whether it differs from what was planned before; if not, an existing ticket keeps its assignment.
    pub has_changed: bool,
}

/// See [`Write::AddComment`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddComment {
    /// The comment; CareSoft has no id for it, so it is made of the case, the author, the time and the text.
    pub key: SourceKey,
    /// The case.
    pub ticket: SourceKey,
    /// Whether the customer sees it.
    pub is_public: bool,
    /// Who wrote it.
    pub author: Author,
    /// Sanitised HTML.
    pub html: String,
    /// When.
    pub written_at: Option<Timestamp>,
}

/// Who wrote a comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The customer: this user.
    Customer(SourceKey),
    /// An agent with this e-mail address in the helpdesk.
    Agent(String),
    /// An agent who is not in the table of agents, or nobody: the contact centre itself.
    ContactCenter,
}

/// See [`Write::EndTicket`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndTicket {
    /// The case.
    pub key: SourceKey,
    /// Why it is over.
    pub why: End,
    /// The status that it gets; `None` leaves the status alone.
    pub status: Option<String>,
    /// A tag that it gets.
    pub tag: Option<String>,
    /// Whether it is deleted in the helpdesk too.
    pub is_deleted: bool,
}

/// Why a ticket is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It was deleted.
    Deleted,
    /// It was merged into this case.
    MergedInto(SourceKey),
}

/// See [`Write::Join`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// The user or organisation that exists now. Which records refer to it is in the store's links.
    pub key: SourceKey,
}

/// Which kind of CRM record a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// A lead.
    Lead,
    /// A deal.
    Deal,
}

/// See [`Write::SaveCase`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveCase {
    /// The case.
    pub key: SourceKey,
    /// Which record of the CRM it is.
    pub kind: CaseKind,
    /// All fields by the CRM's names, without the origin ids.
    pub all: Fields,
    /// Those that differ from what was planned before.
    pub changed: Fields,
    /// Whether a deal was a lead of the same key before: it is linked to that lead.
    pub was_lead: bool,
    /// The user whose CRM contact it is of, where one is found by phone or e-mail.
    pub requester: Option<Person>,
}

/// How a person may be found in the CRM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Phone numbers as CareSoft has them.
    pub phones: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
}
