//! How records look as JSON, for programs that ask over HTTP and on the command line alike.

use deskbridge_core::EffectId;
use deskbridge_store::{
    EffectRecord, EffectState, EventCounts, EventKind, EventRecord, Result, Store,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Words in the name of a header whose value is not shown.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "cookie",
    "secret",
    "token",
    "password",
    "api-key",
];

/// An effect that an event caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caused {
    /// Its id.
    pub id: EffectId,
    /// What it does and where it stands; `None` when it was forgotten since.
    pub what: Option<(String, EffectState)>,
}

/// The effects that an event caused, in the order of their recording.
///
/// # Errors
/// When the database cannot be read.
pub async fn caused(store: &Store, record: &EventRecord) -> Result<Vec<Caused>> {
    let mut all = Vec::new();
    for id in store.effects_of_event(record.event.id).await? {
        let effect = store.effect(id).await?;
        let what = effect.map(|record| (record.effect.intent.kind, record.state));
        all.push(Caused { id, what });
    }
    Ok(all)
}

/// The value of a header as it may be shown: signatures are, credentials are not.
pub fn header_value<'a>(name: &str, value: &'a str) -> &'a str {
    let name = name.to_ascii_lowercase();
    match SECRET_HEADERS.iter().any(|word| name.contains(word)) {
        true => "(not shown)",
        false => value,
    }
}

/// A duplicate key in hexadecimal digits.
pub fn key(key: &deskbridge_core::DuplicateKey) -> String {
    let digits = key.as_bytes().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// An event, as it stands in a list.
pub fn event(record: &EventRecord) -> Value {
    Value::Object(event_fields(record))
}

/// An event with everything that is known of it but its body.
pub fn event_whole(record: &EventRecord, caused: &[Caused]) -> Value {
    let arrival = &record.event.arrival;
    let headers = arrival.headers.iter();
    let headers: Vec<Value> = headers
        .map(|(name, value)| json!({"name": name, "value": header_value(name, value)}))
        .collect();
    let effects = caused.iter().map(|effect| {
        let what = effect.what.as_ref();
        let (kind, state) = (what.map(|what| &what.0), what.map(|what| what.1.as_str()));
        json!({"id": effect.id.to_string(), "kind": kind, "state": state})
    });
    let mut fields = event_fields(record);
    for (name, value) in [
        ("is_routed", json!(arrival.reading.is_routed)),
        ("headers", json!(headers)),
        ("raw_key", json!(key(&arrival.raw_key))),
        ("canonical_key", json!(key(&arrival.reading.canonical_key))),
        ("effects", effects.collect()),
    ] {
        fields.insert(name.to_owned(), value);
    }
    Value::Object(fields)
}

fn event_fields(record: &EventRecord) -> Map<String, Value> {
    let (event, arrival) = (&record.event, &record.event.arrival);
    let fields = [
        ("id", json!(event.id.to_string())),
        ("connection", json!(arrival.connection)),
        ("source", json!(arrival.reading.source)),
        ("object", json!(arrival.reading.object)),
        ("action", json!(arrival.reading.action)),
        ("state", json!(record.state.as_str())),
        ("attempts", json!(record.attempts)),
        ("failure", json!(record.failure)),
        ("repeats", json!(record.repeats)),
        ("ordering_key", json!(arrival.reading.ordering_key.as_str())),
        ("received_at", json!(event.received_at.to_string())),
        ("claimable_at", json!(record.claimable_at.to_string())),
        ("changed_at", json!(record.changed_at.to_string())),
        ("body_bytes", json!(arrival.body.len())),
    ];
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// An effect with everything that is known of it.
pub fn effect(record: &EffectRecord) -> Value {
    let effect = &record.effect;
    json!({
        "id": effect.id.to_string(),
        "kind": effect.intent.kind,
        "ordering_key": effect.intent.ordering_key.as_str(),
        "idempotency_key": effect.intent.idempotency_key.as_str(),
        "payload": effect.intent.payload,
        "state": record.state.as_str(),
        "attempts": effect.attempts,
        "look_first": effect.look_first,
        "recorded_at": effect.recorded_at.to_string(),
        "claimable_at": record.claimable_at.to_string(),
        "changed_at": record.changed_at.to_string(),
        "result": record.result,
        "failure": record.failure,
    })
}

/// How many events there are.
#[derive(Clone, Debug)]
pub struct Stats {
    /// All of them.
    pub counts: EventCounts,
    /// Bodies that were not believed, by connection.
    pub quarantined: std::collections::BTreeMap<String, u64>,
    /// So many of the newest were looked at more closely.
    pub newest: usize,
    /// What those are about.
    pub kinds: Vec<EventKind>,
}

impl Stats {
    /// Counts, looking more closely at so many of the newest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(store: &Store, newest: usize) -> Result<Self> {
        Ok(Self {
            counts: store.count_events().await?,
            quarantined: store.count_quarantined().await?,
            newest,
            kinds: store.kinds_of_newest_events(newest).await?,
        })
    }

    /// As JSON.
    pub fn to_json(&self, now: Timestamp) -> Value {
        let counts = &self.counts;
        let by_state = counts.by_state.iter();
        let by_state: Map<String, Value> = by_state
            .map(|(state, number)| (state.as_str().to_owned(), json!(number)))
            .collect();
        let oldest = counts.oldest_open_received_at;
        let age = oldest.map(|oldest| now.duration_since(oldest).as_secs().max(0));
        let kinds = self.kinds.iter().map(|kind| {
            json!({
                "connection": kind.connection,
                "object": kind.object,
                "action": kind.action,
                "state": kind.state.as_str(),
                "number": kind.number,
                "last_received_at": kind.last_received_at.to_string(),
            })
        });
        json!({
            "by_state": by_state,
            "repeats": counts.repeats,
            "oldest_open_received_at": oldest.map(|oldest| oldest.to_string()),
            "oldest_open_age_seconds": age,
            "used_bytes": counts.used_bytes,
            "quarantined": self.quarantined,
            "newest": self.newest,
            "kinds_of_newest": kinds.collect::<Value>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_headers_are_not_shown_and_signatures_are() {
        for (name, is_shown) in [
            ("X-Caresoft-Signature", true),
            ("Content-Type", true),
            ("Authorization", false),
            ("X-Api-Key", false),
            ("set-cookie", false),
            ("X-Deskbridge-Secret", false),
        ] {
            assert_eq!(header_value(name, "abc") == "abc", is_shown, "{name}");
        }
    }
}
