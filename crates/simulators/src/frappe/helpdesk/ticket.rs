//! HD Ticket: what it fills in, how its service level follows its status, what it writes beside itself.

use serde_json::{Value, json};

use super::{contact, sla};
use crate::frappe::{
    cell::{self, Kind},
    document::Document,
    exception::{Exception, TYPE, VALIDATION},
    transaction::Transaction,
};

/// Fills in a new ticket, or follows the changes of an old one.
pub(crate) fn validate(
    transaction: &mut Transaction<'_>,
    ticket: &mut Document,
) -> Result<(), Exception> {
    let resolved = ticket.text("resolution_date");
    if cell::temporal(&resolved, Kind::Datetime).is_none() && has_offset(&resolved) {
        let message = "can't compare offset-naive and offset-aware datetimes";
        return Err(Exception::new(TYPE, message).in_helpdesk());
    }
    if ticket.is_new() {
        fill_in(transaction, ticket);
        start_agreement(transaction, ticket);
    } else {
        follow_contact(transaction, ticket);
        follow_status(transaction, ticket);
        if ticket.changed("priority") {
            set_terms(ticket);
        }
    }
    set_agreement_status(transaction, ticket);
    Ok(())
}

fn has_offset(text: &str) -> bool {
    let naive = text
        .get(..19)
        .and_then(|naive| cell::temporal(naive, Kind::Datetime));
    naive.is_some()
        && text
            .get(19..)
            .is_some_and(|rest| rest.contains(['Z', '+', '-']))
}

fn fill_in(transaction: &mut Transaction<'_>, ticket: &mut Document) {
    let user = transaction.user.name.clone();
    if !ticket.has("raised_by") {
        let address = transaction.value("User", &user, "email");
        let address = if address.is_null() {
            (&*user).into()
        } else {
            address
        };
        ticket.set("raised_by", address);
    }
    if !ticket.has("opening_time") {
        ticket.set("opening_time", cell::clock_text(transaction.now.time()));
    }
    ticket.set("key", transaction.random.uuid());
    follow_contact(transaction, ticket);
    if !ticket.has("ticket_type") {
        let default = transaction.setting("HD Settings", "default_ticket_type");
        ticket.set("ticket_type", cell::text(&default));
    }
    if !ticket.has("priority") {
        let by_type = transaction.value("HD Ticket Type", &ticket.text("ticket_type"), "priority");
        let default = transaction.setting("HD Settings", "default_priority");
        let known = [cell::text(&by_type), cell::text(&default)];
        let known = known.into_iter().find(|priority| !priority.is_empty());
        ticket.set("priority", known.unwrap_or_else(|| "Medium".to_owned()));
    }
    // Whatever status was sent is overwritten, but its category was fetched before (observed).
    let default = transaction.setting("HD Settings", "default_ticket_status");
    ticket.set("status", default);
    if !ticket.has("status_category") {
        let category = category(transaction, ticket);
        ticket.set("status_category", category);
    }
}

/// Finds the contact by the address, and the customer by the contact when there is exactly one.
fn follow_contact(transaction: &Transaction<'_>, ticket: &mut Document) {
    if ticket.is_new() && !ticket.has("contact") {
        let contact = contact::by_email(transaction.store, &ticket.text("raised_by"));
        ticket.set(
            "contact",
            contact.as_deref().map_or(Value::Null, Value::from),
        );
    }
    let wanted = !transaction.versions.has_customer_members()
        || transaction.is_set("HD Settings", "auto_set_customer_from_contact");
    if ticket.has("customer") || !ticket.has("contact") || !wanted {
        return;
    }
    if let Some(row) = transaction.store.row("Contact", &ticket.text("contact"))
        && let [only] = contact::customers_of(row, transaction.store).as_slice()
    {
        ticket.set("customer", &**only);
    }
}

fn category(transaction: &Transaction<'_>, ticket: &Document) -> Value {
    transaction.value("HD Ticket Status", &ticket.text("status"), "category")
}

fn start_agreement(transaction: &Transaction<'_>, ticket: &mut Document) {
    if transaction
        .store
        .row("HD Service Level Agreement", "Default")
        .is_some()
    {
        ticket.set("sla", "Default");
    }
    ticket.set("service_level_agreement_creation", transaction.now_text());
    let outside = !sla::is_working_time(transaction.now);
    ticket.set("raised_outside_working_hours", i64::from(outside));
    set_terms(ticket);
}

fn set_terms(ticket: &mut Document) {
    let Some(start) = instant(ticket, "service_level_agreement_creation") else {
        return;
    };
    let (response, resolution) = sla::terms(&ticket.text("priority"));
    ticket.set(
        "response_by",
        cell::datetime_text(sla::due(start, response)),
    );
    ticket.set(
        "resolution_by",
        cell::datetime_text(sla::due(start, resolution)),
    );
}

fn instant(ticket: &Document, field: &str) -> Option<jiff::civil::DateTime> {
    let text = cell::temporal(&ticket.text(field), Kind::Datetime)?;
    text.parse().ok()
}

fn worked_since(transaction: &Transaction<'_>, ticket: &Document, field: &str) -> i64 {
    instant(ticket, field).map_or(0, |since| sla::worked(since, transaction.now))
}

fn follow_status(transaction: &Transaction<'_>, ticket: &mut Document) {
    if ticket.changed("status") {
        let before = cell::text(&ticket.before("status_category"));
        let now = transaction.now_text();
        let after = ticket.text("status_category");
        if before == "Paused" && after != "Paused" {
            let held = worked_since(transaction, ticket, "on_hold_since");
            let total = cell::int(ticket.get("total_hold_time")) + held;
            ticket.set("total_hold_time", total);
            ticket.set("on_hold_since", Value::Null);
        }
        if after == "Paused" && before != "Paused" {
            ticket.set("on_hold_since", &*now);
        }
        if after != "Open" && !ticket.has("first_responded_on") {
            ticket.set("first_responded_on", &*now);
        }
        if after == "Resolved" && before != "Resolved" {
            ticket.set("resolution_date", &*now);
            let worked = worked_since(transaction, ticket, "service_level_agreement_creation");
            ticket.set("resolution_time", worked);
        }
        if after != "Resolved" {
            ticket.set("resolution_date", Value::Null);
            ticket.set("resolution_time", Value::Null);
        }
    }
    if ticket.has("first_responded_on") && ticket.get("first_response_time").is_null() {
        let start = instant(ticket, "service_level_agreement_creation");
        let first = instant(ticket, "first_responded_on");
        let worked = start
            .zip(first)
            .map_or(0, |(start, first)| sla::worked(start, first));
        ticket.set("first_response_time", worked);
    }
}

fn set_agreement_status(transaction: &Transaction<'_>, ticket: &mut Document) {
    let now = transaction.now_text();
    let late = |ticket: &Document, field: &str, by: &str| {
        let until = match field {
            "" => now.clone(),
            field => ticket.text(field).replace('T', " "),
        };
        until > ticket.text(by)
    };
    let status = if ticket.has("resolution_date") {
        match late(ticket, "resolution_date", "resolution_by") {
            true => "Failed",
            false => "Fulfilled",
        }
    } else if ticket.text("status_category") == "Paused" {
        "Paused"
    } else if ticket.has("first_responded_on") {
        match late(ticket, "", "resolution_by") {
            true => "Failed",
            false => "Resolution Due",
        }
    } else {
        match late(ticket, "", "response_by") {
            true => "Failed",
            false => "First Response Due",
        }
    };
    ticket.set("agreement_status", status);
}

/// The description becomes the first message.
pub(crate) fn after_insert(
    transaction: &mut Transaction<'_>,
    ticket: &Document,
) -> Result<(), Exception> {
    let acknowledged = transaction.is_set("HD Settings", "send_acknowledgement_email");
    if acknowledged && cell::int(ticket.get("via_customer_portal")) == 0 {
        return Err(no_mail(transaction));
    }
    if !ticket.has("description") {
        return Ok(());
    }
    let sender = transaction.user.name.clone();
    receive(transaction, ticket, &ticket.text("description"), &sender)
}

/// Mail cannot be sent: the site has no outgoing account.
pub(crate) fn no_mail(transaction: &mut Transaction<'_>) -> Exception {
    let message = "Unable to send email. Please setup default outgoing email account.";
    transaction.throw(VALIDATION, message).in_helpdesk()
}

/// Writes a message of the customer, past the user's rights.
pub(crate) fn receive(
    transaction: &mut Transaction<'_>,
    ticket: &Document,
    content: &str,
    sender: &str,
) -> Result<(), Exception> {
    let message = json!({
        "communication_type": "Communication",
        "communication_medium": "Email",
        "sent_or_received": "Received",
        "email_status": "Open",
        "subject": format!("Re: {}", ticket.text("subject")),
        "sender": sender,
        "content": content,
        "status": "Linked",
        "reference_doctype": "HD Ticket",
        "reference_name": &ticket.name,
    });
    let message = message.as_object().cloned().unwrap_or_default();
    transaction.trusted(|transaction| transaction.insert("Communication", &message).map(drop))
}

/// Notes what changed.
pub(crate) fn on_update(
    transaction: &mut Transaction<'_>,
    ticket: &Document,
) -> Result<(), Exception> {
    const NOTED: [(&str, &str); 5] = [
        ("status", "status"),
        ("priority", "priority"),
        ("agent_group", "team"),
        ("ticket_type", "type"),
        ("contact", "contact"),
    ];
    for (field, word) in NOTED {
        if ticket.changed(field) {
            let action = format!("set {word} to {}", ticket.text(field));
            note(transaction, &ticket.name, &action)?;
        }
    }
    Ok(())
}

fn note(transaction: &mut Transaction<'_>, ticket: &str, action: &str) -> Result<(), Exception> {
    let values = [("ticket", Value::from(ticket)), ("action", action.into())];
    transaction
        .insert_past_checks("HD Ticket Activity", &values)
        .map(drop)
}

/// What belongs to a ticket goes with it.
pub(crate) fn on_trash(transaction: &mut Transaction<'_>, ticket: &Document) {
    for (doctype, field) in [
        ("HD Ticket Activity", "ticket"),
        ("HD Ticket Comment", "reference_ticket"),
    ] {
        transaction.remove_where(doctype, field, &ticket.name);
    }
}

/// A message came in or went out: the ticket's status and times follow.
pub(crate) fn on_message(
    transaction: &mut Transaction<'_>,
    message: &Document,
) -> Result<(), Exception> {
    let name = message.text("reference_name");
    let mut ticket = transaction.load("HD Ticket", &name)?;
    let now = transaction.now_text();
    if message.text("sent_or_received") == "Received" {
        let status = transaction.setting("HD Settings", "ticket_reopen_status");
        ticket.set("status", status);
        let category = category(transaction, &ticket);
        ticket.set("status_category", category);
        ticket.set("last_customer_response", &*now);
        ticket.set("resolution_date", Value::Null);
        if !ticket.has("description") {
            ticket.set("description", message.get("content").clone());
        }
    } else if message.text("communication_type") != "Automated Message" {
        if !ticket.has("first_responded_on") {
            ticket.set("first_responded_on", &*now);
        }
        ticket.set("last_agent_response", &*now);
    } else {
        return Ok(());
    }
    transaction
        .save(ticket)
        .map(drop)
        .map_err(Exception::in_helpdesk)
}
