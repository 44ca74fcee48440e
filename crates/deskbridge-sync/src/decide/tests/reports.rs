//! What is reported of calls: the same in any order of events, and nothing twice.

use std::sync::Arc;

use deskbridge_core::call::{Call, CallResult, ConversationState, Direction, MissedReason, Report};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    calls::{CALL, at, merge, ordered, step, steps, ticket},
    world::{World, account},
};
use crate::settings::Account;

/// An account whose calls are reported.
fn reporting() -> Account {
    let mut account = account(
        "agents = [{ id = 3, phone = \"50008\", crm_user = 57 }, { id = 4, crm_user = 58 }]",
    );
    let mapping = Arc::get_mut(&mut account.mapping).expect("nobody else has it");
    mapping.reports_calls = true;
    account
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_millisecond(at(second)).expect("a time")
}

fn last(world: &World) -> &Call {
    &world.reports.last().expect("a report").call
}

/// The phones of a call with how each stands, whether it was answered, and for how many seconds.
fn phones(call: &Call) -> Vec<(&str, ConversationState, u64)> {
    let conversations = call.conversations.iter();
    let phones = conversations.map(|of| (of.extension.as_str(), of.state, of.talked_ms / 1000));
    phones.collect()
}

#[test]
fn all_orders_of_a_call_and_its_ticket_are_reported_alike_in_the_end() {
    let account = reporting();
    let first = {
        let mut events = steps();
        events.push(ticket());
        last(&World::of(&account, &events)).clone()
    };
    assert_eq!(first.linkedid.as_str(), CALL);
    assert_eq!(first.direction, Direction::Incoming);
    assert_eq!(first.client.as_deref(), Some("0900000456"));
    assert_eq!(first.line.as_deref(), Some("19000444"));
    assert_eq!(
        phones(&first),
        [
            ("50007", ConversationState::NoAnswer, 0),
            ("50008", ConversationState::Talked, 40)
        ]
    );
    assert_eq!(first.recordings[0].path, "https://records.example/1.wav");
    let ended = first.ended.as_ref().expect("it is over");
    assert_eq!((ended.at, ended.result), (time(60), CallResult::Answered));
    for number in (0..5040).step_by(7) {
        let mut events = ordered(steps(), number);
        events.insert(number % 8, ticket());
        let mut world = World::of(&account, &events);
        assert_eq!(*last(&world), first, "order {number}");
        let revisions = world.reports.iter().map(|report| report.revision);
        assert!(
            revisions.is_sorted_by(|one, next| one < next),
            "order {number}"
        );
        // Once more, the same says nothing.
        let reports = world.reports.len();
        for event in events {
            world.take(&account, &event);
        }
        assert_eq!(world.reports.len(), reports, "order {number}");
    }
}

#[test]
fn whichever_event_is_lost_the_talker_and_the_end_are_reported() {
    let account = reporting();
    for lost in 0..7 {
        for number in (0..5040).step_by(97) {
            let mut events = steps();
            events.remove(lost);
            events.push(ticket());
            let world = World::of(&account, &ordered(events, number));
            let call = last(&world);
            let talkers = call.conversations.iter();
            let mut talkers = talkers.filter(|of| of.answered_at.is_some());
            let what = format!("order {number} without {lost}: {call:#?}");
            let talker = talkers.next().unwrap_or_else(|| panic!("{what}"));
            assert_eq!(talker.extension, "50008", "{what}");
            assert!((39_000..=40_000).contains(&talker.talked_ms), "{what}");
            assert_eq!(talkers.next(), None, "{what}");
            assert_eq!(
                call.ended.as_ref().map(|of| of.at),
                Some(time(60)),
                "{what}"
            );
        }
    }
}

#[test]
fn a_call_is_reported_only_where_that_is_wanted() {
    let mut events = steps();
    events.push(ticket());
    assert_eq!(World::of(&account(""), &events).reports, []);
}

#[test]
fn while_it_goes_on_a_call_has_no_end_though_an_agent_hung_up() {
    let account = reporting();
    let mut world = World::default();
    let mut standing = Vec::new();
    for event in steps() {
        world.take(&account, &event);
        let call = last(&world);
        let open = call.conversations.iter().filter(|of| of.ended_at.is_none());
        let open: Vec<&str> = open.map(|of| of.extension.as_str()).collect();
        standing.push((open.join(" "), call.ended.is_some()));
    }
    let expected = [
        ("", false),
        ("50007", false),
        ("", false),
        ("50008", false),
        // Whoever hung up may have handed the client on.
        ("", false),
        ("", true),
        ("", true),
    ];
    let expected = expected.map(|(open, is_over)| (open.to_owned(), is_over));
    assert_eq!(standing, expected);
}

fn reported(bodies: &[Vec<u8>]) -> Call {
    last(&World::of(&reporting(), bodies)).clone()
}

fn missed(call: &Call) -> Option<MissedReason> {
    match call.ended.as_ref()?.result {
        CallResult::Missed(reason) => Some(reason),
        CallResult::Answered => None,
    }
}

#[test]
fn why_nobody_took_a_call_is_told_by_its_steps() {
    let agent = json!({"agent_id": "50007"});
    let end = || {
        step(
            "call_in_end",
            30,
            &json!({"status": "miss", "call_end_time": at(30)}),
        )
    };
    let start = || step("call_in_start", 0, &json!({}));
    let ring = || step("call_in_agent_ring", 5, &agent);
    let miss = || step("call_in_agent_miss", 20, &agent);
    for (events, expected) in [
        (vec![start(), end()], MissedReason::GaveUpInQueue),
        (vec![start(), ring(), end()], MissedReason::GaveUpRinging),
        (vec![start(), ring(), miss(), end()], MissedReason::NoAnswer),
        (
            vec![
                start(),
                ring(),
                miss(),
                step("call_in_agent_ring", 25, &agent),
                end(),
            ],
            MissedReason::GaveUpRinging,
        ),
    ] {
        let call = reported(&events);
        assert_eq!(missed(&call), Some(expected), "{call:#?}");
    }
}

fn dialled(action: &str, more: &Value) -> Call {
    let mut call = json!({"call_id": CALL, "line": "19000444", "phone_number": "0900000456", "campaign_id": 12, "start_time": at(0), "end_time": at(60)});
    merge(&mut call, more);
    let event = json!({"object": "smart_dialer", "action": action, "call_info": call});
    reported(&[event.to_string().into_bytes()])
}

#[test]
fn a_campaigns_call_is_whose_agent_took_it_or_the_diallers() {
    let check = |action: &str, more: &Value, phone: &str, talked_s: u64, reason| {
        let call = dialled(action, more);
        assert_eq!(call.direction, Direction::Outgoing);
        let [conversation] = &call.conversations[..] else {
            panic!("{call:#?}");
        };
        let found = (
            conversation.extension.as_str(),
            conversation.talked_ms / 1000,
        );
        assert_eq!(found, (phone, talked_s), "{call:#?}");
        assert_eq!(missed(&call), reason, "{call:#?}");
    };
    let (predictive, auto) = ("pd_end_call", "ad_end_call");
    let taken = json!({"connect_time": at(20), "call_duration": 60, "agent_user_id": 3, "agent_id": 50008, "status_code": "200"});
    check(predictive, &taken, "50008", 40, None);
    let mut connected = taken.clone();
    merge(
        &mut connected,
        &json!({"agent_ring_time": at(21), "agent_connect_time": at(25)}),
    );
    check(predictive, &connected, "50008", 35, None);
    // The agent's phone is known by the agent alone, or not at all.
    for (user, phone) in [(3, "50008"), (4, "agent-4"), (5, "agent-5")] {
        let mut named = taken.clone();
        merge(&mut named, &json!({"agent_user_id": user, "agent_id": 0}));
        check(predictive, &named, phone, 40, None);
    }
    let mut rung = taken;
    merge(
        &mut rung,
        &json!({"agent_ring_time": at(21), "agent_connect_time": 0}),
    );
    check(
        predictive,
        &rung,
        "50008",
        0,
        Some(MissedReason::AgentDidNotAnswer),
    );
    let nobody =
        json!({"connect_time": at(20), "agent_user_id": 0, "agent_id": 0, "status_code": "200"});
    check(
        predictive,
        &nobody,
        "dialer",
        0,
        Some(MissedReason::AgentDidNotAnswer),
    );
    check(
        auto,
        &json!({"connect_time": at(20), "status_code": "200"}),
        "dialer",
        40,
        None,
    );
    for (code, reason) in [
        ("486", MissedReason::Busy),
        ("603", MissedReason::Declined),
        ("404", MissedReason::WrongNumber),
        ("480", MissedReason::Unreachable),
        ("487", MissedReason::GaveUpRinging),
        ("503", MissedReason::Failed),
        ("0", MissedReason::NoAnswer),
        ("", MissedReason::NoAnswer),
        ("no answer", MissedReason::NoAnswer),
    ] {
        let unanswered = json!({"connect_time": 0, "status_code": code});
        check(auto, &unanswered, "dialer", 0, Some(reason));
    }
}

#[test]
fn a_call_that_only_its_ticket_tells_of_is_its_assignees() {
    let told = |source: &str, assignee: i64, answer: i64| {
        let event = json!({"object": "ticket", "action": "update",
            "ticket": {"ticket_id": 7, "ticket_source": source, "assignee_id": assignee, "updated_at": at(61)},
            "call_info": {"call_id": CALL, "caller": "0900000456", "called": "19000444", "start_time": at(0), "answer_time": answer, "end_time": at(60), "status_code": if answer > 0 { 200 } else { 0 }}});
        reported(&[event.to_string().into_bytes()])
    };
    let talked = told("Voice Out", 3, at(10));
    assert_eq!(talked.direction, Direction::Outgoing);
    assert_eq!(phones(&talked), [("50008", ConversationState::Talked, 50)]);
    let unanswered = told("Voice Out", 4, 0);
    assert_eq!(
        phones(&unanswered),
        [("agent-4", ConversationState::NoAnswer, 0)]
    );
    let missed_call = told("MissCall", -1, 0);
    assert_eq!(missed_call.direction, Direction::Incoming);
    assert_eq!(phones(&missed_call), []);
    let of_nobody = told("Voice", -1, at(10));
    assert_eq!(
        phones(&of_nobody),
        [("unknown", ConversationState::Talked, 50)]
    );
    let menu = told("IVR", 0, 0);
    assert_eq!(missed(&menu), Some(MissedReason::GaveUpInMenu));
}

#[test]
fn an_id_that_no_key_may_hold_is_told_by_its_digest() {
    for id in ["a:b", "a/b", &"x".repeat(65)] {
        let start = step("call_in_start", 0, &json!({"call_id": id}));
        let call = reported(&[start]);
        let linkedid = call.linkedid.as_str();
        assert!(
            linkedid.chars().all(|c| c.is_ascii_alphanumeric()),
            "{linkedid}"
        );
        let report = Report {
            connection: "main".to_owned(),
            revision: 1,
            call: call.clone(),
        };
        let key = format!("call:main:{linkedid}");
        assert_eq!(report.effect().ordering_key.as_str(), key);
    }
}
