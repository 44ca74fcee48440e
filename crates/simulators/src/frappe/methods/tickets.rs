//! Helpdesk's own functions on tickets.

use serde_json::{Map, Value, json};

use super::{Answer, Returned, not_permitted, parsed, required_texts};
use crate::frappe::{
    cell,
    document::{Document, Nulls},
    exception::{ATTRIBUTE, Exception, PERMISSION},
    helpdesk::ticket,
    meta::Right,
    request::Call,
    transaction::Transaction,
};

/// `run_doc_method`: a method of a document by name.
pub(super) fn run_doc_method(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [method] = required_texts(call, "run_doc_method", ["method"])?;
    let [doctype, name] = ["dt", "dn"].map(|key| call.text(key).unwrap_or_default());
    let args = call.params.get("args").cloned().unwrap_or_default();
    let args = match &args {
        Value::String(text) if text.is_empty() => Value::Null,
        args => parsed(args)?,
    };
    let args = args.as_object().cloned().unwrap_or_default();
    let document = transaction.load(&doctype, &name)?;
    if !transaction.may(Right::Read, &document) {
        return Err(transaction.throw(PERMISSION, "Not permitted"));
    }
    let returned = run(transaction, &document, &method, &args)?;
    let document = transaction.load(&doctype, &name)?;
    let mut body = super::docs(document);
    if !returned.is_null() {
        body.insert("message".to_owned(), returned);
    }
    Ok(Returned::Body(200, body))
}

/// Runs a method of a document; null when it returns nothing.
pub(super) fn run(
    transaction: &mut Transaction<'_>,
    document: &Document,
    method: &str,
    args: &Map<String, Value>,
) -> Result<Value, Exception> {
    let text = |key: &str| args.get(key).map(cell::text).unwrap_or_default();
    match (&*document.meta.name, method) {
        ("HD Ticket", "new_comment") => {
            new_comment(transaction, document, &text("content"))?;
        }
        ("HD Ticket", "reply_via_agent") => {
            return Err(ticket::no_mail(transaction));
        }
        ("HD Ticket", "create_communication_via_contact") => {
            let sender = transaction.user.name.clone();
            ticket::receive(transaction, document, &text("message"), &sender)?;
        }
        ("HD Ticket", "mark_seen") => {
            let view = [
                ("viewed_by", Value::from(&*transaction.user.name)),
                ("reference_doctype", "HD Ticket".into()),
                ("reference_name", document.name.as_str().into()),
            ];
            transaction.insert_past_checks("View Log", &view)?;
        }
        ("HD Ticket", "assign_agent") => {
            super::assign::assign(transaction, document, &[text("agent")], "")?;
        }
        (doctype, method) => {
            let class = doctype.replace(' ', "");
            let message = format!("'{class}' object has no attribute '{method}'");
            return Err(Exception::new(ATTRIBUTE, message));
        }
    }
    Ok(Value::Null)
}

fn new_comment(
    transaction: &mut Transaction<'_>,
    ticket: &Document,
    content: &str,
) -> Result<(), Exception> {
    if !transaction.user.is_agent(transaction.store) {
        return Err(not_permitted(transaction));
    }
    let comment = json!({
        "reference_ticket": &ticket.name,
        "commented_by": &*transaction.user.name,
        "content": content,
    });
    let comment = comment.as_object().cloned().unwrap_or_default();
    transaction.trusted(|transaction| transaction.insert("HD Ticket Comment", &comment).map(drop))
}

/// The form scripts that the agents' page runs.
pub(super) fn get_ticket_customizations(transaction: &mut Transaction<'_>, _: &Call) -> Answer {
    if !transaction.user.is_agent(transaction.store) {
        return Err(not_permitted(transaction));
    }
    let params = json!({
        "filters": {"dt": "HD Ticket", "enabled": 1, "apply_to": "Form"},
        "fields": ["script"],
        "order_by": "name asc",
        "limit": 0,
    });
    let params = params.as_object().cloned().unwrap_or_default();
    let scripts = transaction.list_all("HD Form Script", &params)?;
    let scripts = scripts.as_array().into_iter().flatten();
    let scripts: Vec<Value> = scripts
        .filter_map(|row| row.get("script").cloned())
        .collect();
    Ok(json!({"custom_fields": [], "_form_script": scripts}).into())
}

/// Creates a ticket as the portal does.
pub(super) fn new(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doc] = super::required(call, "new", ["doc"])?;
    let mut doc = parsed(&doc)?.as_object().cloned().unwrap_or_default();
    doc.insert("via_customer_portal".to_owned(), 1.into());
    let ticket = transaction.insert("HD Ticket", &doc)?;
    Ok(ticket.json(Nulls::Dropped).into())
}

pub(super) fn get_ticket_activities(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [name] = required_texts(call, "get_ticket_activities", ["ticket"])?;
    let ticket = transaction.load("HD Ticket", &name)?;
    transaction.check(Right::Read, &ticket)?;
    Ok(activities(transaction, &ticket)?.into())
}

fn activities(transaction: &mut Transaction<'_>, ticket: &Document) -> Result<Value, Exception> {
    let comments = rows(
        transaction,
        "HD Ticket Comment",
        &json!({"reference_ticket": &ticket.name}),
        &["commented_by", "content", "creation", "is_pinned", "name"],
        "creation asc",
    )?;
    let messages = rows(
        transaction,
        "Communication",
        &json!({"reference_doctype": "HD Ticket", "reference_name": &ticket.name}),
        &[
            "bcc",
            "cc",
            "content",
            "creation",
            "communication_date",
            "name",
            "sender",
            "recipients",
            "subject",
            "delivery_status",
            "sent_or_received",
            "user",
        ],
        "creation asc",
    )?;
    let history = rows(
        transaction,
        "HD Ticket Activity",
        &json!({"ticket": &ticket.name}),
        &["name", "action", "owner", "creation"],
        "creation desc",
    )?;
    let views = rows(
        transaction,
        "View Log",
        &json!({"reference_doctype": "HD Ticket", "reference_name": &ticket.name}),
        &["name", "creation", "viewed_by"],
        "creation desc",
    )?;
    let dress = |rows: Vec<Map<String, Value>>, by: &dyn Fn(&Map<String, Value>) -> String| {
        let rows = rows.into_iter().map(|mut row| {
            let person = person(transaction, &by(&row));
            row.insert("user".to_owned(), person);
            row
        });
        rows.collect::<Vec<_>>()
    };
    let text =
        |row: &Map<String, Value>, key: &str| row.get(key).map(cell::text).unwrap_or_default();
    let with_files = |mut rows: Vec<Map<String, Value>>| {
        for row in &mut rows {
            row.insert("attachments".to_owned(), json!([]));
        }
        rows
    };
    let author = |row: &Map<String, Value>| match &*text(row, "sent_or_received") {
        "Sent" => text(row, "user"),
        _ => text(row, "sender"),
    };
    Ok(json!({
        "comments": with_files(dress(comments, &|row| text(row, "commented_by"))),
        "communications": with_files(dress(messages, &author)),
        "history": dress(history, &|row| text(row, "owner")),
        "views": dress(views, &|row| text(row, "viewed_by")),
        "calls": [],
    }))
}

fn rows(
    transaction: &mut Transaction<'_>,
    doctype: &str,
    filters: &Value,
    fields: &[&str],
    order: &str,
) -> Result<Vec<Map<String, Value>>, Exception> {
    let params = json!({"filters": filters, "fields": fields, "order_by": order, "limit": 0});
    let params = params.as_object().cloned().unwrap_or_default();
    let found = transaction.list_all(doctype, &params)?;
    let found = found.as_array().into_iter().flatten();
    Ok(found.filter_map(|row| row.as_object().cloned()).collect())
}

fn person(transaction: &Transaction<'_>, name: &str) -> Value {
    if name.is_empty() {
        return json!({"email": null, "image": "", "name": null});
    }
    match transaction.store.row("User", name) {
        Some(_) => json!({
            "email": name,
            "image": transaction.value("User", name, "user_image"),
            "name": transaction.value("User", name, "full_name"),
        }),
        None => json!({"email": name, "image": "", "name": name}),
    }
}
