//! Communication: a message of a ticket, and what it does to the ticket.

use std::sync::Arc;

use serde_json::Value;

use super::{contact, ticket};
use crate::frappe::{
    document::Document,
    exception::{DOES_NOT_EXIST, Exception},
    html,
    store::Row,
    transaction::Transaction,
};

/// Fills in what a message says about its ticket and its sender.
pub(crate) fn before_insert(
    transaction: &mut Transaction<'_>,
    message: &mut Document,
) -> Result<(), Exception> {
    let doctype = message.text("reference_doctype");
    let name = message.text("reference_name");
    if !doctype.is_empty() && !name.is_empty() {
        let Some(owner) = owner_of(transaction, &doctype, &name) else {
            return Err(transaction.throw(DOES_NOT_EXIST, format!("{doctype} {name} not found")));
        };
        message.set("reference_owner", owner);
        message.set("reference_name", name);
        message.set("status", "Linked");
    }
    let sender = message.text("sender");
    if !sender.is_empty() {
        message.set("sender_full_name", full_name(transaction, &sender));
    }
    if !message.has("subject") {
        let content: String = message.text("content").chars().take(141).collect();
        message.set("subject", html::text_of(&content));
    }
    Ok(())
}

fn owner_of(transaction: &Transaction<'_>, doctype: &str, name: &str) -> Option<Value> {
    transaction.store.row(doctype, name)?;
    Some(transaction.value(doctype, name, "owner"))
}

fn full_name(transaction: &Transaction<'_>, address: &str) -> Value {
    let of_user = transaction.value("User", address, "full_name");
    if !of_user.is_null() {
        return of_user;
    }
    let contact = contact::by_email(transaction.store, address);
    contact.map_or(Value::Null, |contact| {
        transaction.value("Contact", &contact, "full_name")
    })
}

/// Links the message to its people, and lets the ticket follow.
pub(crate) fn after_insert(
    transaction: &mut Transaction<'_>,
    message: &mut Document,
) -> Result<(), Exception> {
    link_people(transaction, message)?;
    if message.text("reference_doctype") == "HD Ticket" && message.has("reference_name") {
        ticket::on_message(transaction, message)?;
    }
    Ok(())
}

fn link_people(transaction: &mut Transaction<'_>, message: &mut Document) -> Result<(), Exception> {
    let addresses = ["sender", "recipients", "cc", "bcc"].map(|field| message.text(field));
    let mut targets: Vec<(&str, Box<str>)> = Vec::new();
    let addresses = addresses.iter().flat_map(|addresses| addresses.split(','));
    for address in addresses.map(str::trim) {
        let Some(name) = contact::by_email(transaction.store, address) else {
            continue;
        };
        let customers = transaction
            .store
            .row("Contact", &name)
            .map(|row| contact::customers_of(row, transaction.store))
            .unwrap_or_default();
        targets.push(("Contact", name));
        targets.extend(customers.into_iter().map(|name| ("HD Customer", name)));
    }
    let mut seen = Vec::new();
    targets.retain(|target| {
        let new = !seen.contains(target);
        seen.push(target.clone());
        new
    });
    if targets.is_empty() {
        return Ok(());
    }
    let Some(meta) = transaction.store.doctype("Communication Link").cloned() else {
        return Ok(());
    };
    let mut rows = Vec::new();
    for (number, (doctype, name)) in (1..).zip(targets) {
        let mut row = Document::new(&meta);
        row.name = transaction.random.name();
        for field in ["owner", "creation", "modified", "modified_by", "docstatus"] {
            row.set(field, message.get(field).clone());
        }
        row.set("idx", number);
        row.set("parent", &*message.name);
        row.set("parentfield", "timeline_links");
        row.set("parenttype", "Communication");
        row.set("link_doctype", doctype);
        row.set("link_name", &*name);
        row.stored = Some(Arc::new(Row::named(&*row.name)));
        rows.push(row);
    }
    message.tables.insert("timeline_links".to_owned(), rows);
    transaction.write_past_checks(message)
}
