//! Events: seen, let run again, thrown away, taken out of quarantine.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::IntoResponse as _,
};
use deskbridge_core::EventId;
use deskbridge_http::{ApiError, Code};
use deskbridge_journal::Run;
use deskbridge_store::{Accepted, EventFilter, EventRecord, EventState};
use http::{Request, header};
use serde_json::{Value, json};

use crate::{
    Parts,
    asked::{Asked, record_id},
    change, failed,
    operations::{Answer, Operation, json},
    pages::Pages,
    view,
};

/// Events in one answer at most.
const LISTED_MAX: usize = 200;
/// Events that are let run again by one request at most.
const REPLAYED_MAX: usize = 100_000;
/// Ids in one answer at most.
const NAMED_MAX: usize = 1_000;
/// Of so many of the newest events the kinds are counted, unless more or fewer were asked for.
const NEWEST: usize = 10_000;
const NEWEST_MAX: usize = 100_000;
/// What must be said of events that are to be let run again: all of them are never meant by accident.
const CHOOSING: [&str; 6] = ["connection", "state", "object", "action", "from", "to"];

type Here = State<Arc<Parts>>;

fn filter(asked: &Asked, states: &[EventState], limit: usize) -> Result<EventFilter, ApiError> {
    let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let wanted = format!("one of {}", names.join(", "));
    let state = asked.read("state", &wanted, |name| {
        EventState::from_name(name).filter(|state| states.contains(state))
    });
    Ok(EventFilter {
        connection: asked.text("connection"),
        state: state?,
        object: asked.text("object"),
        action: asked.text("action"),
        received_from: asked.time("from")?,
        received_to: asked.time("to")?,
        limit,
    })
}

async fn existing(parts: &Parts, id: EventId) -> Result<EventRecord, ApiError> {
    let record = parts.store.event(id).await.map_err(failed)?;
    record.ok_or_else(|| ApiError::new(Code::NotFound, format!("event {id}")))
}

async fn whole(parts: &Parts, id: EventId) -> Answer {
    let record = existing(parts, id).await?;
    let caused = view::caused(&parts.store, &record).await.map_err(failed)?;
    Ok(json(&view::event_whole(&record, &caused)))
}

pub(crate) async fn list(State(parts): Here, request: Request<Body>) -> Answer {
    let asked = Operation::ListEvents.asked(request).await?;
    let limit = asked.limit("limit", 50, LISTED_MAX)?;
    let filter = filter(&asked, &EventState::ALL, limit)?;
    let before = asked.read("before", "the id of an event", |id| id.parse().ok())?;
    if let Some(before) = before {
        existing(&parts, before).await?;
    }
    let mut pages = Pages::new(&parts.store, filter, before);
    let mut events: Vec<Value> = Vec::new();
    loop {
        let page = pages.next().await.map_err(failed)?;
        if page.is_empty() {
            break;
        }
        events.extend(page.iter().map(view::event));
    }
    let last = events.last().filter(|_| events.len() == limit);
    let next = last.and_then(|last| last.get("id")).cloned();
    Ok(json(&json!({"events": events, "next_before": next})))
}

pub(crate) async fn count(State(parts): Here, request: Request<Body>) -> Answer {
    let asked = Operation::CountEvents.asked(request).await?;
    let newest = asked.limit("newest", NEWEST, NEWEST_MAX)?;
    let stats = view::Stats::of(&parts.store, newest).await;
    Ok(json(&stats.map_err(failed)?.to_json(parts.clock.now())))
}

pub(crate) async fn show(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::ShowEvent.asked(request).await?;
    whole(&parts, record_id::<EventId>(&id)?).await
}

/// The bytes that came in, as a file to be kept and never as something that a browser shows.
pub(crate) async fn body(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::ShowBody.asked(request).await?;
    let id = record_id::<EventId>(&id)?;
    let record = existing(&parts, id).await?;
    let file = format!("attachment; filename=\"{id}.body\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, record.event.arrival.body).into_response())
}

pub(crate) async fn replay(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    let asked = Operation::ReplayEvent.asked(request).await?;
    let id = record_id::<EventId>(&id)?;
    let record = existing(&parts, id).await?;
    if !change::REPLAYABLE.contains(&record.state) {
        return Err(in_state(id, record.state));
    }
    let mut reread = change::Reread::default();
    if asked.switch("reread")?.unwrap_or(false) {
        let connection = record.event.arrival.connection;
        if !parts.readers.contains_key(&connection) {
            return Err(no_reader(&connection));
        }
        let now = parts.clock.now();
        let read = change::reread(&parts.store, &[id], &parts.readers, now).await;
        reread = read.map_err(failed)?;
    }
    let replayed = change::replay(&parts.events, &[id], &reread).await;
    replayed.map_err(failed)?;
    tracing::info!(event.id = %id, "An administrator let an event run again");
    whole(&parts, id).await
}

pub(crate) async fn replay_all(State(parts): Here, request: Request<Body>) -> Answer {
    let asked = Operation::ReplayEvents.asked(request).await?;
    let limit = asked.limit("limit", 1_000, REPLAYED_MAX)?;
    let filter = filter(&asked, &change::REPLAYABLE, limit)?;
    if asked.has_only(&["limit", "dry_run", "reread"]) {
        let subject = format!("one of {}", CHOOSING.join(", "));
        return Err(ApiError::new(Code::MissingParameter, subject));
    }
    let is_dry = asked.switch("dry_run")?;
    let is_dry = is_dry.ok_or_else(|| ApiError::new(Code::MissingParameter, "dry_run"))?;
    let is_reread = asked.switch("reread")?.unwrap_or(false);
    let ids = parts.events.replay_all(filter, Run::Dry).await;
    let mut ids = ids.map_err(failed)?;
    let is_limited = ids.len() == limit;
    let mut reread = change::Reread::default();
    if !is_dry {
        if is_reread {
            let now = parts.clock.now();
            let read = change::reread(&parts.store, &ids, &parts.readers, now).await;
            reread = read.map_err(failed)?;
        }
        let replayed = change::replay(&parts.events, &ids, &reread).await;
        ids = replayed.map_err(failed)?;
        tracing::info!(number = ids.len(), "An administrator let events run again");
    }
    let named: Value = ids
        .iter()
        .take(NAMED_MAX)
        .map(|id| json!(id.to_string()))
        .collect();
    Ok(json(&json!({
        "dry_run": is_dry,
        "number": ids.len(),
        "is_limited": is_limited,
        "events": named,
        "reread": reread.number,
        "without_reader": reread.without_reader,
    })))
}

pub(crate) async fn discard(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::DiscardEvent.asked(request).await?;
    let id = record_id::<EventId>(&id)?;
    let record = existing(&parts, id).await?;
    let discarded = parts.store.discard_event(id, parts.clock.now()).await;
    if !discarded.map_err(failed)? {
        return Err(in_state(id, record.state));
    }
    tracing::info!(event.id = %id, "An administrator threw an event away");
    whole(&parts, id).await
}

pub(crate) async fn reverify(
    State(parts): Here,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::Reverify.asked(request).await?;
    let reader = parts.readers.get(&name).ok_or_else(|| no_reader(&name))?;
    let taken = parts.events.reverify(&name, reader.as_ref()).await;
    let taken = taken.map_err(failed)?;
    let ids = |is_new: bool| -> Value {
        let chosen = taken
            .iter()
            .filter(|one| matches!(one, Accepted::New(_)) == is_new);
        chosen.map(|one| json!(one.id().to_string())).collect()
    };
    let counts = parts.store.count_quarantined().await.map_err(failed)?;
    let left = counts.get(&name).copied().unwrap_or_default();
    tracing::info!(
        connection = name,
        number = taken.len(),
        left,
        "An administrator had the quarantine verified again"
    );
    Ok(json(&json!({
        "connection": name, "new": ids(true), "repeated": ids(false), "left": left,
    })))
}

fn in_state(id: EventId, state: EventState) -> ApiError {
    ApiError::new(Code::WrongState, format!("{id} ({})", state.as_str()))
}

fn no_reader(connection: &str) -> ApiError {
    let name: String = connection.chars().take(60).collect();
    let subject = format!("configured connection {name} whose events are signed");
    ApiError::new(Code::NotFound, subject)
}
