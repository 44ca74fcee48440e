//! Hooks, asked about the fields of a document right before it is written.

use deskbridge_hooks::{Decision, Point, Why};
use serde_json::{Map, Value, json};

use super::{Place, Stop, key_of};
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

/// A write with the fields that a hook wants.
pub(super) struct Wanted {
    pub(super) write: Write,
    /// What the hook said.
    told: Option<String>,
    /// Those fields that are the hook's, where they are others than before.
    own: Option<Fields>,
}

impl Place {
    /// Asks about a write.
    pub(super) async fn wanted(&self, write: Write) -> Result<Wanted, Stop> {
        let Some((point, known)) = told(&write).filter(|(point, _)| self.hooks.asks(*point)) else {
            return Ok(Wanted {
                write,
                told: None,
                own: None,
            });
        };
        let before = self.links.hooked_fields(key_of(&write)).await?;
        let (decision, told) = self.hooks.decide_and_tell(point, &known).await;
        let (write, own) = decided(write, decision, &before);
        Ok(Wanted {
            write,
            told,
            own: Some(own).filter(|own| *own != before),
        })
    }

    /// Remembers what of a write that was carried out is the hook's; the result with what it said.
    pub(super) async fn was_written(&self, wanted: Wanted, result: Value) -> Result<Value, Stop> {
        if let Some(own) = wanted.own {
            let key = key_of(&wanted.write);
            self.links.record_hooked_fields(key, &own).await?;
        }
        Ok(with_told(result, wanted.told))
    }
}

/// A write as a hook decided about it, and the fields that are the hook's: those whose values are others than planned. `before`
/// are those of the last write.
fn decided(mut write: Write, decision: Decision, before: &Fields) -> (Write, Fields) {
    let Some((_, all, changed)) = asked(&mut write) else {
        return (write, Fields::new());
    };
    let own = match decision {
        Decision::Changed(change) => lay(all, changed, change.data, before),
        Decision::Cancelled
        | Decision::Unchanged {
            why: Why::Wanted | Why::NoHook,
        } => lay(all, changed, Map::new(), before),
        // Nobody knows what it wants: what it wanted stays, but for what is written without it.
        Decision::Unchanged {
            why: Why::Failed { .. } | Why::Suspended,
        } => {
            let mut own = before.clone();
            own.retain(|field, _| !changed.contains_key(field));
            own
        }
    };
    (write, own)
}

/// Lays what a hook answered over the fields. As of what is planned, only what differs from what was wanted before is a change:
/// what people changed since then stays.
fn lay(
    all: &mut Fields,
    changed: &mut Fields,
    answered: Map<String, Value>,
    before: &Fields,
) -> Fields {
    let mut own = answered;
    own.retain(|field, value| all.get(field) != Some(value));
    for (field, was) in before {
        // The hook has let go of it: it is as planned again.
        if let (None, Some(planned)) = (own.get(field), all.get(field)) {
            wants(changed, field, planned, Some(was));
        }
    }
    for (field, value) in &own {
        wants(changed, field, value, before.get(field));
        all.insert(field.clone(), value.clone());
    }
    own
}

fn wants(changed: &mut Fields, field: &str, value: &Value, was: Option<&Value>) {
    match was == Some(value) {
        true => changed.remove(field),
        false => changed.insert(field.to_owned(), value.clone()),
    };
}

/// The result of an effect with what a hook said.
fn with_told(mut result: Value, told: Option<String>) -> Value {
    if let (Value::Object(members), Some(told)) = (&mut result, told) {
        members.insert("hooks".to_owned(), json!([told]));
    }
    result
}

#[cfg(test)]
mod tests;
