use serde_json::{Value, json};

use super::*;
use crate::point::contract;

/// What comes of an answer, as text: `data` and the rest, or why not.
fn read_as(name: &str, answer: &str) -> String {
    match read(contract(name).unwrap(), answer.as_bytes()) {
        Ok(Answer::Nothing) => "nothing".to_owned(),
        Ok(Answer::Cancelled) => "cancelled".to_owned(),
        Ok(Answer::Changed(change)) => {
            let mut text = Value::Object(change.data).to_string();
            if let Some(action) = change.action {
                text += &format!(" {}", action.name());
            }
            if let Some(filter) = change.filter {
                text += &format!(" filter {}", Value::Object(filter));
            }
            if !change.dropped.is_empty() {
                text += &format!(" without {}", change.dropped.join(", "));
            }
            text
        }
        Err(invalid) => deskbridge_core::Chain(&invalid).to_string(),
    }
}

#[track_caller]
fn check(name: &str, rows: &[(&str, &str)]) {
    for (answer, wanted) in rows {
        assert_eq!(read_as(name, answer), *wanted, "{name} <- {answer}");
    }
}

#[test]
fn a_number_is_filtered() {
    let rows = [
        (
            r#"{"data":{"phone":"+84 (28) 555-01-23"},"state":"success"}"#,
            r#"{"phone":"+84285550123"}"#,
        ),
        (
            r#"{"data":{"phone":84285550123},"state":"success"}"#,
            r#"{"phone":"84285550123"}"#,
        ),
        (
            r##"{"data":{"phone":"*8#12\r\nAction: Originate"}}"##,
            r##"{"phone":"*8#12"}"##,
        ),
        (
            r#"{"data":{"phone":"none"}}"#,
            "the answer does not fit its contract: data.phone has no digits",
        ),
        (
            r#"{"data":{"phone":null}}"#,
            "the answer does not fit its contract: data.phone is null, where a text is wanted",
        ),
        (
            r#"{"data":{"number":"1"}}"#,
            "the answer does not fit its contract: data.phone is missing",
        ),
        (
            r#"{"data":{"phone":["1"]}}"#,
            "the answer does not fit its contract: data.phone is a list, where a text is wanted",
        ),
        (
            r#"{"data":"1"}"#,
            "the answer does not fit its contract: data is a text, where an object is wanted",
        ),
        (
            r#"{"data":{"phone":"1","x":1}}"#,
            r#"{"phone":"1"} without data.x"#,
        ),
    ];
    check("process_phone_number", &rows);
    check("process_client_phone", &rows);
    let long = format!(r#"{{"data":{{"phone":"{}"}}}}"#, "1".repeat(33));
    assert!(read_as("process_phone_number", &long).ends_with("has more than 32 digits"));
}

#[test]
fn what_says_nothing_changes_nothing() {
    let rows = [
        ("", "nothing"),
        ("  \n", "nothing"),
        ("null", "nothing"),
        (r#"{"state":"success"}"#, "nothing"),
        (
            r#"{"data":{"phone":"1"},"state":"error"}"#,
            "the hook answered a state other than success",
        ),
        (
            r#"{"data":{"phone":"1"},"state":null}"#,
            "the hook answered a state other than success",
        ),
        (
            "{}",
            "the answer has neither data nor action; put what is to change under data",
        ),
        (
            r#"{"phone":"1"}"#,
            "the answer has neither data nor action; put what is to change under data",
        ),
        ("[]", "the answer is no object with data, action or state"),
        (
            "\"1\"",
            "the answer is no object with data, action or state",
        ),
    ];
    check("process_phone_number", &rows);
    assert!(read_as("process_phone_number", "<br />Warning").starts_with("the answer is not JSON"));
}

#[test]
fn empty_data_cancels_a_request_and_nothing_else() {
    for empty in ["{}", "[]", "null"] {
        let answer = format!(r#"{{"data":{empty},"state":"success"}}"#);
        for (name, wanted) in [
            ("process_registration_params", "cancelled"),
            ("process_final_params", "cancelled"),
            ("process_task_creation_params", "cancelled"),
            ("process_entity_creation_params", "cancelled"),
            ("customize_show_call_card", "cancelled"),
            ("customize_attach_record_url", "cancelled"),
            ("customize_activity", "cancelled"),
            ("get_updated_lead_fields", "cancelled"),
            ("import_record", "cancelled"),
            ("process_phone_number", "nothing"),
            ("process_originate_params", "nothing"),
            ("process_search_params", "nothing"),
            ("need_registration", "nothing"),
            ("ticket_fields", "nothing"),
        ] {
            assert_eq!(read_as(name, &answer), wanted, "{name} <- {answer}");
        }
        let deleted = format!(r#"{{"data":{empty},"action":"delete","state":"success"}}"#);
        assert_eq!(read_as("process_final_params", &deleted), "{} delete");
        let kept = format!(r#"{{"data":{empty},"action":"register","state":"success"}}"#);
        assert_eq!(read_as("process_final_params", &kept), "{} register");
    }
}

#[test]
fn an_action_is_one_of_its_point() {
    check(
        "process_search_params",
        &[
            (r#"{"action":"ignore"}"#, "{} ignore"),
            (
                r#"{"data":{"CRM_SOURCE":"7","SHOW":"1"},"action":"register"}"#,
                r#"{"CRM_SOURCE":"7","SHOW":true} register"#,
            ),
            (r#"{"data":{"SHOW":0},"action":""}"#, r#"{"SHOW":false}"#),
            (
                r#"{"action":"delete"}"#,
                "the answer's action is none of ignore, register",
            ),
            (
                r#"{"action":["ignore"]}"#,
                "the answer's action is none of ignore, register",
            ),
            (
                r#"{"data":{"SHOW":0},"filter":{"lead":{"STATUS_ID":"NEW"},"deal":{}}}"#,
                r#"{"SHOW":false} filter {"lead":{"STATUS_ID":"NEW"}}"#,
            ),
            (
                r#"{"data":{"PHONE_NUMBER":"+7 1","conversation":{"id":"1.2"}}}"#,
                r#"{"PHONE_NUMBER":"+71"} without data.conversation"#,
            ),
        ],
    );
    check(
        "process_phone_number",
        &[(
            r#"{"action":"ignore"}"#,
            "the answer's action is none of none, for this hook has no actions",
        )],
    );
    check(
        "need_registration",
        &[
            (
                r#"{"data":{"result":false},"state":"success"}"#,
                r#"{"result":false} ignore"#,
            ),
            (
                r#"{"data":{"result":"Y"},"state":"success"}"#,
                r#"{"result":true} register"#,
            ),
            (
                r#"{"data":{"result":"maybe"}}"#,
                "the answer does not fit its contract: data.result is a text, where true or false is wanted",
            ),
        ],
    );
}

#[test]
fn every_form_takes_what_its_documentation_shows() {
    for (name, answer, wanted) in [
        (
            "process_record_file_path",
            json!({"data": {"path": "2026/05/04/in-1.wav"}, "state": "success"}),
            r#"{"path":"2026/05/04/in-1.wav"}"#,
        ),
        (
            "process_originate_params",
            json!({"data": {"caller_id": "A <101>", "channel": "PJSIP/101", "context": "from-internal", "extension": "+7", "priority": "1", "codecs": "alaw", "variable": "A=1"}}),
            r#"{"caller_id":"A <101>","channel":"PJSIP/101","codecs":"alaw","context":"from-internal","extension":"+7","priority":1,"variable":"A=1"}"#,
        ),
        (
            "process_final_params",
            json!({"data": {"ADD_TO_CHAT": "1", "CALL_ID": "externalCall.1", "DURATION": "12", "STATUS_CODE": 304, "USER_ID": "7"}, "state": "success"}),
            r#"{"ADD_TO_CHAT":true,"CALL_ID":"externalCall.1","DURATION":12,"STATUS_CODE":"304","USER_ID":7}"#,
        ),
        (
            "process_entity_creation_params",
            json!({"data": {"TITLE": "New", "UF_CRM_1": ["a"], "PHONE": [{"VALUE": "1"}]}, "state": "success"}),
            r#"{"PHONE":[{"VALUE":"1"}],"TITLE":"New","UF_CRM_1":["a"]}"#,
        ),
        (
            "process_task_creation_params",
            json!({"data": {"arNewTaskData": {"TITLE": "Call back", "UF_CRM_TASK": ["L_1"]}}, "state": "success"}),
            r#"{"arNewTaskData":{"TITLE":"Call back","UF_CRM_TASK":["L_1"]}}"#,
        ),
        (
            "get_updated_lead_fields",
            json!({"data": {"UF_CRM_2": 5}, "state": "success"}),
            r#"{"UF_CRM_2":5}"#,
        ),
        (
            "get_updated_entity_fields",
            json!({"data": {"UF_CRM_2": 5}, "state": "success"}),
            r#"{"UF_CRM_2":5}"#,
        ),
        (
            "customize_activity",
            json!({"data": {"SUBJECT": "x"}, "state": "success"}),
            r#"{"SUBJECT":"x"}"#,
        ),
        (
            "customize_autodistribution",
            json!({"data": {"extension": "1-0-1"}}),
            r#"{"extension":"101"}"#,
        ),
        (
            "profile_company",
            json!({"data": {"id": null}}),
            r#"{"id":null}"#,
        ),
        (
            "event_route",
            json!({"data": {"routes": ["crm"]}}),
            r#"{"routes":["crm"]}"#,
        ),
        (
            "ticket_fields",
            json!({"data": {"priority": "High"}}),
            r#"{"priority":"High"}"#,
        ),
    ] {
        assert_eq!(read_as(name, &answer.to_string()), wanted, "{name}");
    }
}

#[test]
fn what_would_end_a_line_or_leave_a_limit_is_refused() {
    for (name, answer, wanted) in [
        (
            "process_originate_params",
            json!({"data": {"channel": "PJSIP/1\r\nAction: Logoff"}}),
            "data.channel has characters that end a line",
        ),
        (
            "process_originate_params",
            json!({"data": {"priority": 0}}),
            "data.priority is not between 1 and 100000",
        ),
        (
            "process_record_file_path",
            json!({"data": {"path": "a".repeat(2_000)}}),
            "data.path has 2000 bytes, where 1024 are the most",
        ),
        (
            "process_record_file_path",
            json!({"data": {"path": "a\u{0}b"}}),
            "data.path has a zero byte",
        ),
        (
            "ticket_fields",
            json!({"data": {"a b": 1}}),
            "data has a field whose name is no letter followed by letters, digits and _",
        ),
        (
            "process_final_params",
            json!({"data": {"DURATION": -1}}),
            "data.DURATION is not between 0 and 604800",
        ),
        (
            "process_final_params",
            json!({"data": {"USER_ID": 1.5}}),
            "data.USER_ID is a number, where a whole number is wanted",
        ),
    ] {
        let told = read_as(name, &answer.to_string());
        assert!(told.ends_with(wanted), "{name}: {told}");
    }
    let mut deep = json!(1);
    for _ in 0..20 {
        deep = json!([deep]);
    }
    let told = read_as("ticket_fields", &json!({"data": {"a": deep}}).to_string());
    assert!(told.ends_with("data.a is deeper than 16 levels"), "{told}");
    let bottomless = format!(
        "{{\"data\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read_as("ticket_fields", &bottomless).starts_with("the answer is not JSON"));
}

mod any_answer {
    use proptest::prelude::*;

    use super::*;
    use crate::point::CONTRACTS;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            (1_usize..100_000).prop_map(|long| Value::from("x".repeat(long))),
            Just(json!("success")),
            Just(json!("ignore")),
        ];
        let names = prop_oneof![
            proptest::sample::select(vec![
                "phone",
                "path",
                "result",
                "arNewTaskData",
                "USER_ID",
                "extension",
                "STATUS_CODE",
                "lead",
                "DURATION",
                "routes",
                "candidates",
                "id",
                "SHOW",
                "PHONE_NUMBER",
                "TITLE",
                "variable",
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(names.clone(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// An answer as hostile hooks give it: of wrong types, cut off, binary, deep.
    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let whole = (value(), value(), value()).prop_map(|(data, action, state)| {
            json!({"data": data, "action": action, "state": state})
                .to_string()
                .into_bytes()
        });
        let usual = value().prop_map(|data| json!({"data": data}).to_string().into_bytes());
        let cut = (value(), any::<prop::sample::Index>()).prop_map(|(data, at)| {
            let mut bytes = json!({"data": data}).to_string().into_bytes();
            bytes.truncate(at.index(bytes.len()));
            bytes
        });
        let deep = (1_usize..200_000).prop_map(|depth| {
            let mut bytes = b"{\"data\":".to_vec();
            bytes.resize(bytes.len() + depth, b'[');
            bytes
        });
        prop_oneof![4 => usual, 2 => whole, 1 => cut, 1 => deep, 1 => any::<Vec<u8>>()]
    }

    proptest! {
        // With 28 names each, ten thousand answers are read.
        #![proptest_config(ProptestConfig::with_cases(360))]

        #[test]
        fn whatever_is_answered_what_is_used_of_it_fits(answer in answer()) {
            for contract in &CONTRACTS {
                let Ok(Answer::Changed(change)) = read(contract, &answer) else {
                    continue;
                };
                let data = Value::Object(change.data.clone());
                if !change.data.is_empty() {
                    let again = crate::shape::check(&contract.output, &data, "data").unwrap();
                    prop_assert_eq!(&again.value, &data);
                }
                prop_assert!(change.action.is_none_or(|action| contract.actions.contains(&action)));
            }
        }
    }
}
