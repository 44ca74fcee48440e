//! What a contact centre answers under `/_simulator/`: not CareSoft's, but the simulator's own.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::rest::{Center, answer as response};
use crate::{faults::Script, server::Request};

/// Answers a request to the simulator itself; `None` when it is one to the contact centre.
pub(super) fn answer(center: &Center, request: &Request) -> Option<Response<Bytes>> {
    let what = request.path().strip_prefix("/_simulator/")?;
    let answered = match (request.head.method.as_str(), what.trim_end_matches('/')) {
        ("GET", "data") => Ok(json!(center.records())),
        ("PUT", "data") => serde_json::from_slice(&request.body)
            .map(|records| center.set_records(records))
            .map(|()| json!({}))
            .map_err(|error| format!("the data: {error}")),
        ("GET", "faults") => Ok(json!(center.faults())),
        ("PUT", "faults") => Script::parse(&String::from_utf8_lossy(&request.body))
            .map(|rules| {
                let count = rules.len();
                center.set_faults(rules);
                json!({"rules": count})
            })
            .map_err(|error| format!("the fault script: {error}")),
        ("GET", "journal") => Ok(json!(center.asked())),
        ("DELETE", "journal") => {
            center.clear_asked();
            Ok(json!({}))
        }
        (verb, what) => {
            let known = "GET/PUT data, GET/PUT faults, GET/DELETE journal";
            let error = format!("no {verb} {what}; there is {known}");
            return Some(shown(StatusCode::NOT_FOUND, &json!({"error": error})));
        }
    };
    Some(match answered {
        Ok(body) => shown(StatusCode::OK, &body),
        Err(error) => shown(StatusCode::BAD_REQUEST, &json!({"error": error})),
    })
}

fn shown(status: StatusCode, body: &Value) -> Response<Bytes> {
    response(status, body.to_string())
}
