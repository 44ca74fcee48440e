//! What is decided, as functions of values.
//!
//! An event is folded into what is known of its record ([`registers`], [`case`], [`person`], [`call`]), so that any
//! order and repetition of the same events comes to the same. What helpdesk and CRM are to hold follows from that, and
//! what was planned for them last is known beside it: the difference is what is to be [written](mod@write).
//!
//! Not here: reading what is known, and carrying writes out.

pub mod call;
pub mod case;
mod comment;
mod crm;
pub mod current;
pub mod draft;
mod html;
pub mod person;
pub mod record;
pub mod registers;
mod ticket;
pub mod version;
pub mod write;

use caresoft::{Digest, Id, Kind, Save, Zone, object::call::CallId};
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;

use self::{
    call::CallFacts,
    case::CaseFacts,
    draft::{Draft, Held, Plan, Unreadable},
    person::UserFacts,
    record::Record,
    version::Version,
};
use crate::settings::Account;

/// Up to which change a user or case is known, whatever it is at the moment; `None` when only its name is known.
pub fn updated_at(object: &str, facts: &Value, zone: &Zone) -> Option<Timestamp> {
    match object {
        "user" => UserFacts::deserialize(facts).ok()?.updated_at(zone),
        "case" => CaseFacts::deserialize(facts).ok()?.updated_at(zone),
        _ => None,
    }
}

/// The records of which has to be read what is known before an event can be planned, as far as it can be told by what
/// is held; none when the event can be planned.
///
/// # Errors
/// When what is held cannot be read.
pub fn needed(account: &Account, kind: &Kind<'_>, held: &Held) -> Result<Vec<Record>, Unreadable> {
    let mut records = match kind {
        Kind::User(_, user) => {
            let record = Record::User(user.id());
            let known: UserFacts = held.facts(&record)?;
            let cases = known.cases().map(Record::Case);
            std::iter::once(record).chain(cases).collect()
        }
        Kind::Organization(_, organization) => vec![Record::Organization(organization.id())],
        Kind::Ticket(_, ticket) => {
            let written = ticket::written(account, *ticket);
            let comments = written.iter().flat_map(comment::Written::records);
            let call: Option<CallId> = ticket.call().and_then(|call| call.id());
            let mut records = vec![Record::Case(ticket.id())];
            records.extend(comments.chain(call.map(Record::Call)));
            records
        }
        Kind::TicketDeleted(id) => vec![Record::Case(*id)],
        Kind::TicketsMerged(merge) => {
            let mut tickets = merge.secondaries();
            tickets.push(merge.primary());
            let comments = tickets
                .iter()
                .filter_map(|id| ticket::merge_comment(*id, *merge));
            let comments: Vec<Record> = comments.map(|(record, ..)| record).collect();
            tickets
                .into_iter()
                .map(Record::Case)
                .chain(comments)
                .collect()
        }
        Kind::TicketAssigned(assignment) => vec![Record::Case(assignment.ticket_id())],
        Kind::Lead(_, lead) => with_requester(held, lead.id(), lead.requester_id())?,
        Kind::Deal(_, deal) => with_requester(held, deal.id(), deal.requester_id())?,
        Kind::DialerCall(_, call) => with_cases(held, call.id())?,
        Kind::IncomingCall(_, call) => with_cases(held, call.id())?,
        Kind::Unrouted(_) => Vec::new(),
    };
    records.retain(|record| !held.has(record));
    Ok(records)
}

/// A case, its requester, and whoever was its requester as far as is known.
fn with_requester(held: &Held, case: Id, requester: Option<Id>) -> Result<Vec<Record>, Unreadable> {
    let case = Record::Case(case);
    let known: CaseFacts = held.facts(&case)?;
    let users = requester.into_iter().chain(known.crm_requester());
    let users = users.map(Record::User);
    Ok(std::iter::once(case).chain(users).collect())
}

/// A call, and the tickets that it left.
fn with_cases(held: &Held, call: &CallId) -> Result<Vec<Record>, Unreadable> {
    let call = Record::Call(call.clone());
    let known: CallFacts = held.facts(&call)?;
    let cases = known.cases().map(Record::Case);
    Ok(std::iter::once(call).chain(cases).collect())
}

/// What is to be done about an event, by what is known of the records that it [needs](needed): nothing about one that
/// nobody knows.
///
/// # Errors
/// When what is held cannot be read.
pub fn plan(
    account: &Account,
    kind: &Kind<'_>,
    digest: Digest,
    held: &Held,
) -> Result<Plan, Unreadable> {
    let zone = &account.zone;
    let mut draft = Draft::new(account, held);
    let making = &mut draft;
    match kind {
        Kind::User(save, user) => {
            let at = Version::new(user.updated_at(zone), *save, digest);
            person::plan_user(making, *user, at)?;
        }
        Kind::Organization(save, organization) => {
            let at = Version::new(organization.updated_at(zone), *save, digest);
            person::plan_organization(making, *organization, at)?;
        }
        Kind::Ticket(save, ticket) => {
            let at = Version::new(ticket.updated_at(zone), *save, digest);
            ticket::plan_ticket(making, *ticket, at)?;
        }
        Kind::TicketDeleted(id) => ticket::plan_deletion(making, *id)?,
        Kind::TicketsMerged(merge) => ticket::plan_merge(making, *merge)?,
        Kind::TicketAssigned(assignment) => {
            let at = Version::new(assignment.assigned_at(zone), Save::Update, digest);
            ticket::plan_assignment(making, *assignment, at)?;
        }
        Kind::Lead(save, lead) => {
            let at = Version::new(lead.updated_at(zone), *save, digest);
            crm::plan_lead(making, *lead, at)?;
        }
        Kind::Deal(save, deal) => {
            let at = Version::new(deal.updated_at(zone), *save, digest);
            crm::plan_deal(making, *deal, at)?;
        }
        Kind::DialerCall(dialer, call) => {
            let at = Version::new(call.ended_at(zone), Save::Update, digest);
            call::plan_dialer(making, *dialer, call, at)?;
        }
        Kind::IncomingCall(step, call) => {
            let at = Version::new(call.happened_at(zone), Save::Update, digest);
            call::plan_step(making, *step, call, at)?;
        }
        Kind::Unrouted(_) => {}
    }
    Ok(draft.finish())
}

#[cfg(test)]
pub(crate) mod tests;
