//! Calls: listed, shown, and traced from what happened to what was written of it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use deskbridge_http::{ApiError, Code};
use deskbridge_store::{CallFilter, CallPlace, EffectFilter, EffectRecord, KeptCall, Store};
use http::Request;
use serde_json::{Value, json};

use crate::{
    Parts, failed,
    operations::{Answer, Operation, json},
    view,
};

/// How a kept call is shown.
pub type Shown = fn(&KeptCall) -> Value;

/// Calls in one answer at most.
const LISTED_MAX: usize = 200;
/// Effects of one call in a trace at most.
const EFFECTS_MAX: usize = 500;

type Here = State<Arc<Parts>>;

/// A call with its story and its effects.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The call.
    pub call: KeptCall,
    /// What happened and was decided, in the order of time.
    pub story: Vec<deskbridge_store::CallLine>,
    /// What was and is to be written of it, in the order in which it was recorded.
    pub effects: Vec<EffectRecord>,
}

impl Trace {
    /// The trace of a kept call.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(store: &Store, call: KeptCall) -> deskbridge_store::Result<Self> {
        let (connection, linkedid) = (call.connection.clone(), call.linkedid.clone());
        let story = store.call_story(connection, linkedid).await?;
        let mut effects = Vec::new();
        let names = call.joined.iter().chain([&call.linkedid]);
        // A call that was ordered has the id of its order.
        let keys = names.flat_map(|name| {
            let connection = &call.connection;
            [
                format!("call:{connection}:{name}"),
                format!("call:{connection}:order:{name}"),
            ]
        });
        for key in keys {
            let filter = EffectFilter {
                ordering_key: Some(key),
                limit: EFFECTS_MAX,
                ..EffectFilter::default()
            };
            effects.extend(store.list_effects(filter).await?);
        }
        effects.sort_by_key(|record| record.effect.id.uuid());
        Ok(Self {
            call,
            story,
            effects,
        })
    }

    /// As programs are shown it.
    pub fn to_json(&self, shown: Shown) -> Value {
        let story = self.story.iter();
        let story: Value = story
            .map(|line| json!({"at": line.at, "text": line.text}))
            .collect();
        let effects: Value = self.effects.iter().map(view::effect).collect();
        json!({"call": shown(&self.call), "story": story, "effects": effects})
    }
}

async fn existing(
    parts: &Parts,
    connection: String,
    linkedid: String,
) -> Result<KeptCall, ApiError> {
    let call = parts.store.call(connection, linkedid).await;
    let call = call.map_err(failed)?;
    call.ok_or_else(|| ApiError::new(Code::NotFound, "call with this linkedid"))
}

pub(crate) async fn list(State(parts): Here, request: Request<Body>) -> Answer {
    let asked = Operation::ListCalls.asked(request).await?;
    let one_of = |name: &'static str, words: &'static [&'static str]| {
        let wanted = format!("one of {}", words.join(", "));
        asked.read(name, &wanted, |value| {
            words.contains(&value).then(|| value.to_owned())
        })
    };
    let limit = asked.limit("limit", 50, LISTED_MAX)?;
    let filter = CallFilter {
        connection: asked.text("connection"),
        client: asked.text("client"),
        line: asked.text("line"),
        direction: one_of("direction", &["incoming", "outgoing", "internal"])?,
        result: one_of("result", &["answered", "missed"])?,
        is_open: asked.switch("open")?,
        since: asked.time("since")?,
        until: asked.time("until")?,
        behind: asked.read("before", "the next_before of an answer", place_of)?,
        limit,
    };
    let found = parts.store.list_calls(filter).await.map_err(failed)?;
    let more = found.last().filter(|_| found.len() == limit);
    let calls: Value = found.iter().map(parts.shown_call).collect();
    let next = more.map(|last| shown_place(&last.place()));
    Ok(json(&json!({"calls": calls, "next_before": next})))
}

/// A place as callers are told it. A linkedid may have slashes, a connection and a time have none.
fn shown_place(place: &CallPlace) -> String {
    let CallPlace {
        started_at,
        connection,
        linkedid,
    } = place;
    format!("{started_at}/{connection}/{linkedid}")
}

/// The place that a caller was told.
fn place_of(text: &str) -> Option<CallPlace> {
    let mut parts = text.splitn(3, '/');
    Some(CallPlace {
        started_at: parts.next()?.parse().ok()?,
        connection: parts.next()?.to_owned(),
        linkedid: parts.next()?.to_owned(),
    })
}

pub(crate) async fn show(
    State(parts): Here,
    Path((connection, linkedid)): Path<(String, String)>,
    request: Request<Body>,
) -> Answer {
    Operation::ShowCall.asked(request).await?;
    let call = existing(&parts, connection, linkedid).await?;
    Ok(json(&(parts.shown_call)(&call)))
}

pub(crate) async fn trace(
    State(parts): Here,
    Path((connection, linkedid)): Path<(String, String)>,
    request: Request<Body>,
) -> Answer {
    Operation::TraceCall.asked(request).await?;
    let call = existing(&parts, connection, linkedid).await?;
    let trace = Trace::of(&parts.store, call).await.map_err(failed)?;
    Ok(json(&trace.to_json(parts.shown_call)))
}
