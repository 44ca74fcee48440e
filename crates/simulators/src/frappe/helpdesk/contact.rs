//! Contact: its name, its derived fields, its customers.

use serde_json::{Map, Value, json};

use crate::frappe::{
    cell,
    document::Document,
    exception::{Exception, VALIDATION},
    store::{Row, Store},
    transaction::Transaction,
};

/// Up to Helpdesk 1.27: an address at a customer's domain links the contact to that customer, but only
/// when the address is sent in the top-level field that is otherwise ignored (observed).
pub(crate) fn before_insert(transaction: &Transaction<'_>, contact: &mut Document) {
    if transaction.versions.has_customer_members() {
        return;
    }
    let address = contact.text("email_id");
    let Some((_, domain)) = address
        .split_once('@')
        .filter(|(_, domain)| !domain.is_empty())
    else {
        return;
    };
    let Some(column) = transaction
        .store
        .doctype("HD Customer")
        .and_then(|meta| meta.column("domain"))
    else {
        return;
    };
    let customers = transaction.store.equal("HD Customer", column, domain);
    let Some(customer) = customers.first().map(|row| row.name.clone()) else {
        return;
    };
    let mut links: Vec<Value> = contact
        .rows("links")
        .iter()
        .map(|row| json!({"link_doctype": row.get("link_doctype"), "link_name": row.get("link_name")}))
        .collect();
    links.push(json!({"link_doctype": "HD Customer", "link_name": &*customer}));
    let update = Map::from_iter([("links".to_owned(), Value::Array(links))]);
    contact.update(&update, transaction.store);
}

/// Full name, then the first link, then a number when that is taken; ten random characters without any
/// name.
pub(crate) fn new_name(transaction: &mut Transaction<'_>, contact: &Document) -> String {
    let full_name = full_name(contact);
    if full_name.is_empty() {
        return transaction.random.name();
    }
    let link = contact
        .rows("links")
        .first()
        .map(|row| row.text("link_name"));
    let name = match link {
        Some(link) => format!("{full_name}-{}", link.trim()),
        None => full_name,
    };
    if transaction.store.row("Contact", &name).is_none() {
        return name;
    }
    let numbered = (1..).map(|number: u32| format!("{name}-{number}"));
    let mut free = numbered.filter(|name| transaction.store.row("Contact", name).is_none());
    free.next().unwrap_or(name)
}

fn full_name(contact: &Document) -> String {
    let parts = ["first_name", "middle_name", "last_name"].map(|field| contact.text(field));
    let parts: Vec<&str> = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ")
}

/// Derives what a contact shows at its top from the rows below.
pub(crate) fn validate(
    transaction: &mut Transaction<'_>,
    contact: &mut Document,
) -> Result<(), Exception> {
    contact.set("full_name", full_name(contact));
    if let Some([only]) = contact.tables.get_mut("email_ids").map(Vec::as_mut_slice) {
        only.set("is_primary", 1);
    }
    let primary = |transaction: &mut Transaction<'_>, table: &str, flag: &str, label: &str| {
        let flagged: Vec<&Document> = contact
            .rows(table)
            .iter()
            .filter(|row| cell::int(row.get(flag)) != 0)
            .collect();
        match flagged.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some((*one).clone())),
            _ => {
                let message = format!("Only one <strong>{label}</strong> can be set as primary.");
                Err(transaction.throw(VALIDATION, message))
            }
        }
    };
    let email = primary(transaction, "email_ids", "is_primary", "Email ID")?;
    let phone = primary(transaction, "phone_nos", "is_primary_phone", "Phone")?;
    let mobile = primary(
        transaction,
        "phone_nos",
        "is_primary_mobile_no",
        "Mobile No",
    )?;
    let text = |row: Option<Document>, field: &str| {
        row.map(|row| row.text(field).trim().to_owned())
            .unwrap_or_default()
    };
    contact.set("email_id", text(email, "email_id"));
    contact.set("phone", text(phone, "phone"));
    contact.set("mobile_no", text(mobile, "phone"));
    // The look-up of a portrait finds nothing here.
    if contact.has("email_id") && !contact.has("image") {
        contact.set("image", "");
    }
    for link in contact.tables.get_mut("links").into_iter().flatten() {
        if !link.has("link_title") {
            let title = link.text("link_name");
            link.set("link_title", title);
        }
    }
    Ok(())
}

/// The first contact whose primary address is this one.
pub(crate) fn by_email(store: &Store, address: &str) -> Option<Box<str>> {
    if address.is_empty() {
        return None;
    }
    let column = store.doctype("Contact")?.column("email_id")?;
    let contacts = store.equal("Contact", column, address);
    contacts.first().map(|row| row.name.clone())
}

/// The customers of a contact: its links, or the customers that name it as a member.
pub(crate) fn customers_of(contact: &Row, store: &Store) -> Vec<Box<str>> {
    let members = store
        .doctype("HD Customer")
        .is_some_and(|meta| meta.field("contacts").is_some());
    if members {
        let column = store
            .doctype("HD Customer Member")
            .and_then(|meta| meta.column("contact_name"));
        let Some(column) = column else {
            return Vec::new();
        };
        let customers = store.equal_in_child("HD Customer", "contacts", column, &contact.name);
        return customers.into_iter().map(|row| row.name.clone()).collect();
    }
    let Some(meta) = store.doctype("Dynamic Link") else {
        return Vec::new();
    };
    let (Some(kind), Some(name)) = (meta.column("link_doctype"), meta.column("link_name")) else {
        return Vec::new();
    };
    let links = contact.table("links").iter();
    links
        .filter(|link| link.text(kind) == "HD Customer")
        .map(|link| link.text(name).into())
        .collect()
}
