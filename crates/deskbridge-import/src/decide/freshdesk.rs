//! What records of Freshdesk are to us.

mod images;

use std::collections::{BTreeMap, BTreeSet};

use freshdesk::record::{
    Agent, Choices, Company, CompanyId, Conversation, FirstAuthor, Group, GroupId, Kind, PersonId,
    Priority, Rating, Ticket, TicketField,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::images::{image_addresses, image_sources, with_addresses};
use crate::record;

/// Domain of the addresses of those who have none. They depend on nothing but an id, so that a second run makes nobody
/// twice.
const NO_ADDRESS: &str = "import.invalid";

/// The account's own fields, and those of the helpdesk's documents that they become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldNames {
    /// Of companies.
    pub company: BTreeMap<String, String>,
    /// Of contacts.
    pub contact: BTreeMap<String, String>,
    /// Of tickets.
    pub ticket: BTreeMap<String, String>,
}

/// What numbers stand for in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    statuses: BTreeMap<i64, String>,
    groups: BTreeMap<GroupId, String>,
    agents: BTreeMap<PersonId, Known>,
}

/// Somebody whose id is in a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The whole name.
    pub name: Option<String>,
    /// The address.
    pub email: Option<String>,
}

impl Words {
    /// What the account's own lists say.
    pub fn new(fields: &[TicketField], groups: Vec<Group>, agents: Vec<Agent>) -> Self {
        let status = fields
            .iter()
            .find(|field| field.kind.as_deref() == Some("default_status"));
        let statuses = match status.map(TicketField::choices) {
            Some(Choices::Numbered(choices)) => choices,
            _ => Vec::new(),
        };
        Self {
            statuses: statuses
                .into_iter()
                .map(|choice| (choice.code, choice.label))
                .collect(),
            groups: groups
                .into_iter()
                .filter_map(|group| Some((group.id, group.name?)))
                .collect(),
            agents: agents
                .into_iter()
                .map(|agent| (agent.id, known_agent(&agent)))
                .collect(),
        }
    }

    /// An agent who still is one.
    pub fn agent(&self, id: PersonId) -> Option<&Known> {
        self.agents.get(&id)
    }

    fn status(&self, ticket: &Ticket) -> Option<String> {
        let code = ticket.status_code?;
        if let Some(label) = self.statuses.get(&code) {
            return Some(label.clone());
        }
        let exported = ticket.other.get("status_name").and_then(Value::as_str);
        let usual = match code {
            2 => "Open",
            3 => "Pending",
            4 => "Resolved",
            5 => "Closed",
            6 => "Waiting on Customer",
            7 => "Waiting on Third Party",
            _ => {
                return exported.map_or_else(
                    || Some(format!("Status {code}")),
                    |name| Some(name.to_owned()),
                );
            }
        };
        Some(exported.unwrap_or(usual).to_owned())
    }
}

/// Name and address of an agent.
pub fn known_agent(agent: &Agent) -> Known {
    let contact = agent.contact.as_ref();
    Known {
        name: contact.and_then(|contact| contact.name.clone()),
        email: contact.and_then(|contact| contact.email.clone()),
    }
}

/// Name and address of a contact.
pub fn known_contact(contact: &freshdesk::record::Contact) -> Known {
    Known {
        name: contact.name.clone(),
        email: Some(address_of(contact.id, contact.email.as_deref())),
    }
}

/// A company.
pub fn customer(company: Company, names: &FieldNames) -> record::Customer {
    record::Customer {
        id: company.id.to_string(),
        name: company.name,
        domains: company.domains,
        fields: own_fields(&company.custom_fields, &names.company),
        created_at: company.created_at,
        updated_at: company.updated_at,
    }
}

/// A contact.
pub fn contact(contact: freshdesk::record::Contact, names: &FieldNames) -> record::Contact {
    let main = address_of(contact.id, contact.email.as_deref());
    let mut emails = vec![main];
    emails.extend(contact.other_emails);
    record::Contact {
        id: contact.id.to_string(),
        name: contact.name,
        emails,
        phones: contact.phone.into_iter().collect(),
        mobiles: contact.mobile.into_iter().collect(),
        customer: contact.company_id.map(|id| id.to_string()),
        fields: own_fields(&contact.custom_fields, &names.contact),
        created_at: contact.created_at,
        updated_at: contact.updated_at,
    }
}

/// Those whose names and addresses a ticket needs.
pub fn people_of(ticket: &Ticket) -> BTreeSet<PersonId> {
    let authors = ticket.conversations.iter().filter_map(|item| item.user_id);
    let named = ticket.requester_id.into_iter().chain(ticket.responder_id);
    named.chain(authors).collect()
}

/// A ticket with all that was said on it.
pub fn ticket(
    ticket: &Ticket,
    words: &Words,
    people: &BTreeMap<PersonId, Known>,
    ratings: &[Rating],
    names: &FieldNames,
) -> record::Ticket {
    let known = |id: PersonId| words.agent(id).or_else(|| people.get(&id));
    let email = |id: PersonId| known(id).and_then(|known| known.email.clone());
    let is_outbound = matches!(ticket.first_author(), FirstAuthor::Agent(_));
    let description = ticket
        .description
        .clone()
        .filter(|_| !ticket.description_repeats_first_conversation());
    let images = description.as_deref().map(inline).unwrap_or_default();
    let files = ticket.attachments.iter();
    let files = files.map(|file| attachment(ticket, file));
    let stats = ticket.stats.as_ref();
    let requester = ticket.requester_id.map(|id| record::Person {
        contact: Some(id.to_string()),
        name: known(id).and_then(|known| known.name.clone()),
        email: Some(address_of(id, email(id).as_deref())),
    });
    record::Ticket {
        id: ticket.id.to_string(),
        subject: ticket.subject.clone(),
        is_outbound,
        status: words.status(ticket),
        priority: ticket.priority().map(|priority| {
            match priority {
                Priority::Low => "Low",
                Priority::Medium => "Medium",
                Priority::High => "High",
                Priority::Urgent => "Urgent",
            }
            .to_owned()
        }),
        ticket_type: ticket.kind.clone(),
        team: ticket
            .group_id
            .and_then(|id| words.groups.get(&id).cloned()),
        agent: ticket.responder_id.and_then(email),
        tags: ticket.tags.clone(),
        requester,
        customer: ticket.company_id.map(|CompanyId(id)| id.to_string()),
        messages: ticket
            .conversations
            .iter()
            .filter_map(|item| message(ticket, item, &known))
            .collect(),
        attachments: files.chain(images).collect(),
        rating: ratings.iter().rev().find_map(rating),
        fields: own_fields(&ticket.custom_fields, &names.ticket),
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
        first_responded_at: stats.and_then(|stats| stats.first_responded_at),
        resolved_at: ticket.closed_at().map(|(at, _)| at),
        description,
    }
}

fn message<'a>(
    ticket: &Ticket,
    item: &Conversation,
    known: &impl Fn(PersonId) -> Option<&'a Known>,
) -> Option<record::Message> {
    let how = match item.kind() {
        Kind::Deleted | Kind::MachineNote => return None,
        // What was passed on to others was often not meant for the customer's eyes.
        Kind::InternalNote | Kind::Forward => record::How::Note,
        Kind::CustomerMessage | Kind::SurveyComment => record::How::Received,
        Kind::PublicNote | Kind::Reply => record::How::Sent,
        Kind::SystemMessage => record::How::Automatic,
    };
    let author = item.user_id.and_then(known);
    let email = author
        .and_then(|author| author.email.clone())
        .or_else(|| item.from_email.clone());
    let text = || {
        let text = item.body_text.as_deref()?;
        Some(format!("<pre>{}</pre>", super::ticket::escaped(text)))
    };
    let content = item.body.clone().or_else(text);
    let images = content.as_deref().map(inline).unwrap_or_default();
    let files = item.attachments.iter().map(|file| attachment(ticket, file));
    Some(record::Message {
        id: item.id.to_string(),
        how,
        author: Some(record::Person {
            contact: item.user_id.map(|id| id.to_string()),
            name: author.and_then(|author| author.name.clone()),
            email,
        }),
        to: item.to_emails.clone(),
        cc: item.cc_emails.clone(),
        attachments: files.chain(images).collect(),
        created_at: item.created_at,
        content,
    })
}

fn attachment(ticket: &Ticket, file: &freshdesk::record::Attachment) -> record::Attachment {
    record::Attachment {
        id: Some(file.id.to_string()),
        name: file.name.clone(),
        size_bytes: file.size,
        remote: Some(record::Remote {
            ticket: ticket.id.0,
            attachment: file.id.0,
            link: file.link.as_ref().map(|link| link.as_str().to_owned()),
        }),
        ..record::Attachment::default()
    }
}

/// The images that lie in a text.
fn inline(html: &str) -> Vec<record::Attachment> {
    let addresses = image_addresses(html).into_iter().zip(1..);
    let images = addresses.map(|(address, number)| record::Attachment {
        name: Some(format!("image-{number}")),
        inline: Some(address),
        ..record::Attachment::default()
    });
    images.collect()
}

/// From the scale of a survey, of which there was an older one, to stars of five.
fn rating(rating: &Rating) -> Option<record::Rating> {
    let score = match rating.score()? {
        103 | 1 => 1.0,
        102 => 0.9,
        101 => 0.8,
        100 | 2 => 0.6,
        -101 => 0.4,
        -102 => 0.3,
        -103 | 3 => 0.2,
        _ => return None,
    };
    Some(record::Rating {
        score,
        comment: rating.feedback.clone(),
    })
}

fn address_of(id: PersonId, email: Option<&str>) -> String {
    let email = email.map(str::trim).filter(|email| !email.is_empty());
    email.map_or_else(|| format!("freshdesk-{id}@{NO_ADDRESS}"), str::to_owned)
}

/// The account's own fields under the names that they have here. Exports add a number to a name, the API `cf_` before it.
fn own_fields(
    standing: &Map<String, Value>,
    names: &BTreeMap<String, String>,
) -> Map<String, Value> {
    let found = names.iter().filter_map(|(from, to)| {
        let bare = from.strip_prefix("cf_").unwrap_or(from);
        let value = standing.get(from).or_else(|| standing.get(bare))?;
        let value = match value {
            Value::Null => return None,
            Value::Bool(flag) => Value::from(i32::from(*flag)),
            Value::Array(values) => {
                let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                texts.join(", ").into()
            }
            other => other.clone(),
        };
        Some((to.clone(), value))
    });
    found.collect()
}

#[cfg(test)]
mod tests;
