//! Cases: what is known of a ticket, and of the lead and deal that it may become, all under one id.

use std::collections::BTreeMap;

use caresoft::{
    Id, Zone,
    object::{
        Assignee, Change,
        case::{Deal, Lead},
        comment::Comment,
        ticket::{Assignment as Assigned, Ticket},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    html::sanitised,
    person,
    record::Record,
    registers::Registers,
    version::Version,
    write::{AddComment, Assignment, EndTicket, Fields, Person, SaveTicket, SourceKey, Status},
};
use crate::settings::{Account, Deleted, Merged};

/// What is known of a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseFacts {
    pub(super) ticket: Option<Registers>,
    pub(super) lead: Option<Registers>,
    pub(super) deal: Option<Registers>,
    /// Whether a deal was said to have been a lead.
    was_lead: bool,
    /// How the ticket began: the channel of the earliest event.
    channel: Option<(Version, String)>,
    is_deleted: bool,
    merged_into: Option<u64>,
    /// Comments for a ticket that nobody has shown yet, by their keys.
    pub(super) waiting: BTreeMap<String, AddComment>,
    pub(super) planned: Planned,
}

/// What was planned last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Planned {
    pub(super) ticket: Option<PlannedTicket>,
    pub(super) lead: Option<PlannedCase>,
    pub(super) deal: Option<PlannedCase>,
    pub(super) end: Option<End>,
    /// What was written about the end; nothing where ends are ignored.
    pub(super) ended: Option<EndTicket>,
}

/// What the helpdesk's ticket is to hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedTicket {
    pub(super) fields: Fields,
    pub(super) status: Option<String>,
    pub(super) works: Works,
    pub(super) requester: Option<u64>,
    pub(super) phone: Option<String>,
    pub(super) opened_at: Option<Timestamp>,
}

/// Who works on a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Works {
    /// Nobody said, or somebody whom the helpdesk does not know.
    #[default]
    NotKnown,
    /// Nobody.
    Nobody,
    /// This agent, by e-mail address.
    Agent(String),
}

/// What the CRM's lead or deal is to hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedCase {
    pub(super) fields: Fields,
    pub(super) was_lead: bool,
    pub(super) requester: Option<Person>,
}

/// Why a ticket is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// It was deleted.
    Deleted,
    /// It was merged into the ticket with this number.
    MergedInto(u64),
}

impl PlannedTicket {
    /// The key of the requester of a case's ticket.
    pub(super) fn requester_key(&self, case: &SourceKey) -> Option<SourceKey> {
        let requester = self.requester.and_then(Id::new)?;
        Some(Record::User(requester).source_key(case.connection()))
    }
}

impl CaseFacts {
    /// When it was changed last, whatever it was then, as far as is known.
    pub fn updated_at(&self, zone: &Zone) -> Option<Timestamp> {
        let lives = [&self.ticket, &self.lead, &self.deal].into_iter().flatten();
        lives.filter_map(|life| life.updated_at(zone)).max()
    }

    /// Adds a ticket as an event shows it.
    pub fn fold_ticket(&mut self, ticket: Ticket<'_>, at: Version, zone: &Zone) {
        let said = self.ticket.get_or_insert_default();
        said.fold(ticket.fields(), ticket.custom_fields(), at, zone);
        said.say("ticket_id", ticket.id().to_string(), at);
        if let Some(call) = ticket.call() {
            let call = call.fields();
            for (name, _) in call.json().members() {
                let name = name.decode();
                if let Some(text) = call.text(&name) {
                    said.say(&format!("{CALL}{name}"), text, at);
                }
            }
        }
        if let Some(channel) = ticket.channel() {
            let seen = (at, channel.into_owned());
            let is_earlier = self.channel.as_ref().is_none_or(|held| seen < *held);
            if is_earlier {
                self.channel = Some(seen);
            }
        }
    }

    /// Adds who a ticket was given to. Nobody says nothing here: a sample says 0 of a ticket that was given to somebody.
    pub fn fold_assignment(&mut self, assignment: Assigned<'_>, at: Version) {
        if let Assignee::Agent(agent) = assignment.assignee() {
            let said = self.ticket.get_or_insert_default();
            said.say("assignee_id", agent.to_string(), at);
        }
    }

    /// Adds a lead as an event shows it.
    pub fn fold_lead(&mut self, lead: Lead<'_>, at: Version, zone: &Zone) {
        let said = self.lead.get_or_insert_default();
        said.fold_changes(
            lead.updated_properties()
                .into_iter()
                .filter(Change::is_cleared),
            at,
            zone,
        );
        said.fold(lead.fields(), lead.custom_fields(), at, zone);
        said.say("lead_id", lead.id().to_string(), at);
        say_activity(said, lead.activity(), at);
    }

    /// Adds a deal as an event shows it.
    pub fn fold_deal(&mut self, deal: Deal<'_>, at: Version, zone: &Zone) {
        let said = self.deal.get_or_insert_default();
        said.fold_changes(
            deal.updated_properties()
                .into_iter()
                .filter(Change::is_cleared),
            at,
            zone,
        );
        said.fold(deal.fields(), deal.custom_fields(), at, zone);
        said.say("deal_id", deal.id().to_string(), at);
        say_activity(said, deal.activity(), at);
        self.was_lead |= deal.converted_from().as_deref() == Some("lead");
    }

    /// Adds that the ticket was deleted. It is final.
    pub fn delete(&mut self) {
        self.is_deleted = true;
    }

    /// Adds that the ticket was merged into another. It is final; of two the one with the greater number holds, so that
    /// it does not depend on which was heard of first.
    pub fn merge_into(&mut self, primary: Id) {
        self.merged_into = self.merged_into.max(Some(primary.get()));
    }

    /// Whether the deal was a lead before.
    pub(super) fn was_lead(&self) -> bool {
        self.was_lead || self.lead.is_some()
    }

    /// The ticket as far as it was shown: who works on it may be known before.
    pub(super) fn shown_ticket(&self) -> Option<&Registers> {
        self.ticket
            .as_ref()
            .filter(|said| said.text("ticket_id").is_some())
    }

    /// How the ticket began.
    pub(super) fn channel(&self) -> Option<&str> {
        self.channel.as_ref().map(|(_, channel)| channel.as_str())
    }

    /// Why the ticket is over; one that was merged and then deleted was deleted.
    pub(super) fn end(&self) -> Option<End> {
        match (self.is_deleted, self.merged_into) {
            (true, _) => Some(End::Deleted),
            (false, Some(primary)) => Some(End::MergedInto(primary)),
            (false, None) => None,
        }
    }

    /// The ticket's customer.
    pub(super) fn requester(&self) -> Option<Id> {
        person::id(self.ticket.as_ref()?.text("requester_id"))
    }

    /// The customer of the deal or, as long as there is none, of the lead.
    pub(super) fn crm_requester(&self) -> Option<Id> {
        let mut said = [&self.deal, &self.lead].into_iter().flatten();
        said.find_map(|said| person::id(said.text("requester_id")))
    }

    /// The write that makes the ticket as it was planned last; `None` where none was planned.
    pub(super) fn ticket_write(&self, key: &SourceKey) -> Option<SaveTicket> {
        let planned = self.planned.ticket.clone()?;
        let end = self.planned.ended.clone();
        let closed = end.as_ref().and_then(|end| end.status.clone());
        let assignment = |agent| Assignment {
            agent,
            has_changed: false,
        };
        Some(SaveTicket {
            key: key.clone(),
            requester: planned.requester_key(key),
            requester_has_changed: false,
            all: planned.fields,
            changed: Fields::new(),
            status: closed.or(planned.status).map(|name| Status {
                name,
                has_changed: false,
            }),
            requester_phone: planned.phone,
            assignment: match planned.works {
                Works::NotKnown => None,
                Works::Nobody => Some(assignment(None)),
                Works::Agent(email) => Some(assignment(Some(email))),
            },
            opened_at: planned.opened_at,
            end,
        })
    }

    /// Whether comments can stand on the ticket in the helpdesk.
    pub(super) fn takes_comments(&self, account: &Account) -> bool {
        let is_gone = self.is_deleted && account.mapping.ticket.deleted == Deleted::Delete;
        self.planned.ticket.is_some() && !is_gone
    }
}

/// Before the names of what a ticket says of its call.
pub(super) const CALL: &str = "call.";

fn say_activity(said: &mut Registers, activity: Option<Comment<'_>>, at: Version) {
    let html = activity.and_then(Comment::html);
    if let Some(html) = html
        .map(|html| sanitised(&html))
        .filter(|html| !html.is_empty())
    {
        said.say("activity", html, at);
    }
}

/// Whether a ticket that is over is closed, and tagged.
pub(super) fn closing(account: &Account, end: End) -> Option<(bool, Option<String>)> {
    let ticket = &account.mapping.ticket;
    match end {
        End::Deleted => match ticket.deleted {
            Deleted::CloseAndTag => Some((true, Some(ticket.deleted_tag.clone()))),
            Deleted::Close => Some((true, None)),
            Deleted::Delete => Some((false, None)),
            Deleted::Ignore => None,
        },
        End::MergedInto(_) => match ticket.merged {
            Merged::CloseAndTag => Some((true, Some(ticket.merged_tag.clone()))),
            Merged::Close => Some((true, None)),
            Merged::Ignore => None,
        },
    }
}
