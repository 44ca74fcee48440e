use std::collections::{BTreeMap, BTreeSet};

use deskbridge_hooks::{CONTRACTS, Decision, envelope, point::contract, shape};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    learned::{Learned, Question},
    taken,
    told::{self, Around},
    trial,
};
use crate::{
    call::{
        Call, CallResult, Conversation, ConversationState, Direction, Ended, Linkedid, Recording,
        Uniqueid,
    },
    decide::{
        originate::Originate,
        users::{People, UserId, UserRow},
        write::{AddTask, Attach, CallKey, CallType, Cards, Finish, Register, Registered, Write},
    },
    settings::{Settings, SettingsSource},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_777_896_000 + second).unwrap()
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn settings() -> Settings {
    SettingsSource::default().compile("office").unwrap()
}

fn people(settings: &Settings) -> People {
    let row = UserRow {
        id: user(7),
        is_active: true,
        name: "An Tran".to_owned(),
        extension: "101".to_owned(),
        mobiles: Vec::new(),
    };
    People::of_rows(&[row], &settings.numbers)
}

/// An incoming call: 101 did not take it, 102 did.
fn call() -> Call {
    let conversation = |id: &str, extension: &str, answered: Option<i64>| Conversation {
        uniqueid: Uniqueid::new(id),
        extension: extension.to_owned(),
        outside: false,
        began_at: at(1),
        answered_at: answered.map(at),
        talked_ms: 0,
        ended_at: Some(at(20)),
        state: match answered {
            Some(_) => ConversationState::Talked,
            None => ConversationState::TakenElsewhere,
        },
    };
    Call {
        linkedid: Linkedid::new("1700000000.1"),
        joined: Vec::new(),
        direction: Direction::Incoming,
        client: Some("842855500123".to_owned()),
        line: Some("842855500100".to_owned()),
        trunk: Some("provider".to_owned()),
        originated: None,
        started_at: at(0),
        conversations: vec![
            conversation("1700000000.2", "101", None),
            conversation("1700000000.3", "102", Some(5)),
        ],
        transfers: Vec::new(),
        recordings: vec![Recording {
            path: "/rec/a.wav".to_owned(),
            uniqueid: Uniqueid::new("1700000000.3"),
            began_at: at(5),
        }],
        ended: Some(Ended {
            at: at(20),
            result: CallResult::Answered,
        }),
    }
}

fn registered() -> Registered {
    Registered {
        key: CallKey::new("office", &Linkedid::new("1700000000.1")),
        call_id: None,
    }
}

fn register() -> Register {
    Register {
        key: registered().key,
        user: user(7),
        phone: "+842855500123".to_owned(),
        call_type: CallType::Incoming,
        started_at: "2026-05-04T12:00:00+00:00".to_owned(),
        is_created: true,
        source: None,
        line: "842855500100".to_owned(),
        shown_until: Some(at(30)),
        is_in_chat: true,
        call_list: None,
        entity: None,
    }
}

fn finish() -> Finish {
    Finish {
        call: registered(),
        user: user(7),
        duration_s: 15,
        status: "304".to_owned(),
        failed_reason: Some("nobody answered".to_owned()),
        is_in_chat: true,
    }
}

fn task() -> AddTask {
    AddTask {
        call: registered(),
        phone: "+842855500123".to_owned(),
        title: "Missed call".to_owned(),
        description: String::new(),
        deadline: Some("2026-05-04T13:00:00+00:00".to_owned()),
        responsible: user(7),
        creator: None,
        fields: BTreeMap::new(),
    }
}

fn originate() -> Originate {
    Originate {
        channel: "PJSIP/101".to_owned(),
        context: "from-internal".to_owned(),
        exten: "842855500123".to_owned(),
        priority: 1,
        caller_id: "101".to_owned(),
        variables: BTreeMap::new(),
        timeout_ms: 30_000,
        channel_id: "crm-1".to_owned(),
        codecs: Vec::new(),
    }
}

fn cards() -> Cards {
    Cards {
        call: registered(),
        users: vec![user(7)],
        until: at(30),
    }
}

/// Every point of a call at which a stored call says what would be told.
#[test]
fn what_hooks_are_told_fits_every_contract() {
    let (settings, call) = (settings(), call());
    let people = people(&settings);
    let around = Around {
        call: &call,
        settings: &settings,
        people: &people,
    };
    let writes = [
        Write::Register(register()),
        Write::Show(cards()),
        Write::Finish(finish()),
        Write::AddTask(task()),
        Write::Attach(Attach {
            call: registered(),
            files: vec!["/mnt/a.wav".to_owned()],
        }),
    ];
    let mut asked = 0;
    for contract in &CONTRACTS {
        for known in contract
            .points
            .iter()
            .flat_map(|point| trial::known(*point, &around, &writes))
        {
            let told = contract.told(&known);
            let shape = shape::Shape::Object(contract.input);
            let checked = shape::check(&shape, &told, "input");
            assert!(
                checked.is_ok(),
                "{}: {checked:?} of {told:#}",
                contract.name
            );
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

#[test]
fn a_call_is_told_as_the_older_generations_know_it() {
    let (settings, call) = (settings(), call());
    let people = people(&settings);
    let around = Around {
        call: &call,
        settings: &settings,
        people: &people,
    };
    let last = around.last();
    for (member, wanted) in [
        ("id", json!("1700000000.3")),
        ("from", json!("842855500123")),
        ("from_local", json!(false)),
        ("to", json!("102")),
        ("to_local", json!(true)),
        ("trunk", json!("842855500100")),
        ("type", json!(2)),
        ("type_code", json!("incoming")),
        ("state", json!(3)),
        ("state_code", json!("hung")),
        ("was_answered", json!(true)),
        ("started_at", json!("2026-05-04 12:00:01")),
        ("answered_at", json!("2026-05-04 12:00:05")),
    ] {
        assert_eq!(last[member], wanted, "{member}");
    }
    let told = around.call();
    assert_eq!(told["conversations"]["1700000000.2"]["was_answered"], false);
    assert_eq!(
        told["conversations"]["1700000000.2"]["answered_at"],
        "0001-01-01 00:00:00"
    );
    let full = around.full(None, None);
    assert_eq!(full["result"], 200);
    assert_eq!(full["conversations"]["1700000000.2"]["user"]["ID"], 7);
    assert_eq!(full["conversations"]["1700000000.3"]["user"], Value::Null);
}

/// What a hook of this name answers, as it is used.
fn change(name: &str, answer: &Value) -> Decision {
    let read = envelope::read(contract(name).unwrap(), answer.to_string().as_bytes());
    Decision::from(read.unwrap())
}

fn data(name: &str, data: &Value) -> Map<String, Value> {
    match change(name, &json!({"data": data})) {
        Decision::Changed(change) => change.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_is_asked_once_and_its_answer_is_used() {
    let (settings, mut call) = (settings(), call());
    let people = people(&settings);
    let ended = call.ended.take();
    call.conversations.truncate(1);
    call.conversations[0].ended_at = None;
    let mut learned = Learned::default();
    let mut asking = BTreeSet::new();
    let asked = |call: &Call, learned: &Learned, asking: &mut BTreeSet<String>| -> Vec<Question> {
        let around = Around {
            call,
            settings: &settings,
            people: &people,
        };
        learned.questions(&around, None, asking, |_| true)
    };
    let subjects = |questions: &[Question]| -> Vec<String> {
        let of = questions.iter();
        of.map(|question| format!("{} {}", question.point.name(), question.subject))
            .collect()
    };
    let first = asked(&call, &learned, &mut asking);
    assert_eq!(
        subjects(&first),
        [
            "process_client_phone 842855500123",
            "process_user_phone 101",
            "need_registration conversation_requested 1700000000.2",
        ]
    );
    assert_eq!(asked(&call, &learned, &mut asking), []);
    call = self::call();
    call.ended = ended;
    let later = asked(&call, &learned, &mut asking);
    // Of the stages that came at once only the last is asked about.
    assert_eq!(
        subjects(&later),
        [
            "process_user_phone 102",
            "process_record_file_path /rec/a.wav",
            "need_registration call_ended",
        ]
    );
    learned.learn(
        &first[0],
        &change("process_client_phone", &json!({"data": {"phone": "123"}})),
    );
    learned.learn(
        &first[1],
        &change("process_user_phone", &json!({"data": {"phone": "201"}})),
    );
    learned.learn(
        &later[1],
        &change(
            "process_record_file_path",
            &json!({"data": {"path": "b.mp3"}}),
        ),
    );
    assert_eq!(learned.client("842855500123"), Some("123"));
    assert_eq!(
        (learned.extension("101"), learned.extension("102")),
        ("201", "102")
    );
    assert_eq!(asked(&call, &learned, &mut BTreeSet::new()).len(), 2);
    assert_eq!(learned.recording("/rec/a.wav"), Some("b.mp3"));
    let says = |wanted: bool| change("need_registration", &json!({"data": {"result": wanted}}));
    learned.learn(&first[2], &says(false));
    assert!(learned.is_ignored());
    learned.learn(&later[2], &says(true));
    assert!(!learned.is_ignored());
}

#[test]
fn a_registration_takes_what_the_crm_can_be_told() {
    let mut write = register();
    let answered = json!({
        "PHONE_NUMBER": "0285 550 0123", "USER_ID": "12", "LINE_NUMBER": "1", "CRM_SOURCE": "WEB", "CRM_CREATE": "N",
        "SHOW": 0, "TYPE": 4, "CALL_START_DATE": "yesterday", "ADD_TO_CHAT": false,
    });
    let unused = taken::registration(&mut write, &data("process_registration_params", &answered));
    assert_eq!(
        unused,
        ["CALL_START_DATE is no time with an offset, such as 2026-05-04T18:00:00+07:00"]
    );
    let wanted = Register {
        phone: "02855500123".to_owned(),
        user: user(12),
        line: "1".to_owned(),
        source: Some("WEB".to_owned()),
        is_created: false,
        shown_until: None,
        call_type: CallType::Callback,
        is_in_chat: false,
        ..register()
    };
    assert_eq!(write, wanted);
    let unused = taken::registration(
        &mut write,
        &data("process_registration_params", &json!({"USER_ID": 0})),
    );
    assert_eq!(
        (unused, write.user),
        (vec!["USER_ID names nobody".to_owned()], user(12))
    );
}

#[test]
fn the_end_of_a_call_takes_codes_that_the_crm_knows() {
    let mut write = finish();
    let answered =
        json!({"STATUS_CODE": "200", "DURATION": "61", "USER_ID": 15, "CALL_ID": "another"});
    assert_eq!(
        taken::finish(&mut write, &data("process_final_params", &answered)),
        [""; 0]
    );
    let wanted = Finish {
        status: "200".to_owned(),
        failed_reason: None,
        duration_s: 61,
        user: user(15),
        ..finish()
    };
    assert_eq!(write, wanted);
    let unused = taken::finish(
        &mut write,
        &data("process_final_params", &json!({"STATUS_CODE": "999"})),
    );
    assert_eq!((unused.len(), write.status.as_str()), (1, "200"));
}

#[test]
fn a_task_takes_any_field_and_keeps_what_is_nothing() {
    let mut write = task();
    let answered = json!({"arNewTaskData": {
        "TITLE": "URGENT", "DEADLINE": "tomorrow", "RESPONSIBLE_ID": "x", "CREATED_BY": 3, "PRIORITY": 2,
        "UF_CRM_TASK": ["L_11"],
    }});
    let unused = taken::task(&mut write, &data("process_task_creation_params", &answered));
    assert_eq!(unused.len(), 2, "{unused:?}");
    assert_eq!(
        (write.title.as_str(), write.creator),
        ("URGENT", Some(user(3)))
    );
    assert_eq!(
        (write.responsible, write.deadline),
        (user(7), task().deadline)
    );
    assert_eq!(
        (&write.fields["PRIORITY"], &write.fields["UF_CRM_TASK"]),
        (&json!(2), &json!(["L_11"]))
    );
    let mut write = task();
    taken::task(
        &mut write,
        &data(
            "process_task_creation_params",
            &json!({"arNewTaskData": {"DEADLINE": ""}}),
        ),
    );
    assert_eq!(write.deadline, None);
}

#[test]
fn an_order_takes_another_trunk_and_variables() {
    let mut wanted = originate();
    let answered = json!({"context": "mobile", "extension": "9842855500123", "caller_id": "", "priority": "2",
        "codecs": "alaw, ulaw", "variable": "A=1, B = two"});
    let unused = taken::originate(&mut wanted, &data("process_originate_params", &answered));
    assert_eq!(unused, ["caller_id is empty"]);
    assert_eq!(
        (
            wanted.context.as_str(),
            wanted.exten.as_str(),
            wanted.priority
        ),
        ("mobile", "9842855500123", 2)
    );
    assert_eq!(wanted.codecs, ["alaw", "ulaw"]);
    assert_eq!(
        wanted.variables,
        BTreeMap::from([
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "two".to_owned())
        ])
    );
    assert_eq!(wanted.caller_id, "101");
}

#[test]
fn a_recording_is_attached_by_an_address_of_the_web_only() {
    let attached = |answer: Value| taken::attached(&data("customize_attach_record_url", &answer));
    let (good, unused) =
        attached(json!({"FILENAME": "call.mp3", "RECORD_URL": "https://files.example/1.mp3"}));
    assert_eq!(
        (good.name.as_deref(), good.url.as_deref(), unused.len()),
        (Some("call.mp3"), Some("https://files.example/1.mp3"), 0)
    );
    let (bad, unused) =
        attached(json!({"FILENAME": "../../etc/passwd", "RECORD_URL": "file:///etc/passwd"}));
    assert_eq!((bad, unused.len()), (taken::Attached::default(), 2));
}

#[test]
fn what_is_told_can_be_answered_back_without_changing_anything() {
    let mut write = register();
    let (settings, call) = (settings(), call());
    let people = people(&settings);
    let around = Around {
        call: &call,
        settings: &settings,
        people: &people,
    };
    let told = around.registration(&write, true);
    assert_eq!(
        taken::registration(&mut write, &data("process_registration_params", &told)),
        [""; 0]
    );
    assert_eq!(write, register());
    let mut write = finish();
    let told = around.finish(&write, "externalCall.1", &around.last(), None);
    assert_eq!(
        taken::finish(&mut write, &data("process_final_params", &told)),
        [""; 0]
    );
    assert_eq!(write, finish());
    let mut write = cards();
    let told = json!({"USER_ID": write.users});
    taken::cards(&mut write, &data("customize_show_call_card", &told));
    assert_eq!(write, cards());
    let order = crate::decide::originate::Order {
        id: "crm-1".to_owned(),
        phone: "842855500123".to_owned(),
        line: None,
        entity: None,
        why: crate::decide::originate::Why::Callback { responsible: None },
    };
    let mut wanted = originate();
    let told = told::originate(&wanted, &order);
    assert_eq!(
        taken::originate(&mut wanted, &data("process_originate_params", &told)),
        [""; 0]
    );
    assert_eq!(wanted, originate());
}
