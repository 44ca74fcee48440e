//! Calls that the CRM ordered.

use super::{
    super::{Circumstances, plan_callback_not_begun, plan_not_begun},
    calls::{PLAIN, check, check_last, plain},
    world::{CLIENT, Happens, LINE, World, at, call, people, settings, user},
};
use crate::{
    call::{Call, ConversationState::*, Direction::*, MissedReason},
    decide::originate::{Order, Why},
    decide::users::People,
};

fn click(call_id: Option<&str>) -> Circumstances {
    Circumstances {
        order: Some(Order {
            id: "deskbridge-1".to_owned(),
            phone: "+84 901 234 567".to_owned(),
            line: Some(LINE.to_owned()),
            entity: None,
            why: Why::Click {
                user: user(1),
                extension: Some("101".to_owned()),
                call_id: call_id.map(str::to_owned),
                call_list: Some("77".to_owned()),
            },
        }),
        ..plain()
    }
}

#[test]
fn a_clicked_call_is_finished_and_not_registered_again() {
    let around = click(Some("externalCall.abc.1"));
    let ringing = Call {
        client: None,
        line: None,
        ..call(Internal).ring("101", 0)
    };
    let over = call(Outgoing)
        .ring("101", 0)
        .answer("101", 9_000)
        .hang_up("101", 12_000)
        .answered(12_000);
    let world = check(
        PLAIN,
        &around,
        &[(ringing.clone(), 100), (over, 12_100)],
        &[&[], &["finish 200 for 1 3 s"]],
    );
    let finish = world.content.calls.values().next().unwrap().finish.clone();
    assert_eq!(
        finish.unwrap().call.call_id.as_deref(),
        Some("externalCall.abc.1")
    );
    // Whatever the settings leave out: the CRM waits for its end.
    let toml = format!("{PLAIN}\n[lists]\nextensions = {{ never = [\"101\"] }}");
    let over = ringing
        .stop("101", NoAnswer, 9_000)
        .missed(MissedReason::AgentDidNotAnswer, 9_000);
    let told = check_last(&toml, &around, &over);
    assert_eq!(told, ["finish 603-S for 1 0 s"]);
}

#[test]
fn a_click_that_the_crm_did_not_register_keeps_its_call_list() {
    let dialling = call(Outgoing).ring("101", 0);
    let world = check(
        PLAIN,
        &click(None),
        &[(dialling, 100)],
        &[&["register for 1 type 1 shown"]],
    );
    let in_crm = world.content.calls.values().next().unwrap();
    let register = in_crm.register.as_ref().unwrap();
    assert_eq!(register.call_list.as_deref(), Some("77"));
}

#[test]
fn a_click_without_a_call_is_finished() {
    let settings = settings(PLAIN);
    let order = click(Some("externalCall.abc.1")).order.unwrap();
    let finish = plan_not_begun(&order, &settings, "the extension does not exist").unwrap();
    let mut world = World::default();
    world.write(&finish);
    assert_eq!(world.news(), ["finish OTHER for 1 0 s"]);
    let order = click(None).order.unwrap();
    assert_eq!(
        plan_not_begun(&order, &settings, ""),
        None,
        "nothing is open"
    );
}

#[test]
fn a_callback_that_could_not_be_begun_is_missed_and_somebodys_task() {
    let order = |responsible: Option<u64>| Order {
        id: "deskbridge-2".to_owned(),
        phone: CLIENT.to_owned(),
        line: Some(LINE.to_owned()),
        entity: None,
        why: Why::Callback {
            responsible: responsible.map(user),
        },
    };
    let toml = format!("{PLAIN}\n[missed]\nresponsible = [\"client_responsible\", \"line\"]");
    let settings = settings(&toml);
    let people = people(&settings);
    let why = "the phone of nobody rang";
    for (responsible, expected) in [(Some(2), 2), (None, 4)] {
        let order = order(responsible);
        let writes = plan_callback_not_begun(&order, &settings, &people, why, at(0));
        let mut world = World::default();
        for write in &writes {
            world.write(write);
        }
        let expected = [
            format!("register for {expected} type 4"),
            format!("finish 304 for {expected} 0 s"),
            format!("task for {expected}"),
        ];
        assert_eq!(world.news(), expected);
        let call = world.content.calls.values().next().unwrap();
        let finish = call.finish.as_ref().unwrap();
        assert_eq!(finish.failed_reason.as_deref(), Some(why));
        let task = world.content.tasks.values().next().unwrap();
        assert!(task.description.ends_with(why), "{}", task.description);
    }
    // Who its users are is not known, and so nothing can be told yet.
    let nobody = People::default();
    let writes = plan_callback_not_begun(&order(None), &settings, &nobody, why, at(0));
    assert_eq!(writes, []);
}

#[test]
fn a_callback_that_no_agent_takes_is_missed() {
    let around = Circumstances {
        order: Some(Order {
            id: "deskbridge-2".to_owned(),
            phone: CLIENT.to_owned(),
            line: Some(LINE.to_owned()),
            entity: None,
            why: Why::Callback { responsible: None },
        }),
        ..plain()
    };
    let ringing = call(Outgoing).ring("101", 0);
    let missed = ringing
        .clone()
        .stop("101", NoAnswer, 30_000)
        .missed(MissedReason::AgentDidNotAnswer, 30_000);
    check(
        PLAIN,
        &around,
        &[(ringing.clone(), 100), (missed, 30_100)],
        &[
            &["register for 1 type 4 shown"],
            &["finish 304 for 4 0 s", "task for 4"],
        ],
    );
    let busy = ringing
        .stop("101", Busy, 30_000)
        .missed(MissedReason::Busy, 30_000);
    let told = check_last(PLAIN, &around, &busy);
    assert_eq!(told, ["register for 1 type 4", "finish 486 for 1 0 s"]);
}
