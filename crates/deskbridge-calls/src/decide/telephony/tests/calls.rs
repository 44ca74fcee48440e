//! Calls of many kinds, and what is written of them.

use super::{
    super::{Circumstances, Planned, plan},
    world::{Happens, LINE, MOBILE_OF_3, World, at, call, people, settings},
};
use crate::{
    call::{Call, ConversationState::*, Direction::*, MissedReason},
    decide::{users::People, write::CallType},
};

/// 9 is the default user, and 4 has the missed calls of the line.
pub(super) const PLAIN: &str = r#"
    zone = "Asia/Ho_Chi_Minh"
    default_user = 9
    [[lines]]
    number = "02471000000"
    aliases = ["+842471000000"]
    source = "CALL"
    missed_responsible = 4
    [recordings]
    folders = [{ on_pbx = "/rec", here = "/mnt/rec" }]
"#;

pub(super) fn plain() -> Circumstances {
    Circumstances::default()
}

/// What is written when a call is seen at some moments.
pub(super) fn check(
    toml: &str,
    around: &Circumstances,
    seen: &[(Call, i64)],
    expected: &[&[&str]],
) -> World {
    let settings = settings(toml);
    let mut world = World::default();
    for ((call, ms), expected) in seen.iter().zip(expected) {
        world.see(call, around, &settings, at(*ms));
        assert_eq!(world.news(), *expected, "at {ms} ms; {:?}", world.notes);
    }
    assert_eq!(seen.len(), expected.len());
    world
}

/// What is said about a call of which nothing is written.
fn check_not_sent(toml: &str, call: &Call, because: &str) {
    let world = check(toml, &plain(), &[(call.clone(), 60_000)], &[&[]]);
    assert!(
        world.notes.iter().any(|note| note.contains(because)),
        "{because}: {:?}",
        world.notes
    );
}

pub(super) fn incoming() -> Call {
    call(Incoming)
}

#[test]
fn a_ringing_group_has_one_call_and_the_answerer_keeps_the_card() {
    let ringing = incoming().ring("101", 1_000).ring("102", 1_000);
    let talking = ringing.clone().answer("102", 5_000).others(5_000);
    let over = talking
        .clone()
        .record("/rec/a.wav", "1772424000.7", 5_000)
        .hang_up("102", 65_000)
        .answered(65_100);
    let world = check(
        PLAIN,
        &plain(),
        &[
            (incoming(), 500),
            (ringing, 1_500),
            (talking, 5_500),
            (over, 65_500),
        ],
        &[
            &[],
            &["register for 1 type 2 shown", "show 2"],
            &["hide 1"],
            &["finish 200 for 2 60 s", "attach /mnt/rec/a.wav"],
        ],
    );
    let (key, in_crm) = world.content.calls.first_key_value().unwrap();
    assert_eq!(key.as_str(), "pbx:1772424000.7");
    let register = in_crm.register.as_ref().unwrap();
    assert_eq!(register.phone, "+84901234567");
    assert_eq!(register.line, LINE);
    assert_eq!(register.source.as_deref(), Some("CALL"));
    assert_eq!(register.started_at, "2026-03-02T11:00:00+07:00");
    assert!(register.is_created);
}

#[test]
fn an_address_is_attached_as_a_link_where_links_are_told() {
    const ADDRESS: &str = "https://records.example/1.wav";
    let toml = format!("{PLAIN}links = true");
    let talked = incoming().ring("101", 1_000).answer("101", 2_000);
    let talked = talked.hang_up("101", 5_000).answered(5_000);
    let recorded = talked.clone().record(ADDRESS, "1772424000.8", 2_000);
    let other = talked
        .clone()
        .record("https://records.example/2.wav", "1772424000.8", 2_000);
    let seen = [(talked, 5_100), (recorded.clone(), 6_000), (other, 7_000)];
    let link = format!("attach link {ADDRESS}");
    let world = check(
        &toml,
        &plain(),
        &seen,
        &[
            &["register for 1 type 2", "finish 200 for 1 3 s"],
            &[&link],
            &["attach link https://records.example/2.wav"],
        ],
    );
    assert_eq!(world.notes, Vec::<String>::new());
    // What a PBX tells is a path, whatever it looks like.
    let told = check_last(PLAIN, &plain(), &recorded);
    assert_eq!(told[2], "attach /mnt/rec/https:/records.example/1.wav");
}

#[test]
fn a_missed_call_has_one_finish_and_one_task() {
    let ringing = incoming().ring("101", 1_000).ring("102", 2_000);
    let over = ringing
        .clone()
        .stop("101", NoAnswer, 20_000)
        .stop("102", NoAnswer, 20_000)
        .missed(MissedReason::NoAnswer, 20_000);
    let world = check(
        PLAIN,
        &plain(),
        &[(ringing, 2_500), (over, 20_500)],
        &[
            &["register for 1 type 2 shown", "show 2"],
            &["finish 304 for 4 0 s", "task for 4"],
        ],
    );
    let task = world.content.tasks.values().next().unwrap();
    assert_eq!(task.title, "Missed call from +84901234567");
    assert_eq!(task.deadline.as_deref(), Some("2026-03-02T12:00:20+07:00"));
    assert!(
        task.description.contains("Reason: nobody answered"),
        "{}",
        task.description
    );
}

#[test]
fn who_gives_up_before_a_phone_rings_was_missed_all_the_same() {
    use MissedReason::{GaveUpInMenu, GaveUpInQueue, NobodyRung, Voicemail};
    for reason in [GaveUpInMenu, GaveUpInQueue, NobodyRung, Voicemail] {
        let over = incoming().missed(reason, 9_000);
        check(
            PLAIN,
            &plain(),
            &[(incoming(), 1_000), (over, 9_500)],
            &[
                &[],
                &[
                    "register for 4 type 2",
                    "finish 304 for 4 0 s",
                    "task for 4",
                ],
            ],
        );
    }
}

/// What is written of a call that is seen once, when it is over.
pub(super) fn check_last(toml: &str, around: &Circumstances, over: &Call) -> Vec<String> {
    let mut world = World::default();
    world.see(over, around, &settings(toml), at(100_000));
    world.news()
}

#[test]
fn an_answered_call_is_never_missed() {
    let talking = incoming().ring("101", 1_000).answer("101", 2_000);
    // Nobody saw the rest, and the PBX knows nothing of the answer any more.
    let over = incoming()
        .ring("102", 1_000)
        .stop("102", NoAnswer, 30_000)
        .missed(MissedReason::NotSeen, 30_000);
    check(
        PLAIN,
        &plain(),
        &[(talking, 2_100), (over, 30_100)],
        &[&["register for 1 type 2 shown"], &["finish 200 for 9 0 s"]],
    );
}

#[test]
fn an_outgoing_call_ends_as_it_ended_there() {
    for (state, reason, status) in [
        (Busy, MissedReason::Busy, "486"),
        (NoAnswer, MissedReason::NoAnswer, "304"),
        (CallerGaveUp, MissedReason::GaveUpRinging, "603-S"),
        (Declined, MissedReason::Declined, "603"),
        (WrongNumber, MissedReason::WrongNumber, "404"),
    ] {
        let over = call(Outgoing)
            .ring("101", 0)
            .stop("101", state, 9_000)
            .missed(reason, 9_000);
        let told = check_last(PLAIN, &plain(), &over);
        let finish = format!("finish {status} for 1 0 s");
        assert_eq!(told, ["register for 1 type 1", finish.as_str()]);
    }
    let dialling = call(Outgoing).ring("101", 0);
    let world = check(
        PLAIN,
        &plain(),
        &[(dialling, 100)],
        &[&["register for 1 type 1 shown"]],
    );
    let in_crm = world.content.calls.values().next().unwrap();
    assert!(!in_crm.register.as_ref().unwrap().is_created);
}

#[test]
fn cards_are_shown_as_configured() {
    let ringing = incoming().ring("101", 1_000).ring("102", 1_000);
    let talking = ringing.clone().answer("102", 5_000).others(5_000);
    for (cards, at_ring, at_answer) in [
        (
            "at_ring",
            &["register for 1 type 2 shown", "show 2"][..],
            &["hide 1"][..],
        ),
        ("at_answer", &["register for 1 type 2"], &["show 2"]),
        ("none", &["register for 1 type 2"], &[]),
    ] {
        let toml = format!("{PLAIN}\n[cards]\ndefault = \"{cards}\"");
        let seen = [(ringing.clone(), 1_500), (talking.clone(), 5_500)];
        check(&toml, &plain(), &seen, &[at_ring, at_answer]);
    }
    let toml = format!("{PLAIN}\n[cards]\nextensions = {{ 101 = \"none\" }}");
    let seen = [(ringing, 1_500), (talking, 5_500)];
    check(
        &toml,
        &plain(),
        &seen,
        &[&["register for 1 type 2", "show 2"], &[]],
    );
}

#[test]
fn what_comes_too_late_shows_no_card() {
    let ringing = incoming().ring("101", 1_000);
    let world = check(
        PLAIN,
        &plain(),
        &[(ringing, 22_000)],
        &[&["register for 1 type 2"]],
    );
    assert!(
        world.notes.iter().any(|note| note.contains("too late")),
        "{:?}",
        world.notes
    );
}

#[test]
fn calls_that_somebody_waits_for_are_told_from_backlog() {
    let settings = settings(PLAIN);
    let people = people(&settings);
    let over = incoming().ring("101", 1_000).answer("101", 2_000);
    let over = over
        .record("/rec/a.wav", "1772424000.8", 2_000)
        .hang_up("101", 9_000)
        .answered(9_000);
    for (ms, expected) in [(9_100, [true, true, false]), (99_000, [false; 3])] {
        let plan = plan(
            &over,
            &Planned::default(),
            &plain(),
            &settings,
            &people,
            at(ms),
        );
        let live: Vec<bool> = plan.writes.iter().map(|write| write.is_live).collect();
        assert_eq!(live, expected);
        let orders = plan.writes.iter().map(|write| write.effect().ordering_key);
        let orders: Vec<_> = orders.collect();
        assert!(
            orders
                .iter()
                .all(|order| order.as_str() == "call:pbx:1772424000.7")
        );
    }
}

#[test]
fn calls_between_employees_are_not_told() {
    let talk = |call: Call| {
        call.ring("101", 0)
            .answer("101", 1_000)
            .hang_up("101", 9_000)
            .answered(9_000)
    };
    check_not_sent(PLAIN, &talk(call(Internal)), "both sides are internal");
    let from_mobile = Call {
        client: Some(MOBILE_OF_3.to_owned()),
        ..incoming()
    };
    check_not_sent(
        PLAIN,
        &talk(from_mobile.clone()),
        "an employee's mobile phone",
    );
    // Where mobiles are clients, and where internal calls are told: they make no lead.
    let as_client = format!("employee_mobiles = \"client\"\n{PLAIN}");
    let told = format!("ignore_internal = false\n{PLAIN}");
    let between = Call {
        client: Some("103".to_owned()),
        ..call(Internal)
    };
    for (toml, call) in [
        (as_client, &from_mobile),
        (told.clone(), &from_mobile),
        (told, &between),
    ] {
        let settings = settings(&toml);
        let mut world = World::default();
        world.see(&talk(call.clone()), &plain(), &settings, at(60_000));
        let in_crm = world.content.calls.values().next().expect("it is told");
        assert!(!in_crm.register.as_ref().unwrap().is_created);
    }
}

#[test]
fn an_internal_call_that_leaves_the_house_is_told_then() {
    let inside = Call {
        client: None,
        line: None,
        ..call(Internal).ring("101", 0)
    };
    let outside = Call {
        direction: Outgoing,
        ..call(Outgoing).ring("101", 0)
    };
    check(
        PLAIN,
        &plain(),
        &[(inside, 100), (outside, 900)],
        &[&[], &["register for 1 type 1 shown"]],
    );
}

#[test]
fn an_employees_mobile_is_the_employee() {
    let ringing = incoming().ring(MOBILE_OF_3, 1_000);
    let over = ringing
        .clone()
        .answer(MOBILE_OF_3, 5_000)
        .hang_up(MOBILE_OF_3, 8_000)
        .answered(8_000);
    check(
        PLAIN,
        &plain(),
        &[(ringing, 1_100), (over, 8_100)],
        &[&["register for 3 type 3 shown"], &["finish 200 for 3 3 s"]],
    );
}

#[test]
fn nothing_is_registered_for_nobody() {
    let talk = |extension: &str| {
        incoming()
            .ring(extension, 1_000)
            .answer(extension, 2_000)
            .hang_up(extension, 5_000)
            .answered(5_000)
    };
    check_not_sent("", &talk("105"), "no user has the extension 105");
    check_not_sent("", &talk("105"), "no default_user");
    check_not_sent("", &talk("106"), "the users 5 and 6");
    check_not_sent("", &talk(""), "no default_user");
    // With somebody for such calls they are told, and stay answered.
    let told = check_last(PLAIN, &plain(), &talk("105"));
    assert_eq!(told, ["register for 9 type 2", "finish 200 for 9 3 s"]);
    let told = check_last("users = { 106 = 6 }", &plain(), &talk("106"));
    assert_eq!(told, ["register for 6 type 2", "finish 200 for 6 3 s"]);
    let missed = incoming().missed(MissedReason::NobodyRung, 5_000);
    check_not_sent("", &missed, "nobody is there for missed calls");
    check_not_sent(
        "default_user = 77",
        &missed,
        "the user 77, who is no active user",
    );
}

#[test]
fn nothing_is_decided_before_the_users_are_known() {
    let settings = settings(PLAIN);
    let over = incoming()
        .ring("101", 1_000)
        .answer("101", 2_000)
        .hang_up("101", 5_000)
        .answered(5_000);
    let ringing = incoming().ring("101", 1_000);
    let mut world = World::default();
    world.see(&ringing, &plain(), &settings, at(1_100));
    let nobody = People::default();
    let plan = plan(
        &over,
        &world.planned,
        &plain(),
        &settings,
        &nobody,
        at(5_100),
    );
    assert_eq!(plan.writes, []);
    assert!(plan.notes[0].to_string().contains("who its users are"));
    world.planned = plan.planned;
    world.news();
    world.see(&over, &plain(), &settings, at(5_200));
    assert_eq!(world.news(), ["finish 200 for 1 3 s"]);
}

#[test]
fn lists_leave_calls_out() {
    let talk = |extension: &str| {
        incoming()
            .ring(extension, 1_000)
            .answer(extension, 2_000)
            .hang_up(extension, 5_000)
            .answered(5_000)
    };
    for (lists, because) in [
        (
            "extensions = { never = [\"10*\"] }",
            "everybody who was called: 101",
        ),
        (
            "extensions = { only = [\"102\"] }",
            "everybody who was called: 101",
        ),
        (
            "lines = { never = [\"02471000000\"] }",
            "lists.lines leaves out",
        ),
        (
            "clients = { never = [\"8490*\"] }",
            "lists.clients leaves out",
        ),
        (
            "clients = { only = [\"+8491*\"] }",
            "lists.clients leaves out",
        ),
    ] {
        check_not_sent(&format!("{PLAIN}\n[lists]\n{lists}"), &talk("101"), because);
    }
    let disabled = PLAIN.replace("missed_responsible = 4", "disabled = true");
    check_not_sent(&disabled, &talk("101"), "is disabled");
    let allowed = format!("{PLAIN}\n[lists]\nextensions = {{ only = [\"101\"] }}");
    let told = check_last(&allowed, &plain(), &talk("101"));
    assert_eq!(told.len(), 2);
}

#[test]
fn what_rings_too_short_is_left_out_and_never_registered() {
    let toml = format!("minimum_ring_s = 5\n{PLAIN}");
    let ringing = incoming().ring("101", 1_000);
    let short = ringing
        .clone()
        .stop("101", CallerGaveUp, 5_900)
        .missed(MissedReason::GaveUpRinging, 5_900);
    let settings = settings(&toml);
    let mut world = World::default();
    world.see(&ringing, &plain(), &settings, at(1_100));
    assert_eq!(
        world.again_at,
        Some(at(6_000)),
        "it has to be looked at again"
    );
    world.see(&short, &plain(), &settings, at(5_950));
    assert_eq!(world.news(), [""; 0]);
    let mut world = World::default();
    world.see(&ringing, &plain(), &settings, at(6_000));
    assert_eq!(world.news(), ["register for 1 type 2 shown"]);
    // What is taken at once is told at once.
    let taken = ringing.answer("101", 1_500);
    let mut world = World::default();
    world.see(&taken, &plain(), &settings, at(1_600));
    assert_eq!(world.news(), ["register for 1 type 2 shown"]);
}

#[test]
fn a_withheld_number_is_told_as_configured() {
    let withheld = Call {
        client: None,
        ..incoming()
    };
    let over = withheld.ring("101", 1_000).answer("101", 2_000);
    let over = over.hang_up("101", 5_000).answered(5_000);
    check_not_sent(PLAIN, &over, "withheld their number");
    let toml = format!("withheld_number = \"000\"\n{PLAIN}");
    let mut world = World::default();
    world.see(&over, &plain(), &settings(&toml), at(60_000));
    let in_crm = world.content.calls.values().next().expect("it is told");
    let register = in_crm.register.as_ref().unwrap();
    assert_eq!(
        (register.phone.as_str(), register.is_created),
        ("000", false)
    );
}

#[test]
fn a_portal_that_refuses_telephony_gets_one_activity() {
    let around = Circumstances {
        is_refused: true,
        ..plain()
    };
    let ringing = incoming().ring("101", 1_000);
    let over = ringing
        .clone()
        .answer("101", 2_000)
        .record("/rec/a.wav", "1772424000.7", 2_000)
        .hang_up("101", 5_000)
        .answered(5_000);
    let seen = [(ringing.clone(), 1_100), (over, 5_100)];
    let world = check(
        PLAIN,
        &around,
        &seen,
        &[
            &[],
            &["add activity for 1", "attach to activity /mnt/rec/a.wav"],
        ],
    );
    let activity = world.content.activities.values().next().unwrap();
    assert_eq!(activity.subject, "Incoming call: +84901234567");
    assert!(
        activity.description.contains("Talked: 0:03"),
        "{}",
        activity.description
    );
    assert!(activity.is_completed);
    let missed = ringing
        .stop("101", NoAnswer, 9_000)
        .missed(MissedReason::NoAnswer, 9_000);
    let told = check_last(PLAIN, &around, &missed);
    assert_eq!(told, ["add activity for 4", "task for 4"]);
    let toml = format!("refused = \"none\"\n{PLAIN}");
    let told = check_last(&toml, &around, &missed);
    assert_eq!(told, ["task for 4"]);
}

#[test]
fn a_line_is_always_told() {
    let over = |line: Option<&str>, trunk: Option<&str>| Call {
        line: line.map(str::to_owned),
        trunk: trunk.map(str::to_owned),
        ..incoming().missed(MissedReason::NobodyRung, 5_000)
    };
    for (toml, call, expected) in [
        (PLAIN, over(Some("+842471000000"), None), LINE),
        (PLAIN, over(Some("84 247 1000 000"), None), LINE),
        (PLAIN, over(Some("1900"), None), "1900"),
        (PLAIN, over(None, Some("viettel")), "viettel"),
        (PLAIN, over(None, None), "pbx"),
        (
            "default_user = 9\ndefault_line = \"1800\"",
            over(None, None),
            "1800",
        ),
    ] {
        let mut world = World::default();
        world.see(&call, &plain(), &settings(toml), at(60_000));
        let in_crm = world.content.calls.values().next().expect("it is told");
        let register = in_crm.register.as_ref().unwrap();
        assert_eq!(register.line, expected);
        assert_eq!(register.call_type, CallType::Incoming);
    }
}

#[test]
fn an_internal_call_waits_for_its_end_and_makes_no_task() {
    let toml = format!("ignore_internal = false\n{PLAIN}");
    let between = Call {
        client: Some("103".to_owned()),
        ..call(Internal).ring("101", 0)
    };
    let missed = between
        .clone()
        .stop("101", NoAnswer, 9_000)
        .missed(MissedReason::NoAnswer, 9_000);
    check(
        &toml,
        &plain(),
        &[(between, 100), (missed, 9_100)],
        &[&[], &["register for 1 type 1", "finish 304 for 1 0 s"]],
    );
}

#[test]
fn a_card_is_seen_as_long_as_there_is_something_to_see() {
    let ringing = incoming().ring("101", 1_000).ring("102", 1_000);
    // The other phone still rings when this one is taken.
    let taken = ringing.clone().answer("102", 31_000);
    let asking = taken.clone().others(31_100).ring("103", 40_000);
    let joined = asking.clone().answer("103", 45_000).hang_up("102", 46_000);
    check(
        PLAIN,
        &plain(),
        &[
            (ringing.clone(), 1_100),
            (ringing, 30_000),
            (taken.clone(), 31_050),
            (taken, 39_000),
            (asking, 40_100),
            (joined, 46_100),
        ],
        &[
            &["register for 1 type 2 shown", "show 2"],
            &[],
            &["hide 1"],
            &[],
            &["show 3"],
            &["hide 2"],
        ],
    );
}

#[test]
fn talk_is_told_in_whole_seconds() {
    for (ms, expected) in [(1, 1), (400, 1), (1_400, 1), (1_600, 2), (60_000, 60)] {
        let over = incoming().ring("101", 0).answer("101", 0);
        let over = over.hang_up("101", ms).answered(ms);
        let told = check_last(PLAIN, &plain(), &over);
        assert_eq!(told[1], format!("finish 200 for 1 {expected} s"), "{ms} ms");
    }
}
