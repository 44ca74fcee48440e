use caresoft::{Digest, Event, Kind, Save};

use super::*;

fn version(second: i64) -> Version {
    Version::new(
        Timestamp::from_second(second).ok(),
        Save::Update,
        Digest::of(b""),
    )
}

/// A user as some events leave it: each is the JSON of its `user` and the second of its version.
fn folded(events: &[(&str, i64)]) -> Registers {
    folded_in(&Zone::default(), events)
}

/// The same, with times read in this zone.
fn folded_in(zone: &Zone, events: &[(&str, i64)]) -> Registers {
    let mut registers = Registers::default();
    for (user, second) in events {
        let body = format!(r#"{{"object": "user", "action": "update", "user": {user}}}"#);
        let event = Event::read(body.as_bytes());
        let Kind::User(_, user) = event.kind() else {
            panic!("{body}")
        };
        registers.fold(user.fields(), user.custom_fields(), version(*second), zone);
        registers.fold_changes(user.changes(), version(*second), zone);
    }
    registers
}

#[test]
fn what_was_said_last_holds_in_any_order() {
    let older = (r#"{"id": 5, "username": "An", "note": "old"}"#, 10);
    let newer = (r#"{"id": 5, "username": "An Pham"}"#, 20);
    let expected = folded(&[older, newer]);
    assert_eq!(expected.text("username"), Some("An Pham"));
    assert_eq!(expected.text("note"), Some("old"));
    assert_eq!(folded(&[newer, older]), expected);
    assert_eq!(folded(&[newer, older, newer, older]), expected);
}

#[test]
fn what_a_z_means_is_settled_when_a_time_is_read() {
    let said = r#"{"id": 5, "created_at": "2026-01-05T02:30:00Z", "note": "A to Z", "username": "2026-01-05T02:30:00+07:00",
        "changes": [{"field": "seen_at", "value": "2026-01-05T02:30:00Z"}],
        "addition_fields": [{"field": "addition_field1", "value": "2026-01-05T02:30:00Z"}]}"#;
    let at: Timestamp = "2026-01-05T02:30:00Z".parse().expect("a time");
    let hours = |hours| jiff::SignedDuration::from_hours(hours);
    for (z, expected) in [(caresoft::Z::Utc, at), (caresoft::Z::Local, at - hours(7))] {
        let registers = folded_in(
            &Zone {
                z,
                ..Zone::default()
            },
            &[(said, 10)],
        );
        let expected_text = expected.as_millisecond().to_string();
        for zone in [caresoft::Z::Utc, caresoft::Z::Local].map(|z| Zone {
            z,
            ..Zone::default()
        }) {
            assert_eq!(registers.time("created_at", &zone), Some(expected));
            assert_eq!(registers.time("seen_at", &zone), Some(expected));
        }
        let record = registers.record(BlankChanges::Keep);
        assert_eq!(record["custom"]["addition_field1"]["value"], expected_text);
        assert_eq!(record["note"], "A to Z");
        assert_eq!(record["username"], "2026-01-05T02:30:00+07:00");
    }
}

#[test]
fn blanks_say_nothing() {
    let filled = (
        r#"{"id": 5, "username": "An", "organization_id": 3, "addition_fields": [{"field": "addition_field1", "value": "b", "value_id": 12, "label": "L"}]}"#,
        10,
    );
    for blank in [
        r#"{"id": 5, "username": ""}"#,
        r#"{"id": 5, "username": null, "organization_id": 0}"#,
        r#"{"id": 5, "username": "  ", "addition_fields": [{"field": "addition_field1", "value": "", "value_id": ""}, {}]}"#,
        r#"{"id": 5, "addition_field1": ""}"#,
    ] {
        let registers = folded(&[filled, (blank, 20)]);
        assert_eq!(registers.text("username"), Some("An"), "{blank}");
        assert_eq!(registers.text("organization_id"), Some("3"), "{blank}");
        let custom = &registers.record(BlankChanges::Clear)["custom"]["addition_field1"];
        assert_eq!(
            custom,
            &json!({"value": "b", "value_id": "12", "label": "L"})
        );
    }
}

#[test]
fn a_change_to_a_blank_clears_where_that_is_chosen() {
    let whole = (
        r#"{"id": 5, "note": "old", "addition_fields": [{"field": "addition_field1", "value": "b"}]}"#,
        10,
    );
    let emptied = (
        r#"{"id": 5, "changes": [{"field": "note", "value": ""}, {"field": "addition_field1", "value": null}]}"#,
        20,
    );
    let later = (r#"{"id": 5, "note": "new"}"#, 30);
    for events in [[whole, emptied], [emptied, whole]] {
        let registers = folded(&events);
        assert_eq!(registers.wanted("note", BlankChanges::Keep), Some("old"));
        assert_eq!(registers.wanted("note", BlankChanges::Clear), Some(""));
        let record = registers.record(BlankChanges::Clear);
        assert_eq!(record["custom"]["addition_field1"]["value"], "");
    }
    let registers = folded(&[later, whole, emptied]);
    assert_eq!(registers.wanted("note", BlankChanges::Clear), Some("new"));
}

#[test]
fn everything_is_a_text() {
    let user =
        r#"{"id": "5", "score": 4.50, "is_new": true, "tags": ["a", 2, ""], "detail": {"x": 1}}"#;
    let registers = folded(&[(user, 10)]);
    for (name, expected) in [
        ("id", Some("5")),
        ("score", Some("4.50")),
        ("is_new", Some("true")),
        ("tags", Some("a, 2")),
        ("detail", None),
    ] {
        assert_eq!(registers.text(name), expected, "{name}");
    }
}

#[test]
fn registers_are_kept_as_they_are() {
    let registers = folded(&[
        (r#"{"id": 5, "addition_field1": "x"}"#, 10),
        (
            r#"{"id": 5, "changes": [{"field": "note", "value": ""}]}"#,
            20,
        ),
    ]);
    let json = serde_json::to_value(&registers).expect("it can be written");
    let read: Registers = serde_json::from_value(json).expect("it can be read");
    assert_eq!(read, registers);
}
