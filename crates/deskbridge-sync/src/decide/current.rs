//! What a write comes to when it is carried out, by what is known of its record then.
//!
//! A write may be carried out long after it was planned: it was given up and revived, or waited for a system that was
//! down. What later plans replaced meanwhile is left to them, whether they were carried out before or will be after.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    case::CaseFacts,
    draft::Unreadable,
    person::{OrganizationFacts, UserFacts},
    write::{CaseKind, Fields, SaveCase, SourceKey, Write},
};

/// A write as it is to be carried out by what is known of its record now; `None` when it is not wanted any more. A
/// record of which nothing is known leaves it as it is.
///
/// # Errors
/// When what is known cannot be read.
pub fn current(write: Write, facts: &Value) -> Result<Option<Write>, Unreadable> {
    if facts.is_null() {
        return Ok(Some(write));
    }
    Ok(match write {
        Write::SaveTicket(old) => {
            let mut save = match read::<CaseFacts>("case", facts)?.ticket_write(&old.key) {
                Some(save) => save,
                None => old.clone(),
            };
            if save.end.as_ref().is_some_and(|end| end.is_deleted) {
                return Ok(None);
            }
            save.changed = still_wanted(old.changed, &save.all);
            // The end sets its own.
            let is_closed = save.end.as_ref().is_some_and(|end| end.status.is_some());
            if let (Some(status), Some(old), false) = (&mut save.status, old.status, is_closed) {
                status.has_changed = old.has_changed && old.name == status.name;
            }
            if let (Some(assignment), Some(old)) = (&mut save.assignment, old.assignment) {
                assignment.has_changed = old.has_changed && old.agent == assignment.agent;
            }
            save.requester_has_changed = old.requester_has_changed;
            save.opened_at = old.opened_at;
            Some(Write::SaveTicket(save))
        }
        Write::SaveContact(old) => {
            let known: UserFacts = read("user", facts)?;
            let mut save = known.contact_write(&old.key).unwrap_or_else(|| old.clone());
            save.changed = still_wanted(old.changed, &save.all);
            save.left = old
                .left
                .filter(|left| Some(left) != save.organization.as_ref());
            Some(Write::SaveContact(save))
        }
        Write::SaveCustomer(old) => {
            let known: OrganizationFacts = read("organization", facts)?;
            let mut save = known
                .customer_write(&old.key)
                .unwrap_or_else(|| old.clone());
            save.changed = still_wanted(old.changed, &save.all);
            Some(Write::SaveCustomer(save))
        }
        Write::SaveCase(old) => {
            let known: CaseFacts = read("case", facts)?;
            let planned = match old.kind {
                CaseKind::Lead => known.planned.lead,
                CaseKind::Deal => known.planned.deal,
            };
            Some(Write::SaveCase(match planned {
                None => old,
                Some(planned) => SaveCase {
                    changed: still_wanted(old.changed, &planned.fields),
                    all: planned.fields,
                    was_lead: planned.was_lead,
                    requester: planned.requester,
                    ..old
                },
            }))
        }
        // The last of them says all: a ticket that was merged and then deleted was deleted.
        Write::EndTicket(old) => {
            let known: CaseFacts = read("case", facts)?;
            Some(Write::EndTicket(known.planned.ended.unwrap_or(old)))
        }
        write @ (Write::AddComment(_) | Write::Join(_)) => Some(write),
    })
}

/// How the document of a record comes to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Making {
    /// This makes it as it was planned last.
    By(Box<Write>),
    /// It was not planned, as far as is known.
    NotPlanned,
    /// It is not to be any more.
    NotWanted,
}

/// How the document of a record comes to be, where a write needs it and it is not there: the write that was to make it
/// was given up.
///
/// # Errors
/// When what is known cannot be read.
pub fn making(key: &SourceKey, facts: &Value) -> Result<Making, Unreadable> {
    if facts.is_null() {
        return Ok(Making::NotPlanned);
    }
    let write = match key.kind() {
        "case" => {
            let save = read::<CaseFacts>("case", facts)?.ticket_write(key);
            let end = save.as_ref().and_then(|save| save.end.as_ref());
            if end.is_some_and(|end| end.is_deleted) {
                return Ok(Making::NotWanted);
            }
            save.map(Write::SaveTicket)
        }
        "user" => {
            let save = read::<UserFacts>("user", facts)?.contact_write(key);
            save.map(Write::SaveContact)
        }
        "organization" => {
            let save = read::<OrganizationFacts>("organization", facts)?.customer_write(key);
            save.map(Write::SaveCustomer)
        }
        _ => None,
    };
    Ok(write.map_or(Making::NotPlanned, |write| Making::By(Box::new(write))))
}

/// Whether a ticket's requester is this user, or a user's organisation is this one, as far as is known.
///
/// # Errors
/// When what is known cannot be read.
pub fn refers_to(from: &SourceKey, facts: &Value, to: &SourceKey) -> Result<bool, Unreadable> {
    if facts.is_null() {
        return Ok(true);
    }
    let Making::By(write) = making(from, facts)? else {
        return Ok(false);
    };
    let refers_to = match *write {
        Write::SaveTicket(save) => save.requester,
        Write::SaveContact(save) => save.organization,
        _ => None,
    };
    Ok(refers_to.as_ref() == Some(to))
}

/// The fields that no later plan replaced.
fn still_wanted(mut changed: Fields, planned: &Fields) -> Fields {
    changed.retain(|name, value| planned.get(name.as_str()) == Some(value));
    changed
}

fn read<F: DeserializeOwned>(kind: &'static str, facts: &Value) -> Result<F, Unreadable> {
    F::deserialize(facts).map_err(|source| Unreadable { kind, source })
}
