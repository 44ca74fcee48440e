use super::*;

fn answer(result: &str) -> Answer {
    let body = Body {
        result: RawValue::from_string(result.to_owned()).expect(result),
        total: None,
        next: None,
        time: Time::default(),
    };
    Answer::new("m".into(), "portal.example".into(), Arc::new(body))
}

#[test]
fn rows_are_found_in_every_wrapping() {
    for (result, expected) in [
        (r#"[{"ID":"1"},{"ID":"2"}]"#, Some(vec![1, 2])),
        (r#"{"items":[{"ID":1},{"ID":2}]}"#, Some(vec![1, 2])),
        (r#"{"categories":[{"ID":1}]}"#, Some(vec![1])),
        (r#"{"items":[]}"#, Some(vec![])),
        (r#"{"2":{"ID":"5"},"10":{"ID":"6"}}"#, Some(vec![5, 6])),
        (
            r#"{"items":{"0":{"ID":"5"},"2":{"ID":"6"}}}"#,
            Some(vec![5, 6]),
        ),
        ("[]", Some(vec![])),
        ("{}", Some(vec![])),
        ("null", Some(vec![])),
        ("false", Some(vec![])),
        (r#""""#, Some(vec![])),
        ("true", None),
        ("7", None),
        (r#""text""#, None),
        (r#"[1,2]"#, None),
        (r#"[{"ID":"1"},null]"#, None),
        (r#"{"ID":"1","TITLE":"x"}"#, None),
        (r#"{"item":{"ID":"1"}}"#, None),
        (r#"{"item":"1"}"#, None),
    ] {
        let ids = answer(result).rows().ok().map(|rows| {
            let ids = rows.iter().filter_map(|row| row.id("ID"));
            ids.map(crate::Id::get).collect::<Vec<_>>()
        });
        assert_eq!(ids, expected, "{result}");
    }
}

#[test]
fn a_single_record_is_found_bare_and_wrapped() {
    for (result, expected) in [
        (r#"{"ID":"1","TITLE":"x"}"#, Some(1)),
        (r#"{"item":{"ID":1}}"#, Some(1)),
        (r#"{"ID":"1"}"#, Some(1)),
        ("[]", None),
        ("7", None),
    ] {
        let id = answer(result).row().ok().and_then(|row| row.id("ID"));
        assert_eq!(id.map(crate::Id::get), expected, "{result}");
    }
}

#[test]
fn fields_are_found_bare_and_wrapped() {
    for result in [
        r#"{"ID":{"type":"integer"},"TITLE":{"type":"string"}}"#,
        r#"{"fields":{"ID":{"type":"integer"},"TITLE":{"type":"string"}}}"#,
    ] {
        let entries = answer(result).entries().unwrap();
        assert_eq!(
            entries["TITLE"].text("type").as_deref(),
            Some("string"),
            "{result}"
        );
        assert_eq!(entries.len(), 2);
    }
    assert!(answer("[]").entries().unwrap().is_empty());
    assert!(answer("7").entries().is_err());
}

#[test]
fn times_are_read_as_far_as_they_go() {
    let read = |json: &str| Time::read(&RawValue::from_string(json.to_owned()).expect(json));
    let reset: Timestamp = "2024-01-01T00:10:00Z".parse().unwrap();
    let whole = read(
        r#"{"start":1704067199.5,"finish":1704067200.25,"duration":0.75,"processing":0,
            "date_start":"2024-01-01T03:00:00+03:00","date_finish":"2024-01-01T03:00:00+03:00",
            "operating_reset_at":1704067800,"operating":12.5}"#,
    );
    assert_eq!(whole.operating_reset_at, Some(reset));
    assert_eq!(whole.operating_s, Some(12.5));
    assert_eq!(whole.processing_s, Some(0.0));
    assert_eq!(
        whole.reset_after(),
        Some(std::time::Duration::from_secs_f64(599.75))
    );
    let iso = read(
        r#"{"date_finish":"2024-01-01T03:00:00+03:00","operating":"3",
            "operating_reset_at":"2024-01-01T03:10:00+03:00"}"#,
    );
    assert_eq!(iso.operating_reset_at, Some(reset));
    assert_eq!(iso.reset_after(), Some(std::time::Duration::from_secs(600)));
    for nothing in [
        "[]",
        "{}",
        "null",
        r#"{"operating":{},"operating_reset_at":""}"#,
    ] {
        assert_eq!(read(nothing), Time::default(), "{nothing}");
    }
    let past = read(r#"{"finish":1704067801,"operating":1,"operating_reset_at":1704067800}"#);
    assert_eq!(past.reset_after(), None);
}

#[test]
fn debug_says_nothing_of_the_result() {
    assert!(!format!("{:?}", answer(r#"{"NAME":"An Nguyen"}"#)).contains("An Nguyen"));
}
