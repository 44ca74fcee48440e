//! Joining what refers to a user or organisation to it, now that it exists.
//!
//! Everything is looked for by the source keys in the store's links. Only what is not joined yet is found, so that a
//! write that was interrupted goes on where it stopped.

use std::collections::BTreeMap;

use deskbridge_core::RemoteRecord;
use frappe::{Document, Filter, List, Name, Op};
use serde_json::{Value, json};

use super::{
    KEY_FIELD, Place, Stop,
    customer::CUSTOMER,
    helpdesk::name_of,
    links::{key_of, record_of},
    person::CONTACT,
    ticket::{STANDING, TICKET, join},
};
use crate::decide::{
    current::refers_to,
    write::{Join, SourceKey},
};

/// How many records are looked for at once.
const KEYS_AT_ONCE: usize = 100;
/// How many documents one attempt changes: the rest waits for the next one.
const JOINED_MAX: usize = 200;

const USER: &str = "user";
const ORGANIZATION: &str = "organization";

/// Counts what an attempt has joined.
#[derive(Debug, Default)]
pub(super) struct Joined(usize);

impl Joined {
    fn one_more(&mut self) -> Result<(), Stop> {
        self.0 += 1;
        match self.0 < JOINED_MAX {
            true => Ok(()),
            false => Err(Stop::not_sent(format!(
                "{JOINED_MAX} documents were joined, more may be waiting"
            ))),
        }
    }
}

impl Place {
    pub(super) async fn join(&self, write: &Join) -> Result<Value, Stop> {
        let referring = self.links.referring(&write.key).await?;
        let of = |wanted: &dyn Fn(&RemoteRecord) -> bool| -> Vec<SourceKey> {
            let records = referring.iter().filter(|record| wanted(record));
            records.map(key_of).collect()
        };
        let cases = of(&|record| record.object != USER && record.object != ORGANIZATION);
        let mut joined = Joined::default();
        if record_of(&write.key).object == ORGANIZATION {
            let users = of(&|record| record.object == USER);
            self.join_to_customer(&write.key, &users, &mut joined)
                .await?;
        } else {
            self.join_to_contact(&write.key, &cases, &mut joined)
                .await?;
        }
        Ok(json!({ "joined": joined.0 }))
    }

    async fn join_to_contact(
        &self,
        user: &SourceKey,
        cases: &[SourceKey],
        joined: &mut Joined,
    ) -> Result<(), Stop> {
        if cases.is_empty() {
            return Ok(());
        }
        let find = || self.requester(Some(user), None);
        let requester = match find().await? {
            Some(requester) => requester,
            None => {
                self.make(CONTACT, user).await?;
                find().await?.ok_or_else(|| Stop::went(CONTACT))?
            }
        };
        let cases = self.of_those_that_refer(cases, user).await?;
        for keys in cases.chunks(KEYS_AT_ONCE) {
            let without_contact = [one_of(keys), Filter::is_not_set("contact")];
            for ticket in self.all(TICKET, &STANDING, without_contact).await? {
                let mut changes = Document::new();
                join(&mut changes, &ticket, Some(&requester), &self.raised_by);
                let name = name_of(&ticket)?;
                self.helpdesk.change(TICKET, &name, &changes).await?;
                joined.one_more()?;
            }
        }
        Ok(())
    }

    async fn join_to_customer(
        &self,
        organization: &SourceKey,
        users: &[SourceKey],
        joined: &mut Joined,
    ) -> Result<(), Stop> {
        if users.is_empty() {
            return Ok(());
        }
        let find = || self.customer_of_key(Some(organization));
        let customer = match find().await? {
            Some(customer) => customer,
            None => {
                self.make(CUSTOMER, organization).await?;
                find().await?.ok_or_else(|| Stop::went(CUSTOMER))?
            }
        };
        let users = self.of_those_that_refer(users, organization).await?;
        for keys in users.chunks(KEYS_AT_ONCE) {
            let contacts = self.all(CONTACT, &[], [one_of(keys)]).await?;
            let contacts: Vec<Name> = contacts.iter().filter_map(Document::name).collect();
            let linked = self.contacts_of(&customer, keys).await?;
            for contact in contacts.iter().filter(|contact| !linked.contains(contact)) {
                if self.link_to_customer(contact, &customer).await? {
                    joined.one_more()?;
                }
            }
            self.join_tickets_of(&contacts, joined).await?;
        }
        Ok(())
    }

    /// Those of some records that refer to a user or organisation by now: they are linked with all that they ever
    /// referred to.
    async fn of_those_that_refer(
        &self,
        keys: &[SourceKey],
        to: &SourceKey,
    ) -> Result<Vec<String>, Stop> {
        let mut referring = Vec::new();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            for (key, facts) in keys.iter().zip(self.links.all_facts(keys).await?) {
                if refers_to(key, &facts, to)? {
                    referring.push(key.as_str().to_owned());
                }
            }
        }
        Ok(referring)
    }

    /// Those contacts of some users that are a customer's already.
    async fn contacts_of(&self, customer: &Name, users: &[String]) -> Result<Vec<Name>, Stop> {
        if self.helpdesk.has_members().await? {
            let customer = self.helpdesk.client.get(CUSTOMER, customer).await?;
            let members = customer.rows("contacts");
            return Ok(members
                .iter()
                .filter_map(|member| member.link("contact_name"))
                .collect());
        }
        let linked = Filter::eq("link_name", customer).of("Dynamic Link");
        let linked = self.all(CONTACT, &[], [one_of(users), linked]).await?;
        Ok(linked.iter().filter_map(Document::name).collect())
    }

    /// Gives tickets without a customer that of their contact, if it has but one.
    pub(super) async fn join_tickets_of(
        &self,
        contacts: &[Name],
        joined: &mut Joined,
    ) -> Result<(), Stop> {
        let contacts: Vec<Value> = contacts.iter().map(Value::from).collect();
        if contacts.is_empty() {
            return Ok(());
        }
        let without_customer = [
            Filter::new("contact", Op::In, contacts),
            Filter::is_not_set("customer"),
            Filter::is_set(KEY_FIELD),
        ];
        let mut customers = BTreeMap::new();
        for ticket in self.all(TICKET, &["contact"], without_customer).await? {
            let (Some(contact), name) = (ticket.link("contact"), name_of(&ticket)?) else {
                continue;
            };
            if !customers.contains_key(&contact) {
                let whole = self.helpdesk.client.get(CONTACT, &contact).await?;
                customers.insert(contact.clone(), self.only_customer_of(&whole).await?);
            }
            if let Some(Some(customer)) = customers.get(&contact) {
                let changes = Document::new().with("customer", customer);
                self.helpdesk.change(TICKET, &name, &changes).await?;
                joined.one_more()?;
            }
        }
        Ok(())
    }

    /// As many documents as one attempt may change.
    async fn all<const N: usize>(
        &self,
        doctype: &str,
        fields: &[&str],
        filters: [Filter; N],
    ) -> Result<Vec<Document>, Stop> {
        self.helpdesk.keyed(doctype).await?;
        let list = List::new()
            .fields(["name"])
            .fields(fields.iter().copied())
            .limit(u32::try_from(JOINED_MAX).unwrap_or(u32::MAX));
        let list = filters.into_iter().fold(list, List::filter);
        Ok(self.helpdesk.client.list(doctype, &list).await?)
    }
}

fn one_of(keys: &[String]) -> Filter {
    let keys: Vec<Value> = keys.iter().map(|key| key.as_str().into()).collect();
    Filter::new(KEY_FIELD, Op::In, keys)
}
