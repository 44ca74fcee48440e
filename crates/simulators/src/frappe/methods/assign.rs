//! `frappe.desk.form.assign_to`: who is to look after a document.

use serde_json::{Value, json};

use super::{Answer, parsed, required, required_texts};
use crate::frappe::{
    cell,
    document::Document,
    exception::{Exception, Message},
    meta::Right,
    request::Call,
    transaction::Transaction,
};

pub(super) fn add(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = ["doctype", "name", "assign_to"];
    let [doctype, name, users] = required(call, "add", names)?;
    let users = parsed(&users)?;
    let users: Vec<String> = users
        .as_array()
        .into_iter()
        .flatten()
        .map(cell::text)
        .collect();
    let document = transaction.load(&cell::text(&doctype), &cell::text(&name))?;
    transaction.check(Right::Read, &document)?;
    let description = call.text("description").unwrap_or_default();
    assign(transaction, &document, &users, &description)?;
    open(transaction, &document)
}

/// Assigns a document; who cannot read it gets a share.
pub(super) fn assign(
    transaction: &mut Transaction<'_>,
    document: &Document,
    users: &[String],
    description: &str,
) -> Result<(), Exception> {
    let (doctype, name) = (document.meta.name.clone(), document.name.clone());
    let (mut again, mut shared) = (Vec::new(), Vec::new());
    for user in users {
        if assigned(transaction, document).contains(user) {
            again.push(user.as_str());
            continue;
        }
        let description = match description {
            "" => format!("Assignment for {doctype} {name}"),
            given => given.to_owned(),
        };
        let todo = json!({
            "allocated_to": user,
            "assigned_by": &*transaction.user.name,
            "reference_type": &*doctype,
            "reference_name": name,
            "description": description,
            "priority": "Medium",
            "status": "Open",
        });
        let todo = todo.as_object().cloned().unwrap_or_default();
        transaction.trusted(|transaction| transaction.insert("ToDo", &todo).map(drop))?;
        if let Some(other) = crate::frappe::users::user(transaction.store, user) {
            let own = std::mem::replace(&mut transaction.user, other);
            let said = transaction.messages.len();
            let may = transaction.may(Right::Read, document);
            transaction.messages.truncate(said);
            transaction.user = own;
            if !may {
                let share = [
                    ("user", Value::from(user.as_str())),
                    ("share_doctype", (&*doctype).into()),
                    ("share_name", name.as_str().into()),
                    ("read", 1.into()),
                ];
                transaction.insert_past_checks("DocShare", &share)?;
                shared.push(user.as_str());
            }
        }
        note_assigned(transaction, document)?;
    }
    if !shared.is_empty() {
        let with = shared.join("<br>");
        let message = format!("Shared with the following Users with Read access:<br><br>{with}");
        transaction.messages.push(Message::note(message));
    }
    if !again.is_empty() {
        let whose = again.join("<br>");
        let message = format!("Already in the following Users ToDo list:<br><br>{whose}");
        transaction.messages.push(Message::note(message));
    }
    Ok(())
}

/// Who has an open `ToDo` for the document, in the order of assignment.
fn assigned(transaction: &mut Transaction<'_>, document: &Document) -> Vec<String> {
    let todos = todos(transaction, document, "creation asc").unwrap_or_default();
    let todos = todos.as_array().into_iter().flatten();
    todos
        .map(|todo| cell::text(todo.get("allocated_to").unwrap_or(&Value::Null)))
        .collect()
}

fn todos(
    transaction: &mut Transaction<'_>,
    document: &Document,
    order: &str,
) -> Result<Value, Exception> {
    let params = json!({
        "filters": {
            "reference_type": &*document.meta.name,
            "reference_name": &document.name,
            "status": ["not in", ["Cancelled", "Closed"]],
        },
        "fields": ["name", "allocated_to"],
        "order_by": order,
        "limit": 0,
    });
    let params = params.as_object().cloned().unwrap_or_default();
    transaction.list_all("ToDo", &params)
}

/// Writes the list of assigned users into the document, without touching its times.
fn note_assigned(transaction: &mut Transaction<'_>, document: &Document) -> Result<(), Exception> {
    let users = assigned(transaction, document);
    let mut document = transaction.load(&document.meta.name.clone(), &document.name)?;
    let listed: Vec<String> = users.iter().map(|user| format!("\"{user}\"")).collect();
    document.set("_assign", format!("[{}]", listed.join(", ")));
    transaction.write_past_checks(&document)
}

fn open(transaction: &mut Transaction<'_>, document: &Document) -> Answer {
    let todos = todos(transaction, document, "creation desc")?;
    let todos = todos.as_array().into_iter().flatten();
    let todos =
        todos.map(|todo| json!({"owner": todo.get("allocated_to"), "name": todo.get("name")}));
    Ok(Value::Array(todos.collect()).into())
}

pub(super) fn remove(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = ["doctype", "name", "assign_to"];
    let [doctype, name, user] = required_texts(call, "remove", names)?;
    let document = transaction.load(&doctype, &name)?;
    transaction.check(Right::Read, &document)?;
    let todos = todos(transaction, &document, "creation asc")?;
    let own = todos.as_array().into_iter().flatten();
    let own = own.filter(|todo| todo.get("allocated_to").is_some_and(|of| *of == *user));
    for todo in own {
        let name = todo.get("name").map(cell::text).unwrap_or_default();
        let mut todo = transaction.load("ToDo", &name)?;
        todo.set("status", "Cancelled");
        transaction.trusted(|transaction| transaction.save(todo).map(drop))?;
    }
    note_assigned(transaction, &document)?;
    open(transaction, &document)
}
