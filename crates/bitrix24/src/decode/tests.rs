use proptest::prelude::*;

use super::*;
use crate::Webhook;

const SECRET: &str = "pl4nt3ds3cr3t";

fn webhook() -> Signature {
    Webhook::parse("https://portal.example/rest/1/pl4nt3ds3cr3t/")
        .unwrap()
        .into()
}

fn received(status: u16, body: &str) -> Received {
    Received {
        status,
        body: body.to_owned().into(),
        location: None,
    }
}

fn single_of(status: u16, body: &str) -> Result<Body, Failure> {
    single(&received(status, body), &webhook())
}

#[test]
fn a_result_is_whatever_is_under_its_key() {
    for (body, result, total, next) in [
        (r#"{"result":[],"total":0,"time":{}}"#, "[]", Some(0), None),
        (
            r#"{"result":[1],"total":120,"next":50}"#,
            "[1]",
            Some(120),
            Some(50),
        ),
        (r#"{"result":[1],"next":0}"#, "[1]", None, Some(0)),
        (
            r#"{"result":[1],"total":"7","next":"50"}"#,
            "[1]",
            Some(7),
            Some(50),
        ),
        (r#"{"result":null}"#, "null", None, None),
        (r#"{"result":false,"error":null}"#, "false", None, None),
        (r#"{"result":5,"error":[]}"#, "5", None, None),
        (
            "\u{feff}{\"result\":{\"a\": 1.0}}",
            "{\"a\": 1.0}",
            None,
            None,
        ),
    ] {
        let read = single_of(200, body).expect(body);
        assert_eq!(read.result.get(), result, "{body}");
        assert_eq!((read.total, read.next), (total, next), "{body}");
    }
}

#[test]
fn errors_are_seen_in_every_shape_and_with_every_status() {
    for (status, body, class, code, description) in [
        (
            200,
            r#"{"error":"","error_description":"Access denied."}"#,
            Class::RecordAccess,
            "",
            "Access denied.",
        ),
        (200, r#"{"error":""}"#, Class::Other, "", ""),
        (
            400,
            r#"{"error":"","error_description":"Not found"}"#,
            Class::NotFound,
            "",
            "Not found",
        ),
        (
            400,
            r#"{"error":0,"error_description":"x"}"#,
            Class::Other,
            "0",
            "x",
        ),
        (
            400,
            r#"{"error":100,"error_description":"no id"}"#,
            Class::Argument,
            "100",
            "no id",
        ),
        (
            400,
            r#"{"error":"Invalid parameters."}"#,
            Class::Other,
            "Invalid parameters.",
            "",
        ),
        (
            400,
            r#"{"error":{"code":"BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUND","message":"No such"}}"#,
            Class::NotFound,
            "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUND",
            "No such",
        ),
        (
            503,
            r#"{"error":"query_limit_exceeded","error_description":"Too many"}"#,
            Class::Requests,
            "query_limit_exceeded",
            "Too many",
        ),
        (
            503,
            r#"{"error":"OVERLOAD_LIMIT"}"#,
            Class::Blocked,
            "OVERLOAD_LIMIT",
            "",
        ),
        (
            200,
            r#"{"result":[],"error":"X","error_description":"<b>Bold</b>  claim"}"#,
            Class::Other,
            "X",
            "Bold claim",
        ),
    ] {
        let failure = single_of(status, body).expect_err(body);
        assert_eq!(failure.class, class, "{body}");
        assert_eq!(
            failure.said.code.as_deref().unwrap_or_default(),
            code,
            "{body}"
        );
        assert_eq!(
            failure.said.description.as_deref().unwrap_or_default(),
            description,
            "{body}"
        );
        assert_eq!(failure.said.status, Some(status));
    }
}

#[test]
fn what_is_no_answer_is_told_apart() {
    for (status, body, class, description) in [
        (
            200,
            "<html><title>Log in</title><script>x()</script></html>",
            Class::NotJson,
            "Log in",
        ),
        (200, "", Class::NotJson, ""),
        (200, "[]", Class::NoResult, "[]"),
        (200, r#"["x"]"#, Class::NoResult, "[\"x\"]"),
        (200, r#""text""#, Class::NoResult, "\"text\""),
        (200, "{}", Class::NoResult, ""),
        (200, r#"{"time":{}}"#, Class::NoResult, ""),
        (200, r#"{"result":"#, Class::NotJson, r#"{"result":"#),
        (404, "<h1>404</h1>", Class::NotJson, "404"),
        (
            502,
            "<h1>Bad gateway</h1>",
            Class::ServerFault,
            "Bad gateway",
        ),
        (500, r#"{"result":1}"#, Class::ServerFault, ""),
        (503, "{}", Class::ServerFault, ""),
    ] {
        let failure = single_of(status, body).expect_err(body);
        assert_eq!(failure.class, class, "{status} {body}");
        let said = failure.said.description.as_deref().unwrap_or_default();
        assert_eq!(said, description, "{status} {body}");
    }
}

#[test]
fn a_redirect_is_a_redirect_whatever_its_body() {
    for status in [301, 302, 303, 307, 308] {
        let received = Received {
            location: Some("other.example".into()),
            ..received(status, r#"{"result":1}"#)
        };
        let failure = single(&received, &webhook()).unwrap_err();
        assert_eq!(failure.class, Class::Redirect);
        assert_eq!(failure.said.name.as_deref(), Some("other.example"));
    }
}

#[test]
fn a_missing_scope_is_named_when_the_portal_names_it() {
    for (body, expected) in [
        (
            r#"{"error":"insufficient_scope","scope":"crm"}"#,
            Some("crm"),
        ),
        (
            r#"{"error":"insufficient_scope","error_description":"Insufficient scope: user_basic."}"#,
            Some("user_basic"),
        ),
        (
            r#"{"error":"insufficient_scope","error_description":"the scope \"telephony\" is needed"}"#,
            Some("telephony"),
        ),
        (
            r#"{"error":"insufficient_scope","error_description":"The request requires a wider scope than granted"}"#,
            None,
        ),
        (r#"{"error":"insufficient_scope"}"#, None),
    ] {
        let failure = single_of(403, body).expect_err(body);
        assert_eq!(failure.class, Class::Scope);
        assert_eq!(failure.said.name.as_deref(), expected, "{body}");
    }
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("c{n}")).collect()
}

fn texts(batch: Batch) -> Vec<String> {
    let text = |result: Result<Body, Failure>| match result {
        Ok(body) => body.result.get().to_owned(),
        Err(failure) => format!("{:?}", failure.class),
    };
    batch.results.into_iter().map(text).collect()
}

#[test]
fn batches_are_matched_by_label_in_every_shape() {
    let check = |inner: &str, halted: bool, expected: &[&str]| {
        let body = format!(r#"{{"result":{inner},"time":{{}}}}"#);
        let batch = batch(
            &received(200, &body),
            &webhook(),
            &labels(expected.len()),
            halted,
        );
        assert_eq!(texts(batch.expect(&body)), expected, "{inner}");
    };
    check(
        r#"{"result":{"c1":[2],"c0":[1]},"result_error":[],"result_total":{"c0":1},"result_next":[],"result_time":[]}"#,
        false,
        &["[1]", "[2]"],
    );
    check(
        r#"{"result":{"c0":1},"result_error":{"c1":{"error":"","error_description":"Not found"}}}"#,
        false,
        &["1", "NotFound"],
    );
    check(
        r#"{"result":[],"result_error":{"c0":{"error":"NOT_FOUND"},"c1":{"error":"ACCESS_DENIED"}}}"#,
        false,
        &["NotFound", "RecordAccess"],
    );
    check(
        r#"{"result":["a","b"],"result_error":[]}"#,
        false,
        &[r#""a""#, r#""b""#],
    );
    // Labels lost on the way: as many errors as commands without result.
    check(
        r#"{"result":{"c0":1,"c2":3},"result_error":[{"error":"NOT_FOUND"}]}"#,
        false,
        &["1", "NotFound", "3"],
    );
    check(
        r#"{"result":{"c0":1},"result_error":[{"error":"NOT_FOUND"}]}"#,
        false,
        &["1", "NoResult", "NoResult"],
    );
    check(
        r#"{"result":{"c0":1},"result_error":{"c1":{"error":"X"}}}"#,
        true,
        &["1", "Other", "Halted", "Halted"],
    );
    check(r#"{"result":{"c0":null}}"#, false, &["null", "NoResult"]);
    check(
        r#"{"result":{"c0":[],"c1":1},"result_error":{"c0":{"error":"OPERATION_TIME_LIMIT"}}}"#,
        false,
        &["OperatingTime", "1"],
    );
    check(
        r#"{"result":{"c0":1},"result_error":{"c1":"just text"}}"#,
        false,
        &["1", "Other"],
    );
    check(
        r#"{"result_error":{"c0":{"error":"NOT_FOUND"}}}"#,
        false,
        &["NotFound"],
    );
}

#[test]
fn a_batch_brings_totals_next_pages_and_times_of_each_command() {
    let body = r#"{"result":{"result":{"c0":[],"c1":[]},"result_total":{"c0":120},
        "result_next":{"c0":50},"result_time":{"c0":{"operating":1.5},"c1":{"operating":2}}},
        "time":{"operating":9}}"#;
    let batch = batch(&received(200, body), &webhook(), &labels(2), false).unwrap();
    assert_eq!(batch.time.operating_s, Some(9.0));
    let first = batch.results[0].as_ref().unwrap();
    assert_eq!((first.total, first.next), (Some(120), Some(50)));
    assert_eq!(first.time.operating_s, Some(1.5));
    let second = batch.results[1].as_ref().unwrap();
    assert_eq!((second.total, second.next), (None, None));
}

#[test]
fn a_batch_that_failed_as_a_whole_is_one_failure() {
    for (status, body, class) in [
        (503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#, Class::Requests),
        (401, r#"{"error":"NO_AUTH_FOUND"}"#, Class::Credentials),
        (200, r#"{"result":7}"#, Class::NoResult),
        (200, r#"{"result":[]}"#, Class::NoResult),
        (200, "<html>", Class::NotJson),
    ] {
        let failure = batch(&received(status, body), &webhook(), &labels(2), false);
        assert_eq!(failure.expect_err(body).class, class, "{body}");
    }
}

#[test]
fn a_refused_method_says_when_its_time_is_free_again() {
    let body = r#"{"error":"OPERATION_TIME_LIMIT","time":{"finish":1700000000.0,
        "operating_reset_at":1700000090,"operating":480.2}}"#;
    let failure = single_of(429, body).unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(90)));
    assert_eq!(
        failure.said.reset_at.map(|at| at.as_second()),
        Some(1_700_000_090)
    );
}

#[test]
fn descriptions_are_bounded_plain_and_without_the_secret() {
    let long = "x ".repeat(5000);
    let failure = single_of(
        400,
        &format!(r#"{{"error":"E","error_description":"{long}"}}"#),
    );
    let said = failure.unwrap_err().said.description.unwrap();
    assert!(said.chars().count() <= 301, "{}", said.len());
    for (text, expected) in [
        ("a < b and <5", "a < b and <5"),
        ("<p>one<br/>two</p>", "one two"),
        ("<style>p{}</style>text<SCRIPT>alert(1)</SCRIPT>", "text"),
        ("<!-- c -->text", "text"),
        ("cut <b", "cut"),
        ("<script>never closed", ""),
        ("at /rest/1/pl4nt3ds3cr3t/x", "at /rest/1/•••/x"),
    ] {
        assert_eq!(
            prose::hint(text, &webhook()).unwrap_or_default().as_ref(),
            expected,
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn no_cut_leaves_a_part_of_the_secret(before in 0usize..400, tag in "(<b>)?", after in 0usize..20) {
        let text = format!("{}{tag}{SECRET}{}", "é".repeat(before), "y".repeat(after));
        let said = prose::hint(&text, &webhook()).unwrap_or_default();
        prop_assert!(!said.contains("pl4"), "{}", said);
    }

    #[test]
    fn no_body_is_too_strange_to_read(status in 100u16..600, body in "[\\[\\]{}\":,a-z0-9<>/ ]{0,60}") {
        let received = received(status, &body);
        drop(single(&received, &webhook()));
        if let Ok(batch) = batch(&received, &webhook(), &labels(3), true) {
            prop_assert_eq!(batch.results.len(), 3);
        }
    }

    #[test]
    fn every_label_gets_exactly_one_outcome(
        results in proptest::collection::btree_map(0usize..6, 0u8..9, 0..6),
        errors in proptest::collection::btree_set(0usize..6, 0..6),
    ) {
        let map = |entries: Vec<String>| format!("{{{}}}", entries.join(","));
        let ok = map(results.iter().map(|(n, v)| format!(r#""c{n}":{v}"#)).collect());
        let failed = map(errors.iter().map(|n| format!(r#""c{n}":{{"error":"E{n}"}}"#)).collect());
        let body = format!(r#"{{"result":{{"result":{ok},"result_error":{failed}}}}}"#);
        let batch = batch(&received(200, &body), &webhook(), &labels(6), false).unwrap();
        for (n, result) in batch.results.iter().enumerate() {
            match (errors.contains(&n), results.get(&n), result) {
                (true, _, Err(failure)) => {
                    let code = format!("E{n}");
                    prop_assert_eq!(failure.said.code.as_deref(), Some(code.as_str()));
                }
                (false, Some(value), Ok(body)) => prop_assert_eq!(body.result.get(), value.to_string()),
                (false, None, Err(failure)) => prop_assert_eq!(failure.class, Class::NoResult),
                _ => prop_assert!(false, "command {} got the wrong outcome", n),
            }
        }
    }
}
