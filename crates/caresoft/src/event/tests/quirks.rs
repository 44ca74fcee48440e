//! One table or test for each way in which what is sent differs from what is documented.

use super::*;
use crate::object::{Assignee, custom::CustomFieldKind, person::Gender, ticket::Direction};

fn routed(body: &str, expected: &str) {
    assert_eq!(
        word(&Event::read(body.as_bytes()).kind()),
        expected,
        "{body}"
    );
}

fn with_ticket(body: &str, check: impl FnOnce(Ticket<'_>)) {
    match Event::read(body.as_bytes()).kind() {
        Kind::Ticket(_, ticket) => check(ticket),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_known_is_unrouted_and_says_why() {
    for (body, expected) in [
        ("", "unrouted: the body cannot be read"),
        ("a=1&b=2", "unrouted: the body cannot be read"),
        ("5", "unrouted: the body names no object"),
        ("[]", "unrouted: the body names no object"),
        (
            r#"{"hello":{"world":1}}"#,
            "unrouted: the body names no object",
        ),
        (
            r#"{"object":"ticket","ticket":{"ticket_id":1}}"#,
            r#"unrouted: the body names the object "ticket" and no action"#,
        ),
        (
            r#"{"object":"chat","action":"create"}"#,
            r#"unrouted: "chat" with the action "create" is not known"#,
        ),
        (
            r#"{"object":"ticket","action":"reopen","ticket":{"ticket_id":1}}"#,
            r#"unrouted: "ticket" with the action "reopen" is not known"#,
        ),
        (
            r#"{"object":"call_in","action":"call_in_hold","call_info":{"call_id":"1"}}"#,
            r#"unrouted: "call_in" with the action "call_in_hold" is not known"#,
        ),
        (
            r#"{"object":"ticket","action":"update","ticket":{"ticket_id":0}}"#,
            "unrouted: the ticket has no id",
        ),
        (
            r#"{"object":"ticket","action":"merge","mergeOption":[]}"#,
            "unrouted: the ticket has no id",
        ),
        (
            r#"{"object":"call_in","action":"call_in_end","call_info":{"call_id":" "}}"#,
            "unrouted: the call_in has no id",
        ),
        (
            r#"[{"object":"ticket","action":"delete","ticket":{"ticket_id":1}},{"object":"ticket","action":"delete","ticket":{"ticket_id":2}}]"#,
            "unrouted: the body names no object",
        ),
    ] {
        routed(body, expected);
    }
}

#[test]
fn an_unknown_action_still_belongs_to_its_case() {
    let body = br#"{"object":"ticket","action":"reopen","ticket":{"ticket_id":7}}"#;
    assert_eq!(Event::read(body).ordering_key(), case(7));
}

#[test]
fn the_object_is_found_in_whatever_it_is_wrapped() {
    for body in [
        r#"{"object":"ticket","action":"update","ticket":{"ticket_id":7}}"#,
        r#"{"object":"ticket","action":"update","ticket":{"ticket_id":"7"}}"#,
        r#"{"object":" Ticket","action":"UPDATE","ticket":[{"ticket_id":7}]}"#,
        r#"{"object":"ticket","action":"update","ticket":{"ticket":{"ticket_id":7}}}"#,
        r#"{"object":"ticket","action":"update","data":{"ticket_id":7}}"#,
        r#"{"object":"ticket","action":"update","data":{"ticket":{"ticket_id":7}}}"#,
        r#"{"object":"ticket","action":"update","ticket":{"id":7}}"#,
        r#"{"object":"ticket","action":"update","ticket_id":7}"#,
        r#"{"data":{"object":"ticket","action":"update","ticket":{"ticket_id":7}}}"#,
        r#"[{"event":{"payload":{"object":"ticket","action":"update","ticket":{"ticket_id":7}}}}]"#,
        r#"{"action":"update","ticket":{"ticket_id":7}}"#,
        r#"{"data":{"action":"update","ticket":{"ticket_id":7}}}"#,
        r#"{"object":"event","data":{"object":"ticket","action":"update","ticket":{"ticket_id":7}}}"#,
        r#"{"action":"update","object":"ticket","ticket":{"ticket_id":7,"user":{"id":1},"action":"x","object":"lead"}}"#,
    ] {
        routed(body, "ticket Update");
        assert_eq!(
            Event::read(body.as_bytes()).ordering_key(),
            case(7),
            "{body}"
        );
    }
    routed(
        r#"{"mergeOption":{"primaryTicket":"7","secondaryTickets":[8]}}"#,
        "tickets merged",
    );
    routed(
        r#"{"call_info":{"event_name":"call_in_end","call_id":"c"}}"#,
        "call End",
    );
}

#[test]
fn a_bare_id_in_the_envelope_is_nobodys() {
    routed(
        r#"{"id":5,"object":"user","action":"update"}"#,
        "unrouted: the user has no id",
    );
}

#[test]
fn nobody_is_assigned_in_three_ways() {
    for (assignee, expected) in [
        ("", Assignee::NotSaid),
        (r#","assignee_id":null"#, Assignee::NotSaid),
        (r#","assignee_id":"""#, Assignee::NotSaid),
        (r#","assignee_id":-1"#, Assignee::Nobody),
        (r#","assignee_id":0"#, Assignee::Nobody),
        (
            r#","assignee_id":"3""#,
            Assignee::Agent(Id::new(3).unwrap()),
        ),
    ] {
        let body = format!(
            r#"{{"object":"ticket","action":"update","ticket":{{"ticket_id":7{assignee}}}}}"#
        );
        with_ticket(&body, |ticket| {
            assert_eq!(ticket.assignee(), expected, "{body}");
        });
    }
}

#[test]
fn merged_tickets_come_as_a_number_a_text_or_an_array() {
    for (secondaries, expected) in [
        ("8", vec![8]),
        (r#""8""#, vec![8]),
        (r#""8, 9""#, vec![8, 9]),
        ("[8,\"9\",8]", vec![8, 9]),
        ("[7,8]", vec![8]),
        ("null", vec![]),
        ("[]", vec![]),
    ] {
        let body = format!(
            r#"{{"object":"ticket","action":"merge","mergeOption":{{"primaryTicket":7,"secondaryTickets":{secondaries}}}}}"#
        );
        let expected: Vec<OrderingKey> = expected.into_iter().filter_map(case).collect();
        assert_eq!(
            Event::read(body.as_bytes()).also_touches(),
            expected,
            "{body}"
        );
    }
}

#[test]
fn merge_says_what_becomes_of_comments() {
    let event = Event::read(sample("ticket-merge").as_bytes());
    let Kind::TicketsMerged(merge) = event.kind() else {
        panic!("{event:?}")
    };
    assert!(merge.adds_cc() && merge.adds_followers());
    assert!(!merge.copies_comments() && !merge.primary_is_public());
    assert_eq!(
        merge.primary_comment().unwrap(),
        "Đã nhận nội dung của #2761"
    );
    assert_eq!(merge.secondary_comment().unwrap(), "Đã gộp vào #2760");
}

#[test]
fn custom_fields_come_from_the_array_and_from_beside_it() {
    with_ticket(sample("ticket-update"), |ticket| {
        let fields = ticket.custom_fields();
        let read: Vec<_> = fields
            .iter()
            .map(|field| {
                (
                    &*field.field,
                    field.kind,
                    field.value.as_deref(),
                    field.value_id.map(Id::get),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                (
                    "addition_field1",
                    Some(CustomFieldKind::SingleSelect),
                    Some("b"),
                    Some(1242)
                ),
                (
                    "addition_field2",
                    Some(CustomFieldKind::SingleSelect),
                    Some("Khác"),
                    Some(1222)
                ),
                // Its type is the text "0".
                ("addition_field3", Some(CustomFieldKind::Text), None, None),
                ("addition_field42", None, None, None),
            ]
        );
    });
    // An empty object stands in the documented array.
    with_ticket(sample("doc-ticket-update"), |ticket| {
        assert_eq!(ticket.custom_fields().len(), 1);
    });
    let as_map = r#"{"object":"ticket","action":"update","ticket":{"ticket_id":7,"addition_fields":{"addition_field5":"x","0":{"field":"addition_field6","type":5}}}}"#;
    with_ticket(as_map, |ticket| {
        let fields = ticket.custom_fields();
        assert_eq!(
            (&*fields[0].field, fields[0].value.as_deref()),
            ("addition_field5", Some("x"))
        );
        assert_eq!(
            (&*fields[1].field, fields[1].kind),
            ("addition_field6", Some(CustomFieldKind::Other(5)))
        );
    });
}

#[test]
fn a_user_says_everything_or_only_what_changed() {
    let event = Event::read(sample("user-update").as_bytes());
    let Kind::User(Save::Update, user) = event.kind() else {
        panic!("{event:?}")
    };
    assert!(user.is_delta());
    let changes = user.changes();
    assert_eq!(
        (&*changes[0].field, changes[0].text().as_deref()),
        ("addition_field13", Some("x123x"))
    );
    assert_eq!(user.name().unwrap(), "Ngan77");

    let event = Event::read(sample("doc-user-update").as_bytes());
    let Kind::User(Save::Update, user) = event.kind() else {
        panic!("{event:?}")
    };
    assert!(!user.is_delta() && user.changes().is_empty());
    assert_eq!(
        user.emails().collect::<Vec<_>>(),
        ["hoa@kettle.example"],
        "blanks are not said"
    );
    assert_eq!(user.phones().collect::<Vec<_>>(), ["0900000456"]);
    assert_eq!(
        (user.follower_id(), user.gender()),
        (None, Some(Gender::Male))
    );
}

#[test]
fn a_blank_change_is_a_clearing() {
    for (value, is_cleared, text) in [
        (r#""""#, true, None),
        ("null", true, None),
        (r#"" ""#, true, None),
        ("[]", true, None),
        ("0", false, Some("0")),
        (r#""92942""#, false, Some("92942")),
        ("[1,2]", false, None),
    ] {
        let body = format!(
            r#"{{"object":"user","action":"update","user":{{"id":1,"changes":[{{"field":"note","value":{value}}}]}}}}"#
        );
        let event = Event::read(body.as_bytes());
        let Kind::User(_, user) = event.kind() else {
            panic!("{body}")
        };
        let change = user.changes().remove(0);
        assert_eq!(
            (change.is_cleared(), change.text().as_deref()),
            (is_cleared, text),
            "{body}"
        );
    }
    for changes in [
        r#"{"note":"x"}"#,
        r#"{"field":"note","value":"x"}"#,
        r#"[{},{"field":"note","value":"x"}]"#,
    ] {
        let body = format!(
            r#"{{"object":"user","action":"update","user":{{"id":1,"changes":{changes}}}}}"#
        );
        let event = Event::read(body.as_bytes());
        let Kind::User(_, user) = event.kind() else {
            panic!("{body}")
        };
        let read = user.changes();
        assert_eq!(
            (read.len(), &*read[0].field, read[0].text().as_deref()),
            (1, "note", Some("x")),
            "{body}"
        );
    }
}

#[test]
fn calls_of_tickets_are_told_apart_by_channel_and_answer() {
    for (name, channel, direction, is_missed, is_answered, code) in [
        (
            "ticket-update-missed-call",
            "MissCall",
            Direction::Inbound,
            true,
            false,
            Some(0),
        ),
        (
            "ticket-update-ivr",
            "IVR",
            Direction::Inbound,
            true,
            false,
            None,
        ),
        (
            "ticket-update-call-out",
            "Voice Out",
            Direction::Outbound,
            false,
            true,
            Some(200),
        ),
    ] {
        with_ticket(sample(name), |ticket| {
            assert_eq!(ticket.channel().unwrap(), channel);
            assert_eq!(ticket.direction(), Some(direction), "{name}");
            assert_eq!(ticket.is_missed_call(), Some(is_missed), "{name}");
            let call = ticket.call().unwrap();
            assert_eq!(
                (call.is_answered(), call.status_code()),
                (is_answered, code),
                "{name}"
            );
            assert_eq!(call.customer_phone().unwrap(), "0900000123", "{name}");
        });
    }
    let inside = r#"{"object":"ticket","action":"update","ticket":{"ticket_id":7,"call_info":{"call_id":"c","status_code":"200"}}}"#;
    with_ticket(inside, |ticket| {
        assert!(ticket.call().unwrap().is_answered());
    });
    with_ticket(sample("ticket-create"), |ticket| {
        assert_eq!(
            (ticket.call(), ticket.is_missed_call(), ticket.direction()),
            (None, None, None)
        );
        assert_eq!(
            ticket.channel().unwrap(),
            "Web",
            "without a source the ticket's counts"
        );
    });
}

#[test]
fn a_comment_is_private_unless_it_says_otherwise_and_its_time_may_be_words() {
    with_ticket(sample("ticket-update-ivr"), |ticket| {
        let comment = ticket.comment().unwrap();
        assert!(!comment.is_public());
        let written_at = comment.created_at(&Zone::default()).unwrap();
        assert_eq!(written_at.to_string(), "2021-10-06T02:45:53Z");
        assert!(comment.html().unwrap().contains("</br>"));
    });
    with_ticket(sample("ticket-update-missed-call"), |ticket| {
        assert!(ticket.comment().unwrap().is_public());
    });
    let empty =
        r#"{"object":"ticket","action":"update","ticket":{"ticket_id":7,"ticket_comment":[]}}"#;
    with_ticket(empty, |ticket| assert_eq!(ticket.comment(), None));
}

#[test]
fn an_activity_names_its_case_in_three_ways() {
    for (name, expected) in [
        ("lead-create", 81_485_671),
        ("lead-convert", 81_485_672),
        ("deal-create", 81_485_673),
        ("deal-update", 81_485_671),
    ] {
        let event = Event::read(sample(name).as_bytes());
        let activity = match event.kind() {
            Kind::Lead(_, lead) => lead.activity(),
            Kind::Deal(_, deal) => deal.activity(),
            other => panic!("{other:?}"),
        };
        assert_eq!(activity.unwrap().case_id(), Id::new(expected), "{name}");
    }
}

#[test]
fn a_deal_says_what_it_was_and_what_changed() {
    let event = Event::read(sample("deal-update").as_bytes());
    let Kind::Deal(Save::Update, deal) = event.kind() else {
        panic!("{event:?}")
    };
    let updated = deal.updated_properties();
    let read: Vec<_> = updated
        .iter()
        .map(|change| (&*change.field, change.text().unwrap()))
        .collect();
    assert_eq!(
        read,
        [
            ("value", "1000000".into()),
            ("addition_field16", "INV-0007".into()),
            ("addition_field22", "92942".into())
        ]
    );
    assert_eq!(
        (deal.value().unwrap(), deal.converted_from()),
        ("1000000".into(), None)
    );
    let event = Event::read(sample("deal-convert").as_bytes());
    let Kind::Deal(Save::Convert, deal) = event.kind() else {
        panic!("{event:?}")
    };
    assert_eq!(
        (
            deal.converted_from().as_deref(),
            deal.stage_id(),
            deal.closed_type()
        ),
        (Some("lead"), Id::new(376), Some(1))
    );
    assert_eq!(event.activity_source().unwrap(), "AGENT");
}

#[test]
fn incoming_calls_say_how_they_ended() {
    for (name, expected, record) in [
        (
            "doc-call-in-end-answered",
            Some(true),
            Some("https://records.example/1.wav"),
        ),
        ("doc-call-in-end-miss", Some(false), None),
        ("doc-call-in-start", None, None),
    ] {
        let event = Event::read(sample(name).as_bytes());
        let Kind::IncomingCall(_, call) = event.kind() else {
            panic!("{event:?}")
        };
        assert_eq!(call.is_answered(), expected, "{name}");
        assert_eq!(call.record_url().as_deref(), record, "{name}");
    }
    for (name, expected) in [
        ("doc-call-in-agent-ring", Some("50007")),
        ("doc-call-in-end-miss", None),
    ] {
        let event = Event::read(sample(name).as_bytes());
        let Kind::IncomingCall(_, call) = event.kind() else {
            panic!("{event:?}")
        };
        assert_eq!(call.agent_phone().as_deref(), expected, "{name}");
    }
    let event = Event::read(sample("doc-smart-dialer-pd-end-call").as_bytes());
    let Kind::DialerCall(_, call) = event.kind() else {
        panic!("{event:?}")
    };
    assert_eq!(
        (
            call.agent_phone().as_deref(),
            call.status_code(),
            call.talked_for().unwrap().as_secs()
        ),
        (Some("50007"), Some(200), 60)
    );
}
