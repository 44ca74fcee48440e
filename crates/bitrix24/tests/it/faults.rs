//! What public clients were seen to do wrong under faults, and what this one does instead.

use std::time::Duration;

use bitrix24::{Call, Error, Fault, Limit, Mishap, Options};
use futures_util::future::join_all;
use serde_json::{Value, json};
use simulators::bitrix24 as simulator;

use crate::{client, path_with_scope, sample_portal};

async fn portal(rules: Value) -> simulator::Running {
    let portal = sample_portal(simulator::Limits::default()).await;
    let rules = serde_json::from_value(rules).unwrap();
    portal.portal.set_faults(rules).unwrap();
    portal
}

fn get(id: u64) -> Call {
    Call::read("crm.company.get").param("id", id)
}

/// Asks once under a fault that stays; the answer and how many requests the portal saw.
async fn asked(rules: Value, call: Call) -> (Result<(), Error>, u64) {
    let portal = portal(rules).await;
    let options = Options {
        deadline: Duration::from_secs(4),
        ..Options::default()
    };
    let client = client(&portal, &path_with_scope(&portal, "user"), &options);
    let answer = client.call(call).await;
    (answer.map(drop), portal.portal.counts().requests)
}

fn always(answer: &Value) -> Value {
    json!([{"when": "*", "answer": answer}])
}

fn once(answer: &Value) -> Value {
    json!([{"when": "*", "times": 1, "answer": answer}])
}

#[tokio::test]
async fn too_many_requests_once_are_waited_out() {
    let (answer, requests) =
        asked(once(&json!({"preset": "query_limit_exceeded"})), get(101)).await;
    answer.unwrap();
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn too_many_requests_for_ever_end_at_the_deadline_and_not_in_a_storm() {
    let (answer, requests) =
        asked(always(&json!({"preset": "query_limit_exceeded"})), get(101)).await;
    let error = answer.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overload {
                limit: Limit::Requests,
                ..
            }
        ),
        "{error}"
    );
    assert!(requests <= 5, "{requests}");
}

#[tokio::test]
async fn a_block_by_the_vendor_is_not_asked_again() {
    let (answer, requests) = asked(always(&json!({"preset": "overload_limit"})), get(101)).await;
    let error = answer.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overload {
                limit: Limit::Blocked,
                retry_after: None,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn used_up_operating_time_is_told_with_its_end() {
    let (answer, requests) =
        asked(always(&json!({"preset": "operation_time_limit"})), get(101)).await;
    let error = answer.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overload {
                limit: Limit::OperatingTime { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("OPERATION_TIME_LIMIT"),
        "{error}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn refusals_keep_their_code_and_their_words() {
    for (preset, code, words, requests) in [
        (
            "no_auth_found",
            "NO_AUTH_FOUND",
            "Wrong authorization data",
            1,
        ),
        (
            "insufficient_scope",
            "insufficient_scope",
            "higher privileges",
            1,
        ),
        ("access_denied", "", "Access denied", 1),
        ("empty_error", "", "the portal refused", 1),
    ] {
        let (answer, seen) = asked(always(&json!({"preset": preset})), get(101)).await;
        let error = answer.unwrap_err().to_string();
        assert!(
            error.contains(code) && error.contains(words),
            "{preset}: {error}"
        );
        assert_eq!(seen, requests, "{preset}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_asked_for_again_and_then_told() {
    for (answer, expected) in [
        (json!({"preset": "bad_gateway"}), Mishap::ServerFault),
        (json!({"preset": "html"}), Mishap::NotJson),
        (json!({"preset": "nothing"}), Mishap::NotJson),
        (json!("hang_up"), Mishap::HungUp),
        (json!("truncate"), Mishap::HungUp),
    ] {
        let (told, requests) = asked(once(&answer), get(101)).await;
        assert!(told.is_ok(), "once {answer}: {told:?}");
        assert_eq!(requests, 2, "{answer}");
        let (told, requests) = asked(always(&answer), get(101)).await;
        match told.unwrap_err() {
            Error::NoAnswer { mishap, .. } => assert_eq!(mishap, expected, "{answer}"),
            other => panic!("{answer}: {other}"),
        }
        assert!((2..=5).contains(&requests), "{answer}: {requests}");
    }
}

#[tokio::test]
async fn a_half_open_socket_ends_at_the_deadline() {
    let portal = portal(always(&json!("silence"))).await;
    let options = Options {
        deadline: Duration::from_millis(300),
        ..Options::default()
    };
    let client = client(&portal, &path_with_scope(&portal, "user"), &options);
    let error = client.call(get(101)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::Deadline,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = sample_portal(simulator::Limits::default()).await;
    let moved = format!("moved:{}", elsewhere.http_url.as_deref().unwrap());
    for call in [
        get(101),
        Call::write("crm.company.update").param("id", 101_u64),
    ] {
        let (answer, requests) = asked(always(&json!({"preset": moved})), call).await;
        let error = answer.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Configuration {
                    fault: Fault::Redirect { .. },
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(requests, 1);
    }
    assert_eq!(elsewhere.portal.counts().requests, 0);
}

#[tokio::test]
async fn one_failing_command_spoils_no_other() {
    let portal = portal(json!([
        {"when": "batch:crm.company.get", "skip": 7, "times": 1, "answer": {"preset": "internal_server_error"}}
    ]))
    .await;
    let client = client(
        &portal,
        &path_with_scope(&portal, "user"),
        &Options::default(),
    );
    let ids = (0..49).map(|at| if at == 20 { 999_999 } else { 101 + at % 5 });
    let answers = join_all(ids.map(|id| client.call(get(id)))).await;
    for (at, answer) in answers.iter().enumerate() {
        match (at, answer) {
            (20, Err(Error::NotFound { .. })) => {}
            (20, other) => panic!("{other:?}"),
            (at, answer) => assert!(answer.is_ok(), "{at}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn an_export_survives_a_failing_command() {
    let data = simulator::generated(
        2_537,
        simulator::Ids::Sparse,
        1,
        "2026-11-20T03:00:00Z".parse().unwrap(),
    );
    let sample = simulator::sample("2026-11-20T03:00:00Z".parse().unwrap());
    let portal = simulator::start(simulator::Options {
        data: simulator::Data {
            webhooks: sample.webhooks,
            ..data
        },
        ..simulator::Options::default()
    })
    .await
    .unwrap();
    let rules = json!([
        {"when": "batch:crm.company.list", "skip": 11, "times": 2, "answer": {"preset": "internal_server_error"}},
        {"when": "batch", "skip": 1, "times": 1, "answer": "hang_up"},
    ]);
    portal
        .portal
        .set_faults(serde_json::from_value(rules).unwrap())
        .unwrap();
    let client = client(
        &portal,
        &path_with_scope(&portal, "user"),
        &Options::default(),
    );
    let mut rows = client.list("crm.company.list").select(["ID"]).export();
    let mut ids = Vec::new();
    while let Some(row) = rows.next().await {
        ids.push(row.unwrap().id("ID").unwrap().get());
    }
    assert_eq!(ids.len(), 2_537);
    assert!(ids.is_sorted_by(|one, next| one < next));
    assert!(portal.portal.counts().faults >= 2);
}

#[tokio::test]
async fn the_secret_is_in_no_error() {
    for answer in [
        json!({"preset": "no_auth_found"}),
        json!({"preset": "moved"}),
        json!({"preset": "html"}),
        json!("hang_up"),
        json!("silence"),
    ] {
        let portal = portal(always(&answer)).await;
        let options = Options {
            deadline: Duration::from_millis(500),
            ..Options::default()
        };
        let path = path_with_scope(&portal, "user");
        let secret = path.split('/').nth(3).unwrap();
        let client = client(&portal, &path, &options);
        let error = client.call(get(101)).await.unwrap_err();
        let told = format!(
            "{error} {error:?} {:?} {client:?}",
            std::error::Error::source(&error)
        );
        assert!(!told.contains(secret), "{answer}: {told}");
    }
}
