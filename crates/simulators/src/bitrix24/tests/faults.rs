//! Fault scripts, and what they leave in the journal.

use super::*;
use crate::faults::Script;

fn portal_with(rules: &str) -> Portal {
    let portal = portal(bare().company(json!({"ID": "1", "TITLE": "Lụa"})));
    portal.set_faults(Script::parse(rules).unwrap()).unwrap();
    portal
}

async fn reply(portal: &Portal, method: &str, params: Value) -> Reply {
    let request = request("POST", &format!("/rest/1/s3cret/{method}?a=1"), &params);
    portal.answer(&request, true).await
}

fn companies(portal: &Portal) -> usize {
    portal.data().companies.len()
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect_and_a_lost_request_does_not() {
    let add = json!({"fields": {"TITLE": "x"}});
    for (rule, expected) in [
        (
            r#"[{"when":"crm.company.add","execute":true,"answer":"hang_up"}]"#,
            2,
        ),
        (r#"[{"when":"crm.company.ADD","answer":"hang_up"}]"#, 1),
    ] {
        let portal = portal_with(rule);
        assert!(matches!(
            reply(&portal, "crm.company.add", add.clone()).await,
            Reply::HangUp
        ));
        assert_eq!(companies(&portal), expected, "{rule}");
    }
    let portal = portal_with(
        r#"[{"when":"crm.company.add","execute":true,"times":1,"answer":{"preset":"query_limit_exceeded"}}]"#,
    );
    let expected = (503, json!("QUERY_LIMIT_EXCEEDED"), "Too many requests");
    check_refusal(&portal, "crm.company.add", add.clone(), expected).await;
    assert_eq!(companies(&portal), 2, "refused after it was done");
    check(&portal, "crm.company.add", add, json!(3)).await;
    assert_eq!(portal.counts().faults, 1);
}

#[tokio::test]
async fn what_takes_effect_anyway_does_so_once() {
    for (when, answer) in [
        ("crm.company.add", "usual"),
        ("crm.company.add", "truncate"),
        ("batch:crm.company.add", "usual"),
        ("batch:crm.company.add", "truncate"),
    ] {
        let portal = portal_with(&format!(
            r#"[{{"when":"{when}","execute":true,"answer":"{answer}"}}]"#
        ));
        let (method, params) = match when.starts_with("batch") {
            true => ("batch", json!({"cmd": ["crm.company.add?fields[TITLE]=x"]})),
            false => ("crm.company.add", json!({"fields": {"TITLE": "x"}})),
        };
        let reply = reply(&portal, method, params).await;
        assert_eq!(companies(&portal), 2, "{when} {answer}");
        assert_eq!(
            matches!(reply, Reply::Truncate(_)),
            answer == "truncate",
            "{when} {answer}"
        );
    }
}

#[tokio::test]
async fn every_preset_answers_what_it_is_named_after() {
    for (preset, status, body) in [
        (
            "query_limit_exceeded",
            503,
            r#"{"error":"QUERY_LIMIT_EXCEEDED""#,
        ),
        ("overload_limit", 503, r#"{"error":"OVERLOAD_LIMIT""#),
        (
            "operation_time_limit",
            429,
            r#"{"error":"OPERATION_TIME_LIMIT""#,
        ),
        ("no_auth_found", 401, r#"{"error":"NO_AUTH_FOUND""#),
        (
            "invalid_credentials",
            403,
            r#"{"error":"INVALID_CREDENTIALS""#,
        ),
        (
            "insufficient_scope",
            403,
            r#"{"error":"insufficient_scope""#,
        ),
        (
            "access_denied",
            400,
            r#"{"error":"","error_description":"Access denied."}"#,
        ),
        (
            "not_found",
            400,
            r#"{"error":"","error_description":"Not found"}"#,
        ),
        (
            "internal_server_error",
            500,
            r#"{"error":"INTERNAL_SERVER_ERROR""#,
        ),
        ("portal_deleted", 500, r#"{"error":"PORTAL_DELETED""#),
        ("bad_gateway", 502, "<html>"),
        ("html", 200, "<!DOCTYPE html>"),
        ("empty_error", 200, r#"{"error":""}"#),
        ("moved", 302, "<html>"),
        ("nothing", 200, ""),
    ] {
        assert!(PRESETS.contains(&preset), "{preset} is not listed");
        let portal = portal_with(&format!(r#"[{{"answer":{{"preset":"{preset}"}}}}]"#));
        let Reply::Answer(response) = reply(&portal, "scope", json!({})).await else {
            panic!("{preset} is no answer");
        };
        let text = String::from_utf8_lossy(response.body());
        assert_eq!(response.status(), status, "{preset}");
        assert!(
            text.starts_with(body) && body.is_empty() == text.is_empty(),
            "{preset}: {text}"
        );
        assert_eq!(
            portal.journal()[0].fault,
            Some(crate::faults::Answer::Preset(preset.to_owned()))
        );
    }
}

#[tokio::test]
async fn a_move_keeps_path_and_query() {
    let portal = portal_with(r#"[{"answer":{"preset":"moved"}}]"#);
    portal.set_behaviour(Behaviour {
        moved_to: "http://new.test:81".to_owned(),
        ..Behaviour::default()
    });
    let Reply::Answer(response) = reply(&portal, "scope", json!({})).await else {
        panic!("no answer");
    };
    assert_eq!(
        response.headers()["location"],
        "http://new.test:81/rest/1/s3cret/scope?a=1"
    );
}

#[tokio::test]
async fn one_command_of_a_batch_can_fail() {
    let portal = portal_with(
        r#"[{"when":"batch:crm.company.add","times":1,"answer":{"preset":"access_denied"}},{"when":"batch:scope","answer":{"status":400,"json":{"error":7,"error_description":"odd"}}}]"#,
    );
    let cmd = json!({"a": "crm.company.add?fields[TITLE]=x", "b": "crm.company.add?fields[TITLE]=y", "c": "scope"});
    let batch = result(&portal, "batch", json!({"cmd": cmd})).await;
    assert_eq!(batch["result"], json!({"b": 2}));
    assert_eq!(
        batch["result_error"],
        json!({
            "a": {"error": "", "error_description": "Access denied."},
            "c": {"error": 7, "error_description": "odd"},
        })
    );
    let entry = &portal.journal()[0];
    let told: Vec<_> = entry
        .commands
        .iter()
        .map(|command| (command.label.as_str(), command.error.as_deref()))
        .collect();
    assert_eq!(told, [("a", Some("")), ("b", None), ("c", Some("7"))]);
}

#[tokio::test]
async fn a_batch_can_die_in_its_middle() {
    let portal = portal_with(
        r#"[{"when":"batch:crm.company.add","skip":1,"execute":true,"answer":"hang_up"}]"#,
    );
    let cmd = json!([
        "crm.company.add?fields[TITLE]=x",
        "crm.company.add?fields[TITLE]=y",
        "crm.company.add?fields[TITLE]=z"
    ]);
    assert!(matches!(
        reply(&portal, "batch", json!({"cmd": cmd})).await,
        Reply::HangUp
    ));
    assert_eq!(
        companies(&portal),
        3,
        "the first two were executed, the third was not"
    );
    let portal = portal_with(r#"[{"when":"batch:scope","answer":"truncate"}]"#);
    assert!(matches!(
        reply(&portal, "batch", json!({"cmd": ["scope"]})).await,
        Reply::Truncate(_)
    ));
    let portal = portal_with(r#"[{"when":"batch:scope","answer":{"preset":"bad_gateway"}}]"#);
    let Reply::Answer(response) = reply(&portal, "batch", json!({"cmd": ["scope"]})).await else {
        panic!("no answer");
    };
    assert_eq!(response.status(), 502);
}

#[tokio::test]
async fn an_unknown_preset_is_refused_with_the_known_ones() {
    let portal = portal_with("[]");
    let rules = Script::parse(r#"[{"answer":{"preset":"querylimit"}}]"#).unwrap();
    let refusal = portal.set_faults(rules).unwrap_err().to_string();
    assert!(
        refusal.contains("\"querylimit\"") && refusal.contains("query_limit_exceeded"),
        "{refusal}"
    );
    assert_eq!(portal.faults().len(), 0);
}

#[tokio::test]
async fn the_journal_tells_what_was_asked_and_keeps_no_secret() {
    let portal = portal_with("[]");
    answer(&portal, "crm.company.Get", json!({"id": 9})).await;
    answer(&portal, "batch", json!({"cmd": {"one": "crm.company.list?select[]=ID&", "two": "crm.company.get?id=$result[one][0][ID]&__order=x"}})).await;
    let journal = portal.journal();
    let first = &journal[0];
    assert_eq!(
        (
            first.number,
            first.method.as_str(),
            first.status,
            first.error.as_deref(),
            first.user_id.as_str()
        ),
        (1, "crm.company.get", Some(400), Some(""), "1")
    );
    assert_eq!(
        serde_json::to_value(&first.params).unwrap(),
        json!({"id": 9})
    );
    let second = &journal[1].commands[1];
    assert_eq!(
        (
            second.method.as_str(),
            serde_json::to_value(&second.params).unwrap()
        ),
        ("crm.company.get", json!({"id": "1", "__order": "x"}))
    );
    assert!(!serde_json::to_string(&journal).unwrap().contains("s3cret"));
    assert!(!format!("{portal:?}").contains("s3cret"));
    let counts = portal.counts();
    assert_eq!((counts.requests, counts.calls), (2, 3));
    portal.clear_journal();
    assert_eq!(
        (portal.journal().len(), portal.counts()),
        (0, Counts::default())
    );
}

#[tokio::test]
async fn the_journal_forgets_its_oldest_entries() {
    let portal = portal_with("[]");
    portal.set_journal_entries_max(2);
    for _ in 0..3 {
        answer(&portal, "scope", json!({})).await;
    }
    let numbers: Vec<u64> = portal.journal().iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [2, 3]);
    assert!(
        portal
            .journal()
            .iter()
            .all(|entry| entry.status == Some(200))
    );
}
