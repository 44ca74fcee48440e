//! Several agents in one call, and what is recorded of them.

use super::{
    super::{Planned, plan},
    calls::{PLAIN, check, check_last, incoming, plain},
    world::{Happens, World, at, call, people, settings},
};
use crate::{
    call::{Call, ConversationState::*, Direction::*, Linkedid, MissedReason},
    decide::write::{CallKey, Write},
};

#[test]
fn a_transfer_is_told_as_configured() {
    let ringing = incoming().ring("101", 1_000);
    let first = ringing.clone().answer("101", 2_000);
    let blind = first.clone().hang_up("101", 42_000).ring("102", 42_000);
    let second = blind.clone().answer("102", 45_000);
    let over = second
        .clone()
        .record("/rec/one.wav", "1772424000.8", 2_000)
        .record("/rec/two.wav", "1772424000.9", 45_000)
        .hang_up("102", 55_000)
        .answered(55_000);
    let life = [
        (ringing, 1_100),
        (first, 2_100),
        (blind, 42_100),
        (second, 45_100),
        (over, 55_100),
    ];
    for (transfers, third, fourth, last) in [
        (
            "last_talker",
            &["show 2", "hide 1"][..],
            &[][..],
            &[
                "finish 200 for 2 10 s",
                "attach /mnt/rec/one.wav /mnt/rec/two.wav",
            ][..],
        ),
        (
            "longest_talker",
            &["show 2", "hide 1"],
            &[],
            &[
                "finish 200 for 1 40 s",
                "attach /mnt/rec/one.wav /mnt/rec/two.wav",
            ],
        ),
        (
            "each_talker",
            &["show 2", "hide 1"],
            &["register for 2 type 3 shown", "hide 2"],
            &[
                "finish 200 for 1 40 s",
                "finish 200 for 2 10 s",
                "attach /mnt/rec/one.wav",
                "attach /mnt/rec/two.wav",
            ],
        ),
    ] {
        let toml = format!("transfers = \"{transfers}\"\n{PLAIN}");
        let expected = [
            &["register for 1 type 2 shown"],
            &[][..],
            third,
            fourth,
            last,
        ];
        let mut world = World::default();
        let settings = settings(&toml);
        for ((call, ms), expected) in life.iter().zip(expected) {
            world.see(call, &plain(), &settings, at(*ms));
            assert_eq!(world.news(), *expected, "{transfers} at {ms}");
        }
    }
    let whole = format!("duration = \"call\"\n{PLAIN}");
    let told = check_last(&whole, &plain(), &life[4].0);
    assert_eq!(told[1], "finish 200 for 2 50 s");
}

#[test]
fn who_is_on_a_list_is_not_reported_and_not_heard() {
    let toml = format!("{PLAIN}\n[lists]\nextensions = {{ never = [\"102\"] }}");
    let ringing = incoming().ring("101", 1_000).ring("102", 1_000);
    let over = ringing
        .clone()
        .answer("102", 2_000)
        .others(2_000)
        .record("/rec/a.wav", "1772424000.7", 2_000)
        .hang_up("102", 5_000)
        .answered(5_000);
    let world = check(
        &toml,
        &plain(),
        &[(ringing, 1_100), (over, 5_100)],
        &[&["register for 1 type 2 shown"], &["finish 200 for 9 3 s"]],
    );
    assert!(
        world
            .notes
            .iter()
            .any(|note| note.contains("recording was not attached"))
    );
}

#[test]
fn a_recording_that_is_known_late_is_attached_late() {
    let over = incoming().ring("101", 1_000).answer("101", 2_000);
    let over = over.hang_up("101", 5_000).answered(5_000);
    let one = over.clone().record("/rec/a.wav", "1772424000.7", 2_000);
    let two = one
        .clone()
        .record("/rec/../etc/passwd", "1772424000.7", 2_000);
    let three = two.clone().record("b.wav", "1772424000.7", 3_000);
    let world = check(
        PLAIN,
        &plain(),
        &[(over, 5_100), (one, 5_200), (two, 5_300), (three, 5_400)],
        &[
            &["register for 1 type 2", "finish 200 for 1 3 s"],
            &["attach /mnt/rec/a.wav"],
            &[],
            &["attach /mnt/rec/a.wav /mnt/rec/b.wav"],
        ],
    );
    assert!(
        world
            .notes
            .iter()
            .any(|note| note.contains("leads upwards"))
    );
}

#[test]
fn what_was_open_of_a_joined_call_is_closed_once() {
    let settings = settings(PLAIN);
    // 101 talks with the client, asks another client over a second call, and joins both.
    let talking = incoming().ring("101", 1_000).answer("101", 2_000);
    let asking = Call {
        linkedid: Linkedid::new("1772424000.90"),
        ..call(Outgoing).ring("101", 5_000)
    };
    let mut world = World::default();
    world.see(&talking, &plain(), &settings, at(2_100));
    let first = std::mem::take(&mut world.planned);
    world.order = None;
    world.see(&asking, &plain(), &settings, at(5_100));
    let second = std::mem::take(&mut world.planned);
    world.order = None;
    world.news();
    let mut planned = first;
    planned.absorb(second.clone());
    world.planned = planned;
    let over = talking.hang_up("101", 9_000).answered(9_000);
    world.see(&over, &plain(), &settings, at(9_100));
    assert_eq!(
        world.news(),
        ["finish 200 for 1 7 s", "finish 200 for 1 7 s"]
    );
    assert!(
        world
            .content
            .calls
            .values()
            .all(|call| call.finish.is_some())
    );
    // A call that nothing was told of goes on as the one that was told.
    let mut planned = Planned::default();
    planned.absorb(second);
    assert_eq!(
        planned.key().map(CallKey::as_str),
        Some("pbx:1772424000.90")
    );
    world.planned = planned;
    world.content = Default::default();
    world.keys.clear();
    let people = people(&settings);
    let plan = plan(
        &over,
        &world.planned,
        &plain(),
        &settings,
        &people,
        at(9_100),
    );
    let [finish] = &plan.writes[..] else {
        panic!("{:?}", plan.writes)
    };
    assert_eq!(finish.order.as_str(), "pbx:1772424000.90");
    assert!(matches!(&finish.write, Write::Finish(of) if of.call.key == finish.order));
}

/// Three agents talk one after another; the client's channel is recorded from the second on.
fn handed_on() -> [Call; 4] {
    let first = incoming().ring("101", 0).answer("101", 1_000);
    let second = first.hang_up("101", 5_000).ring("102", 5_000);
    let second = second
        .answer("102", 6_000)
        .record("/rec/client.wav", "1772424000.7", 6_000);
    let asked = second.clone().ring("103", 9_000);
    let third = asked.clone().answer("103", 10_000).hang_up("102", 10_500);
    let over = third.clone().hang_up("103", 13_500).answered(13_500);
    [second, asked, third, over]
}

#[test]
fn each_talker_has_a_call_with_its_own_card_and_recording() {
    let toml = format!("transfers = \"each_talker\"\n{PLAIN}");
    let [second, asked, third, over] = handed_on();
    let world = check(
        &toml,
        &plain(),
        &[
            (second, 6_100),
            (asked, 9_100),
            (third, 10_600),
            (over, 13_600),
        ],
        &[
            &["register for 1 type 2", "register for 2 type 3 shown"],
            &["show 3"],
            &["register for 3 type 3 shown", "hide 3", "hide 2"],
            &[
                "finish 200 for 1 4 s",
                "finish 200 for 2 5 s",
                "finish 200 for 3 4 s",
                "attach /mnt/rec/client.wav",
            ],
        ],
    );
    let calls: Vec<_> = world.content.calls.iter().collect();
    let (key, second) = calls[2];
    assert_eq!(key.as_str(), "pbx:1772424000.7:1772424000.9");
    assert_eq!(second.files, ["/mnt/rec/client.wav"]);
    let register = second.register.as_ref().unwrap();
    assert!(
        !register.is_created,
        "the first call made what is to be made"
    );
    assert_eq!(register.started_at, "2026-03-02T11:00:05+07:00");
}

#[test]
fn a_recording_that_begins_with_a_transfer_is_of_whoever_answers_then() {
    let toml = format!("transfers = \"each_talker\"\n{PLAIN}");
    let client = "1772424000.7";
    let over = incoming()
        .record("/rec/first.wav", client, 0)
        .ring("101", 0)
        .answer("101", 1_000)
        .hang_up("101", 5_000)
        .record("/rec/second.wav", client, 5_000)
        .ring("102", 5_100)
        .answer("102", 7_000)
        .record("/rec/third.wav", client, 8_000)
        .hang_up("102", 9_000)
        .record("/rec/after.wav", client, 9_000)
        .answered(9_500);
    let settings = settings(&toml);
    let mut world = World::default();
    world.see(&over, &plain(), &settings, at(9_600));
    let files: Vec<_> = world
        .content
        .calls
        .values()
        .map(|call| call.files.clone())
        .collect();
    assert_eq!(
        files,
        [
            vec!["/mnt/rec/first.wav"],
            vec![
                "/mnt/rec/second.wav",
                "/mnt/rec/third.wav",
                "/mnt/rec/after.wav"
            ],
        ]
    );
}

#[test]
fn all_that_is_open_of_a_joined_call_is_closed() {
    let settings = settings(&format!("transfers = \"each_talker\"\n{PLAIN}"));
    let [_, _, third, _] = handed_on();
    let asked = Call {
        linkedid: Linkedid::new("1772424000.90"),
        ..third
    };
    let own = incoming().ring("104", 0);
    let mut world = World::default();
    world.see(&asked, &plain(), &settings, at(10_600));
    let other = std::mem::take(&mut world.planned);
    world.order = None;
    world.see(&own, &plain(), &settings, at(10_700));
    world.planned.absorb(other);
    world.order = None;
    // Nothing of the talk is known any more, but it was.
    let over = own
        .stop("104", NoAnswer, 20_000)
        .missed(MissedReason::NotSeen, 20_000);
    world.see(&over, &plain(), &settings, at(20_100));
    let finishes = world
        .content
        .calls
        .values()
        .map(|call| call.finish.as_ref());
    let finishes: Vec<_> = finishes
        .map(|finish| finish.expect("it is closed"))
        .collect();
    assert_eq!(finishes.len(), 4);
    let own = finishes
        .iter()
        .find(|of| of.call.key.as_str() == "pbx:1772424000.7");
    assert_eq!(own.unwrap().status, "200", "the client was talked with");
    assert!(world.content.tasks.is_empty());
}

#[test]
fn a_recording_of_others_than_the_list_names_is_heard() {
    let toml = format!("{PLAIN}\n[lists]\nextensions = {{ never = [\"102\"] }}");
    let over = incoming().ring("101", 1_000).ring("102", 1_000);
    let over = over.answer("101", 2_000).others(2_000);
    let over = over
        .record("/rec/a.wav", "1772424000.7", 2_000)
        .hang_up("101", 5_000)
        .answered(5_000);
    let told = check_last(&toml, &plain(), &over);
    assert_eq!(told[2], "attach /mnt/rec/a.wav");
}
