use bigdecimal::BigDecimal;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn row(json: &str) -> Row {
    serde_json::from_str(json).expect(json)
}

fn field(value: &str) -> Row {
    row(&format!(r#"{{"F":{value}}}"#))
}

#[test]
fn five_kinds_of_empty_are_no_text() {
    for value in [
        "null",
        r#""""#,
        "false",
        "[]",
        "{}",
        r#""  \n""#,
        r#"["x"]"#,
    ] {
        assert_eq!(field(value).text("F"), None, "{value}");
    }
    assert_eq!(row("{}").text("F"), None);
}

#[test]
fn text_is_trimmed_and_numbers_are_as_written() {
    for (value, expected) in [
        (r#"" a b ""#, "a b"),
        (r#""a\u0111\/""#, "ađ/"),
        (r#""\t\"quoted\" ""#, "\"quoted\""),
        ("15000.00", "15000.00"),
        ("1e3", "1e3"),
        ("-7", "-7"),
        ("true", "true"),
    ] {
        assert_eq!(field(value).text("F").as_deref(), Some(expected), "{value}");
    }
}

#[test]
fn ids_come_as_text_and_as_numbers() {
    for (value, expected) in [
        (r#""42""#, Some(42)),
        ("42", Some(42)),
        (r#"" 42 ""#, Some(42)),
        (r#""0""#, None),
        ("0", None),
        ("null", None),
        ("4.0", None),
        (r#""C1:NEW""#, None),
        ("[42]", None),
    ] {
        assert_eq!(field(value).id("F").map(Id::get), expected, "{value}");
    }
}

#[test]
fn flags_come_in_many_spellings() {
    for (value, expected) in [
        ("true", Some(true)),
        ("false", Some(false)),
        ("1", Some(true)),
        ("0", Some(false)),
        (r#""Y""#, Some(true)),
        (r#""n""#, Some(false)),
        (r#""yes""#, Some(true)),
        (r#""FALSE""#, Some(false)),
        ("null", None),
        (r#""""#, None),
        ("[]", None),
        ("2", None),
        (r#""maybe""#, None),
    ] {
        assert_eq!(field(value).flag("F"), expected, "{value}");
    }
}

#[test]
fn decimals_keep_every_digit_and_stay_small() {
    for (value, expected) in [
        (r#""15000.00""#, Some("15000.00")),
        ("19000", Some("19000")),
        ("999.9", Some("999.9")),
        ("0.1", Some("0.1")),
        (
            "12345678901234567890.123456789",
            Some("12345678901234567890.123456789"),
        ),
        (r#""0E-7""#, Some("0")),
        (r#""-1.5e2""#, Some("-150")),
        (r#""1e1000""#, Some("1e1000")),
        (r#""1e1001""#, None),
        (r#""1e-1001""#, None),
        (r#""1e999999999999""#, None),
        (r#""0e999999999""#, Some("0")),
        (r#""1_000""#, None),
        (r#""1 000""#, None),
        (r#""1,5""#, None),
        (r#""NaN""#, None),
        (r#""""#, None),
        (r#"".""#, None),
        ("{}", None),
    ] {
        let expected: Option<BigDecimal> = expected.map(|text| text.parse().unwrap());
        assert_eq!(field(value).decimal("F"), expected, "{value}");
    }
    let zero = field(r#""0E-7""#).decimal("F").unwrap();
    assert_eq!(zero.to_plain_string(), "0");
}

#[test]
fn dates_keep_the_day_and_offset_as_written() {
    for (value, day, offset_s, timestamp) in [
        (
            "2024-03-01T00:00:00+03:00",
            date(2024, 3, 1),
            Some(3 * 3600),
            Some("2024-02-29T21:00:00Z"),
        ),
        (
            "2024-03-01T23:30:00+07:00",
            date(2024, 3, 1),
            Some(7 * 3600),
            Some("2024-03-01T16:30:00Z"),
        ),
        (
            "2024-03-01T10:00:00Z",
            date(2024, 3, 1),
            Some(0),
            Some("2024-03-01T10:00:00Z"),
        ),
        ("2024-03-01T10:00:00", date(2024, 3, 1), None, None),
        ("2024-07-23 08:08:50", date(2024, 7, 23), None, None),
        ("24.08.2023 13:19:39", date(2023, 8, 24), None, None),
        ("24.08.2023 13:19", date(2023, 8, 24), None, None),
        ("24.08.2023", date(2023, 8, 24), None, None),
        ("2023-08-24", date(2023, 8, 24), None, None),
        (" 2023-08-24 ", date(2023, 8, 24), None, None),
    ] {
        let row = field(&json!(value).to_string());
        assert_eq!(row.date("F"), Some(day), "{value}");
        let moment = row.datetime("F").unwrap();
        assert_eq!(
            moment.offset().map(|offset| offset.seconds()),
            offset_s,
            "{value}"
        );
        assert_eq!(
            moment.timestamp(),
            timestamp.map(|text| text.parse().unwrap()),
            "{value}"
        );
    }
    let local = field(r#""24.08.2023 13:19:39""#).datetime("F").unwrap();
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    assert_eq!(
        local.timestamp_in(&zone),
        Some("2023-08-24T06:19:39Z".parse().unwrap())
    );
}

#[test]
fn what_is_no_date_spoils_nothing() {
    for value in [
        r#""""#,
        "{}",
        "[]",
        "null",
        "false",
        "0",
        r#""0000-00-00 00:00:00""#,
        r#""31.02.2023""#,
        r#""yesterday""#,
    ] {
        let row = row(&format!(r#"{{"F":{value},"ID":"1"}}"#));
        assert_eq!(row.datetime("F"), None, "{value}");
        assert!(row.id("ID").is_some());
    }
}

#[test]
fn lists_hold_what_is_not_empty() {
    for (value, expected) in [
        (r#"["a",1," ",null,"b"]"#, vec!["a", "1", "b"]),
        (r#""single""#, vec!["single"]),
        ("7", vec!["7"]),
        ("false", vec![]),
        ("[]", vec![]),
        ("{}", vec![]),
    ] {
        assert_eq!(field(value).list("F"), expected, "{value}");
    }
}

#[test]
fn multifields_come_in_two_spellings() {
    let old = field(
        r#"[{"ID":"5","VALUE_TYPE":"WORK","VALUE":"+84900000001","TYPE_ID":"PHONE"},{"ID":"6","VALUE":""}]"#,
    );
    let new = field(r#"[{"id":5,"valueType":"WORK","value":"+84900000001","typeId":"PHONE"}]"#);
    let expected = vec![Multifield {
        id: Id::new(5),
        value: "+84900000001".to_owned(),
        value_type: Some("WORK".to_owned()),
        type_id: Some("PHONE".to_owned()),
    }];
    assert_eq!(old.multifields("F"), expected);
    assert_eq!(new.multifields("F"), expected);
    assert_eq!(
        field(r#"["a@portal.example"]"#).multifields("F")[0].value,
        "a@portal.example"
    );
    assert!(field("false").multifields("F").is_empty());
}

#[test]
fn records_inside_records_are_read() {
    let row = row(r#"{"EXTRA":{"COLOR":"red"},"LIST":[{"ID":"1"},7,{"ID":"2"}],"NONE":[]}"#);
    assert_eq!(
        row.row("EXTRA").unwrap().text("COLOR").as_deref(),
        Some("red")
    );
    let ids: Vec<_> = row
        .rows("LIST")
        .iter()
        .filter_map(|row| row.id("ID"))
        .collect();
    assert_eq!(ids, [Id::new(1).unwrap(), Id::new(2).unwrap()]);
    assert_eq!(row.row("NONE"), None);
}

#[test]
fn a_row_is_written_as_it_came_with_its_keys_sorted() {
    let text = r#"{"B":1.50,"A":{"z":[ 1 ],"a":"\u0111"},"ID":"7"}"#;
    let written = serde_json::to_string(&row(text)).unwrap();
    assert_eq!(
        written,
        r#"{"A":{"z":[ 1 ],"a":"\u0111"},"B":1.50,"ID":"7"}"#
    );
    assert_eq!(row(&written), row(text));
    assert_eq!(row(text).raw("B").unwrap().get(), "1.50");
}

#[test]
fn debug_names_fields_and_no_values() {
    assert_eq!(
        format!("{:?}", row(r#"{"NAME":"An Nguyen","ID":"7"}"#)),
        r#"Row {"ID", "NAME"}"#
    );
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        "[0-9eE.+-]{0,12}".prop_map(|text| json!(text)),
        ".{0,12}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|list| json!(list)),
            proptest::collection::btree_map("[A-Z]{0,3}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_spoils_a_record(value in any_json()) {
        let row = field(&value.to_string());
        drop((row.id("F"), row.flag("F"), row.integer("F"), row.decimal("F")));
        drop((row.date("F"), row.list("F"), row.multifields("F"), row.rows("F"), row.row("F")));
        prop_assert!(row.text("F").is_none_or(|text| !text.is_empty() && text.trim() == text));
    }
}
