//! `event.*` and `placement.*`: what an application wants to be told, what waits for it, and where it is shown.

use http::StatusCode;
use serde_json::{Value as Json, json};

use super::{Call, external_calls::core};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    events::{Binding, OfflineEvent},
    php::Value,
    telephony::Placement,
};

/// So many waiting events are given at once.
const EVENTS_MAX: usize = 50;

/// The one user who administers this portal.
const ADMINISTRATOR: u64 = 1;

/// Events that a portal tells of.
const EVENTS: &[&str] = &[
    "ONAPPINSTALL",
    "ONAPPUNINSTALL",
    "ONAPPMETHODCONFIRM",
    "ONOFFLINEEVENT",
    "ONEXTERNALCALLSTART",
    "ONEXTERNALCALLBACKSTART",
    "ONVOXIMPLANTCALLINIT",
    "ONVOXIMPLANTCALLSTART",
    "ONVOXIMPLANTCALLEND",
    "ONCRMLEADADD",
    "ONCRMLEADUPDATE",
    "ONCRMLEADDELETE",
    "ONCRMCONTACTADD",
    "ONCRMCONTACTUPDATE",
    "ONCRMCONTACTDELETE",
    "ONCRMCOMPANYADD",
    "ONCRMCOMPANYUPDATE",
    "ONCRMCOMPANYDELETE",
    "ONCRMDEALADD",
    "ONCRMDEALUPDATE",
    "ONCRMDEALDELETE",
    "ONCRMACTIVITYADD",
    "ONCRMACTIVITYUPDATE",
    "ONCRMACTIVITYDELETE",
];

fn own(call: &Call<'_>) -> String {
    call.application
        .map(|own| own.client_id.clone())
        .unwrap_or_default()
}

/// The binding that a call describes, without its number.
fn described(call: &Call<'_>) -> Result<Binding, Refusal> {
    let event = call.params.text("event").to_ascii_uppercase();
    if !EVENTS.contains(&event.as_str()) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "ERROR_EVENT_NOT_FOUND",
            "Event not found",
        ));
    }
    let is_offline = call
        .params
        .text("event_type")
        .eq_ignore_ascii_case("offline");
    let handler = call.params.text("handler");
    Ok(Binding {
        id: 0,
        application: own(call),
        event,
        handler: (!is_offline).then_some(handler),
    })
}

/// `event.bind`
pub(super) fn bind(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let described = described(call)?;
    if described.handler.is_none() && call.caller.user_id != ADMINISTRATOR {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "ACCESS_DENIED",
            "Offline events are available to administrators only",
        ));
    }
    if described.handler.as_deref() == Some("") {
        return Err(core("Unable to set event handler: Handler is empty"));
    }
    let events = &mut call.state.events;
    let is_known = events.bindings.iter().any(|known| {
        let same = Binding {
            id: known.id,
            ..described.clone()
        };
        same == *known
    });
    if is_known {
        return Err(core("Unable to set event handler: Handler already binded"));
    }
    let id = events.number();
    events.bindings.push(Binding { id, ..described });
    Ok(Answer::of("true"))
}

/// `event.unbind`
pub(super) fn unbind(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let described = described(call)?;
    let bindings = &mut call.state.events.bindings;
    let before = bindings.len();
    bindings.retain(|known| {
        known.application != described.application
            || known.event != described.event
            || described.handler != known.handler
    });
    let count = before - bindings.len();
    Ok(Answer::json(&json!({"count": count})))
}

/// `event.get`
pub(super) fn bound(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let own = own(call);
    let bindings = call.state.events.bindings.iter();
    let bindings = bindings.filter(|known| known.application == own);
    let bindings = bindings.map(|known| match &known.handler {
        Some(handler) => {
            json!({"event": known.event, "handler": handler, "auth_type": "0", "offline": 0})
        }
        None => json!({"event": known.event, "offline": 1, "connector_id": ""}),
    });
    Ok(Answer::json(&Json::Array(bindings.collect())))
}

/// `event.offline.get`: takes what waits, for good or (`clear=0`) until it is confirmed.
pub(super) fn take(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let own = own(call);
    let clears = call.params.integer("clear") != Some(0);
    let wants_errors = call.params.integer("error") == Some(1);
    let limit = call.params.integer("limit").unwrap_or_default();
    let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    let limit = limit.map_or(EVENTS_MAX, |limit| limit.min(EVENTS_MAX));
    let now = call.now;
    let mut process_id = call.params.text("process_id");
    let filter = call.params.get("filter").cloned();
    let events = &mut call.state.events;
    if process_id.is_empty() && !clears {
        process_id = format!("pr0cess{:020}", events.number());
    }
    let mut taken = Vec::new();
    for event in &mut events.offline {
        let is_wanted = event.application == own
            && event.is_free(now)
            && event.is_error == wants_errors
            && passes(event, filter.as_ref());
        if is_wanted && taken.len() < limit {
            event.taken = Some((process_id.clone(), now));
            taken.push(event.clone());
        }
    }
    if clears {
        let ids: Vec<u64> = taken.iter().map(|event| event.id).collect();
        events.offline.retain(|event| !ids.contains(&event.id));
    }
    let rows: Vec<Json> = taken.iter().map(row).collect();
    Ok(Answer::json(&json!({
        "process_id": (!clears).then_some(process_id),
        "events": rows,
    })))
}

/// `event.offline.list`: all that waits, taken or not, the first come first, fifty at once.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let own = own(call);
    let filter = call.params.get("filter");
    let start = call.params.integer("start").unwrap_or_default();
    let start = usize::try_from(start).unwrap_or_default();
    let waiting = call.state.events.offline.iter();
    let waiting = waiting.filter(|event| event.application == own && passes(event, filter));
    let waiting: Vec<&OfflineEvent> = waiting.collect();
    let page = waiting.iter().skip(start).take(EVENTS_MAX);
    let rows: Vec<Json> = page
        .map(|event| {
            let mut row = row(event);
            if let Some(row) = row.as_object_mut() {
                row.insert("PROCESS_ID".to_owned(), process(event).into());
                row.insert("ERROR".to_owned(), error(event).into());
            }
            row
        })
        .collect();
    let next = start + rows.len();
    Ok(Answer {
        total: Some(waiting.len() as u64),
        next: (next < waiting.len()).then_some(next as u64),
        ..Answer::json(&Json::Array(rows))
    })
}

fn process(event: &OfflineEvent) -> &str {
    let taken = event.taken.as_ref();
    taken.map_or("", |(process, _)| process)
}

fn error(event: &OfflineEvent) -> &'static str {
    if event.is_error { "1" } else { "0" }
}

/// `event.offline.clear`
pub(super) fn confirm(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let (own, process_id, messages) = confirmed(call)?;
    call.state.events.offline.retain(|event| {
        event.application != own || !event.is_with(&process_id) || !is_among(event, &messages)
    });
    Ok(Answer::of("true"))
}

/// `event.offline.error`: those events are given again only to who asks for what went wrong.
pub(super) fn give_up(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let (own, process_id, messages) = confirmed(call)?;
    for event in &mut call.state.events.offline {
        if event.application == own && event.is_with(&process_id) && is_among(event, &messages) {
            event.is_error = true;
            event.taken = None;
        }
    }
    Ok(Answer::of("true"))
}

fn confirmed(call: &Call<'_>) -> Result<(String, String, Vec<String>), Refusal> {
    let process_id = call.params.text("process_id");
    if process_id.is_empty() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "PROCESS_ID_NOT_SET",
            "Process ID is not set",
        ));
    }
    let messages = ["message_id", "id"].into_iter().flat_map(|name| {
        let items = call.params.get(name).map(Value::items).unwrap_or_default();
        items.into_iter().filter_map(Value::as_text)
    });
    let messages = messages.map(std::borrow::Cow::into_owned).collect();
    Ok((own(call), process_id, messages))
}

/// Whether an event is one of those named; all are when none is.
fn is_among(event: &OfflineEvent, messages: &[String]) -> bool {
    messages.is_empty() || messages.contains(&event.id.to_string())
}

/// Conditions for equality on the event, its number and its message; others are looked over.
fn passes(event: &OfflineEvent, filter: Option<&Value>) -> bool {
    let conditions = filter.map(Value::pairs).unwrap_or_default();
    conditions.into_iter().all(|(name, value)| {
        let own = match name.trim_start_matches('=') {
            "EVENT_NAME" => event.event.clone(),
            "ID" | "MESSAGE_ID" => event.id.to_string(),
            "PROCESS_ID" => process(event).to_owned(),
            "ERROR" => error(event).to_owned(),
            _ => return true,
        };
        value
            .as_text()
            .is_some_and(|value| value.eq_ignore_ascii_case(&own))
    })
}

fn row(event: &OfflineEvent) -> Json {
    json!({
        "ID": event.id.to_string(),
        "TIMESTAMP_X": answer::date_text(event.at),
        "EVENT_NAME": event.event,
        "EVENT_DATA": event.data,
        "EVENT_ADDITIONAL": false,
        "MESSAGE_ID": event.id.to_string(),
    })
}

/// `placement.bind`: administrators only.
pub(super) fn place(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if call.caller.user_id != ADMINISTRATOR {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "ACCESS_DENIED",
            "Access denied!",
        ));
    }
    let (placement, handler) = (call.params.text("PLACEMENT"), call.params.text("HANDLER"));
    if placement.is_empty() || handler.is_empty() {
        return Err(core("Argument 'PLACEMENT' or 'HANDLER' is null or empty"));
    }
    let made = Placement {
        application: own(call),
        placement,
        handler,
        title: call.params.text("TITLE"),
    };
    let placements = &mut call.state.telephony.placements;
    if placements.iter().any(|known| {
        (&known.application, &known.placement, &known.handler)
            == (&made.application, &made.placement, &made.handler)
    }) {
        return Err(core(
            "Unable to set placement handler: Handler already binded",
        ));
    }
    placements.push(made);
    Ok(Answer::of("true"))
}

/// `placement.unbind`
pub(super) fn unplace(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let (placement, handler) = (call.params.text("PLACEMENT"), call.params.text("HANDLER"));
    let own = own(call);
    let placements = &mut call.state.telephony.placements;
    let before = placements.len();
    placements.retain(|known| {
        known.application != own
            || known.placement != placement
            || !handler.is_empty() && known.handler != handler
    });
    let count = before - placements.len();
    Ok(Answer::json(&json!({"count": count})))
}
