use deskbridge_core::EventId;
use serde_json::{Value, json};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn live(secret: &str, until: Option<i64>) -> LiveSecret {
    LiveSecret {
        secret: Secret::new(secret).unwrap(),
        until: until.map(at),
    }
}

fn account(account_id: Option<u64>) -> Account {
    Account {
        connection: "main".to_owned(),
        account_id: account_id.and_then(Id::new),
        signing: Signing::Unsigned,
        has_routes: false,
    }
}

fn event(body: &Value, arrival: u128) -> NewEvent {
    let body = body.to_string().into_bytes();
    account(Some(9)).event(Vec::new(), body, arrival)
}

#[test]
fn only_what_cannot_mean_two_things_is_taken_for_a_repetition() {
    let ticket = |action: &str, fields: Value| json!({"object": "ticket", "action": action, "ticket": fields});
    let rows = [
        (
            ticket(
                "update",
                json!({"ticket_id": 7, "updated_at": 1_684_385_486_519_i64}),
            ),
            true,
        ),
        (
            ticket(
                "update",
                json!({"ticket_id": 7, "updated_at": "Thu May 18 11:51:26 ICT 2023"}),
            ),
            true,
        ),
        (
            ticket("update", json!({"ticket_id": 7, "ticket_status": "open"})),
            false,
        ),
        (ticket("delete", json!({"ticket_id": 7})), true),
        (
            ticket(
                "frobnicate",
                json!({"ticket_id": 7, "updated_at": 1_684_385_486_519_i64}),
            ),
            false,
        ),
        (
            ticket("update", json!({"updated_at": 1_684_385_486_519_i64})),
            false,
        ),
        (
            json!({"object": "user", "action": "update", "user": {"id": 3, "changes": [{"field": "phone_no", "value": "1"}]}}),
            false,
        ),
        (
            json!({"object": "call_in", "action": "call_in_start", "call_info": {"call_id": "c", "event_time": 1_684_385_486_519_i64}}),
            true,
        ),
        (
            json!({"a workflow": "says", "what": ["it", "likes"]}),
            false,
        ),
        (json!([]), false),
    ];
    for (body, expected) in rows {
        let (first, second) = (event(&body, 1), event(&body, 2));
        assert_eq!(first.raw_key == second.raw_key, expected, "{body}");
        assert_eq!(
            first.reading.canonical_key == second.reading.canonical_key,
            expected,
            "{body}"
        );
        assert_eq!(
            event(&body, 1),
            first,
            "{body}: the same arrival has the same keys"
        );
    }
}

#[test]
fn events_are_ordered_with_their_case_and_otherwise_with_nothing() {
    let rows = [
        (
            r#"{"object":"ticket","action":"update","ticket":{"ticket_id":"7"}}"#,
            "caresoft/main/case:7",
            true,
        ),
        (
            r#"{"object":"deal","action":"convert","deal":{"deal_id":7}}"#,
            "caresoft/main/case:7",
            true,
        ),
        (
            r#"{"object":"user","action":"create","account_id":9,"user":{"id":7}}"#,
            "caresoft/main/user:7",
            true,
        ),
        (
            r#"{"object":"ticket","action":"sneeze","ticket":{"ticket_id":7}}"#,
            "caresoft/main/case:7",
            false,
        ),
        (
            r#"{"object":"ticket","action":"update","account_id":"8","ticket":{"ticket_id":7}}"#,
            "caresoft/main/account:8/case:7",
            false,
        ),
    ];
    for (body, key, is_routed) in rows {
        let reading = account(Some(9)).event(Vec::new(), body.into(), 1).reading;
        assert_eq!(reading.ordering_key.as_str(), key, "{body}");
        assert_eq!(reading.is_routed, is_routed, "{body}");
        assert_eq!(reading.source, "caresoft");
    }
    for body in ["", "not JSON", r#"{"object":"chat"}"#, r#"{"free":"form"}"#] {
        let keys = [1, 2].map(|arrival| {
            let reading = account(None)
                .event(Vec::new(), body.into(), arrival)
                .reading;
            assert!(!reading.is_routed, "{body}");
            reading.ordering_key
        });
        assert_ne!(keys[0], keys[1], "{body}");
        assert!(
            keys[0].as_str().starts_with("caresoft/main/event:"),
            "{}",
            keys[0]
        );
    }
}

#[test]
fn routes_take_what_nobody_knows_but_nothing_of_another_account() {
    for (body, is_routed) in [
        (r#"{"object":"ticket","action":"sneeze"}"#, true),
        (
            r#"{"object":"ticket","action":"sneeze","account_id":9}"#,
            true,
        ),
        (
            r#"{"object":"ticket","action":"sneeze","account_id":8}"#,
            false,
        ),
        (
            r#"{"object":"ticket","action":"delete","account_id":8,"ticket":{"ticket_id":7}}"#,
            false,
        ),
    ] {
        let with_routes = Account {
            has_routes: true,
            ..account(Some(9))
        };
        let event = with_routes.event(Vec::new(), body.into(), 1);
        assert_eq!(event.reading.is_routed, is_routed, "{body}");
    }
}

#[test]
fn another_accounts_event_says_why_it_waits_and_runs_once_the_account_is_corrected() {
    let body = br#"{"object":"ticket","action":"delete","account_id":8,"ticket":{"ticket_id":7}}"#;
    let wrong = account(Some(9));
    let why = wrong.unrouted(&Event::read(body)).unwrap();
    assert_eq!(
        why.to_string(),
        "the event is of the account 8, the connection is for 9"
    );
    let event = wrong.event(Vec::new(), body.to_vec(), 1);
    assert!(!event.reading.is_routed);
    let reading = Accounts::new([account(Some(8))]).read(&event);
    assert!(reading.is_routed);
    assert_eq!(reading.ordering_key.as_str(), "caresoft/main/case:7");
    assert_eq!(reading.canonical_key, event.reading.canonical_key);
    assert_eq!(
        Accounts::default().read(&event),
        event.reading,
        "nobody can read it now"
    );
}

#[test]
fn an_event_that_may_come_twice_keeps_its_own_key_when_it_is_read_anew() {
    let event = account(None).event(Vec::new(), b"{}".to_vec(), 1);
    let reading = Accounts::new([account(None)]).read(&event);
    assert_eq!(reading, event.reading);
    assert_eq!(reading.canonical_key, event.raw_key);
}

#[test]
fn words_and_keys_are_short_and_printable_whatever_is_said() {
    let long = "x".repeat(10_000);
    let said = json!({"object": "call_in", "action": format!("a\u{0}{long}"), "call_info": {"call_id": format!("{long}\u{0}")}});
    let one = event(&said, 1).reading;
    assert_eq!(one.action.len(), WORD_LETTERS_MAX);
    assert!(!one.action.contains('\u{0}'));
    assert!(
        one.ordering_key
            .as_str()
            .starts_with("caresoft/main/digest:")
    );
    assert_eq!(
        event(&said, 2).reading.ordering_key,
        one.ordering_key,
        "it is one call"
    );
}

#[test]
fn a_secret_is_taken_until_it_expires_and_any_spelling_of_its_signature() {
    let body = br#"{"ticket_id":1}"#;
    let account = Account {
        signing: Signing::Secrets(vec![live("other", None), live("CS123", Some(100))]),
        ..account(None)
    };
    let believed = |name: &str, value: &str, second| {
        let headers = [(name.to_owned(), value.to_owned())];
        account.verify(&headers, body, at(second)).is_ok()
    };
    let upper = "420A69CE7D3C36559E9828D6361530DF30065D37";
    let prefixed = format!("sha1={upper}");
    for value in [
        upper,
        &upper.to_lowercase(),
        &prefixed,
        &prefixed.to_lowercase(),
    ] {
        assert!(believed("x-hub-signature", value, 99), "{value}");
        assert!(
            !believed("x-hub-signature", value, 100),
            "{value} is too late"
        );
        assert!(!believed("x-other", value, 99), "{value} is elsewhere");
    }
    assert!(!believed("x-hub-signature", &upper.replace('4', "5"), 99));
    assert_eq!(account.verify(&[], body, at(1)), Err(Unverified::Missing));
    let none_live = Account {
        signing: Signing::Secrets(Vec::new()),
        ..account.clone()
    };
    assert!(
        none_live.verify(&[], body, at(1)).is_err(),
        "only what says so is unsigned"
    );
}

#[test]
fn a_quarantined_body_is_judged_by_the_secrets_that_were_live_when_it_arrived() {
    let body = br#"{"ticket_id":1}"#.to_vec();
    let quarantined = |second| Quarantined {
        id: EventId::new(at(second), &mut fastrand::Rng::with_seed(1)),
        connection: "main".to_owned(),
        received_at: at(second),
        why: String::new(),
        headers: vec![(
            "x-hub-signature".to_owned(),
            Secret::new("CS123").unwrap().sign(&body),
        )],
        body: body.clone(),
    };
    let accounts = |secret| {
        Accounts::new([Account {
            signing: Signing::Secrets(vec![secret]),
            ..account(None)
        }])
    };
    assert!(
        accounts(live("wrong", None))
            .verify(&quarantined(1))
            .is_none()
    );
    assert!(
        accounts(live("CS123", Some(5)))
            .verify(&quarantined(5))
            .is_none()
    );
    let reader = accounts(live("CS123", Some(5)));
    let event = reader.verify(&quarantined(4)).unwrap();
    assert_eq!(event.body, body);
    assert_eq!(
        reader.verify(&quarantined(4)),
        Some(event),
        "taken out twice it is one event"
    );
    assert!(Accounts::default().verify(&quarantined(4)).is_none());
}

#[test]
fn what_says_who_calls_is_not_kept() {
    let mut headers = HeaderMap::new();
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "x-hub-signature",
        "content-type",
    ] {
        headers.insert(
            HeaderName::from_static(name),
            "a".repeat(1_000).parse().unwrap(),
        );
    }
    let kept = kept_headers(&headers);
    let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-hub-signature", "content-type"]);
    assert!(
        kept.iter()
            .all(|(_, value)| value.len() == HEADER_LETTERS_MAX)
    );
}
