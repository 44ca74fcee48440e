//! Calls and what is written of them, as programs are shown them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use deskbridge_store::KeptCall;

use crate::{
    call::{Call, CallResult, Conversation, ConversationState},
    decide::write::Intended,
    follow::Kept,
};

/// A kept call: that of [`call`] with its `connection`. What is kept in a shape that nobody knows any more is told as
/// far as the store itself knows it.
pub fn kept(kept: &KeptCall) -> Value {
    let known = Kept::read(kept.state.clone());
    let mut shown = known.map_or_else(
        || {
            json!({
                "linkedid": kept.linkedid,
                "joined": kept.joined,
                "direction": kept.direction,
                "client": kept.client,
                "line": kept.line,
                "started_at": kept.started_at,
                "result": kept.result,
            })
        },
        |known| call(known.call()),
    );
    if let Value::Object(shown) = &mut shown {
        shown.insert("connection".to_owned(), json!(kept.connection));
    }
    shown
}

/// A call: the same object wherever calls are shown. `result` is `null` while it goes on.
pub fn call(call: &Call) -> Value {
    let (result, missed_reason) = match call.ended.as_ref().map(|ended| ended.result) {
        None => (Value::Null, Value::Null),
        Some(CallResult::Answered) => (json!("answered"), Value::Null),
        Some(CallResult::Missed(reason)) => (json!("missed"), json!(reason)),
    };
    let conversations: Vec<Value> = call.conversations.iter().map(conversation).collect();
    let recordings: Vec<&str> = call.recordings.iter().map(|of| of.path.as_str()).collect();
    json!({
        "linkedid": call.linkedid,
        "joined": call.joined,
        "direction": call.direction,
        "client": call.client,
        "line": call.line,
        "originated": call.originated,
        "started_at": call.started_at,
        "ended_at": call.ended.as_ref().map(|ended| ended.at),
        "result": result,
        "missed_reason": missed_reason,
        "conversations": conversations,
        "transfers": call.transfers,
        "recordings": recordings,
    })
}

fn conversation(of: &Conversation) -> Value {
    let rang_until = of.answered_at.or(of.ended_at);
    let result = match of.state {
        ConversationState::Talked | ConversationState::Talking => json!("answered"),
        state => json!(state),
    };
    json!({
        "extension": of.extension,
        "outside": of.outside,
        "began_at": of.began_at,
        "rang_seconds": rang_until.map(|until| seconds_between(of.began_at, until)),
        "talk_seconds": tenths(of.talked_ms),
        "result": result,
    })
}

fn seconds_between(since: Timestamp, until: Timestamp) -> f64 {
    let ms = until.as_millisecond() - since.as_millisecond();
    tenths(u64::try_from(ms).unwrap_or_default())
}

/// Milliseconds as seconds with one decimal.
fn tenths(ms: u64) -> f64 {
    let tenths = u32::try_from(ms.saturating_add(50) / 100).unwrap_or(u32::MAX);
    f64::from(tenths) / 10.0
}

/// A write that is only planned: its kind as [`kind`] has it, and its parameters.
pub fn effect(intended: &Intended) -> Value {
    // A write is texts, numbers and maps with texts as keys: it can always be written as JSON.
    let payload = serde_json::to_value(&intended.write).unwrap_or_default();
    let mut shown = Map::new();
    shown.insert("kind".to_owned(), json!(kind(intended.write.kind())));
    if let Value::Object(fields) = payload {
        shown.extend(fields.into_iter().filter(|(name, _)| name != "write"));
    }
    Value::Object(shown)
}

/// The short word for a kind of effect: `register` for `calls.register`, `task` for `calls.add_task`.
pub fn kind(kind: &str) -> &str {
    let kind = kind.strip_prefix("calls.").unwrap_or(kind);
    let kind = kind.strip_prefix("save_").unwrap_or(kind);
    kind.strip_prefix("add_").unwrap_or(kind)
}
