//! What a desk answers under `/_simulator/`: not Freshdesk's, but the simulator's own.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::desk::{Desk, answer as response};
use crate::{faults::Script, server::Request};

/// Answers a request to the simulator itself; `None` when it is one to the desk.
pub(super) fn answer(desk: &Desk, request: &Request) -> Option<Response<Bytes>> {
    let what = request.path().strip_prefix("/_simulator/")?;
    let answered = match (request.head.method.as_str(), what.trim_end_matches('/')) {
        ("GET", "counts") => {
            let records = desk.records();
            Ok(json!({
                "tickets": records.tickets.len(), "contacts": records.contacts.len(),
                "companies": records.companies.len(),
            }))
        }
        ("GET", "faults") => Ok(json!(desk.faults())),
        ("PUT", "faults") => Script::parse(&String::from_utf8_lossy(&request.body))
            .map(|rules| {
                let count = rules.len();
                desk.set_faults(rules);
                json!({"rules": count})
            })
            .map_err(|error| format!("the fault script: {error}")),
        ("PUT", "latency") => {
            let asked: Option<Value> = serde_json::from_slice(&request.body).ok();
            let ms = asked.and_then(|asked| asked.get("ms")?.as_u64());
            ms.map(|ms| {
                desk.set_latency(std::time::Duration::from_millis(ms));
                json!({"ms": ms})
            })
            .ok_or_else(|| "the latency: {\"ms\": 20} was expected".to_owned())
        }
        ("GET", "journal") => Ok(json!(desk.asked())),
        ("DELETE", "journal") => {
            desk.clear_asked();
            Ok(json!({}))
        }
        (verb, what) => {
            let known = "GET counts, GET/PUT faults, PUT latency, GET/DELETE journal";
            let error = format!("no {verb} {what}; there is {known}");
            return Some(response(StatusCode::NOT_FOUND, &json!({"error": error})));
        }
    };
    Some(match answered {
        Ok(body) => response(StatusCode::OK, &body),
        Err(error) => response(StatusCode::BAD_REQUEST, &json!({"error": error})),
    })
}
