//! What is told of every recording, held against what is known to have happened in it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::replay::{Told, follow, recording, settings};
use crate::{
    call::Call,
    decide::tracker::{Tracker, What},
};

/// A snapshot in which times are seconds since the first call of the recording began.
fn snapshot(told: &Told, open: &[Call]) -> Value {
    let began_at = told.facts.first().map(|fact| fact.at).unwrap_or_default();
    let facts = told.facts.iter().map(|fact| {
        let sentence = format!("{} [{}] {fact}", since(began_at, fact.at), fact.linkedid);
        json!(sentence)
    });
    let calls = |calls: &[Call]| -> Vec<Value> {
        let calls = calls.iter().map(|call| serde_json::to_value(call).unwrap());
        calls.map(|call| relative(call, began_at)).collect()
    };
    json!({
        "facts": facts.collect::<Vec<_>>(),
        "ended": calls(&told.ended),
        "joined": told.joined.iter().map(|joined| joined.call.linkedid.as_str()).collect::<Vec<_>>(),
        "open": calls(open),
    })
}

fn since(began_at: Timestamp, at: Timestamp) -> String {
    format!("{:.3}", at.duration_since(began_at).as_secs_f64())
}

fn relative(value: Value, began_at: Timestamp) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match (&value, name.rsplit('_').next()) {
                (Value::String(at), Some("at")) => {
                    let at = since(began_at, at.parse().unwrap());
                    (name, json!(at))
                }
                _ => (name, relative(value, began_at)),
            })
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| relative(item, began_at))
            .collect(),
        other => other,
    }
}

#[test]
fn every_recording_is_told_as_it_happened() {
    for name in testkit::captures::all().keys() {
        let mut tracker = Tracker::new(settings());
        let told = follow(&mut tracker, &recording(name));
        let open: Vec<Call> = tracker.calls().map(|call| call.call().clone()).collect();
        let ends = |fact: &&crate::decide::tracker::Fact| matches!(fact.what, What::Ended(_));
        assert_eq!(
            told.facts.iter().filter(ends).count(),
            told.ended.len(),
            "{name}"
        );
        insta::assert_json_snapshot!(name.as_str(), snapshot(&told, &open));
    }
}
