//! Made-up lives of one case, in any order and repeated.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::record::Record,
    world::{World, account, case},
};

const AT: i64 = 1_767_580_200_000;

fn ticket(action: &str, second: i64, more: &Value) -> Value {
    let at = AT + second * 1000;
    let mut ticket = json!({"ticket_id": 7, "requester_id": 5, "ticket_source": "Web", "created_at": AT, "updated_at": at,
        "ticket_comment": {"comment": format!("said at {second}"), "commentator_id": 5, "is_public": 1, "created_at": at}});
    let (Value::Object(fields), Value::Object(more)) = (&mut ticket, more) else {
        panic!("objects")
    };
    fields.extend(more.clone());
    json!({"object": "ticket", "action": action, "ticket": ticket})
}

/// What may happen to a case, each at most once but as often as it is sent.
fn happenings() -> Vec<Value> {
    let field = |value: &str| json!([{"field": "addition_field1", "value": value, "id": 1}]);
    let call = json!({"call_id": "c-1", "caller": "0900000456", "called": "19000444", "start_time": AT, "end_time": AT + 60_000, "answer_time": 0});
    let mut called = ticket("update", 40, &json!({"ticket_source": "Voice"}));
    called["call_info"] = call;
    vec![
        ticket(
            "create",
            0,
            &json!({"ticket_subject": "One", "ticket_status": "new", "addition_fields": field("a")}),
        ),
        ticket(
            "update",
            10,
            &json!({"ticket_subject": "Two", "ticket_status": "open", "ticket_priority": "High", "assignee_id": 1}),
        ),
        // In the second of the one before.
        ticket(
            "update",
            10,
            &json!({"ticket_subject": "Three", "ticket_status": "pending"}),
        ),
        ticket(
            "update",
            20,
            &json!({"ticket_subject": "", "ticket_status": "solved", "addition_fields": field("")}),
        ),
        ticket(
            "update",
            30,
            &json!({"ticket_status": "closed", "assignee_id": -1, "addition_fields": field("b")}),
        ),
        called,
        json!({"object": "ticket", "action": "acd_assign", "data": {"ticket_id": 7, "assignee_id": 2, "assign_at": AT + 25_000}}),
        json!({"object": "call_in", "action": "call_in_end", "call_info": {"call_id": "c-1", "event_time": AT + 60_000, "status": "miss"}}),
        json!({"object": "lead", "action": "convert", "convert_from_object": "ticket", "lead": {"lead_id": 7, "name": "Lead", "requester_id": 5, "updated_at": AT + 50_000}}),
        json!({"object": "deal", "action": "convert", "convert_from_object": "lead", "deal": {"deal_id": 7, "name": "Deal", "value": 5, "requester_id": 5, "updated_at": AT + 60_000}}),
        json!({"object": "deal", "action": "update", "deal": {"deal_id": 7, "name": "Deal", "value": 6, "requester_id": 5, "updated_at": AT + 70_000}}),
        json!({"object": "user", "action": "create", "user": {"id": 5, "username": "An", "phone_no": "0900000456", "updated_at": AT}}),
    ]
}

/// What ends a case.
fn endings() -> Vec<Value> {
    let merge = |primary: u64| json!({"object": "ticket", "action": "merge", "mergeOption": {"primaryTicket": primary, "secondaryTickets": [7, 9], "secondaryComment": format!("into {primary}")}});
    vec![
        json!({"object": "ticket", "action": "delete", "ticket": {"ticket_id": 7}}),
        merge(8),
        merge(6),
        // Another goes into this one.
        json!({"object": "ticket", "action": "merge", "mergeOption": {"primaryTicket": 7, "secondaryTickets": 4, "primaryComment": "took in"}}),
    ]
}

const MAPPING: &str = r#"
    [ticket]
    fields = { custom_kind = "custom.addition_field1.value", custom_agent = "assignee_id" }
    [[agents]]
    id = 1
    email = "one@helpdesk.example"
    [[agents]]
    id = 2
    email = "two@helpdesk.example"
    "#;

fn bodies(events: &[&Value]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

/// Which of some events happen, and in which order they arrive, some of them twice.
fn arrivals(events: Vec<Value>) -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let count = events.len();
    prop::sample::subsequence(events, 1..=count).prop_flat_map(|happened| {
        let again = prop::sample::subsequence(happened.clone(), 0..=happened.len());
        let order = again.prop_map({
            let happened = happened.clone();
            move |again| [happened.clone(), again].concat()
        });
        (Just(happened), order.prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn the_events_of_one_case_come_to_one_state((happened, arriving) in arrivals(happenings())) {
        let account = account(MAPPING);
        let expected = World::of(&account, &bodies(&happened.iter().collect::<Vec<_>>()));
        let world = World::of(&account, &bodies(&arriving.iter().collect::<Vec<_>>()));
        prop_assert_eq!(world.outcome(), expected.outcome());
        prop_assert_eq!(
            world.comments.keys().collect::<Vec<_>>(),
            expected.comments.keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_case_that_ends_comes_to_one_end(
        (happened, arriving) in arrivals([happenings(), endings()].concat())
    ) {
        let account = account(MAPPING);
        let expected = World::of(&account, &bodies(&happened.iter().collect::<Vec<_>>()));
        let world = World::of(&account, &bodies(&arriving.iter().collect::<Vec<_>>()));
        prop_assert_eq!(world.outcome(), expected.outcome());
        // The desk's ticket, where there is one, is over if the case is: the world refuses to open it again.
        let facts = world.known.get(&case(7)).map(|known| &known.facts);
        let is_over = facts.is_some_and(|facts| facts["is_deleted"] == true || !facts["merged_into"].is_null());
        if let Some(ticket) = world.desk.get("main:case:7") {
            prop_assert_eq!(ticket.contains_key("ended"), is_over);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn writes_that_were_given_up_and_revived_come_to_the_same(
        (_, arriving) in arrivals([happenings(), endings()].concat()),
        failing in prop::collection::vec(any::<bool>(), 1..8),
        seed: u64,
    ) {
        let account = account(MAPPING);
        let bodies = bodies(&arriving.iter().collect::<Vec<_>>());
        let expected = World::of(&account, &bodies);
        let mut world = World { failing, ..World::default() };
        for body in &bodies {
            world.take(&account, body.as_bytes());
        }
        let mut dead = std::mem::take(&mut world.dead);
        fastrand::Rng::with_seed(seed).shuffle(&mut dead);
        for write in dead {
            world.revive(write);
        }
        prop_assert_eq!(world.desk, expected.desk);
    }
}

#[test]
fn every_order_of_five_events_comes_to_one_state() {
    let account = account(MAPPING);
    let events = happenings();
    let picked: Vec<&Value> = [0, 1, 2, 4, 6].iter().map(|at| &events[*at]).collect();
    let expected = World::of(&account, &bodies(&picked));
    assert_eq!(expected.ticket(7)["status"], "Closed");
    assert_eq!(expected.ticket(7)["custom_kind"], "b");
    assert_eq!(expected.ticket(7)["priority"], "High");
    for number in 0..120 {
        let mut rest = picked.clone();
        let (mut order, mut number) = (Vec::new(), number);
        while !rest.is_empty() {
            let count = rest.len();
            order.push(rest.remove(number % count));
            number /= count;
        }
        let world = World::of(&account, &bodies(&order));
        assert_eq!(world.outcome(), expected.outcome(), "{order:?}");
    }
    assert!(
        expected
            .known
            .keys()
            .any(|record| matches!(record, Record::Comment(_)))
    );
}
