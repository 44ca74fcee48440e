use serde_json::json;

use super::*;

fn document(fields: Value) -> Document {
    serde_json::from_value(fields).unwrap()
}

#[test]
fn an_absent_key_and_a_null_are_the_same() {
    let document = document(json!({"customer": null}));
    for field in ["customer", "contact"] {
        assert_eq!(document.get(field), None);
        assert_eq!(document.text(field), None);
        assert_eq!(document.link(field), None);
        assert_eq!(document.int(field), None);
        assert_eq!(document.time(field), None);
        assert!(!document.check(field));
        assert!(document.rows(field).is_empty());
    }
}

#[test]
fn a_null_that_is_written_stays_a_null() {
    let fields = Document::new().with("customer", Value::Null);
    assert_eq!(
        serde_json::to_string(&fields).unwrap(),
        r#"{"customer":null}"#
    );
}

#[test]
fn a_link_is_a_name_of_either_type_and_empty_text_is_none() {
    let document = document(json!({"name": 41, "customer": "Sunrise Shop", "contact": ""}));
    assert_eq!(document.name(), Some(Name::from("41")));
    assert_eq!(document.link("customer"), Some(Name::from("Sunrise Shop")));
    assert_eq!(document.link("contact"), None);
    assert_eq!(document.text("contact"), Some(""));
    assert_eq!(document.trimmed("contact"), None);
}

#[test]
fn numbers_and_texts_stand_for_each_other() {
    let document = document(json!({"a": 42, "b": "42", "c": " 42 ", "d": 4.5, "e": "x", "f": [1]}));
    let ints = ["a", "b", "c", "d", "e", "f"].map(|field| document.int(field));
    assert_eq!(ints, [Some(42), Some(42), Some(42), None, None, None]);
    let texts = ["a", "b", "d", "f"].map(|field| document.to_text(field));
    assert_eq!(
        texts,
        [
            Some("42".into()),
            Some("42".into()),
            Some("4.5".into()),
            None
        ]
    );
    assert_eq!(document.trimmed("c"), Some("42"));
}

#[test]
fn a_check_is_set_however_it_is_written() {
    let set = [json!(1), json!(true), json!("1"), json!("true"), json!(1.0)];
    let unset = [
        json!(0),
        json!(false),
        json!("0"),
        json!(""),
        json!(null),
        json!([1]),
    ];
    for value in set {
        assert!(document(json!({"x": value})).check("x"), "{value}");
    }
    for value in unset {
        assert!(!document(json!({"x": value})).check("x"), "{value}");
    }
}

#[test]
fn child_rows_are_documents() {
    let contact = document(json!({
        "email_ids": [{"email_id": "an@example.com", "is_primary": 1, "__unsaved": 1}, 7]
    }));
    let rows = contact.rows("email_ids");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text("email_id"), Some("an@example.com"));
    assert!(rows[0].check("is_primary"));
}
