use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    let mut bytes = Vec::new();
    write_canonical(&Json::read(text.as_bytes()).unwrap(), &mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn canonical_form_forgets_order_blanks_and_escapes_and_nothing_else() {
    for (text, expected) in [
        (
            r#" { "b" : 1 , "a" : [ true , null ] } "#,
            r#"{"a":[true,null],"b":1}"#,
        ),
        (r#"{"a":"<\/b>\u0041\n"}"#, r#"{"a":"</b>A\u000a"}"#),
        ("1.00", "1.00"),
        ("12345678901234567890123", "12345678901234567890123"),
        (r#"["1",1]"#, r#"["1",1]"#),
        (r#"{"a":1,"b":3,"a":2}"#, r#"{"a":1,"a":2,"b":3}"#),
        (r#""\ud800""#, r#""\ud800""#),
        (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_json_says_where() {
    for (bytes, expected) in [
        (&b""[..], Unreadable::NotJson { at: 0 }),
        (b"{\"a\":1,}", Unreadable::NotJson { at: 7 }),
        (b"[1] 2", Unreadable::NotJson { at: 4 }),
        (b"01", Unreadable::NotJson { at: 1 }),
        (b"\"\n\"", Unreadable::NotJson { at: 1 }),
        (b"\"\xff\"", Unreadable::NotUtf8 { at: 1 }),
        (b"a=1&b=2", Unreadable::NotJson { at: 0 }),
    ] {
        assert_eq!(Json::read(bytes), Err(expected), "{bytes:?}");
    }
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::read(deep(128).as_bytes()).is_ok());
    let too_deep = deep(129);
    let read = Json::read(too_deep.as_bytes());
    assert_eq!(read, Err(Unreadable::TooDeep { depth_max: 128 }));
}

#[test]
fn a_byte_order_mark_is_skipped_and_the_last_of_equal_keys_counts() {
    let json = Json::read("\u{feff}{\"a\":1,\"\\u0061\":2}".as_bytes()).unwrap();
    assert_eq!(json.get("a"), Some(&Json::Number("2")));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_survives_the_canonical_form(value in any_json()) {
        let text = value.to_string();
        let again: serde_json::Value = serde_json::from_str(&canonical(&text)).unwrap();
        // The other reader is not exact to the last digit of a double.
        let once: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again, once);
        prop_assert_eq!(canonical(&canonical(&text)), canonical(&text));
    }

    #[test]
    fn the_same_is_read_as_by_another_reader(text in r#"[\[\]{}",:\\ua0-9eE.+\- tfn]{0,24}"#) {
        // The other reader refuses half surrogates and numbers beyond a double; this one keeps both.
        let expected = serde_json::from_str::<serde_json::Value>(&text);
        let is_read = Json::read(text.as_bytes()).is_ok();
        prop_assert!(is_read || expected.is_err(), "{}", text);
        if is_read && let Err(error) = expected {
            let error = error.to_string();
            prop_assert!(["number out of range", "surrogate", "hex escape"].iter().any(|why| error.contains(why)), "{}: {}", text, error);
        }
    }
}
