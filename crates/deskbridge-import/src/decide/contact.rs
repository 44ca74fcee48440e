//! A contact.

use frappe::Document;
use serde_json::{Value, json};

use super::{
    customer::identify,
    key::SourceKey,
    planned::{Fresh, Planned, PlannedDocument, Resolved},
    problem::{Problem, Problems},
    settings::{CustomerDocType, Settings},
    site::{Site, address},
};
use crate::record::{Contact, Kind};

const CONTACT: &str = "Contact";

/// What is to be written of a contact.
///
/// Its addresses and numbers go as rows: what is sent at the top is blanked without a word.
pub fn plan(contact: &Contact, resolved: &Resolved, site: &Site, settings: &Settings) -> Fresh {
    let mut problems = Problems::default();
    if contact.id.trim().is_empty() {
        problems.add(Problem::NoId);
    }
    let mut document = Document::from(contact.fields.clone());
    let emails = emails(contact, &mut problems);
    document.set("first_name", name_of(contact, &emails));
    if let Some(image) = &settings.contact_image
        && document.get("image").is_none()
    {
        document.set("image", image.as_str());
    }
    if !emails.is_empty() {
        document.set("email_ids", email_rows(&emails));
    }
    let phones = phone_rows(contact);
    if !phones.is_empty() {
        document.set("phone_nos", phones);
    }
    let lists_contacts =
        settings.customer_doctype == CustomerDocType::Helpdesk && site.lists_contacts();
    let mut customer = None;
    if let Some(id) = &contact.customer {
        let doctype = settings.customer_doctype.as_str();
        match resolved.name(Kind::Customer, id) {
            Some(name) if lists_contacts => customer = Some(name.to_owned()),
            Some(name) => document.set(
                "links",
                json!([{"link_doctype": doctype, "link_name": name}]),
            ),
            None => problems.add(Problem::Dangling { kind: "customer" }),
        }
    }
    let key = SourceKey::new(&settings.source, Kind::Contact.as_str(), &contact.id);
    let mut document = site.fit(CONTACT, document, &mut problems);
    site.require(CONTACT, &document, &mut problems);
    identify(
        &mut document,
        CONTACT,
        &key,
        contact.created_at.map(|at| site.time(at)),
        site,
    );
    Fresh {
        kind: Kind::Contact,
        id: contact.id.clone(),
        problems,
        planned: Planned::One(PlannedDocument {
            doctype: CONTACT.to_owned(),
            key,
            document,
            customer,
        }),
    }
}

fn emails(contact: &Contact, problems: &mut Problems) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in contact.emails.iter().filter(|text| !text.trim().is_empty()) {
        match address(text) {
            Some(email) if found.contains(&email) => {}
            Some(email) => found.push(email),
            None => problems.add(Problem::NoAddress {
                doctype: CONTACT.to_owned(),
                field: "email_ids".to_owned(),
            }),
        }
    }
    found
}

/// A contact must be called something: by its name, else by how it is reached.
fn name_of(contact: &Contact, emails: &[String]) -> String {
    let texts = contact.name.iter().chain(emails).chain(&contact.phones);
    let mut texts = texts.chain(&contact.mobiles).map(|text| text.trim());
    let found = texts.find(|text| !text.is_empty());
    let name = found.map_or_else(|| format!("Contact {}", contact.id), str::to_owned);
    name.replace(['<', '>'], "")
}

fn email_rows(emails: &[String]) -> Value {
    let rows = emails.iter().enumerate();
    rows.map(|(number, email)| json!({"email_id": email, "is_primary": i32::from(number == 0)}))
        .collect()
}

/// One row for each number: a mobile one that is also given as a telephone is both.
fn phone_rows(contact: &Contact) -> Vec<Value> {
    let numbers = |texts: &[String]| -> Vec<String> {
        let texts = texts.iter().map(|text| text.trim());
        texts
            .filter(|text| is_number(text))
            .map(str::to_owned)
            .collect()
    };
    let (phones, mobiles) = (numbers(&contact.phones), numbers(&contact.mobiles));
    let mut seen: Vec<&String> = Vec::new();
    let mut rows = Vec::new();
    for number in phones.iter().chain(&mobiles) {
        if seen.contains(&number) {
            continue;
        }
        seen.push(number);
        rows.push(json!({
            "phone": number,
            "is_primary_phone": i32::from(phones.first() == Some(number)),
            "is_primary_mobile_no": i32::from(mobiles.first() == Some(number)),
        }));
    }
    rows
}

/// What Frappe takes for a telephone number: digits and what stands between them.
fn is_number(text: &str) -> bool {
    let is_part = |c: char| {
        c.is_ascii_digit() || matches!(c, ' ' | '+' | '_' | '-' | '.' | ',' | '*' | '#' | '(' | ')')
    };
    text.chars().any(|c| c.is_ascii_digit())
        && text.chars().count() <= 20
        && text.chars().all(is_part)
}
