//! A user of CareSoft as a `Contact`.

mod rows;

use frappe::{Cause, Document, Filter, Name};
use serde_json::{Value, json};

use super::{
    KEY_FIELD, Place, Stop,
    customer::CUSTOMER,
    fields::{differing, fitted, missing},
    helpdesk::name_of,
    join::Joined,
    person::{CONTACT, linked_customers, with_emails, with_phones},
};
use crate::decide::write::{Fields, SaveContact, SourceKey};
use rows::{emails_with, phones_with};

/// What is certainly a person's own, unlike a phone number.
const ADDRESS: &str = "e-mail address";

/// What the site refused to keep of a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct LeftOut {
    emails: bool,
    phones: bool,
}

impl LeftOut {
    /// Leaves out what a refusal is about; whether there is something more to leave out.
    fn after(&mut self, cause: &Cause) -> bool {
        let Cause::Validation { kind, .. } = cause else {
            return false;
        };
        let of = match kind.as_str() {
            "InvalidEmailAddressError" => &mut self.emails,
            "InvalidPhoneNumberError" => &mut self.phones,
            _ => return false,
        };
        !std::mem::replace(of, true)
    }

    fn names(self) -> Vec<&'static str> {
        let both = [(self.emails, "email_ids"), (self.phones, "phone_nos")];
        both.into_iter()
            .filter_map(|(left_out, name)| left_out.then_some(name))
            .collect()
    }
}

impl Place {
    pub(super) async fn save_contact(&self, write: &SaveContact) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        let meta = helpdesk.keyed(CONTACT).await?;
        let customer = self.customer_of_key(write.organization.as_ref()).await?;
        let found = helpdesk.find(CONTACT, &write.key, &[]).await?;
        if found.is_none() {
            self.never_written(CONTACT, &write.key).await?;
        }
        let (standing, fields, how) = match found {
            Some(found) => {
                let standing = helpdesk.client.get(CONTACT, &name_of(&found)?).await?;
                let fields = differing(&standing, &fitted(&meta, &write.changed));
                (Some(standing), fields, "updated")
            }
            None => match self.contact_to_adopt(write).await? {
                Some(standing) => {
                    let all = fitted(&meta, &write.all);
                    let fields = missing(&standing, &all).with(KEY_FIELD, write.key.as_str());
                    (Some(standing), fields, "adopted")
                }
                None => {
                    let all: Fields = fitted(&meta, &write.all);
                    let fields = Document::from(all).with(KEY_FIELD, write.key.as_str());
                    (None, fields, "made")
                }
            },
        };
        let linked = match standing.is_none() && !helpdesk.has_members().await? {
            true => customer.clone(),
            false => None,
        };
        let (name, left_out) = self
            .write_contact(write, standing.as_ref(), fields, linked.as_ref())
            .await?;
        if let Some(left) = self.customer_of_key(write.left.as_ref()).await? {
            self.change_link(&name, &left, without).await?;
        }
        if linked.is_none() {
            let customer = match customer {
                Some(customer) => Some(customer),
                // It may have come while this was written, and found no contact to join.
                None => self.customer_of_key(write.organization.as_ref()).await?,
            };
            if let Some(customer) = customer {
                self.link_to_customer(&name, &customer).await?;
                let contact = std::slice::from_ref(&name);
                self.join_tickets_of(contact, &mut Joined::default())
                    .await?;
            }
        }
        self.links
            .record_document(&write.key, CONTACT, &name)
            .await?;
        Ok(json!({ "name": name, "how": how, "left_out": left_out.names() }))
    }

    /// Writes a contact with its rows, without those that the site does not take.
    async fn write_contact(
        &self,
        write: &SaveContact,
        standing: Option<&Document>,
        mut fields: Document,
        customer: Option<&Name>,
    ) -> Result<(Name, LeftOut), Stop> {
        let rows_of = |table| {
            standing
                .map(|contact| contact.rows(table))
                .unwrap_or_default()
        };
        if let Some(links) = customer.and_then(|customer| with(&[], Row::Link(customer))) {
            fields.set("links", as_rows(links));
        }
        let mut left_out = LeftOut::default();
        loop {
            let mut fields = fields.clone();
            let mut put = |table: &str, rows: Option<Vec<Document>>| {
                if let Some(rows) = rows {
                    fields.set(table, as_rows(rows));
                }
            };
            if !left_out.emails {
                put(
                    "email_ids",
                    emails_with(&rows_of("email_ids"), &write.emails),
                );
            }
            if !left_out.phones {
                let phones = phones_with(&rows_of("phone_nos"), &write.phones, self.country);
                put("phone_nos", phones);
            }
            let client = &self.helpdesk.client;
            let written = match standing {
                None => client.insert(CONTACT, &fields).await.into_result(),
                Some(standing) if fields.fields().is_empty() => Ok(standing.clone()),
                Some(standing) => {
                    let (name, seen) =
                        (name_of(standing)?, standing.modified().unwrap_or_default());
                    let update = client.update_if_unchanged(CONTACT, &name, &fields, seen);
                    update.await.into_result()
                }
            };
            match written {
                Ok(contact) => return Ok((name_of(&contact)?, left_out)),
                Err(error) if left_out.after(&error.cause) => {
                    tracing::warn!(
                        contact = %write.key,
                        left_out = ?left_out.names(),
                        "The helpdesk does not take e-mail addresses or phone numbers of a contact; it is written without"
                    );
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The one contact that is certainly this user and no other user of CareSoft.
    async fn contact_to_adopt(&self, write: &SaveContact) -> Result<Option<Document>, Stop> {
        let by_email = with_emails(&write.emails);
        let by_phone = with_phones(&write.phones, self.country);
        for (having, by) in [(by_email, ADDRESS), (by_phone, "phone number")] {
            let Some(having) = having else { continue };
            match self.unclaimed(having).await?.as_slice() {
                [] => {}
                [only] => {
                    let contact = self.helpdesk.client.get(CONTACT, only).await?;
                    // Who has the number and another address is somebody else of the family or the office.
                    let is_the_one = by == ADDRESS || contact.rows("email_ids").is_empty();
                    return Ok(is_the_one.then_some(contact));
                }
                several => {
                    tracing::info!(
                        contact = %write.key,
                        matches = several.len(),
                        "Several contacts have the {by} of a user of CareSoft; a new one is made"
                    );
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// The contacts that a filter finds and that are no user of CareSoft yet.
    async fn unclaimed(&self, having: Filter) -> Result<Vec<Name>, Stop> {
        let mut found = self.contacts(having).await?;
        found.retain(|contact| contact.trimmed(KEY_FIELD).is_none());
        found.iter().map(name_of).collect()
    }

    /// The customer that an organisation was written as.
    pub(super) async fn customer_of_key(
        &self,
        key: Option<&SourceKey>,
    ) -> Result<Option<Name>, Stop> {
        let Some(key) = key else { return Ok(None) };
        let found = self.helpdesk.find(CUSTOMER, key, &[]).await?;
        found.as_ref().map(name_of).transpose()
    }

    /// Makes a contact one of a customer's, in the way of the site's release; whether it was not before.
    pub(super) async fn link_to_customer(
        &self,
        contact: &Name,
        customer: &Name,
    ) -> Result<bool, Stop> {
        self.change_link(contact, customer, with).await
    }

    /// Changes the rows that say whose customer's a contact is; whether there was something to change.
    async fn change_link(
        &self,
        contact: &Name,
        customer: &Name,
        change: fn(&[Document], Row<'_>) -> Option<Vec<Document>>,
    ) -> Result<bool, Stop> {
        let client = &self.helpdesk.client;
        let (doctype, name, table) = match self.helpdesk.has_members().await? {
            true => (CUSTOMER, customer, "contacts"),
            false => (CONTACT, contact, "links"),
        };
        let standing = client.get(doctype, name).await?;
        let rows = standing.rows(table);
        let row = match doctype {
            CONTACT => Row::Link(customer),
            _ => Row::Member(contact),
        };
        let Some(rows) = change(&rows, row) else {
            return Ok(false);
        };
        let changes = Document::new().with(table, as_rows(rows));
        let seen = standing.modified().unwrap_or_default();
        client
            .update_if_unchanged(doctype, name, &changes, seen)
            .await
            .into_result()?;
        Ok(true)
    }
}

fn as_rows(rows: Vec<Document>) -> Value {
    rows.into_iter().map(Value::from).collect()
}

/// The row that makes a contact a customer's.
#[derive(Clone, Copy)]
enum Row<'a> {
    /// Of a contact's links: to this customer.
    Link(&'a Name),
    /// Of a customer's members: this contact.
    Member(&'a Name),
}

impl Row<'_> {
    fn is(self, row: &Document) -> bool {
        match self {
            Self::Link(customer) => linked_customers(std::slice::from_ref(row)).contains(customer),
            Self::Member(contact) => row.link("contact_name").as_ref() == Some(contact),
        }
    }

    fn document(self) -> Document {
        match self {
            Self::Link(customer) => Document::new()
                .with("link_doctype", CUSTOMER)
                .with("link_name", customer),
            Self::Member(contact) => Document::new().with("contact_name", contact),
        }
    }
}

/// The rows with one more; `None` when it stands.
fn with(standing: &[Document], row: Row<'_>) -> Option<Vec<Document>> {
    if standing.iter().any(|standing| row.is(standing)) {
        return None;
    }
    let mut rows = standing.to_vec();
    rows.push(row.document());
    Some(rows)
}

/// The rows without one; `None` when it does not stand.
fn without(standing: &[Document], row: Row<'_>) -> Option<Vec<Document>> {
    let mut rows = standing.to_vec();
    rows.retain(|standing| !row.is(standing));
    (rows.len() < standing.len()).then_some(rows)
}
