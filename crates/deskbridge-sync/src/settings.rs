//! What the administrator decides about a CareSoft account: where it is carried to, and what becomes what.
//!
//! [`MappingSource`] is the shape of the configuration; [`Mapping`] is what it comes to, checked, with its expressions
//! compiled.

mod expressions;

use std::{collections::BTreeMap, sync::Arc};

use caresoft::{Id, Zone};
use deskbridge_core::Language;
use serde::Deserialize;

pub use self::expressions::{Evaluated, Expressions};

/// A CareSoft account, and where its events are carried to.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name of the configured connection.
    pub connection: String,
    /// The account's id in CareSoft, checked against the events that say one; `None` checks nothing.
    pub account_id: Option<u64>,
    /// How its texts are read as times, and in which zone times are told.
    pub zone: Zone,
    /// The language of what we write for people.
    pub language: Language,
    /// The name of the Frappe connection that tickets, contacts and customers are carried to.
    pub helpdesk: String,
    /// The name of the Bitrix24 connection that leads and deals are carried to; `None` carries none.
    pub crm: Option<String>,
    /// What becomes what.
    pub mapping: Arc<Mapping>,
}

/// What becomes what, as it is configured.
///
/// A table is laid over its defaults, its keys in any case; an empty value means that nothing is known for the key, so
/// that the field is left alone. `fields` are `MiniJinja` expressions over the CareSoft record: its own names
/// (`ticket_source`), the account's own fields by `custom.addition_field7.value` (also `.value_id`, `.label`), and
/// what is named beside each. Every value is a text; `|int` makes it a number, `|date` and `|datetime` a time of the
/// account's zone. What is undefined or `none`, and what fails, leaves the field alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingSource {
    /// What a blank in a list of changes does: `keep` (CareSoft says nothing with a blank) or `clear`.
    pub blank_changes: BlankChanges,
    /// Who CareSoft's agents are elsewhere. Who is named here is never a contact.
    pub agents: Vec<AgentSource>,
    /// Users.
    pub contact: PersonSource,
    /// Organisations.
    pub organization: PersonSource,
    /// Tickets.
    pub ticket: TicketSource,
    /// Leads.
    pub lead: LeadSource,
    /// Deals.
    pub deal: DealSource,
}

/// What a blank in a list of changes does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankChanges {
    /// The old value stays.
    #[default]
    Keep,
    /// The field is emptied.
    Clear,
}

/// An agent of CareSoft.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSource {
    /// The agent's id in CareSoft: `assignee_id` of a ticket.
    pub id: u64,
    /// The agent's IP phone in CareSoft: `agent_id` of a call. Without it calls that name the phone alone are nobody's.
    #[serde(default)]
    pub phone: Option<String>,
    /// The agent's e-mail address in the helpdesk. Without it nothing is assigned to the agent there.
    #[serde(default)]
    pub email: Option<String>,
    /// The agent's user in the CRM, who is responsible for the agent's leads and deals, and has the agent's calls.
    #[serde(default)]
    pub crm_user: Option<u64>,
}

/// Users or organisations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonSource {
    /// More fields of the `Contact` or `HD Customer`, each with its expression.
    pub fields: BTreeMap<String, String>,
}

/// Tickets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketSource {
    /// Which `HD Ticket Status` a status is.
    pub statuses: BTreeMap<String, String>,
    /// Which `HD Ticket Status` any other status is; without it the status is left alone then.
    pub status_otherwise: Option<String>,
    /// Which `HD Ticket Priority` a priority is.
    pub priorities: BTreeMap<String, String>,
    /// Which `HD Ticket Priority` any other priority is; without it the priority is left alone then.
    pub priority_otherwise: Option<String>,
    /// The field of `HD Ticket` that says where a ticket came from; without it none does.
    pub source_field: Option<String>,
    /// What that field holds for a channel (`MissCall`) or, where the channel is not named, a source (`Voice`). Any
    /// other source is written as CareSoft calls it.
    pub sources: BTreeMap<String, String>,
    /// Which `HD Ticket Type` a channel or source is.
    pub types: BTreeMap<String, String>,
    /// Which `HD Ticket Type` any other ticket is; without it the type is left alone then.
    pub type_otherwise: Option<String>,
    /// More fields of the `HD Ticket`, each with its expression. `channel` is how the ticket began, `agent` the e-mail
    /// address of who works on it, `call` the `call_info` of its call.
    pub fields: BTreeMap<String, String>,
    /// What becomes of a ticket that was deleted in CareSoft: `close_and_tag`, `close`, `delete` or `ignore`.
    pub deleted: Deleted,
    /// The tag of a ticket that was deleted in CareSoft.
    pub deleted_tag: String,
    /// What becomes of a ticket that was merged into another: `close_and_tag`, `close` or `ignore`.
    pub merged: Merged,
    /// The tag of a ticket that was merged into another.
    pub merged_tag: String,
    /// The `HD Ticket Status` of a ticket that is over; empty leaves the status alone.
    pub closed_status: String,
    /// What tells of a call on its ticket: `ours` (a note in the desk's language, in place of CareSoft's own) or
    /// `caresoft` (CareSoft's own note, and one of ours for the recording).
    pub call_notes: CallNotes,
}

/// What becomes of a ticket that was deleted in CareSoft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deleted {
    /// It is closed and tagged.
    #[default]
    CloseAndTag,
    /// It is closed.
    Close,
    /// It is deleted in the helpdesk too.
    Delete,
    /// It stays as it is.
    Ignore,
}

/// What becomes of a ticket that was merged into another in CareSoft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merged {
    /// It is closed and tagged.
    #[default]
    CloseAndTag,
    /// It is closed.
    Close,
    /// It stays as it is.
    Ignore,
}

/// What tells of a call on its ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallNotes {
    /// A note of ours, in place of CareSoft's.
    #[default]
    Ours,
    /// CareSoft's note, and one of ours for the recording.
    Caresoft,
}

/// Leads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeadSource {
    /// Which `STATUS_ID` of the CRM a `lead_status_id` is. Any other leaves the status alone.
    pub statuses: BTreeMap<String, String>,
    /// The `STATUS_ID` of a lead that became a deal; empty leaves the status alone.
    pub converted_status: String,
    /// Which `SOURCE_ID` of the CRM a source is. Any other leaves the source alone.
    pub sources: BTreeMap<String, String>,
    /// More fields of the lead by the CRM's names, each with its expression. `activity` is what was last written
    /// along with the lead, as HTML.
    pub fields: BTreeMap<String, String>,
}

/// Deals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DealSource {
    /// Which `CATEGORY_ID` of the CRM a `pipeline_id` is. Any other leaves the category alone.
    pub pipelines: BTreeMap<String, String>,
    /// Which `STAGE_ID` of the CRM, such as `C1:NEW`, a `pipeline_stage_id` is. Any other leaves the stage alone.
    pub stages: BTreeMap<String, String>,
    /// Which `SOURCE_ID` of the CRM a source is. Any other leaves the source alone.
    pub sources: BTreeMap<String, String>,
    /// The `CURRENCY_ID` of values; without it the CRM takes its own.
    pub currency: Option<String>,
    /// More fields of the deal by the CRM's names, each with its expression. `activity` is what was last written
    /// along with the deal, as HTML.
    pub fields: BTreeMap<String, String>,
}

impl Default for TicketSource {
    fn default() -> Self {
        Self {
            statuses: BTreeMap::new(),
            status_otherwise: None,
            priorities: BTreeMap::new(),
            priority_otherwise: None,
            source_field: None,
            sources: BTreeMap::new(),
            types: BTreeMap::new(),
            type_otherwise: None,
            fields: BTreeMap::new(),
            deleted: Deleted::default(),
            deleted_tag: "Deleted in CareSoft".to_owned(),
            merged: Merged::default(),
            merged_tag: "Merged in CareSoft".to_owned(),
            closed_status: "Closed".to_owned(),
            call_notes: CallNotes::default(),
        }
    }
}

impl Default for LeadSource {
    fn default() -> Self {
        Self {
            statuses: BTreeMap::new(),
            converted_status: "CONVERTED".to_owned(),
            sources: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }
}

/// Statuses that are there without configuration.
const STATUSES: [(&str, &str); 5] = [
    ("new", "Open"),
    ("open", "Open"),
    ("pending", "Replied"),
    ("solved", "Resolved"),
    ("closed", "Closed"),
];
/// Priorities that are there without configuration.
const PRIORITIES: [(&str, &str); 4] = [
    ("low", "Low"),
    ("normal", "Medium"),
    ("high", "High"),
    ("urgent", "Urgent"),
];

/// What becomes what.
#[derive(Debug)]
pub struct Mapping {
    /// See [`MappingSource::blank_changes`].
    pub blank_changes: BlankChanges,
    /// See [`MappingSource::agents`].
    pub agents: BTreeMap<Id, Agent>,
    /// See [`MappingSource::contact`].
    pub contact: Expressions,
    /// See [`MappingSource::organization`].
    pub organization: Expressions,
    /// See [`MappingSource::ticket`].
    pub ticket: TicketMapping,
    /// See [`MappingSource::lead`].
    pub lead: LeadMapping,
    /// See [`MappingSource::deal`].
    pub deal: DealMapping,
    /// Whether calls are reported, so that somebody carries them into the CRM's telephony.
    pub reports_calls: bool,
}

impl Mapping {
    /// What an agent's phone is called in the calls that are reported: its number or, where that is not known, a name
    /// made of the agent's id.
    pub fn phone_of(&self, agent: Id) -> String {
        let phone = self.agents.get(&agent).and_then(|of| of.phone.clone());
        phone.unwrap_or_else(|| format!("agent-{agent}"))
    }
}

/// An agent elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// The IP phone in CareSoft.
    pub phone: Option<String>,
    /// The e-mail address in the helpdesk.
    pub email: Option<String>,
    /// The user in the CRM.
    pub crm_user: Option<u64>,
}

/// See [`TicketSource`].
#[derive(Debug)]
pub struct TicketMapping {
    /// Which `HD Ticket Status` a status is.
    pub statuses: Table,
    /// Which `HD Ticket Priority` a priority is.
    pub priorities: Table,
    /// The field that says where a ticket came from.
    pub source_field: Option<String>,
    /// What that field holds.
    pub sources: Table,
    /// Which `HD Ticket Type` a channel or source is.
    pub types: Table,
    /// More fields.
    pub fields: Expressions,
    /// What becomes of a deleted ticket.
    pub deleted: Deleted,
    /// The tag of a deleted ticket.
    pub deleted_tag: String,
    /// What becomes of a merged ticket.
    pub merged: Merged,
    /// The tag of a merged ticket.
    pub merged_tag: String,
    /// The status of a ticket that is over.
    pub closed_status: Option<String>,
    /// What tells of a call.
    pub call_notes: CallNotes,
}

/// See [`LeadSource`].
#[derive(Debug)]
pub struct LeadMapping {
    /// Which `STATUS_ID` a status is.
    pub statuses: Table,
    /// The `STATUS_ID` of a lead that became a deal.
    pub converted_status: Option<String>,
    /// Which `SOURCE_ID` a source is.
    pub sources: Table,
    /// More fields.
    pub fields: Expressions,
}

/// See [`DealSource`].
#[derive(Debug)]
pub struct DealMapping {
    /// Which `CATEGORY_ID` a pipeline is.
    pub pipelines: Table,
    /// Which `STAGE_ID` a stage is.
    pub stages: Table,
    /// Which `SOURCE_ID` a source is.
    pub sources: Table,
    /// The `CURRENCY_ID` of values.
    pub currency: Option<String>,
    /// More fields.
    pub fields: Expressions,
}

/// What a word of CareSoft's is elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<String, Option<String>>,
    otherwise: Option<String>,
}

impl Table {
    fn new(
        defaults: &[(&str, &str)],
        rows: BTreeMap<String, String>,
        otherwise: Option<&str>,
    ) -> Self {
        let defaults = defaults
            .iter()
            .map(|(word, value)| ((*word).to_owned(), (*value).to_owned()));
        let rows = defaults.chain(rows);
        Self {
            rows: rows
                .map(|(word, value)| (word.trim().to_lowercase(), filled(&value)))
                .collect(),
            otherwise: otherwise.and_then(filled),
        }
    }

    /// What a word is; `None` where nothing is known for it.
    pub fn get(&self, word: &str) -> Option<&str> {
        match self.row(word) {
            Some(row) => row,
            None => self.otherwise(),
        }
    }

    /// The row of a word: `Some(None)` is the row that says that nothing is known.
    pub fn row(&self, word: &str) -> Option<Option<&str>> {
        let row = self.rows.get(&word.trim().to_lowercase())?;
        Some(row.as_deref())
    }

    /// Whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.otherwise.is_none()
    }

    /// What a word without a row is.
    pub fn otherwise(&self) -> Option<&str> {
        self.otherwise.as_deref()
    }
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A mapping that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// An expression is none.
    #[error("{setting} is no expression")]
    Expression {
        /// Where it is configured, such as `ticket.fields.custom_product`.
        setting: String,
        /// Why.
        #[source]
        source: minijinja::Error,
    },
    /// An agent is named twice.
    #[error("agents names {id} twice; name each agent once")]
    AgentTwice {
        /// The agent.
        id: u64,
    },
    /// No agent has the id 0.
    #[error("agents names the id 0, which CareSoft writes for nobody")]
    AgentNobody,
    /// An agent's address is none.
    #[error("the email of the agent {id} is no e-mail address")]
    AgentEmail {
        /// The agent.
        id: u64,
    },
}

impl MappingSource {
    /// Checks and compiles; the zone is the one in which expressions tell times.
    ///
    /// # Errors
    /// When an expression cannot be compiled, or the agents are not told apart; the error names the setting.
    pub fn compile(self, zone: Zone) -> Result<Mapping, MappingError> {
        let expressions = |name: &str, fields| Expressions::compile(name, fields, zone);
        let (ticket, lead, deal) = (self.ticket, self.lead, self.deal);
        Ok(Mapping {
            blank_changes: self.blank_changes,
            agents: agents(self.agents)?,
            contact: expressions("contact", self.contact.fields)?,
            organization: expressions("organization", self.organization.fields)?,
            ticket: TicketMapping {
                statuses: Table::new(
                    &STATUSES,
                    ticket.statuses,
                    ticket.status_otherwise.as_deref(),
                ),
                priorities: Table::new(
                    &PRIORITIES,
                    ticket.priorities,
                    ticket.priority_otherwise.as_deref(),
                ),
                source_field: ticket.source_field.as_deref().and_then(filled),
                sources: Table::new(&[], ticket.sources, None),
                types: Table::new(&[], ticket.types, ticket.type_otherwise.as_deref()),
                fields: expressions("ticket", ticket.fields)?,
                deleted: ticket.deleted,
                deleted_tag: ticket.deleted_tag,
                merged: ticket.merged,
                merged_tag: ticket.merged_tag,
                closed_status: filled(&ticket.closed_status),
                call_notes: ticket.call_notes,
            },
            lead: LeadMapping {
                statuses: Table::new(&[], lead.statuses, None),
                converted_status: filled(&lead.converted_status),
                sources: Table::new(&[], lead.sources, None),
                fields: expressions("lead", lead.fields)?,
            },
            reports_calls: false,
            deal: DealMapping {
                pipelines: Table::new(&[], deal.pipelines, None),
                stages: Table::new(&[], deal.stages, None),
                sources: Table::new(&[], deal.sources, None),
                currency: deal.currency.as_deref().and_then(filled),
                fields: expressions("deal", deal.fields)?,
            },
        })
    }
}

fn agents(source: Vec<AgentSource>) -> Result<BTreeMap<Id, Agent>, MappingError> {
    let mut agents = BTreeMap::new();
    for AgentSource {
        id,
        phone,
        email,
        crm_user,
    } in source
    {
        let key = Id::new(id).ok_or(MappingError::AgentNobody)?;
        let email = email.as_deref().and_then(filled);
        let is_address = |email: &String| deskbridge_identity::Email::parse(email).is_some();
        if !email.iter().all(is_address) {
            return Err(MappingError::AgentEmail { id });
        }
        let agent = Agent {
            phone: phone.as_deref().and_then(filled),
            email,
            crm_user,
        };
        if agents.insert(key, agent).is_some() {
            return Err(MappingError::AgentTwice { id });
        }
    }
    Ok(agents)
}

#[cfg(test)]
mod tests;
