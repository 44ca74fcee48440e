//! What a user's own decision makes of a record, before anything is decided about it here.

use deskbridge_hooks::{Action, Change, Decision, Point, Why};
use serde_json::{Map, Value, json};

use super::Problem;
use crate::record::{Record, Remote};

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Hooked {
    /// It is as it was read; something is told where that is not as it was wanted.
    AsRead(Option<Problem>),
    /// It is this one now.
    Changed(Record),
    /// It is left out, and this is why.
    LeftOut(Problem),
}

/// What is told of a record.
pub fn told(record: &Record) -> Value {
    json!({
        "kind": record.kind().as_str(),
        "id": record.id(),
        "record": record,
    })
}

/// What the hook's decision makes of a record.
pub fn hooked(record: &Record, decision: &Decision) -> Hooked {
    let name = Point::ImportRecord.name();
    let left_out = || {
        let why = format!("the hook {name} leaves it out");
        Hooked::LeftOut(Problem::LeftOut { why })
    };
    match decision {
        Decision::Cancelled => left_out(),
        Decision::Changed(change) if change.action == Some(Action::Ignore) => left_out(),
        Decision::Changed(change) => match changed(record, change) {
            Ok(changed) if changed == *record => Hooked::AsRead(None),
            Ok(changed) => Hooked::Changed(changed),
            Err(why) => Hooked::AsRead(Some(Problem::Hook {
                why: format!("of the answer of {name} nothing was used: {why}"),
            })),
        },
        Decision::Unchanged {
            why: Why::Failed { .. } | Why::Suspended,
        } => Hooked::AsRead(Some(Problem::Hook {
            why: decision.told(name).unwrap_or_default(),
        })),
        Decision::Unchanged {
            why: Why::NoHook | Why::Wanted,
        } => Hooked::AsRead(None),
    }
}

/// The record with the change laid over it, or why that is no record.
fn changed(record: &Record, change: &Change) -> Result<Record, String> {
    let Ok(Value::Object(before)) = serde_json::to_value(record) else {
        return Err("the record cannot be told".to_owned());
    };
    for (name, of_it) in [("kind", record.kind().as_str()), ("id", record.id())] {
        if change
            .data
            .get(name)
            .is_some_and(|answered| answered != of_it)
        {
            return Err(format!("data.{name} is what the record is found again by"));
        }
    }
    let read = |data: &Map<String, Value>| {
        let mut after = before.clone();
        lay(&mut after, data);
        serde_json::from_value::<Record>(Value::Object(after)).ok()
    };
    let Some(mut after) = read(&change.data) else {
        // What a parser says of a value may hold the value.
        let alone = |(name, value): &(&String, &Value)| {
            read(&Map::from_iter([((*name).clone(), (*value).clone())])).is_none()
        };
        let wrong = change.data.iter().find(alone);
        let wrong = wrong.map_or("data".to_owned(), |(name, _)| format!("data.{name}"));
        return Err(format!("{wrong} does not fit a {}", record.kind()));
    };
    link_again(record, &mut after);
    Ok(after)
}

/// Objects are laid over what is there, `null` takes out what is there, and everything else replaces it.
fn lay(over: &mut Map<String, Value>, data: &Map<String, Value>) {
    for (name, value) in data {
        match (over.get_mut(name), value) {
            (_, Value::Null) => drop(over.remove(name)),
            (Some(Value::Object(there)), Value::Object(inner)) => lay(there, inner),
            _ => drop(over.insert(name.clone(), value.clone())),
        }
    }
}

/// Gives files their links again, which no hook is told.
fn link_again(before: &Record, after: &mut Record) {
    let (Record::Ticket(before), Record::Ticket(after)) = (before, after) else {
        return;
    };
    let of_messages = before.messages.iter().flat_map(|one| &one.attachments);
    let had = before.attachments.iter().chain(of_messages);
    let had: Vec<&Remote> = had.filter_map(|file| file.remote.as_ref()).collect();
    let of_messages = after.messages.iter_mut();
    let of_messages = of_messages.flat_map(|one| &mut one.attachments);
    let has = after.attachments.iter_mut().chain(of_messages);
    for remote in has.filter_map(|file| file.remote.as_mut()) {
        let same = |of: &&&Remote| (of.ticket, of.attachment) == (remote.ticket, remote.attachment);
        let link = had.iter().find(same).and_then(|of| of.link.clone());
        remote.link = link;
    }
}

#[cfg(test)]
mod tests;
