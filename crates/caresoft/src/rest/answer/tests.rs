use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn page(body: &str, list: &List) -> Result<Page, Cause> {
    Page::of(&answer(200, body), Resource::Tickets, list)
}

#[test]
fn pages_end_by_count_by_size_and_when_empty() {
    let list = List::new().count(2);
    for (body, list, rows, next) in [
        (
            r#"{"code":"ok","numFound":5,"tickets":[{},{}]}"#,
            list.clone(),
            2,
            Some(2),
        ),
        (
            r#"{"code":"ok","numFound":"5","tickets":[{},{}]}"#,
            list.clone().page(2),
            2,
            Some(3),
        ),
        (
            r#"{"code":"ok","numFound":5,"tickets":[{}]}"#,
            list.clone().page(3),
            1,
            None,
        ),
        (
            r#"{"code":"ok","numFound":5,"tickets":[]}"#,
            list.clone().page(2),
            0,
            None,
        ),
        (
            r#"{"code":"ok","tickets":[{},{}]}"#,
            list.clone(),
            2,
            Some(2),
        ),
        (r#"{"code":"ok","tickets":[{}]}"#, list.clone(), 1, None),
        (r#"{"code":"ok","data":[{}]}"#, list.clone(), 1, None),
        (r#"{"code":"ok","tickets":null}"#, list, 0, None),
    ] {
        let page = page(body, &list).unwrap();
        assert_eq!((page.rows.len(), page.next), (rows, next), "{body}");
    }
}

#[test]
fn a_row_loses_no_digit() {
    let page = page(
        r#"{"code":"ok","tickets":[{"n":1.50,"id":"007"}]}"#,
        &List::new(),
    )
    .unwrap();
    assert_eq!(page.rows[0].as_bytes(), br#"{"id":"007","n":1.50}"#);
}

#[test]
fn errors_with_a_good_status_are_errors() {
    let cause = page(
        r#"{"code":"errors","message":"no such phone"}"#,
        &List::new(),
    )
    .unwrap_err();
    assert!(
        matches!(&cause, Cause::Refused { status: 200, message } if message.as_str() == "no such phone")
    );
    assert!(!format!("{cause} {cause:?}").contains("phone"));
    for body in ["<html>", "[]", "{}", r#"{"code":"ok"}"#] {
        assert!(
            matches!(page(body, &List::new()), Err(Cause::Shape { .. })),
            "{body}"
        );
    }
}

#[test]
fn a_ban_is_told_from_what_does_not_exist() {
    let is_ban = |body| matches!(failure(&answer(404, body)), Some(Failure::Ban));
    assert!(is_ban(
        r#"{"code":"errors","message":"Domain is incorrect"}"#
    ));
    assert!(!is_ban(r#"{"code":"errors","message":"Ticket not found"}"#));
    assert!(!is_ban(""));
    assert!(matches!(
        failure(&answer(429, "Too Many Attempts.")),
        Some(Failure::TooMany)
    ));
    assert!(failure(&answer(200, "")).is_none());
}
