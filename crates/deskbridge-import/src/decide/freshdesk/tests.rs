use freshdesk::record::{Record as _, Ticket};
use serde_json::json;

use super::*;

#[test]
fn images_are_found_wherever_their_address_stands() {
    for (html, expected) in [
        (
            r#"<p><img src="https://a.test/1?token=x"></p>"#,
            &["https://a.test/1?token=x"][..],
        ),
        (
            "<IMG alt='a > b' SRC = 'https://a.test/1'/>",
            &["https://a.test/1"],
        ),
        (
            "<img data-src='https://a.test/0' src=https://a.test/1 >",
            &["https://a.test/1"],
        ),
        (
            r#"<img src="cid:https://a.test/1"><img src="cid:abc">"#,
            &["cid:https://a.test/1"],
        ),
        (
            r#"<img src="data:image/png;base64,AA=="><imgx src2="https://a.test/1">"#,
            &[],
        ),
        (
            r#"<img src="https://a.test/1"><img src="https://a.test/1">"#,
            &["https://a.test/1"],
        ),
        (r#"ảnh <img title="ảnh" src="https://a.test/ảnh"#, &[]),
        ("<img src=\"https://a.test/1", &[]),
        ("<img", &[]),
    ] {
        assert_eq!(image_addresses(html), expected, "{html}");
    }
}

#[test]
fn addresses_of_images_are_replaced_and_nothing_else() {
    let html =
        r#"xem https://a.test/1 <img alt="ạ" src="https://a.test/1"> <img src='https://a.test/2'>"#;
    let replaced = with_addresses(html, |address| {
        (address == "https://a.test/1").then(|| "/private/files/1.png".to_owned())
    });
    assert_eq!(
        replaced,
        r#"xem https://a.test/1 <img alt="ạ" src="/private/files/1.png"> <img src='https://a.test/2'>"#
    );
}

#[test]
fn what_is_private_stays_so_and_what_is_no_talk_is_left_out() {
    let conversation = |id: u32, more: Value| {
        let mut item = json!({"id": id, "body": "<p>x</p>", "private": false, "user_id": 7});
        let more = more.as_object().unwrap().clone();
        item.as_object_mut().unwrap().extend(more);
        item
    };
    let read = Ticket::read(json!({
        "id": 5, "status": 9, "priority": 4, "requester_id": 7, "responder_id": 8, "source": 10,
        "description": "<p>first</p>", "custom_fields": {"cf_order": "A1", "cf_gone": null, "other": 1},
        "conversations": [
            conversation(1, json!({"incoming": true})),
            conversation(2, json!({"private": true, "incoming": true})),
            conversation(3, json!({"source": 8})),
            conversation(4, json!({"source": 2, "incoming": false, "user_id": 8})),
            conversation(5, json!({"automation_id": 3})),
            conversation(6, json!({"deleted": true})),
            conversation(7, json!({"private": true, "body_text": "created_by: 3"})),
        ],
    }));
    let agent =
        Agent::read(json!({"id": 8, "contact": {"name": "Mai", "email": "mai@acme.example"}}));
    let words = Words::new(&[], Vec::new(), vec![agent.unwrap()]);
    let names = FieldNames {
        ticket: [
            ("cf_order".to_owned(), "custom_order".to_owned()),
            ("cf_gone".to_owned(), "custom_gone".to_owned()),
        ]
        .into(),
        ..FieldNames::default()
    };
    let made = ticket(&read.unwrap(), &words, &BTreeMap::new(), &[], &names);
    let said: Vec<(&str, record::How)> = made
        .messages
        .iter()
        .map(|message| (message.id.as_str(), message.how))
        .collect();
    use record::How::{Automatic, Note, Received, Sent};
    assert_eq!(
        said,
        [
            ("1", Received),
            ("2", Note),
            ("3", Note),
            ("4", Sent),
            ("5", Automatic)
        ]
    );
    assert!(
        made.is_outbound,
        "an outbound e-mail begins with an agent's words"
    );
    assert_eq!(made.status.as_deref(), Some("Status 9"));
    assert_eq!(made.priority.as_deref(), Some("Urgent"));
    assert_eq!(made.agent.as_deref(), Some("mai@acme.example"));
    let requester = made.requester.unwrap();
    assert_eq!(
        requester.email.as_deref(),
        Some("freshdesk-7@import.invalid")
    );
    assert_eq!(Value::Object(made.fields), json!({"custom_order": "A1"}));
}
