use proptest::prelude::*;
use serde_json::json;

use super::*;

fn ticket(members: Value) -> Ticket {
    Ticket::read(members).unwrap()
}

#[test]
fn members_are_read_from_the_shapes_in_which_they_were_seen() {
    for (value, expected) in [
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(""), vec![]),
        (json!("a@mail.test"), vec!["a@mail.test"]),
        (
            json!(["a@mail.test", null, "\"B, C\" <b@mail.test>"]),
            vec!["a@mail.test", "\"B, C\" <b@mail.test>"],
        ),
    ] {
        let read = ticket(json!({"id": 1, "cc_emails": value}));
        assert_eq!(
            (read.cc_emails, read.other.len()),
            (expected.iter().map(|text| (*text).to_owned()).collect(), 0),
            "{value}"
        );
    }
    let read = ticket(json!({
        "id": "9007199254740993", "requester_id": "5", "priority": "3", "spam": "true", "group_id": 0,
        "created_at": "2021-03-04T10:15:00+05:30", "updated_at": "2021-03-04T04:45:00Z",
    }));
    assert_eq!(
        (read.id.0, read.requester_id),
        (9_007_199_254_740_993, Some(PersonId(5)))
    );
    assert_eq!(
        (read.priority(), read.spam),
        (Some(Priority::High), Some(true))
    );
    assert_eq!(read.created_at, read.updated_at);
}

#[test]
fn what_does_not_fit_stays_under_its_own_name() {
    let odd = json!({
        "id": 1, "subject": {"a": 1}, "cc_emails": [1], "created_at": "2021-03-04 10:15", "status": 2.5,
        "attachments": [{"id": 1}, {"name": "no id"}], "custom_fields": [], "sentiment": -3, "type": null,
    });
    let read = ticket(odd.clone());
    let kept: Vec<&str> = read.other.keys().map(String::as_str).collect();
    assert_eq!(
        kept,
        [
            "attachments",
            "cc_emails",
            "created_at",
            "custom_fields",
            "sentiment",
            "status",
            "subject"
        ]
    );
    for name in kept {
        assert_eq!(read.other[name], odd[name]);
    }
}

#[test]
fn a_record_without_an_id_is_none() {
    for (value, expected) in [
        (json!([]), "a ticket was expected, and a list is there"),
        (json!(null), "a ticket was expected, and nothing is there"),
        (
            json!({"subject": "x"}),
            "a ticket was expected, and one without an id is there",
        ),
        (
            json!({"id": -1}),
            "a ticket was expected, and one without an id is there",
        ),
    ] {
        assert_eq!(Ticket::read(value).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_message_is_told_by_what_it_says_of_itself_and_private_ones_stay_so() {
    for (members, expected) in [
        (
            json!({"private": true, "incoming": true, "source": 2}),
            Kind::InternalNote,
        ),
        (json!({"private": true, "source": 0}), Kind::InternalNote),
        (json!({"source": 0}), Kind::InternalNote),
        (
            json!({"private": false, "incoming": true, "source": 2}),
            Kind::CustomerMessage,
        ),
        (
            json!({"private": false, "incoming": true, "source": 0}),
            Kind::CustomerMessage,
        ),
        (
            json!({"private": false, "incoming": false, "source": 2}),
            Kind::PublicNote,
        ),
        (
            json!({"private": false, "incoming": false, "source": 8}),
            Kind::Forward,
        ),
        (
            json!({"private": false, "incoming": true, "source": 6}),
            Kind::SurveyComment,
        ),
        (
            json!({"private": false, "auto_response": true, "source": 0}),
            Kind::SystemMessage,
        ),
        (
            json!({"private": false, "automation_id": 5, "source": 0}),
            Kind::SystemMessage,
        ),
        (json!({"private": false, "source": 0}), Kind::Reply),
        (json!({"private": false, "source": 99}), Kind::Reply),
        (json!({"private": false, "deleted": true}), Kind::Deleted),
        (
            json!({"private": true, "body_text": " created_by:5"}),
            Kind::MachineNote,
        ),
        (
            json!({"private": false, "body_text": "created_by:5", "source": 0}),
            Kind::Reply,
        ),
    ] {
        let mut members = members;
        members["id"] = 1.into();
        assert_eq!(
            Conversation::read(members.clone()).unwrap().kind(),
            expected,
            "{members}"
        );
    }
}

#[test]
fn the_first_message_is_the_requesters_unless_the_desk_began() {
    for (source, expected) in [
        (json!(1), FirstAuthor::Requester(PersonId(5))),
        (json!(10), FirstAuthor::Agent(Some(PersonId(6)))),
        (json!(14), FirstAuthor::Agent(Some(PersonId(6)))),
        (json!(150), FirstAuthor::Requester(PersonId(5))),
        (json!(null), FirstAuthor::Requester(PersonId(5))),
    ] {
        let read = ticket(json!({"id": 1, "source": source, "requester_id": 5, "responder_id": 6}));
        assert_eq!(read.first_author(), expected, "{source}");
    }
    assert_eq!(
        ticket(json!({"id": 1, "source": 22})).source(),
        Some(TicketSource::Sms)
    );
    assert_eq!(
        ticket(json!({"id": 1, "source": 0})).source(),
        Some(TicketSource::Other(0))
    );
    assert_eq!(
        ticket(json!({"id": 1, "source": i64::MIN})).source(),
        Some(TicketSource::Other(i64::MIN))
    );
    assert_eq!(
        ticket(json!({"id": 1, "status": 6})).status(),
        Some(Status::Own(6))
    );
}

#[test]
fn the_end_of_a_ticket_is_told_by_the_best_that_there_is() {
    let (first, second) = ("2021-03-04T10:00:00Z", "2021-03-05T10:00:00Z");
    for (stats, expected) in [
        (
            json!({"closed_at": first, "resolved_at": second}),
            ClosedBy::ClosedAt,
        ),
        (
            json!({"closed_at": null, "resolved_at": first}),
            ClosedBy::ResolvedAt,
        ),
        (
            json!({"status_updated_at": first}),
            ClosedBy::StatusUpdatedAt,
        ),
        (json!({}), ClosedBy::UpdatedAt),
    ] {
        let updated_at = if expected == ClosedBy::UpdatedAt {
            first
        } else {
            second
        };
        let (at, by) = ticket(json!({"id": 1, "stats": stats, "updated_at": updated_at}))
            .closed_at()
            .unwrap();
        assert_eq!((at.to_string().as_str(), by), (first, expected));
    }
}

#[test]
fn choices_are_read_in_every_shape() {
    let labels = |labels: &[&str]| {
        labels
            .iter()
            .map(|label| (*label).to_owned())
            .collect::<Vec<_>>()
    };
    let choice = |code, label: &str| Choice {
        code,
        label: label.to_owned(),
    };
    for (raw, expected) in [
        (json!(null), Choices::None),
        (json!({}), Choices::None),
        (json!(["a", "b"]), Choices::Labels(labels(&["a", "b"]))),
        (
            json!({"10": ["Ten", "x"], "2": ["Open", "Being Processed"]}),
            Choices::Numbered(vec![choice(2, "Open"), choice(10, "Ten")]),
        ),
        (json!({"Low": 1}), Choices::Numbered(vec![choice(1, "Low")])),
        (
            json!({"a": {"b": ["c"], "d": []}, "e": []}),
            Choices::Nested(vec![
                (
                    "a".to_owned(),
                    vec![("b".to_owned(), labels(&["c"])), ("d".to_owned(), vec![])],
                ),
                ("e".to_owned(), vec![]),
            ]),
        ),
        (
            json!([{"id": 1, "value": "a", "choices": [{"value": "b", "choices": [{"value": "c"}]}]}]),
            Choices::Nested(vec![(
                "a".to_owned(),
                vec![("b".to_owned(), labels(&["c"]))],
            )]),
        ),
        (
            json!([{"id": 1, "value": "a", "choices": []}]),
            Choices::Labels(labels(&["a"])),
        ),
        (json!([1, 2]), Choices::Other(json!([1, 2]))),
        (json!("x"), Choices::Other(json!("x"))),
    ] {
        let field = TicketField::read(json!({"id": 1, "choices": raw})).unwrap();
        assert_eq!(field.choices(), expected, "{raw}");
    }
}

#[test]
fn time_spent_is_read_as_minutes() {
    for (text, expected) in [
        ("01:30", Some(90)),
        ("100:07", Some(6007)),
        ("0:5", Some(5)),
        ("1.5", None),
        ("18446744073709551615:1", None),
    ] {
        assert_eq!(minutes_of(text), expected, "{text}");
    }
}

#[test]
fn a_link_is_not_shown() {
    let read = ticket(
        json!({"id": 1, "attachments": [{"id": 2, "attachment_url": "https://x.test/?Signature=s3cr3t"}]}),
    );
    assert!(!format!("{read:?}").contains("s3cr3t"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z:0-9TZ-]{0,12}".prop_map(Value::from),
        Just(json!("2021-03-04T10:15:00Z")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let names = prop_oneof![
            Just("id"),
            Just("closed_at"),
            Just("name"),
            Just("body"),
            Just("x")
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_ticket_is_it_can_be_written_and_read_again(
        members in proptest::collection::btree_map(
            proptest::sample::select(vec![
                "subject", "description", "status", "type", "cc_emails", "tags", "custom_fields", "stats", "requester",
                "attachments", "conversations", "created_at", "spam", "group_id", "company", "unknown",
            ]).prop_map(str::to_owned),
            value(),
            0..12,
        ),
    ) {
        let mut whole: Map<String, Value> = members.into_iter().collect();
        whole.insert("id".to_owned(), 7.into());
        let read = ticket(Value::Object(whole.clone()));
        let written = serde_json::to_value(&read).unwrap();
        prop_assert_eq!(&ticket(written), &read);
        // Nothing that was there is lost, but what is nothing or empty.
        for (name, value) in whole {
            let is_read = match name.as_str() {
                "unknown" => read.other.contains_key(&name),
                _ => serde_json::to_value(&read).unwrap().get(&name).is_some(),
            };
            let is_nothing = matches!(&value, Value::Null)
                || value.as_str().is_some_and(|text| text.trim().is_empty())
                || value.as_array().is_some_and(|list| list.iter().all(Value::is_null))
                || value.as_object().is_some_and(|members| members.values().all(Value::is_null));
            prop_assert!(is_read || is_nothing, "{} was lost: {}", name, value);
        }
    }
}
