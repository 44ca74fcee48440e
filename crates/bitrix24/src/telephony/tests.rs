use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::{
    Answer, Call, Client, Error, Fault, Options, Outcome,
    testing::{Memory, client},
};

/// A client of a portal that answers every call with this, and what it was asked.
fn answering(answer: Value) -> (Arc<Memory>, Client) {
    let memory = Memory::new(1, Box::new(move |_, _| answer.clone()));
    let memory = Arc::new(memory);
    let client = client(&memory, Options::default());
    (memory, client)
}

async fn answer(result: Value) -> Answer {
    let (_, client) = answering(json!({"result": result}));
    client.call(Call::read("x")).await.unwrap()
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn registration() -> Registration {
    Registration::new(
        Employee::User(id(7)),
        "+84900000017",
        CallKind::Incoming,
        "pbx-1",
    )
}

#[tokio::test(start_paused = true)]
async fn a_registration_says_what_the_portal_would_assume_otherwise() {
    let (memory, client) = answering(json!({"result": {"CALL_ID": "externalCall.a.1"}}));
    let mut all = registration();
    all.started_at = Some("2026-11-20T06:30:00.25Z".parse().unwrap());
    all.line_number = Some("8400".to_owned());
    all.record = Some(CrmRecord {
        kind: CrmKind::Lead,
        id: id(4),
    });
    all.shows_card = true;
    for registration in [registration(), all] {
        let outcome = client.register_call(&registration).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
    let sent: Vec<Value> = memory
        .arrived()
        .into_iter()
        .map(|request| request.commands[0].1.clone())
        .collect();
    let expected = json!({
        "USER_ID": 7, "PHONE_NUMBER": "+84900000017", "TYPE": 2, "EXTERNAL_CALL_ID": "pbx-1",
        "CRM_CREATE": 0, "SHOW": 0, "ADD_TO_CHAT": 0,
    });
    assert_eq!(sent[0], expected);
    assert_eq!(sent[1]["CALL_START_DATE"], "2026-11-20T06:30:00+00:00");
    assert_eq!(
        (&sent[1]["SHOW"], &sent[1]["CRM_ENTITY_TYPE"]),
        (&json!(1), &json!("LEAD"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_could_become_anybodys_is_not_sent() {
    let (memory, client) = answering(json!({"result": true}));
    let nobody = Registration {
        employee: Employee::InnerPhone(" ".to_owned()),
        ..registration()
    };
    let unnamed = Registration {
        external_call_id: String::new(),
        ..registration()
    };
    for registration in [nobody, unnamed] {
        let outcome = client.register_call(&registration).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }
    assert!(memory.arrived().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_registration_made_is_read_in_every_spelling() {
    let lead = CrmRecord {
        kind: CrmKind::Lead,
        id: id(4),
    };
    for (result, record, created) in [
        (json!({"CALL_ID": "c"}), None, vec![]),
        (
            json!({"CALL_ID": "c", "CRM_CREATED_LEAD": 4}),
            None,
            vec![lead],
        ),
        (
            json!({"CALL_ID": "c", "CRM_CREATED_LEAD": "4", "CRM_CREATED_ENTITIES": [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": 4}], "CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": "4"}),
            Some(lead),
            vec![lead],
        ),
        (
            json!({"CALL_ID": "c", "CRM_CREATED_LEAD": null, "CRM_CREATED_ENTITIES": {"0": {"ENTITY_TYPE": "lead"}}, "CRM_ENTITY_TYPE": "", "CRM_ENTITY_ID": 0}),
            None,
            vec![],
        ),
    ] {
        let registered = Registered::read(&answer(result.clone()).await).unwrap();
        assert_eq!(
            (registered.record, registered.created),
            (record, created),
            "{result}"
        );
    }
    let internal = json!({"CALL_ID": "c", "LEAD_CREATION_ERROR": "local user"});
    let registered = Registered::read(&answer(internal).await).unwrap();
    assert_eq!(registered.lead_error.as_deref(), Some("local user"));
    for result in [json!({}), json!([]), json!({"CALL_ID": ""}), json!(true)] {
        assert_eq!(
            Registered::read(&answer(result.clone()).await),
            None,
            "{result}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_write_that_says_nothing_leaves_it_unknown() {
    let (_, client) = answering(json!({"result": {"CALL_ID": null}}));
    let outcome = client.register_call(&registration()).await;
    assert!(
        matches!(outcome, Outcome::Unknown(Error::MaybeExecuted { .. })),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_finish_is_read_though_its_date_lost_its_value() {
    let result = json!({
        "CALL_ID": "externalCall.a.1", "CALL_START_DATE": {}, "INCOMING": "2", "CALL_DURATION": "12",
        "CRM_ACTIVITY_ID": "93", "CRM_ENTITY_TYPE": "COMPANY", "CRM_ENTITY_ID": "5", "ID": 8,
    });
    let finished = Finished::read(&answer(result).await).unwrap();
    assert_eq!(
        (finished.activity, finished.statistic),
        (Some(id(93)), Some(id(8)))
    );
    assert_eq!(finished.record.unwrap().kind, CrmKind::Company);
    let bare = json!({"CALL_ID": "externalCall.a.1", "CRM_ACTIVITY_ID": null, "ERRORS": ["x"]});
    assert_eq!(Finished::read(&answer(bare).await).unwrap().activity, None);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_there_is_told_from_other_refusals() {
    let finish = Finish::new(Employee::User(id(7)), CallStatus::Missed, Duration::ZERO);
    for (error, is_missing) in [
        (
            json!({"error": "ERROR_CORE", "error_description": "Call is not found (call should be registered prior to finishing)"}),
            true,
        ),
        (
            json!({"error": "", "error_description": "Call is not found in the statistic table. It looks like it is not finished yet."}),
            true,
        ),
        (
            json!({"error": "ERROR_CORE", "error_description": "User is not found or is not active"}),
            false,
        ),
        (
            json!({"error": "ERROR_CORE", "error_description": "Unexpected database error"}),
            false,
        ),
    ] {
        let (_, client) = answering(error.clone());
        let call_id = CallId::new("externalCall.a.1").unwrap();
        match client.finish_call(&call_id, &finish).await {
            Outcome::Refused(refused) => {
                let found = matches!(refused, Error::NotFound { .. });
                assert_eq!(found, is_missing, "{error}: {refused}");
            }
            other => panic!("{error}: {other:?}"),
        }
    }
}

#[test]
fn every_end_of_a_call_has_its_code() {
    use CallStatus as S;
    let codes = [
        S::Talked,
        S::Missed,
        S::Declined,
        S::Cancelled,
        S::Forbidden,
        S::WrongNumber,
        S::Busy,
        S::DirectionUnavailable,
        S::ServiceUnavailable,
        S::TemporarilyUnavailable,
        S::NoMoney,
        S::Blocked,
        S::Other,
    ];
    let codes = codes.map(CallStatus::code);
    assert_eq!(
        codes.join(" "),
        "200 304 603 603-S 403 404 486 484 503 480 402 423 OTHER"
    );
}

#[tokio::test(start_paused = true)]
async fn the_statistics_are_believed_only_where_they_answer_the_question() {
    let rows = json!({"result": [
        {"ID": "1", "CALL_ID": "externalCall.a.1", "EXTERNAL_CALL_ID": "pbx-1", "CALL_DURATION": "12", "CALL_TYPE": "1", "CALL_START_DATE": ""},
        {"ID": "2", "CALL_ID": "externalCall.b.1", "EXTERNAL_CALL_ID": "pbx-2", "CALL_DURATION": null},
        {"ID": "3", "CALL_ID": "externalCall.c.1", "EXTERNAL_CALL_ID": null},
        {"ID": "4"},
    ]});
    let (_, client) = answering(rows);
    let call_id = |text: &str| CallId::new(text).unwrap();
    for (key, expected) in [
        (
            StatisticKey::External("pbx-1".to_owned()),
            &["externalCall.a.1"][..],
        ),
        (StatisticKey::External("pbx-9".to_owned()), &[]),
        (StatisticKey::External(String::new()), &[]),
        (
            StatisticKey::Call(call_id("externalCall.c.1")),
            &["externalCall.c.1"],
        ),
    ] {
        let found = client.calls_in_statistics(&key).await.unwrap();
        let found: Vec<&str> = found
            .iter()
            .filter_map(|call| call.call_id.as_ref().map(CallId::as_str))
            .collect();
        assert_eq!(found, expected, "{key:?}");
    }
    let key = StatisticKey::External("pbx-1".to_owned());
    let call = client.calls_in_statistics(&key).await.unwrap().remove(0);
    assert_eq!(
        (call.duration, call.kind),
        (Duration::from_secs(12), Some(CallKind::Outgoing))
    );
    assert_eq!(call.started_at, None);
}

#[tokio::test(start_paused = true)]
async fn callers_come_with_whoever_is_responsible() {
    let rows = json!({"result": [
        {"CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": 5, "ASSIGNED_BY_ID": 7, "NAME": "Dung",
         "ASSIGNED_BY": {"ID": "7", "TIMEMAN_STATUS": "OPENED", "USER_PHONE_INNER": "107", "WORK_PHONE": "", "PERSONAL_MOBILE": "0900"}},
        {"CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": "4", "ASSIGNED_BY_ID": "7", "ASSIGNED_BY": []},
        {"CRM_ENTITY_TYPE": "COMPANY", "CRM_ENTITY_ID": "6", "ASSIGNED_BY": {"ID": 0, "TIMEMAN_STATUS": "NOT_INSTALLED"}},
        {"CRM_ENTITY_TYPE": "", "CRM_ENTITY_ID": null},
    ]});
    let (_, client) = answering(rows);
    let callers = client.callers("+84900000017").await.unwrap();
    let shown: Vec<_> = callers
        .iter()
        .map(|caller| {
            let responsible = caller.responsible.as_ref();
            (
                caller.record.kind.name(),
                responsible.map(|one| one.user.get()),
                responsible.and_then(|one| one.workday),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("CONTACT", Some(7), Some(Workday::Opened)),
            ("LEAD", Some(7), None),
            ("COMPANY", None, None),
        ]
    );
    let responsible = callers[0].responsible.clone().unwrap();
    assert_eq!(responsible.phones, ["0900"]);
    let (_, nobody) = answering(json!({"result": []}));
    assert!(nobody.callers("1").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_probe_says_in_words_what_is_missing() {
    let refusing = |error: Value| {
        let handler = move |method: &str, _: &Value| match method {
            "scope" => json!({"result": ["telephony", "crm", "user_basic"]}),
            _ => error.clone(),
        };
        client(
            &Arc::new(Memory::new(1, Box::new(handler))),
            Options::default(),
        )
    };
    for (error, expected) in [
        (json!({"result": []}), Ok(())),
        (
            json!({"error": "WRONG_AUTH_TYPE"}),
            Err(TelephonyFault::NeedsApplication),
        ),
        (
            json!({"error": "insufficient_scope"}),
            Err(TelephonyFault::Scope),
        ),
        (
            json!({"error": "ERROR_METHOD_NOT_FOUND"}),
            Err(TelephonyFault::NoTelephony),
        ),
    ] {
        let found = refusing(error.clone()).telephony_access().await.unwrap();
        assert_eq!(
            (found.registers_calls, &found.missing[..]),
            (expected, &["task"][..]),
            "{error}"
        );
    }
    let gone = refusing(json!({"error": "NO_AUTH_FOUND"}));
    let error = gone.telephony_access().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Configuration {
                fault: Fault::Credentials,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_no_portal_takes_is_not_asked_a_place_for() {
    let (memory, client) = answering(
        json!({"result": {"uploadUrl": "https://other.test/rest/upload.json?token=s3cr3t0t0ken"}}),
    );
    let call_id = CallId::new("externalCall.a.1").unwrap();
    let bytes: &[u8] = b"sound";
    for (name, size_bytes, size_bytes_max) in [
        ("a.ogg", 5, 10),
        (".mp3", 5, 10),
        ("a.mp3", 0, 10),
        ("a.mp3", 11, 10),
    ] {
        let recording = Recording {
            size_bytes_max,
            ..Recording::new(name, size_bytes, bytes)
        };
        let outcome = client.upload_record(&call_id, recording).await;
        assert!(
            matches!(outcome, Outcome::Refused(_)),
            "{name} {size_bytes}"
        );
    }
    assert!(memory.arrived().is_empty());
    // And a place that is not the portal's is not gone to.
    let outcome = client
        .upload_record(&call_id, Recording::new("a.mp3", 5, bytes))
        .await;
    let Outcome::Refused(error) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        !format!("{error} {error:?}").contains("s3cr3t0t0ken"),
        "{error}"
    );
    assert_eq!(memory.arrived().len(), 1);
}
