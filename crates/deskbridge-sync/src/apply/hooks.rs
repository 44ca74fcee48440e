//! Hooks, asked about the fields of a document right before it is written.

use deskbridge_hooks::{Decision, Hooks, Point};
use serde_json::{Map, Value, json};

use crate::decide::write::{Fields, Write};

/// The point at which is asked before a write, and its fields: all, and those that changed.
fn asked(write: &mut Write) -> Option<(Point, &mut Fields, &mut Fields)> {
    Some(match write {
        Write::SaveTicket(write) => (Point::TicketFields, &mut write.all, &mut write.changed),
        Write::SaveContact(write) => (Point::ContactFields, &mut write.all, &mut write.changed),
        Write::SaveCustomer(write) => (Point::CustomerFields, &mut write.all, &mut write.changed),
        Write::AddComment(_) | Write::EndTicket(_) | Write::Join(_) | Write::SaveCase(_) => {
            return None;
        }
    })
}

/// What the hook of a write is told, with the point at which it is asked: what the write comes from, and its fields.
pub fn told(write: &Write) -> Option<(Point, Value)> {
    // A write is texts, numbers and maps with texts as keys: it can always be written as JSON.
    let mut record = serde_json::to_value(write).unwrap_or_default();
    if let Value::Object(members) = &mut record {
        members.remove("all");
        members.remove("changed");
    }
    let mut write = write.clone();
    let (point, all, _) = asked(&mut write)?;
    Some((point, json!({"record": record, "fields": all})))
}

/// A write with the fields that a hook wants, and what the hook said.
pub(super) async fn as_wanted(hooks: &Hooks, mut write: Write) -> (Write, Option<String>) {
    let Some((point, known)) = told(&write).filter(|(point, _)| hooks.asks(*point)) else {
        return (write, None);
    };
    let (decision, told) = hooks.decide_and_tell(point, &known).await;
    if let (Decision::Changed(change), Some((_, all, changed))) = (decision, asked(&mut write)) {
        lay(all, changed, change.data);
    }
    (write, told)
}

/// Lays what a hook answered over the fields. What it only hands back is no change, and leaves what people changed.
fn lay(all: &mut Fields, changed: &mut Fields, answered: Map<String, Value>) {
    for (field, value) in answered {
        if all.get(&field) != Some(&value) {
            changed.insert(field.clone(), value.clone());
            all.insert(field, value);
        }
    }
}

/// The result of an effect with what a hook said.
pub(super) fn with_told(mut result: Value, told: Option<String>) -> Value {
    if let (Value::Object(members), Some(told)) = (&mut result, told) {
        members.insert("hooks".to_owned(), json!([told]));
    }
    result
}
