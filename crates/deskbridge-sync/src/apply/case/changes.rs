//! What of a lead or deal is to be changed: functions of values.

use bitrix24::Row;
use serde_json::{Value, json};

use crate::decide::write::{Fields, SourceKey};

/// Fields with several values. A value that is written without the id of its row is added once more.
const MULTIFIELDS: [&str; 4] = ["PHONE", "EMAIL", "WEB", "IM"];

/// The stage of a lead that was converted in the CRM: nothing moves it from there.
const CONVERTED: &str = "CONVERTED";

/// Whether a record is the one that was written for a key.
pub(super) fn is_of(row: &Row, originator: &str, key: &SourceKey) -> bool {
    row.text("ORIGINATOR_ID").as_deref() == Some(originator)
        && row.text("ORIGIN_ID").as_deref() == Some(key.as_str())
}

/// The wanted fields that do not stand as wanted.
pub(super) fn changes(row: &Row, wanted: &Fields) -> Fields {
    let is_converted = row.text("STATUS_ID").as_deref() == Some(CONVERTED);
    let mut changes = Fields::new();
    for (name, value) in wanted {
        if is_converted && name == "STATUS_ID" {
            continue;
        }
        let change = match MULTIFIELDS.contains(&name.as_str()) {
            true => missing_values(row, name, value),
            false => (!is_same(row, name, value)).then(|| value.clone()),
        };
        if let Some(change) = change {
            changes.insert(name.clone(), change);
        }
    }
    changes
}

/// The rows of a multifield whose values the record does not have.
fn missing_values(row: &Row, name: &str, wanted: &Value) -> Option<Value> {
    let standing = row.multifields(name);
    let rows: Vec<Value> = match wanted {
        Value::Array(rows) => rows.clone(),
        Value::String(value) => vec![json!({ "VALUE": value })],
        _ => return None,
    };
    let is_missing = |row: &Value| {
        let value = row.get("VALUE").and_then(Value::as_str).unwrap_or_default();
        let value = value.trim();
        !value.is_empty()
            && !standing
                .iter()
                .any(|standing| standing.value.eq_ignore_ascii_case(value))
    };
    let missing: Vec<Value> = rows.into_iter().filter(is_missing).collect();
    (!missing.is_empty()).then(|| missing.into())
}

fn is_same(row: &Row, name: &str, wanted: &Value) -> bool {
    let wanted = match wanted {
        Value::Null => return row.text(name).is_none(),
        Value::Bool(flag) => return row.flag(name).unwrap_or(false) == *flag,
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        // Several values, whose order nobody knows.
        Value::Array(_) | Value::Object(_) => return false,
    };
    let standing = row.text(name).unwrap_or_default();
    let as_wanted: Option<Row> = serde_json::from_value(json!({ name: wanted })).ok();
    let Some(as_wanted) = as_wanted else {
        return false;
    };
    let is_same_number =
        row.decimal(name).is_some() && row.decimal(name) == as_wanted.decimal(name);
    let is_same_time =
        row.datetime(name).is_some() && row.datetime(name) == as_wanted.datetime(name);
    standing == wanted || is_same_number || is_same_time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_changed() {
        let standing = json!({
            "ID": "7", "TITLE": "Máy in", "OPPORTUNITY": "15000.00", "OPENED": "Y", "COMMENTS": null,
            "STATUS_ID": "NEW", "CLOSEDATE": "2026-03-01T00:00:00+03:00",
            "PHONE": [{"ID": "1", "VALUE": "+84901234567", "VALUE_TYPE": "WORK", "TYPE_ID": "PHONE"}],
        });
        let row: Row = serde_json::from_value(standing).unwrap();
        let phone = |value: &str| json!([{"VALUE": value, "VALUE_TYPE": "WORK"}]);
        let rows = [
            ("TITLE", json!("Máy in "), false),
            ("TITLE", json!("Máy in 2"), true),
            ("OPPORTUNITY", json!(15000), false),
            ("OPPORTUNITY", json!("15000.01"), true),
            ("OPENED", json!(true), false),
            ("OPENED", json!("N"), true),
            ("COMMENTS", json!(""), false),
            ("COMMENTS", json!(null), false),
            ("TITLE", json!(null), true),
            ("STATUS_ID", json!("IN_PROCESS"), true),
            ("CLOSEDATE", json!("2026-03-01T00:00:00+03:00"), false),
            ("PHONE", phone("+84901234567"), false),
            ("PHONE", phone("+84901234568"), true),
            ("UF_CRM_X", json!("a"), true),
        ];
        for (name, value, expected) in rows {
            let wanted = Fields::from_iter([(name.to_owned(), value.clone())]);
            let found = changes(&row, &wanted);
            assert_eq!(
                found.get(name),
                expected.then_some(&value),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn a_number_that_the_record_has_is_not_added_once_more() {
        let row: Row =
            serde_json::from_value(json!({"PHONE": [{"ID": "1", "VALUE": "1"}]})).unwrap();
        let both = json!([{"VALUE": "1"}, {"VALUE": "2"}, {"VALUE": ""}]);
        let wanted = Fields::from_iter([("PHONE".to_owned(), both)]);
        assert_eq!(
            json!(changes(&row, &wanted)),
            json!({"PHONE": [{"VALUE": "2"}]})
        );
    }

    #[test]
    fn a_lead_that_was_converted_stays_converted() {
        let row: Row =
            serde_json::from_value(json!({"STATUS_ID": "CONVERTED", "TITLE": "a"})).unwrap();
        let wanted = json!({"STATUS_ID": "NEW", "TITLE": "b"});
        let found = changes(&row, wanted.as_object().unwrap());
        assert_eq!(json!(found), json!({"TITLE": "b"}));
    }

    #[test]
    fn a_record_is_believed_by_both_of_its_origins() {
        let key = SourceKey::new("main", "case", 7);
        for (originator, origin, expected) in [
            ("deskbridge-caresoft", "main:case:7", true),
            ("other", "main:case:7", false),
            ("deskbridge-caresoft", "main:case:70", false),
            ("deskbridge-caresoft", "", false),
        ] {
            let row = json!({"ORIGINATOR_ID": originator, "ORIGIN_ID": origin});
            let row: Row = serde_json::from_value(row).unwrap();
            assert_eq!(is_of(&row, "deskbridge-caresoft", &key), expected);
        }
    }
}
