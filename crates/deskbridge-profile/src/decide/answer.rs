//! The shape of the answer.

use bitrix24::Row;
use frappe::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    history::History,
    lookup::{Confidence, MatchKey, MatchedCompany},
    responsible::Responsible,
};

/// What became of the question to Bitrix24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The integration is switched off.
    Disabled,
    /// No usable webhook is configured.
    MissingConfig,
    /// There is nothing under which the customer could be found.
    MissingOrgid,
    /// The customer was found.
    Matched,
    /// Bitrix24 knows no such customer.
    NotFound,
    /// Bitrix24 could not be asked, and nothing is remembered.
    Error,
    /// A match out of the cache, within its time.
    Cached,
    /// What the helpdesk itself stores; Bitrix24 was not asked.
    Local,
}

/// The ticket.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TicketView {
    /// `name`.
    pub name: Option<String>,
    /// `subject`.
    pub subject: Option<String>,
    /// `raised_by`.
    pub raised_by: Option<String>,
    /// `customer`.
    pub customer: Option<String>,
    /// `contact`.
    pub contact: Option<String>,
    /// `custom_orgid`.
    pub orgid: Option<Value>,
    /// `custom_haravan_profile_orgid`.
    pub profile_orgid: Option<Value>,
}

impl TicketView {
    /// What is shown of an HD Ticket.
    pub fn of(ticket: &Document) -> Self {
        Self {
            name: ticket.to_text("name"),
            subject: ticket.to_text("subject"),
            raised_by: ticket.to_text("raised_by"),
            customer: ticket.to_text("customer"),
            contact: ticket.to_text("contact"),
            orgid: value(ticket, "custom_orgid"),
            profile_orgid: value(ticket, "custom_haravan_profile_orgid"),
        }
    }
}

/// The HD Customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "each is the field of HD Customer of that name, without `custom_`"
)]
pub struct CustomerView {
    pub name: Option<String>,
    pub customer_name: Option<String>,
    pub domain: Option<Value>,
    pub haravan_orgid: Option<Value>,
    pub haravan_company_id: Option<Value>,
    pub myharavan: Option<Value>,
    pub customer_segment: Option<Value>,
    pub first_paid_date: Option<Value>,
    pub shopplan_name: Option<Value>,
    pub expired_date: Option<Value>,
    pub hsi_segment: Option<Value>,
    pub bitrix_company_id: Option<Value>,
    pub bitrix_company_url: Option<Value>,
    pub bitrix_sync_status: Option<Value>,
    pub bitrix_last_synced_at: Option<Value>,
}

impl CustomerView {
    /// What is shown of an HD Customer.
    pub fn of(customer: &Document) -> Self {
        let value = |field| value(customer, field);
        Self {
            name: customer.to_text("name"),
            customer_name: customer.to_text("customer_name"),
            domain: value("domain"),
            haravan_orgid: value("custom_haravan_orgid"),
            haravan_company_id: value("custom_haravan_company_id"),
            myharavan: value("custom_myharavan"),
            customer_segment: value("custom_customer_segment"),
            first_paid_date: value("custom_first_paid_date"),
            shopplan_name: value("custom_shopplan_name"),
            expired_date: value("custom_expired_date"),
            hsi_segment: value("custom_hsi_segment")
                .or_else(|| value("custom_haravan_hsi_segment")),
            bitrix_company_id: value("custom_bitrix_company_id"),
            bitrix_company_url: value("custom_bitrix_company_url"),
            bitrix_sync_status: value("custom_bitrix_sync_status"),
            bitrix_last_synced_at: value("custom_bitrix_last_synced_at"),
        }
    }
}

/// The Contact of the helpdesk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "each is the field of Contact of that name, without `custom_`"
)]
pub struct HelpdeskContact {
    pub name: Option<String>,
    pub full_name: Option<String>,
    pub email_id: Option<String>,
    pub phone: Option<String>,
    pub mobile_no: Option<String>,
    pub bitrix_contact_id: Option<Value>,
    pub bitrix_contact_url: Option<Value>,
    pub bitrix_last_synced_at: Option<Value>,
}

impl HelpdeskContact {
    /// What is shown of a Contact.
    pub fn of(contact: &Document) -> Self {
        let words = |field| contact.trimmed(field).map(str::to_owned);
        let first_and_last = || {
            let names = ["first_name", "last_name"].map(words);
            let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
            Some(name).filter(|name| !name.is_empty())
        };
        Self {
            name: contact.to_text("name"),
            full_name: words("full_name").or_else(first_and_last),
            email_id: words("email_id"),
            phone: words("phone"),
            mobile_no: words("mobile_no"),
            bitrix_contact_id: value(contact, "custom_bitrix_contact_id"),
            bitrix_contact_url: value(contact, "custom_bitrix_contact_url"),
            bitrix_last_synced_at: value(contact, "custom_bitrix_last_synced_at"),
        }
    }
}

/// A field as Frappe has it; empty text and the zero of an empty number are nothing.
fn value(document: &Document, field: &str) -> Option<Value> {
    let is_empty = |value: &Value| match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    document
        .get(field)
        .filter(|value| !is_empty(value))
        .cloned()
}

/// Why something is missing from an answer that could be given all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What kind of thing went wrong.
    pub kind: TroubleKind,
    /// A sentence for the agent.
    pub message: String,
}

/// Kinds of trouble, by what somebody has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// An administrator has to change a setting, here or in Bitrix24.
    Configuration,
    /// Bitrix24 limits how much it is asked; it passes.
    Overload,
    /// Bitrix24 does not answer, or not in time; it passes.
    Unreachable,
    /// Bitrix24 answers what cannot be understood, or refuses without a known reason.
    Unintelligible,
}

impl TroubleKind {
    /// The kind of a failed call.
    pub fn of(error: &bitrix24::Error) -> Self {
        match error {
            bitrix24::Error::Configuration { .. } => Self::Configuration,
            bitrix24::Error::Overload { .. } => Self::Overload,
            bitrix24::Error::NotSent { .. } => Self::Unreachable,
            bitrix24::Error::NoAnswer { mishap, .. }
            | bitrix24::Error::MaybeExecuted { mishap, .. } => match mishap {
                bitrix24::Mishap::Deadline
                | bitrix24::Mishap::HungUp
                | bitrix24::Mishap::ServerFault => Self::Unreachable,
                _ => Self::Unintelligible,
            },
            _ => Self::Unintelligible,
        }
    }
}

/// What is known from Bitrix24, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Facts {
    /// The company.
    pub company: Option<MatchedCompany>,
    /// The contact.
    pub contact: Option<Row>,
    /// The responsible user.
    pub responsible: Option<Responsible>,
    /// The id that matched, else the last one tried.
    pub lookup_value: Option<String>,
}

impl Facts {
    /// Whether anything was found.
    pub fn is_match(&self) -> bool {
        self.company.is_some() || self.contact.is_some()
    }

    /// How sure the match is.
    pub fn confidence(&self) -> Option<Confidence> {
        let contact = self.contact.as_ref().map(|_| Confidence::CONTACT_RECORD);
        self.company
            .as_ref()
            .map(|company| company.confidence)
            .or(contact)
    }

    /// By what the match was found.
    pub fn match_key(&self) -> Option<MatchKey> {
        let contact = self.contact.as_ref().map(|_| MatchKey::contact());
        self.company
            .as_ref()
            .map(|company| company.match_key.clone())
            .or(contact)
    }
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Bitrix24 was asked just now.
    Live,
    /// The cache, within its time.
    Cache,
    /// The cache, past its time, because Bitrix24 could not be asked.
    Stale,
}

impl Status {
    /// The name in the answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::MissingConfig => "missing_config",
            Self::MissingOrgid => "missing_orgid",
            Self::Matched => "matched",
            Self::NotFound => "not_found",
            Self::Error => "error",
            Self::Cached => "cached",
            Self::Local => "local",
        }
    }
}

impl Origin {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Cache => "cache",
            Self::Stale => "stale",
        }
    }
}

/// The status of an answer with these facts from there.
pub fn status(facts: &Facts, origin: Origin) -> Status {
    match (facts.is_match(), origin) {
        (true, Origin::Cache) => Status::Cached,
        (true, Origin::Live | Origin::Stale) => Status::Matched,
        (false, _) => Status::NotFound,
    }
}

/// `data.bitrix`.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the contract has a truth value for each"
)]
pub struct BitrixView<'a> {
    /// Whether Bitrix24 is asked at all.
    pub enabled: bool,
    /// Whether a webhook is configured.
    pub configured: bool,
    /// See [`Status`].
    pub status: Status,
    /// Whether the answer comes out of the cache.
    pub cached: bool,
    /// Every Haravan company id under which the customer may be found, in order.
    pub lookup_candidates: &'a [String],
    /// The id that matched, else the last one tried.
    pub lookup_value: Option<&'a str>,
    /// The company under the keys of the field map, or null.
    pub company: Option<&'a RawValue>,
    /// The contact, or null.
    pub contact: Option<&'a RawValue>,
    /// The responsible user, or null.
    pub responsible: Option<&'a Responsible>,
    /// How many companies carry the value.
    pub matches: usize,
    /// By what the company was found.
    pub match_key: Option<MatchKey>,
    /// How sure it is, in percent.
    pub confidence: Option<Confidence>,
    /// How old the answer is.
    pub age_seconds: Option<i64>,
    /// Whether the answer is older than it should be, because Bitrix24 cannot be asked.
    pub stale: bool,
    /// Leads and deals, when they were asked for and could be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<&'a History>,
    /// The company as Bitrix24 sent it, for System Managers who ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<&'a Row>,
    /// What is missing, and why.
    pub error: Option<&'a Trouble>,
}

/// `data`.
#[derive(Debug, Serialize)]
pub struct ProfileData<'a> {
    /// The ticket; an empty object without one.
    pub ticket: &'a RawValue,
    /// The customer, or null.
    pub customer: &'a RawValue,
    /// The contact, or null.
    pub contact: &'a RawValue,
    /// Links to Haravan accounts.
    pub haravan: &'a RawValue,
    /// What Bitrix24 knows.
    pub bitrix: BitrixView<'a>,
}

/// An answer as Frappe wraps it.
#[derive(Debug, Serialize)]
pub struct Envelope<'a, T> {
    /// What Frappe calls the result of a method.
    pub message: Message<'a, T>,
}

/// The result of a method.
#[derive(Debug, Serialize)]
pub struct Message<'a, T> {
    /// False only where the request itself could not be served.
    pub success: bool,
    /// The result.
    pub data: T,
    /// A sentence.
    pub message: &'a str,
}
