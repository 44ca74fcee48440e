use serde_json::{Value, json};

use super::*;

fn compiled(toml: &str) -> Mapping {
    let source: MappingSource = toml::from_str(toml).expect("the test's own mapping");
    source.compile(Zone::default()).expect("it can be compiled")
}

fn evaluated(expression: &str) -> Evaluated {
    let fields = BTreeMap::from([("custom_field".to_owned(), expression.to_owned())]);
    let expressions = Expressions::compile("ticket", fields, Zone::default()).expect(expression);
    let record = json!({
        "ticket_id": "7",
        "ticket_source": "Voice",
        "created_at": "1633489860499",
        "custom": {"addition_field7": {"value": "Kettle", "value_id": "12"}},
    });
    let Value::Object(record) = record else {
        panic!("an object")
    };
    expressions.evaluate(&record)
}

#[test]
fn nothing_configured_has_the_defaults() {
    let mapping = compiled("");
    for (word, status) in [
        ("new", Some("Open")),
        ("Pending", Some("Replied")),
        (" SOLVED ", Some("Resolved")),
        ("closed", Some("Closed")),
        ("sale", None),
    ] {
        assert_eq!(mapping.ticket.statuses.get(word), status, "{word}");
    }
    assert_eq!(mapping.ticket.priorities.get("Normal"), Some("Medium"));
    assert_eq!(mapping.ticket.deleted, Deleted::CloseAndTag);
    assert_eq!(mapping.blank_changes, BlankChanges::Keep);
}

#[test]
fn tables_are_laid_over_the_defaults() {
    let mapping = compiled(
        r#"
        [ticket]
        statuses = { Sale = "Selling", pending = "" }
        status_otherwise = "Open"
        "#,
    );
    for (word, status) in [
        ("sale", Some("Selling")),
        ("pending", None),
        ("solved", Some("Resolved")),
        ("lent", Some("Open")),
    ] {
        assert_eq!(mapping.ticket.statuses.get(word), status, "{word}");
    }
}

#[test]
fn settings_that_are_not_known_are_refused() {
    for toml in [
        "statuses = {}",
        "[ticket]\nstatus = {}",
        "[[agents]]\nid = 1\nmail = \"a@b.example\"",
        "[ticket]\ndeleted = \"burn\"",
    ] {
        assert!(toml::from_str::<MappingSource>(toml).is_err(), "{toml}");
    }
}

#[test]
fn errors_name_the_setting() {
    for (toml, place) in [
        (
            "[ticket.fields]\ncustom_a = \"(\"",
            "ticket.fields.custom_a",
        ),
        ("[lead.fields]\nUF_A = \"a }} {{ b\"", "lead.fields.UF_A"),
        ("[deal.fields]\nUF_A = \"a %} b\"", "deal.fields.UF_A"),
        ("[[agents]]\nid = 1\n[[agents]]\nid = 1", "agents names 1"),
        ("[[agents]]\nid = 0", "agents names the id 0"),
        ("[[agents]]\nid = 1\nemail = \"nobody\"", "agent 1"),
    ] {
        let source: MappingSource = toml::from_str(toml).expect(toml);
        let error = source.compile(Zone::default()).expect_err(toml);
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn expressions_see_the_record() {
    for (expression, value) in [
        ("ticket_source", json!("Voice")),
        ("ticket_id|int + 1", json!(8)),
        ("ticket_source == 'Voice'", json!(true)),
        ("custom.addition_field7.value", json!("Kettle")),
        ("custom['addition_field7'].value_id", json!("12")),
        ("created_at|datetime", json!("2021-10-06 10:11:00")),
        ("created_at|date", json!("2021-10-06")),
        ("'a\"<b>'", json!("a\"<b>")),
        ("''", json!("")),
    ] {
        let found = evaluated(expression);
        assert_eq!(found.failed, [], "{expression}");
        assert_eq!(
            found.fields.get("custom_field"),
            Some(&value),
            "{expression}"
        );
    }
}

#[test]
fn what_is_not_there_leaves_the_field_alone() {
    for expression in [
        "custom.addition_field9.value",
        "nothing.at.all",
        "none",
        "'not a time'|datetime",
    ] {
        assert_eq!(evaluated(expression), Evaluated::default(), "{expression}");
    }
}

#[test]
fn what_fails_leaves_the_field_alone_and_says_why() {
    for expression in [
        "1 / 0",
        "ticket_source.missing()",
        "[1, 2]",
        "custom",
        "'a' * 70000",
    ] {
        let found = evaluated(expression);
        assert!(found.fields.is_empty(), "{expression}: {found:?}");
        assert_eq!(found.failed.len(), 1, "{expression}");
    }
}
