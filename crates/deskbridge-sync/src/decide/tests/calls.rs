//! A call in seven steps, and the ticket that it leaves: in any order, with any one lost.

use std::time::Duration;

use caresoft::object::{call::CallId, ticket::Direction};
use deskbridge_core::Language;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        call::{CallFacts, CallRecord, Ending, Ring, call},
        draft::Held,
        record::Record,
        write::Write,
    },
    world::{World, account},
};
use crate::settings::Account;

pub(super) const CALL: &str = "20260105093000-KLMNOPQR-42";
const START: i64 = 1_767_580_200_000;

pub(super) fn at(second: i64) -> i64 {
    START + second * 1000
}

fn time(second: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(at(second)).ok()
}

pub(super) fn step(action: &str, second: i64, more: &Value) -> Vec<u8> {
    let mut call = json!({"event_name": action, "call_id": CALL, "direction": "inbound", "caller": "0900000456", "called": "19000444", "event_time": at(second)});
    merge(&mut call, more);
    let event = json!({"object": "call_in", "action": action, "call_info": call});
    event.to_string().into_bytes()
}

pub(super) fn merge(object: &mut Value, more: &Value) {
    let (Value::Object(object), Value::Object(more)) = (object, more) else {
        panic!("two objects")
    };
    object.extend(more.clone());
}

/// Seven steps: one agent gives up, the next one takes the call.
pub(super) fn steps() -> Vec<Vec<u8>> {
    let (one, other) = (json!({"agent_id": "50007"}), json!({"agent_id": "50008"}));
    let end = json!({"call_start_time": at(0), "call_answer_time": at(20), "call_end_time": at(60), "call_duration": 60, "status": "answered", "answer_duration": 40, "record_url": "https://records.example/1.wav"});
    vec![
        step("call_in_start", 0, &json!({})),
        step("call_in_agent_ring", 5, &one),
        step("call_in_agent_miss", 10, &one),
        step("call_in_agent_answer", 20, &other),
        step("call_in_agent_end", 59, &other),
        step("call_in_customer_end", 59, &other),
        step("call_in_end", 60, &end),
    ]
}

pub(super) fn ticket() -> Vec<u8> {
    let note = format!("<b>Cuộc gọi vào</b><br/>ID cuộc gọi: {CALL}<br/>Đầu số: 19000444");
    let event = json!({"object": "ticket", "action": "update",
        "ticket": {"ticket_id": 7, "ticket_subject": "A call", "ticket_source": "Voice", "requester_id": 5, "assignee_id": 3, "updated_at": at(61),
            "ticket_comment": {"comment": note, "commentator_id": 5, "source": "Voice", "is_public": 1, "created_at": at(61)}},
        "call_info": {"call_id": CALL, "caller": "0900000456", "called": "19000444", "start_time": at(0), "answer_time": at(20), "end_time": at(60), "status_code": 200}});
    event.to_string().into_bytes()
}

fn known(world: &World) -> CallRecord {
    let id = CallId::new(CALL).expect("an id");
    let record = Record::Call(id.clone());
    let mut held = Held::default();
    held.insert(record.clone(), world.known[&record].clone());
    let facts: CallFacts = held.facts(&record).expect("it can be read");
    call(id, &facts)
}

/// The order with a number: of `n` things there are `n!`.
pub(super) fn ordered<T>(mut things: Vec<T>, mut number: usize) -> Vec<T> {
    let mut order = Vec::new();
    while !things.is_empty() {
        let count = things.len();
        order.push(things.remove(number % count));
        number /= count;
    }
    order
}

fn check_told(world: &World, recordings: usize, what: &str) {
    let told = world.told();
    assert_eq!(told.len(), 1, "{what}: {told:?}");
    for told in told.values() {
        assert_eq!(*told, (1, recordings), "{what}");
    }
    // CareSoft's own note of the call is not there a second time.
    let others = world.comments.keys().filter(|key| !key.contains("-call-"));
    assert_eq!(others.count(), 0, "{what}");
}

#[test]
fn all_orders_of_a_call_and_its_ticket_come_to_the_same() {
    let account = account("");
    let expected = CallRecord {
        id: CallId::new(CALL).expect("an id"),
        direction: Some(Direction::Inbound),
        customer_phone: Some("0900000456".to_owned()),
        line: Some("19000444".to_owned()),
        agents: vec![
            Ring {
                phone: "50007".to_owned(),
                rang_at: time(5),
                answered_at: None,
                missed_at: time(10),
            },
            Ring {
                phone: "50008".to_owned(),
                rang_at: None,
                answered_at: time(20),
                missed_at: None,
            },
        ],
        agent_user_id: None,
        started_at: time(0),
        answered_at: time(20),
        ended_at: time(60),
        ending: Some(Ending::Answered),
        lasted_for: Some(Duration::from_secs(60)),
        talked_for: Some(Duration::from_secs(40)),
        recording_url: Some("https://records.example/1.wav".to_owned()),
        dtmf: None,
        campaign_id: None,
    };
    for number in 0..5040 {
        let mut events = ordered(steps(), number);
        events.insert(number % 8, ticket());
        let world = World::of(&account, &events);
        assert_eq!(known(&world), expected, "order {number}");
        check_told(&world, 1, &format!("order {number}"));
    }
}

#[test]
fn whichever_event_is_lost_the_call_is_told_of() {
    let account = account("");
    for lost in 0..7 {
        for number in (0..5040).step_by(23) {
            let mut events = steps();
            events.remove(lost);
            events.push(ticket());
            let world = World::of(&account, &ordered(events, number));
            let what = format!("order {number} without {lost}");
            let call = known(&world);
            assert_eq!(call.ending, Some(Ending::Answered), "{what}");
            assert_eq!(call.ended_at, time(60), "{what}");
            assert_eq!(call.started_at, time(0), "{what}");
            // The last step alone knows where the recording is.
            check_told(&world, usize::from(lost != 6), &what);
        }
    }
}

#[test]
fn without_its_ticket_a_call_is_known_and_nothing_is_written() {
    let account = account("");
    let world = World::of(&account, &steps());
    assert_eq!(world.effects, []);
    assert_eq!(known(&world).ending, Some(Ending::Answered));
}

#[test]
fn a_recording_that_comes_late_is_a_second_note() {
    let account = account("");
    let mut world = World::of(&account, &[ticket()]);
    let last = steps().pop().expect("seven steps");
    let writes = world.take(&account, &last);
    let [Write::AddComment(comment)] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(
        comment.html,
        "Recording: <a href=\"https://records.example/1.wav\" target=\"_blank\" rel=\"noopener noreferrer\">listen</a>"
    );
    assert_eq!(world.take(&account, &last), []);
    assert_eq!(world.take(&account, &ticket()), []);
}

fn noted(account: &Account) -> String {
    let mut events = steps();
    events.push(ticket());
    let world = World::of(account, &events);
    let [comment] = world.comments.values().collect::<Vec<_>>()[..] else {
        panic!("one comment")
    };
    assert!(!comment.is_public);
    comment.html.clone()
}

#[test]
fn a_call_is_told_of_in_the_language_of_the_desk() {
    let mut account = account("");
    let recording = |word: &str, listen: &str| {
        format!(
            "{word}: <a href=\"https://records.example/1.wav\" target=\"_blank\" rel=\"noopener noreferrer\">{listen}</a>"
        )
    };
    let english = format!(
        "<b>Incoming call</b><br>Customer: 0900000456<br>Line: 19000444<br>Agent: 50008<br>Started: 2026-01-05 09:30:00\
         <br>Answered: 2026-01-05 09:30:20<br>Ended: 2026-01-05 09:31:00<br>Talk time: 00:00:40<br>Result: answered\
         <br>Call id: {CALL}<br>{}",
        recording("Recording", "listen")
    );
    assert_eq!(noted(&account), english);
    account.language = Language::Vietnamese;
    let vietnamese = noted(&account);
    assert!(
        vietnamese.starts_with("<b>Cuộc gọi vào</b>"),
        "{vietnamese}"
    );
    assert!(
        vietnamese.contains("Bắt đầu: 05/01/2026 09:30:00"),
        "{vietnamese}"
    );
    account.language = Language::Russian;
    let russian = noted(&account);
    assert!(russian.contains("Начало: 05.01.2026 09:30:00"), "{russian}");
    assert!(
        russian.ends_with(&recording("Запись", "слушать")),
        "{russian}"
    );
}

#[test]
fn caresofts_own_note_stands_where_that_is_chosen() {
    let account = account("[ticket]\ncall_notes = \"caresoft\"");
    let mut events = steps();
    events.push(ticket());
    let world = World::of(&account, &events);
    let notes: Vec<&str> = world
        .comments
        .values()
        .map(|one| one.html.as_str())
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("Đầu số: 19000444")));
    assert!(notes.iter().any(|note| note.starts_with("Recording: <a")));
}

#[test]
fn how_a_call_ended_is_told_by_whatever_says_so() {
    let account = account("");
    let ending = |bodies: &[Vec<u8>]| known(&World::of(&account, bodies)).ending;
    let ticket = |source: &str, call: &Value| {
        let mut info = json!({"call_id": CALL, "caller": "0900000456"});
        merge(&mut info, call);
        let event = json!({"object": "ticket", "action": "update", "ticket": {"ticket_id": 7, "ticket_source": source, "updated_at": at(61)}, "call_info": info});
        event.to_string().into_bytes()
    };
    let ends = at(60);
    for (body, expected) in [
        (step("call_in_start", 0, &json!({})), None),
        (
            step("call_in_customer_end", 9, &json!({})),
            Some(Ending::Missed),
        ),
        (
            step("call_in_end", 9, &json!({"status": "miss"})),
            Some(Ending::Missed),
        ),
        (
            ticket("Voice", &json!({"answer_time": 0, "end_time": ends})),
            Some(Ending::Missed),
        ),
        (
            ticket("Voice", &json!({"answer_time": at(9), "end_time": ends})),
            Some(Ending::Answered),
        ),
        (
            ticket("IVR", &json!({"dtmf": "-2-#", "end_time": ends})),
            Some(Ending::InMenu),
        ),
        (
            ticket("Voice Out", &json!({"status_code": 200, "end_time": ends})),
            Some(Ending::Answered),
        ),
        (ticket("Voice", &json!({"answer_time": 0})), None),
    ] {
        let text = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(ending(&[body]), expected, "{text}");
    }
}

#[test]
fn a_call_of_a_campaign_is_known() {
    let account = account("");
    let event = json!({"object": "smart_dialer", "action": "pd_end_call", "call_info": {"call_id": CALL, "line": "19000444", "phone_number": "0900000456",
        "campaign_id": 12, "start_time": at(0), "connect_time": at(20), "end_time": at(60), "call_duration": 60, "agent_user_id": 3, "agent_id": 50007, "status_code": "200"}});
    let world = World::of(&account, &[event.to_string()]);
    assert_eq!(world.effects, []);
    let call = known(&world);
    assert_eq!(call.direction, Some(Direction::Outbound));
    assert_eq!(call.ending, Some(Ending::Answered));
    assert_eq!(call.campaign_id.map(caresoft::Id::get), Some(12));
    assert_eq!(call.agent_user_id.map(caresoft::Id::get), Some(3));
    assert_eq!(call.agents.len(), 1);
    assert_eq!(call.talked_for, Some(Duration::from_secs(40)));
}

#[test]
fn one_call_may_leave_two_tickets() {
    let account = account("");
    let other = String::from_utf8(ticket())
        .expect("text")
        .replace("\"ticket_id\":7", "\"ticket_id\":8");
    let mut events = steps();
    events.extend([ticket(), other.into_bytes()]);
    for number in (0..362_880).step_by(9973) {
        let world = World::of(&account, &ordered(events.clone(), number));
        let told = world.told();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.values().all(|told| *told == (1, 1)), "{told:?}");
    }
}

#[test]
fn caresofts_own_note_stands_while_the_call_goes_on() {
    let account = account("");
    let note = format!("Cuộc gọi vào {CALL}");
    let event = json!({"object": "ticket", "action": "update",
        "ticket": {"ticket_id": 7, "updated_at": at(1), "ticket_comment": {"comment": note, "created_at": at(1)}},
        "call_info": {"call_id": CALL, "start_time": at(0)}});
    let world = World::of(&account, &[event.to_string()]);
    let notes: Vec<&str> = world
        .comments
        .values()
        .map(|one| one.html.as_str())
        .collect();
    assert_eq!(notes, [note]);
}
