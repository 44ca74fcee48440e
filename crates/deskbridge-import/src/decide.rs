//! Decisions of an import: values to values, no clock and no I/O.

pub mod compare;
pub mod contact;
pub mod customer;
pub mod freshdesk;
pub mod hooked;
pub mod html;
pub mod key;
pub mod pace;
pub mod planned;
pub mod problem;
pub mod settings;
pub mod site;
pub mod ticket;

pub use self::{
    hooked::{Hooked, hooked},
    key::SourceKey,
    pace::{Pace, Seen},
    planned::{Fresh, Planned, PlannedDocument, PlannedMessage, PlannedTicket, Resolved},
    problem::{Grouped, Problem, Problems, Severity},
    settings::{CustomerDocType, Settings},
    site::{Choices, Fields, Site},
};

use crate::record::{Kind, Record};

/// What is to be written of a record, with what is wrong with it.
pub fn plan(record: &Record, resolved: &Resolved, site: &Site, settings: &Settings) -> Fresh {
    match record {
        Record::Customer(customer) => customer::plan(customer, site, settings),
        Record::Contact(contact) => contact::plan(contact, resolved, site, settings),
        Record::Ticket(ticket) => ticket::plan(ticket, resolved, site, settings),
    }
}

/// The ids of other records that a record refers to.
pub fn references(record: &Record) -> Vec<(Kind, &str)> {
    let mut found: Vec<(Kind, &str)> = Vec::new();
    match record {
        Record::Customer(_) => {}
        Record::Contact(contact) => {
            found.extend(contact.customer.as_deref().map(|id| (Kind::Customer, id)));
        }
        Record::Ticket(ticket) => {
            found.extend(ticket.customer.as_deref().map(|id| (Kind::Customer, id)));
            let requester = ticket.requester.as_ref();
            let contact = requester.and_then(|person| person.contact.as_deref());
            found.extend(contact.map(|id| (Kind::Contact, id)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
