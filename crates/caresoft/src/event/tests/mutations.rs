//! Samples that were changed in ways that nobody documented are still events.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::*;

#[derive(Clone, Debug)]
enum Mutation {
    SwapType,
    Drop,
    Add,
    Wrap,
    Alone,
    Empty,
}

fn any_mutation() -> impl Strategy<Value = (Mutation, Index)> {
    let mutation = prop_oneof![
        Just(Mutation::SwapType),
        Just(Mutation::Drop),
        Just(Mutation::Add),
        Just(Mutation::Wrap),
        Just(Mutation::Alone),
        Just(Mutation::Empty),
    ];
    (mutation, any::<Index>())
}

/// The paths of all values but the whole.
fn paths(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut inside = |name: &str, value: &Value| {
        let path = format!("{at}/{name}");
        paths(value, &path, into);
        into.push(path);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, item)| inside(&at.to_string(), item)),
        _ => {}
    }
}

fn apply(value: &mut Value, (mutation, at): &(Mutation, Index)) {
    let mut all = Vec::new();
    paths(value, "", &mut all);
    if all.is_empty() {
        return;
    }
    let path = at.get(&all).clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    if let Mutation::Drop | Mutation::Add = mutation {
        if let Some(Value::Object(members)) = value.pointer_mut(parent) {
            match mutation {
                Mutation::Drop => drop(members.remove(name)),
                _ => drop(members.insert("unheard_of".to_owned(), json!({"deep": [1, "2"]}))),
            }
        }
        return;
    }
    let place = value.pointer_mut(&path).unwrap();
    *place = match (mutation, place.take()) {
        (Mutation::SwapType, Value::Number(number)) => Value::String(number.to_string()),
        (Mutation::SwapType, Value::String(text)) => {
            text.parse::<i64>().map_or(json!([]), Into::into)
        }
        (Mutation::SwapType, _) => json!(1),
        (Mutation::Wrap, inner) => Value::Object(Map::from_iter([(name.to_owned(), inner)])),
        (Mutation::Alone, inner) => json!([inner]),
        _ => json!([]),
    };
}

/// Asks an event everything.
fn read_all(event: &Event<'_>) -> String {
    let zone = Zone::default();
    let kind = event.kind();
    let details = match &kind {
        Kind::User(_, user) => format!(
            "{:?} {:?} {:?}",
            user.changes(),
            user.custom_fields(),
            user.phones().count()
        ),
        Kind::Ticket(_, ticket) => format!(
            "{:?} {:?} {:?} {:?}",
            ticket.custom_fields(),
            ticket.comment().map(|comment| comment.created_at(&zone)),
            ticket.is_missed_call(),
            ticket.assignee()
        ),
        Kind::Deal(_, deal) => format!("{:?} {:?}", deal.updated_properties(), deal.activity()),
        Kind::Lead(_, lead) => format!("{:?} {:?}", lead.updated_properties(), lead.activity()),
        other => format!("{other:?}"),
    };
    format!(
        "{details} {:?} {:?} {:?} {:?}",
        event.ordering_key(),
        event.also_touches(),
        event.version(&zone),
        event.account_id()
    )
}

proptest! {
    #[test]
    fn no_mutation_panics_or_loses_a_byte(
        at in any::<Index>(),
        mutations in prop::collection::vec(any_mutation(), 1..12),
        wrappers in 0..4_usize,
    ) {
        let (_, body) = *at.get(&samples());
        let mut value: Value = serde_json::from_str(body).unwrap();
        for mutation in &mutations {
            apply(&mut value, mutation);
        }
        for _ in 0..wrappers {
            value = json!({"wrapper": value});
        }
        let body = value.to_string();
        let event = Event::read(body.as_bytes());
        prop_assert_eq!(event.body(), body.as_bytes());
        prop_assert!(event.json().is_ok());
        prop_assert!(!read_all(&event).is_empty());
    }

    #[test]
    fn types_order_and_wrappers_change_neither_kind_nor_key(
        at in any::<Index>(),
        wrappers in 0..4_usize,
        swaps in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let (name, body) = *at.get(&samples());
        let original = Event::read(body.as_bytes());
        let mut value: Value = serde_json::from_str(body).unwrap();
        // Numbers become texts; serde_json sorts the keys on its way.
        for at in &swaps {
            let mut all = Vec::new();
            paths(&value, "", &mut all);
            let path: &String = at.get(&all);
            let place = value.pointer_mut(path).unwrap();
            if let Value::Number(number) = place {
                *place = Value::String(number.to_string());
            }
        }
        for _ in 0..wrappers {
            value = json!({"wrapper": value});
        }
        let body = value.to_string();
        let event = Event::read(body.as_bytes());
        prop_assert_eq!(word(&event.kind()), word(&original.kind()), "{}", name);
        prop_assert_eq!(event.ordering_key(), original.ordering_key());
        prop_assert_eq!(event.call_id(), original.call_id());
        let zone = Zone::default();
        prop_assert_eq!(event.version(&zone), original.version(&zone));
    }

    #[test]
    fn any_bytes_are_an_event(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let event = Event::read(&body);
        prop_assert_eq!(event.body(), &body[..]);
        read_all(&event);
    }

    #[test]
    fn a_changed_value_is_no_duplicate(at in any::<Index>(), place in any::<Index>()) {
        let (_, body) = *at.get(&samples());
        let mut value: Value = serde_json::from_str(body).unwrap();
        let mut all = Vec::new();
        paths(&value, "", &mut all);
        let path = place.get(&all);
        if let Some(Value::Number(number)) = value.pointer(path) {
            let number = number.as_i64().unwrap() + 1;
            *value.pointer_mut(path).unwrap() = number.into();
            let changed = value.to_string();
            let digests = [body, &changed].map(|body| Event::read(body.as_bytes()).canonical_digest());
            prop_assert_ne!(digests[0], digests[1]);
        }
    }
}
