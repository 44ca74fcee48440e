use frappe::Document;
use serde_json::{Value, json};

use crate::decide::{
    compare::{differing, is_same},
    settings::Choice,
    site::address,
};

#[test]
fn addresses_are_found_in_what_people_write() {
    let rows = [
        ("An@Tra.Example ", Some("an@tra.example")),
        ("\"Lê An\" <an@tra.example>", Some("an@tra.example")),
        ("an@tra", None),
        ("an tra@x.example", None),
        ("a@b@c.example", None),
        ("a@.example", None),
        ("a@x..example", None),
        ("", None),
        ("a@x.example, b@x.example", None),
    ];
    for (text, expected) in rows {
        assert_eq!(address(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn values_are_the_same_however_the_site_writes_them() {
    let rows = [
        (Value::Null, json!(""), true),
        (json!("5"), json!(5), true),
        (json!(1), json!(true), true),
        (
            json!("2024-05-10 10:00:00"),
            json!("2024-05-10 10:00:00.000000"),
            true,
        ),
        (json!("4:47:29.675473"), json!("04:47:29.675473"), true),
        (json!("<p>a &amp; b</p>"), json!("<p>a & b</p>\n"), true),
        (
            json!("2024-05-10 10:00:00"),
            json!("2024-05-10 10:00:01"),
            false,
        ),
        (json!("a"), json!("A"), false),
        (json!("a"), Value::Null, false),
        (json!("<p>a</p>"), json!("<p>b</p>"), false),
    ];
    for (standing, wanted, expected) in rows {
        assert_eq!(
            is_same(Some(&standing), &wanted),
            expected,
            "{standing} {wanted}"
        );
    }
}

#[test]
fn rows_are_added_to_those_that_stand() {
    let document = |value: Value| -> Document { serde_json::from_value(value).unwrap() };
    let standing = document(json!({
        "first_name": "An",
        "email_ids": [{"name": "r1", "email_id": "AN@tra.example", "is_primary": 1}],
    }));
    let wanted = document(json!({
        "first_name": "An",
        "email_ids": [
            {"email_id": "an@tra.example", "is_primary": 1},
            {"email_id": "an2@tra.example", "is_primary": 0},
        ],
    }));
    let changes = Value::from(differing(&standing, &wanted));
    let expected = json!({"email_ids": [
        {"name": "r1", "email_id": "AN@tra.example", "is_primary": 1},
        {"email_id": "an2@tra.example"},
    ]});
    assert_eq!(changes, expected);
    assert_eq!(Value::from(differing(&standing, &standing)), json!({}));
}

#[test]
fn words_are_translated_whatever_their_case_and_accents() {
    let choice = Choice {
        values: [("Đang mở".to_owned(), "Open".to_owned())].into(),
        otherwise: None,
    };
    assert_eq!(choice.translate("Đang mở"), "Open");
    assert_eq!(choice.translate(" đang Mo "), "Open");
    assert_eq!(choice.translate("Closed"), "Closed");
}
