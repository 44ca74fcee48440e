//! Calls as callers list, show and trace them.

use std::collections::BTreeSet;

use deskbridge_store::{CallChange, CallLine, KeptCall};

use super::*;

fn call(linkedid: &str, at: i64, change: impl FnOnce(&mut KeptCall)) -> CallChange {
    let started_at = Timestamp::from_second(at).unwrap();
    let mut call = KeptCall {
        connection: "office".to_owned(),
        linkedid: linkedid.to_owned(),
        joined: Vec::new(),
        direction: "incoming".to_owned(),
        client: Some("79160000001".to_owned()),
        line: Some("1900".to_owned()),
        result: Some("answered".to_owned()),
        started_at,
        state: json!({"secret": "planted-state"}),
    };
    change(&mut call);
    let text = format!("the call {linkedid} began");
    CallChange {
        call,
        lines: vec![CallLine {
            at: started_at,
            text,
        }],
    }
}

/// Four calls, of which the last goes on and the second was joined with another; one write of the first.
async fn filled() -> Bench {
    let bench = Bench::new();
    let calls = vec![
        call("1.1", 100, |_| {}),
        call("1.2", 200, |call| {
            call.joined = vec!["1.9".to_owned()];
            call.result = Some("missed".to_owned());
        }),
        call("1.3", 300, |call| {
            call.direction = "outgoing".to_owned();
            call.client = Some("79160000002".to_owned());
            call.line = Some("1901".to_owned());
        }),
        call("1.4", 400, |call| {
            call.connection = "branch".to_owned();
            call.result = None;
        }),
    ];
    let now = bench.clock.now();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut write = |call: &str| {
        let effect = NewEffect {
            urgency: Urgency::Usual,
            kind: "calls.finish".to_owned(),
            ordering_key: OrderingKey::new(format!("call:{call}")),
            idempotency_key: IdempotencyKey::new(format!("{call}/finish")),
            payload: json!({}),
        };
        (EffectId::new(now, &mut rng), effect)
    };
    // That of an order belongs to its call as well, and that of a call elsewhere does not.
    let writes = ["office:1.2", "office:order:1.9", "branch:1.2"].map(&mut write);
    let kept = bench
        .store
        .keep_calls(calls, writes.to_vec(), None, now)
        .await;
    kept.unwrap();
    bench
}

fn linkedids(answer: &Value) -> Vec<&str> {
    let calls = answer["calls"].as_array().unwrap().iter();
    calls
        .map(|call| call["linkedid"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn calls_are_listed_latest_first_by_what_is_asked_for() {
    let bench = filled().await;
    for (query, expected) in [
        ("", &["1.4", "1.3", "1.2", "1.1"][..]),
        ("connection=office", &["1.3", "1.2", "1.1"]),
        ("client=79160000002", &["1.3"]),
        ("line=1901", &["1.3"]),
        ("direction=incoming", &["1.4", "1.2", "1.1"]),
        ("direction=internal", &[]),
        ("result=missed", &["1.2"]),
        ("open=true", &["1.4"]),
        ("open=false", &["1.3", "1.2", "1.1"]),
        ("since=1970-01-01T00:05:00Z", &["1.4", "1.3"]),
        ("result=answered&direction=incoming", &["1.1"]),
        ("limit=2", &["1.4", "1.3"]),
        ("limit=2&until=1970-01-01T00:05:00Z", &["1.2", "1.1"]),
        ("limit=2&until=1970-01-01T00:01:40Z", &[]),
    ] {
        let listed = bench.get(&format!("/api/v1/calls?{query}")).await.json();
        assert_eq!(linkedids(&listed), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_of_calls_neither_lose_nor_repeat_those_of_one_instant() {
    let bench = filled().await;
    // Names of other characters than an address has, and one that looks like two parts of a place.
    let of_one_instant = ["2.1", "a/b", "2.2 +&"].map(|name| call(name, 300, |_| {}));
    let now = bench.clock.now();
    let kept = bench
        .store
        .keep_calls(of_one_instant.to_vec(), Vec::new(), None, now);
    kept.await.unwrap();
    let all = ["1.4", "a/b", "2.2 +&", "2.1", "1.3", "1.2", "1.1"];
    for limit in 1..=all.len() + 1 {
        let (mut met, mut before) = (Vec::new(), String::new());
        loop {
            let listed = bench
                .get(&format!("/api/v1/calls?limit={limit}{before}"))
                .await;
            let listed = listed.json();
            met.extend(linkedids(&listed).into_iter().map(str::to_owned));
            let Some(next) = listed["next_before"].as_str() else {
                break;
            };
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            before = format!("&before={next}");
        }
        assert_eq!(met, all, "{limit} at once");
    }
}

#[tokio::test]
async fn a_mistake_in_a_filter_of_calls_is_named() {
    let bench = filled().await;
    for (query, code, named) in [
        ("direction=up", "invalid_parameter", "direction (one of"),
        ("result=lost", "invalid_parameter", "result (one of"),
        ("open=perhaps", "invalid_parameter", "open"),
        ("until=tomorrow", "invalid_parameter", "until"),
        ("limit=201", "invalid_parameter", "limit (a number"),
        ("before=1.1", "invalid_parameter", "before (the next_before"),
        (
            "before=tomorrow/office/1.1",
            "invalid_parameter",
            "before (the next_before",
        ),
        ("after=1.1", "unknown_parameter", "after"),
    ] {
        let refused = bench.get(&format!("/api/v1/calls?{query}")).await;
        assert_eq!(refused.code(), (400, code.to_owned()), "{query}");
        let error = refused.json();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn one_call_is_shown_and_traced_by_any_of_its_names() {
    let bench = filled().await;
    for name in ["1.2", "1.9"] {
        let shown = bench.get(&format!("/api/v1/calls/office/{name}")).await;
        assert_eq!(shown.status, 200);
        // As the program shows calls, and nothing that is kept beside.
        assert_eq!(shown.json(), json!({"linkedid": "1.2"}), "{name}");
    }
    let trace = bench.get("/api/v1/calls/office/1.2/trace").await.json();
    assert_eq!(trace["call"]["linkedid"], "1.2");
    let story = json!([{"at": "1970-01-01T00:03:20Z", "text": "the call 1.2 began"}]);
    assert_eq!(trace["story"], story);
    let effects = trace["effects"].as_array().unwrap().iter();
    // Recorded in one moment, they have no order among themselves.
    let keys: BTreeSet<&str> = effects
        .map(|effect| effect["ordering_key"].as_str().unwrap())
        .collect();
    assert_eq!(
        keys,
        BTreeSet::from(["call:office:1.2", "call:office:order:1.9"])
    );
}

#[tokio::test]
async fn a_call_that_is_not_there_is_not_found() {
    let bench = filled().await;
    for address in ["office/1.7", "branch/1.2", "nowhere/1.1"] {
        for what in ["", "/trace"] {
            let refused = bench.get(&format!("/api/v1/calls/{address}{what}")).await;
            assert_eq!(refused.code(), (404, "not_found".to_owned()), "{address}");
        }
    }
}

#[tokio::test]
async fn calls_are_told_for_a_token_alone() {
    let bench = filled().await;
    for address in [
        "/api/v1/calls",
        "/api/v1/calls/office/1.2",
        "/api/v1/calls/office/1.7",
        "/api/v1/calls/office/1.2/trace",
    ] {
        for token in ["", "wrong", "planted-admin-token-"] {
            let refused = bench.request("GET", address, token, String::new()).await;
            assert_eq!(refused.code(), (401, "wrong_token".to_owned()), "{address}");
        }
        let refused = bench.post(address, json!({})).await;
        assert_eq!(refused.code(), (405, "wrong_verb".to_owned()), "{address}");
    }
}
