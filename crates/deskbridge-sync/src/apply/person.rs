//! Finding the contact that a person of CareSoft is, and the customer that a contact belongs to.

use deskbridge_identity::{Country, Email, Phone};
use frappe::{Document, Filter, List, Name, Op};
use serde_json::Value;

use super::{KEY_FIELD, Place, Stop, customer::CUSTOMER, helpdesk::name_of};
use crate::decide::write::SourceKey;

pub(super) const CONTACT: &str = "Contact";

/// As many contacts as can be told apart by hand; with more, none is the one.
const MATCHES_MAX: u32 = 20;

/// Who a ticket is of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Requester {
    pub(super) contact: Name,
    pub(super) full_name: Option<String>,
    pub(super) email: Option<String>,
    /// The one customer of the contact; none where it has several.
    pub(super) customer: Option<Name>,
}

impl Place {
    /// The contact of a user or, where no user is known, the one that alone has a phone number: a number may be a
    /// family's or a front desk's, and whoever is known is not whoever else has it.
    pub(super) async fn requester(
        &self,
        user: Option<&SourceKey>,
        phone: Option<&str>,
    ) -> Result<Option<Requester>, Stop> {
        let name = match (user, phone) {
            (Some(key), _) => match self.helpdesk.find(CONTACT, key, &[]).await? {
                Some(contact) => Some(name_of(&contact)?),
                None => None,
            },
            (None, Some(phone)) => self.contact_with_phone(phone).await?,
            (None, None) => None,
        };
        let Some(name) = name else { return Ok(None) };
        let contact = self.helpdesk.client.get(CONTACT, &name).await?;
        let text = |field| contact.trimmed(field).map(str::to_owned);
        Ok(Some(Requester {
            full_name: text("full_name"),
            email: text("email_id"),
            customer: self.only_customer_of(&contact).await?,
            contact: name,
        }))
    }

    /// The contact that alone has a phone number.
    pub(super) async fn contact_with_phone(&self, phone: &str) -> Result<Option<Name>, Stop> {
        let having = with_phones(&[phone.to_owned()], self.country);
        let found = match having {
            Some(having) => self.contacts(having).await?,
            None => Vec::new(),
        };
        match found.as_slice() {
            [only] => Ok(Some(name_of(only)?)),
            _ => Ok(None),
        }
    }

    /// The contacts that a filter finds, each once, with their source keys.
    pub(super) async fn contacts(&self, having: Filter) -> Result<Vec<Document>, Stop> {
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .filter(having)
            .limit(MATCHES_MAX);
        let mut found = self.helpdesk.client.list(CONTACT, &list).await?;
        // One with two rows that match is found twice.
        found.sort_by_key(|contact| contact.to_text("name"));
        found.dedup_by_key(|contact| contact.to_text("name"));
        Ok(found)
    }

    /// The customer of a contact, if it has exactly one.
    pub(super) async fn only_customer_of(&self, contact: &Document) -> Result<Option<Name>, Stop> {
        let customers = if self.helpdesk.has_members().await? {
            let member = name_of(contact)?;
            let having = Filter::eq("contact_name", &member).of("HD Customer Member");
            let list = List::new().filter(having).limit(2);
            let rows = self.helpdesk.client.list(CUSTOMER, &list).await?;
            rows.iter().filter_map(Document::name).collect()
        } else {
            linked_customers(&contact.rows("links"))
        };
        match <[Name; 1]>::try_from(customers) {
            Ok([only]) => Ok(Some(only)),
            Err(_none_or_several) => Ok(None),
        }
    }
}

/// The customers that rows of a contact's `links` name.
pub(super) fn linked_customers(links: &[Document]) -> Vec<Name> {
    let of_customers = |link: &&Document| link.text("link_doctype") == Some(CUSTOMER);
    let links = links.iter().filter(of_customers);
    links.filter_map(|link| link.link("link_name")).collect()
}

/// Finds contacts with any of these numbers, in the spellings that people use most.
pub(super) fn with_phones(phones: &[String], country: Country) -> Option<Filter> {
    let spellings = phones.iter().flat_map(|phone| spellings(phone, country));
    one_of("phone", "Contact Phone", spellings.collect())
}

/// Finds contacts with any of these addresses.
pub(super) fn with_emails(emails: &[String]) -> Option<Filter> {
    let emails = emails.iter().filter_map(|email| Email::parse(email));
    let emails = emails.map(|email| email.as_str().to_owned());
    one_of("email_id", "Contact Email", emails.collect())
}

fn one_of(field: &str, rows: &str, mut values: Vec<String>) -> Option<Filter> {
    values.sort_unstable();
    values.dedup();
    let values: Vec<Value> = values.into_iter().map(Value::from).collect();
    (!values.is_empty()).then(|| Filter::new(field, Op::In, values).of(rows))
}

fn spellings(phone: &str, country: Country) -> Vec<String> {
    let given = phone.trim().to_owned();
    let mut spellings = match Phone::parse(phone, country) {
        Some(phone) => vec![
            phone.national().to_owned(),
            phone.e164().to_owned(),
            phone.e164().trim_start_matches('+').to_owned(),
        ],
        None => Vec::new(),
    };
    if !given.is_empty() && !spellings.contains(&given) {
        spellings.push(given);
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_for_as_people_write_it() {
        let country = Country::default();
        let all = ["0901234567", "+84901234567", "84901234567"];
        for (phone, expected) in [
            ("0901234567", &all[..]),
            ("+84901234567", &all),
            ("1234", &["1234"]),
            (" ", &[]),
            (
                "0901 234 567",
                &["0901234567", "+84901234567", "84901234567", "0901 234 567"],
            ),
        ] {
            assert_eq!(spellings(phone, country), expected, "{phone}");
        }
    }
}
