//! The portal as clients see it: most of it asked in memory, some of it over real sockets.

mod activities;
mod applications;
mod batches;
mod directories;
mod faults;
mod items;
mod limits;
mod lists;
mod properties;
mod service;
mod sockets;
mod statistics;
mod telephony;
mod users;
mod writes;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

/// What a test's clock starts at.
fn start_of_test() -> Timestamp {
    "2026-11-20T06:30:00Z".parse().unwrap()
}

/// The same moment as the portal writes it.
const START: &str = "2026-11-20T09:30:00+03:00";

/// Directories, one webhook with every scope for user 1, and that user.
fn bare() -> Data {
    Data {
        webhooks: vec![Webhook::new(1, "s3cret", ["crm", "user", "telephony"])],
        ..sample::directories::data()
    }
    .user(json!({"ID": "1", "ACTIVE": true, "NAME": "An", "LAST_NAME": "Lý", "EMAIL": "an@portal.example", "UF_DEPARTMENT": [5], "USER_TYPE": "employee"}))
}

/// A portal whose clock stands still.
fn portal(data: Data) -> Portal {
    Portal::new(Clock::manual(start_of_test()), data).unwrap()
}

/// A request that no connection brought.
fn request(verb: &str, target: &str, body: &Value) -> Request {
    let (head, ()) = http::Request::builder()
        .method(verb)
        .uri(target)
        .header("content-type", "application/json")
        .body(())
        .unwrap()
        .into_parts();
    Request {
        head: Arc::new(head),
        body: Bytes::from(if body.is_null() {
            String::new()
        } else {
            body.to_string()
        }),
    }
}

/// The status and the JSON that a call is answered with.
async fn answer(portal: &Portal, method: &str, params: Value) -> (u16, Value) {
    let request = request("POST", &format!("/rest/1/s3cret/{method}"), &params);
    match portal.answer(&request, true).await {
        Reply::Answer(response) => {
            let body = serde_json::from_slice(response.body());
            (response.status().as_u16(), body.unwrap_or(Value::Null))
        }
        other => panic!("{method} was answered with {other:?}"),
    }
}

/// The `result` of a call that must succeed.
async fn result(portal: &Portal, method: &str, params: Value) -> Value {
    let (status, mut body) = answer(portal, method, params.clone()).await;
    assert_eq!(status, 200, "{method} {params} -> {body}");
    body["result"].take()
}

/// Asks for `result` and compares.
async fn check(portal: &Portal, method: &str, params: Value, expected: Value) {
    let found = result(portal, method, params.clone()).await;
    assert_eq!(found, expected, "{method} {params}");
}

/// Asks for a refusal: status, code and description.
async fn check_refusal(portal: &Portal, method: &str, params: Value, expected: (u16, Value, &str)) {
    let (status, body) = answer(portal, method, params.clone()).await;
    let found = (
        status,
        body["error"].clone(),
        body["error_description"].as_str().unwrap_or("?"),
    );
    assert_eq!(found, expected, "{method} {params}");
}
