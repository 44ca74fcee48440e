//! Users and organisations: what is known of them, and what contacts and customers are to hold.

use std::collections::BTreeSet;

use caresoft::{
    Fields as Said, Id, Zone,
    object::person::{Organization, User},
};
use deskbridge_identity::{Domain, Email};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    crm,
    draft::{Draft, Note, Unreadable, changed, line, overlaid},
    record::Record,
    registers::Registers,
    version::Version,
    write::{Fields, Join, Person, SaveContact, SaveCustomer, SourceKey, Write},
};
use crate::settings::Account;

/// The role of customers.
const CUSTOMER: &str = "3";
/// Characters in a name at most.
const NAME_MAX: usize = 140;
const EMAILS: [&str; 2] = ["email", "email2"];
const PHONES: [&str; 3] = ["phone_no", "phone_no2", "phone_no3"];

/// What is known of a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserFacts {
    said: Registers,
    /// The leads and deals that are the user's.
    cases: BTreeSet<u64>,
    planned: Option<Contact>,
}

/// What a contact is to hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    fields: Fields,
    emails: Vec<String>,
    phones: Vec<String>,
    organization: Option<u64>,
}

/// What is known of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationFacts {
    said: Registers,
    planned: Option<Fields>,
}

impl Contact {
    /// The key of the organisation of a user.
    fn organization_key(&self, user: &SourceKey) -> Option<SourceKey> {
        let organization = self.organization.and_then(Id::new)?;
        Some(Record::Organization(organization).source_key(user.connection()))
    }
}

impl UserFacts {
    /// When the user was changed last, as far as is known.
    pub fn updated_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.said.updated_at(zone)
    }

    /// Adds what an event shows of the user.
    pub fn fold(&mut self, user: User<'_>, at: Version, zone: &Zone) {
        // First: what is named as changed is right whatever the rest says.
        self.said.fold_changes(user.changes(), at, zone);
        self.said
            .fold(user.fields(), user.custom_fields(), at, zone);
    }

    /// The organisation that the user belongs to.
    pub fn organization(&self) -> Option<Id> {
        id(self.said.text("organization_id"))
    }

    /// How the user may be found in the CRM; `None` where nothing is known for it.
    pub fn person(&self) -> Option<Person> {
        let texts = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| self.said.text(name));
            texts.map(str::to_owned).collect()
        };
        let person = Person {
            phones: texts(&PHONES),
            emails: texts(&EMAILS),
        };
        (person != Person::default()).then_some(person)
    }

    /// The leads and deals that are the user's.
    pub fn cases(&self) -> impl Iterator<Item = Id> {
        self.cases.iter().copied().filter_map(Id::new)
    }

    /// The write that makes the contact as it was planned last; `None` where none was planned.
    pub(super) fn contact_write(&self, key: &SourceKey) -> Option<SaveContact> {
        let planned = self.planned.clone()?;
        Some(SaveContact {
            key: key.clone(),
            organization: planned.organization_key(key),
            left: None,
            all: planned.fields,
            changed: Fields::new(),
            emails: planned.emails,
            phones: planned.phones,
        })
    }

    /// Adds a lead or deal of the user's; whether it was not known to be.
    pub fn refer(&mut self, case: Id) -> bool {
        self.cases.insert(case.get())
    }

    /// Whether the user is an agent. One whose role was never said is a customer.
    fn is_agent(&self, id: Id, account: &Account) -> bool {
        let role = self.said.text("role_id");
        role.is_some_and(|role| role != CUSTOMER) || account.mapping.agents.contains_key(&id)
    }
}

impl OrganizationFacts {
    /// Adds what an event shows of the organisation.
    pub fn fold(&mut self, organization: Organization<'_>, at: Version, zone: &Zone) {
        self.said.fold_changes(organization.changes(), at, zone);
        let fields: Said<'_> = organization.fields();
        self.said
            .fold(fields, organization.custom_fields(), at, zone);
    }

    /// The write that makes the customer as it was planned last; `None` where none was planned.
    pub(super) fn customer_write(&self, key: &SourceKey) -> Option<SaveCustomer> {
        let planned = self.planned.clone()?;
        Some(SaveCustomer {
            key: key.clone(),
            all: planned,
            changed: Fields::new(),
        })
    }
}

/// The id that a text says.
pub(super) fn id(text: Option<&str>) -> Option<Id> {
    Id::new(text?.parse().ok()?)
}

pub(super) fn plan_user(
    draft: &mut Draft<'_>,
    user: User<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let record = Record::User(user.id());
    let before: UserFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    facts.fold(user, at, &draft.account.zone);
    if let Some(organization) = facts.organization()
        && before.organization() != Some(organization)
    {
        draft.link(&Record::Organization(organization), &record);
    }
    if facts.person() != before.person() {
        for case in facts.cases() {
            crm::plan_requester(draft, case, user.id(), facts.person())?;
        }
    }
    if let Some(wanted) = contact(draft, user.id(), &facts) {
        let planned = before.planned.clone().unwrap_or_default();
        let is_new = before.planned.is_none();
        let has_moved = planned.organization != wanted.organization;
        let is_more = |had: &[String], has: &[String]| has.iter().any(|one| !had.contains(one));
        let changed = changed(&planned.fields, &wanted.fields);
        let is_changed = !changed.is_empty()
            || has_moved
            || planned.emails.first() != wanted.emails.first()
            || planned.phones.first() != wanted.phones.first()
            || is_more(&planned.emails, &wanted.emails)
            || is_more(&planned.phones, &wanted.phones);
        facts.planned = Some(Contact {
            fields: overlaid(&planned.fields, &wanted.fields),
            ..wanted
        });
        let key = draft.key(&record);
        if let Some(write) = facts.contact_write(&key)
            && (is_new || is_changed)
        {
            let write = SaveContact {
                changed,
                left: planned.organization_key(&key).filter(|_| has_moved),
                ..write
            };
            draft.save(&record, &Write::SaveContact(write));
        }
        if is_new || has_moved {
            draft.save(&record, &Write::Join(Join { key }));
        }
    }
    draft.keep(record, &before, &facts)
}

/// What the contact of a user is to hold; `None` for agents, who are none.
fn contact(draft: &mut Draft<'_>, id: Id, facts: &UserFacts) -> Option<Contact> {
    let account = draft.account;
    if facts.is_agent(id, account) {
        return None;
    }
    let emails = usable(draft, facts, &EMAILS, |text| {
        Email::parse(text).map(|email| email.as_str().to_owned())
    });
    let phones = usable(draft, facts, &PHONES, phone);
    let name = facts.said.text("username").map(name);
    let name = name
        .filter(|name| !name.is_empty())
        .or_else(|| phones.first().or(emails.first()).cloned())
        .unwrap_or_else(|| format!("CareSoft {id}"));
    let mut fields = Fields::new();
    fields.insert("first_name".to_owned(), Value::from(name));
    let blanks = account.mapping.blank_changes;
    let evaluated = account.mapping.contact.evaluate(&facts.said.record(blanks));
    draft.add(&mut fields, "contact", evaluated);
    let organization = facts.said.wanted("organization_id", blanks);
    Some(Contact {
        fields,
        emails,
        phones,
        organization: organization.and_then(|text| text.parse().ok()),
    })
}

fn usable(
    draft: &mut Draft<'_>,
    facts: &UserFacts,
    names: &[&'static str],
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut usable = Vec::new();
    for field in names {
        let Some(text) = facts.said.text(field) else {
            continue;
        };
        match read(text) {
            Some(text) if !usable.contains(&text) => usable.push(text),
            Some(_) => {}
            None => draft.note(Note::NotUsable { field }),
        }
    }
    usable
}

/// A number that Frappe takes: it refuses the whole contact for one that it does not.
fn phone(text: &str) -> Option<String> {
    let is_phone = (1..=20).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" +_-,.*#()".contains(&byte));
    is_phone.then(|| text.to_owned())
}

/// A name that Frappe takes.
fn name(text: &str) -> String {
    line(&text.replace(['<', '>'], " "), NAME_MAX)
}

pub(super) fn plan_organization(
    draft: &mut Draft<'_>,
    organization: Organization<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let record = Record::Organization(organization.id());
    let before: OrganizationFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    facts.fold(organization, at, &draft.account.zone);
    if let Some(wanted) = customer(draft, &facts) {
        let planned = before.planned.clone().unwrap_or_default();
        let changed = changed(&planned, &wanted);
        let is_new = before.planned.is_none();
        let key = draft.key(&record);
        if is_new || !changed.is_empty() {
            let write = SaveCustomer {
                key: key.clone(),
                all: wanted.clone(),
                changed,
            };
            draft.save(&record, &Write::SaveCustomer(write));
        }
        if is_new {
            draft.save(&record, &Write::Join(Join { key }));
        }
        facts.planned = Some(overlaid(&planned, &wanted));
    }
    draft.keep(record, &before, &facts)
}

/// What the customer of an organisation is to hold; `None` while nobody knows its name.
///
/// Two organisations may have names that the helpdesk takes for one: whoever writes tells them apart when it is refused.
fn customer(draft: &mut Draft<'_>, facts: &OrganizationFacts) -> Option<Fields> {
    let mapping = &draft.account.mapping;
    let name = facts.said.text("organization_name").map(name);
    let name = name.filter(|name| !name.is_empty())?;
    let mut fields = Fields::new();
    fields.insert("customer_name".to_owned(), Value::from(name));
    match facts
        .said
        .wanted("organization_domain", mapping.blank_changes)
    {
        Some("") => {
            fields.insert("domain".to_owned(), Value::from(""));
        }
        Some(text) => {
            if let Some(domain) = Domain::parse(text) {
                fields.insert("domain".to_owned(), Value::from(domain.as_str()));
            }
        }
        None => {}
    }
    let record = facts.said.record(mapping.blank_changes);
    let evaluated = mapping.organization.evaluate(&record);
    draft.add(&mut fields, "organization", evaluated);
    Some(fields)
}
