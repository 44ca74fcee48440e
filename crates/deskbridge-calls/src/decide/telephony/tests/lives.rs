//! Made-up lives of calls, planned at whatever moments: they come to the same.

use jiff::Timestamp;
use proptest::{prelude::*, sample::select};

use super::{
    super::Circumstances,
    world::{CLIENT, Happens, LINE, MOBILE_OF_3, World, at, call, settings, user},
};
use crate::{
    call::{Call, ConversationState, Direction, MissedReason},
    decide::originate::{Order, Why},
    settings::{Settings, Transfers},
};

/// Phones ring, and one of them may be taken.
#[derive(Clone, Debug)]
struct Stage {
    extensions: Vec<&'static str>,
    rings_ms: i64,
    /// Which of them takes it.
    answerer: Option<usize>,
    talks_ms: i64,
    /// Who talked before stays until this one answers.
    is_attended: bool,
    state: ConversationState,
}

#[derive(Clone, Debug)]
struct Life {
    direction: Direction,
    /// An outgoing call is internal at first.
    leaves_late: bool,
    client: Option<&'static str>,
    line: Option<&'static str>,
    menu_ms: i64,
    stages: Vec<Stage>,
    reason: MissedReason,
    is_recorded: bool,
}

fn stage() -> impl Strategy<Value = Stage> {
    let extensions = select(vec![
        "101",
        "102",
        "103",
        "104",
        "105",
        "106",
        "",
        MOBILE_OF_3,
    ]);
    let state = select(vec![
        ConversationState::NoAnswer,
        ConversationState::Busy,
        ConversationState::Declined,
        ConversationState::Unreachable,
    ]);
    (
        proptest::collection::vec(extensions, 1..4),
        0_i64..30_000,
        proptest::option::of(0_usize..3),
        0_i64..90_000,
        any::<bool>(),
        state,
    )
        .prop_map(
            |(mut extensions, rings_ms, answerer, talks_ms, is_attended, state)| {
                extensions.dedup();
                Stage {
                    answerer: answerer.filter(|index| *index < extensions.len()),
                    extensions,
                    rings_ms,
                    talks_ms,
                    is_attended,
                    state,
                }
            },
        )
}

fn life() -> impl Strategy<Value = Life> {
    let direction = select(vec![
        Direction::Incoming,
        Direction::Outgoing,
        Direction::Internal,
    ]);
    let client = select(vec![Some(CLIENT), Some(CLIENT), Some(MOBILE_OF_3), None]);
    let line = select(vec![Some(LINE), Some("1900"), None]);
    let reason = select(vec![
        MissedReason::NobodyRung,
        MissedReason::GaveUpInMenu,
        MissedReason::NoAnswer,
        MissedReason::Voicemail,
        MissedReason::NotSeen,
    ]);
    (
        direction,
        any::<bool>(),
        client,
        line,
        0_i64..10_000,
        proptest::collection::vec(stage(), 0..4),
        reason,
        any::<bool>(),
    )
        .prop_map(
            |(direction, leaves_late, client, line, menu_ms, stages, reason, is_recorded)| Life {
                direction,
                leaves_late: leaves_late && direction == Direction::Outgoing,
                client,
                line,
                menu_ms,
                stages,
                reason,
                is_recorded,
            },
        )
}

fn configured() -> impl Strategy<Value = String> {
    let transfers = select(vec!["last_talker", "longest_talker", "each_talker"]);
    let lists = select(vec![
        "",
        "[lists]\nextensions = { never = [\"102\"] }",
        "[lists]\nextensions = { only = [\"101\", \"105\"] }",
    ]);
    let head = select(vec![
        "default_user = 9",
        "",
        "default_user = 9\nminimum_ring_s = 5",
        "default_user = 9\nignore_internal = false",
        "default_user = 9\nemployee_mobiles = \"client\"",
        "default_user = 9\nwithheld_number = \"000\"",
        "default_user = 9\nduration = \"call\"",
    ]);
    let cards = select(vec!["at_ring", "at_answer", "none"]);
    (transfers, lists, head, cards).prop_map(|(transfers, lists, head, cards)| {
        format!(
            r#"transfers = "{transfers}"
            {head}
            [[lines]]
            number = "{LINE}"
            missed_responsible = 4
            [cards]
            default = "{cards}"
            [activity]
            SUBJECT = "{{{{ agent }}}} {{{{ talked_s }}}}"
            [entity]
            UF_WAITED = "{{{{ waited_s }}}}"
            [tickets]
            missed = "unless_open"
            comments = true
            [recordings]
            attach_missed = true
            folders = [{{ on_pbx = "/rec" }}]
            {lists}"#
        )
    })
}

/// What is known around a call.
fn around() -> impl Strategy<Value = Circumstances> {
    let why = select(vec![
        None,
        None,
        Some(Why::Callback {
            responsible: Some(user(2)),
        }),
        Some(click(Some("externalCall.abc.1"))),
        Some(click(None)),
    ]);
    (why, any::<bool>(), proptest::bool::weighted(0.2)).prop_map(|(why, is_found, is_refused)| {
        Circumstances {
            learned: Default::default(),
            order: why.map(|why| Order {
                id: "deskbridge-1".to_owned(),
                phone: CLIENT.to_owned(),
                line: Some(LINE.to_owned()),
                entity: None,
                why,
            }),
            client_responsible: is_found.then(|| user(3)),
            open_tasks: Vec::new(),
            is_refused,
        }
    })
}

fn click(call_id: Option<&str>) -> Why {
    Why::Click {
        user: user(1),
        extension: None,
        call_id: call_id.map(str::to_owned),
        call_list: None,
    }
}

/// A call at every moment at which something happens to it.
fn moments(life: &Life) -> Vec<(i64, Call)> {
    let mut known = Call {
        client: life.client.map(str::to_owned),
        line: life.line.map(str::to_owned),
        ..call(life.direction)
    };
    if life.leaves_late {
        known = Call {
            client: None,
            line: None,
            direction: Direction::Internal,
            ..known
        };
    }
    let mut moments = vec![(0, known.clone())];
    let mut ms = life.menu_ms;
    let mut talker: Option<&str> = None;
    for (index, stage) in life.stages.iter().enumerate() {
        let (before, talks_before) = (talker, stage.is_attended && talker.is_some());
        if let Some(talker) = talker.filter(|_| !talks_before) {
            known = known.hang_up(talker, ms);
        }
        for extension in &stage.extensions {
            known = known.ring(extension, ms);
        }
        moments.push((ms, known.clone()));
        if life.leaves_late && index == 0 {
            ms += 300;
            known.direction = Direction::Outgoing;
            known.client = life.client.map(str::to_owned);
            known.line = life.line.map(str::to_owned);
            moments.push((ms, known.clone()));
        }
        ms += stage.rings_ms;
        if let Some(answerer) = stage.answerer {
            let extension = stage.extensions[answerer];
            known = known.answer(extension, ms).others(ms);
            moments.push((ms, known.clone()));
            if let Some(before) = before.filter(|_| talks_before) {
                ms += 1_000;
                known = stop_first(known, before, ms);
                moments.push((ms, known.clone()));
            }
            talker = Some(extension);
            if life.is_recorded {
                let uniqueid = known
                    .conversations
                    .last()
                    .expect("it rang")
                    .uniqueid
                    .clone();
                known = known.record(&format!("/rec/{index}.wav"), uniqueid.as_str(), ms);
            }
            ms += stage.talks_ms;
        } else {
            for extension in &stage.extensions {
                if known
                    .conversations
                    .iter()
                    .any(|of| of.extension == *extension && of.state == ConversationState::Ringing)
                {
                    known = stop_ringing(known, extension, stage.state, ms);
                }
            }
            moments.push((ms, known.clone()));
            if !talks_before {
                talker = None;
            }
        }
    }
    if let Some(talker) = talker {
        known = known.hang_up(talker, ms);
    }
    let is_answered = known
        .conversations
        .iter()
        .any(|of| of.answered_at.is_some());
    known = match is_answered {
        true => known.answered(ms),
        false => known.missed(life.reason, ms),
    };
    moments.push((ms, known));
    moments
}

/// Ends the oldest open talk of an extension.
fn stop_first(mut call: Call, extension: &str, ms: i64) -> Call {
    let of = call
        .conversations
        .iter_mut()
        .find(|of| of.extension == extension && of.state == ConversationState::Talking)
        .expect("it talks");
    let answered_at = of.answered_at.expect("it was answered");
    let talked = at(ms).duration_since(answered_at).as_millis();
    of.talked_ms = u64::try_from(talked).expect("forwards");
    of.state = ConversationState::Talked;
    of.ended_at = Some(at(ms));
    call
}

fn stop_ringing(mut call: Call, extension: &str, state: ConversationState, ms: i64) -> Call {
    for of in &mut call.conversations {
        if of.extension == extension && of.state == ConversationState::Ringing {
            of.state = state;
            of.ended_at = Some(at(ms));
        }
    }
    call
}

/// The world after a call was planned at these moments, and a while after its end.
fn live(
    life: &Life,
    around: &Circumstances,
    settings: &Settings,
    seen: &[bool],
    late_ms: i64,
) -> World {
    let mut circumstances = around.clone();
    if life.direction == Direction::Incoming {
        circumstances.order = None;
    }
    let circumstances = &circumstances;
    let moments = moments(life);
    let mut world = World::default();
    for (index, (ms, call)) in moments.iter().enumerate() {
        let until = moments.get(index + 1).map_or(*ms, |(ms, _)| *ms);
        if seen.get(index).copied().unwrap_or_default() {
            world.see(call, circumstances, settings, at((ms + until) / 2));
            // What it asked for.
            if let Some(again_at) = world.again_at.filter(|again_at| *again_at < at(until)) {
                world.see(call, circumstances, settings, again_at);
            }
        }
    }
    let (ms, call) = moments.last().expect("it has an end");
    world.see(call, circumstances, settings, at(ms + late_ms));
    world
}

fn ended_at(life: &Life) -> Timestamp {
    at(moments(life).last().expect("it has an end").0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn whenever_a_call_is_planned_it_comes_to_the_same(
        life in life(),
        around in around(),
        configured in configured(),
        seen in proptest::collection::vec(any::<bool>(), 16),
        late_ms in select(vec![0_i64, 100, 3_600_000]),
    ) {
        let settings = settings(&configured);
        let world = live(&life, &around, &settings, &seen, late_ms);
        let only_then = live(&life, &around, &settings, &[], late_ms);
        prop_assert_eq!(&world.content, &only_then.content, "{:?}", ended_at(&life));
    }

    #[test]
    fn a_call_has_one_end(
        life in life(),
        around in around(),
        configured in configured(),
        seen in proptest::collection::vec(any::<bool>(), 16),
    ) {
        let settings = settings(&configured);
        let world = live(&life, &around, &settings, &seen, 100);
        let content = &world.content;
        let (_, call) = moments(&life).pop().expect("it has an end");
        let is_answered = call.conversations.iter().any(|of| of.answered_at.is_some());
        let statuses: Vec<&str> = content
            .calls
            .values()
            .map(|call| call.finish.as_ref().expect("what is registered is finished"))
            .map(|finish| finish.status.as_str())
            .collect();
        prop_assert!(world.cards.is_empty(), "no card stays: {:?}", world.cards);
        if is_answered {
            prop_assert!(statuses.iter().all(|status| *status == "200"), "{:?}", statuses);
            prop_assert!(content.tasks.is_empty() && content.tickets.is_empty());
        } else {
            prop_assert!(statuses.len() <= 1, "{:?}", statuses);
            prop_assert!(!statuses.contains(&"200"));
            prop_assert!(content.tasks.len() <= 1);
            prop_assert!(content.tickets.len() + content.comments.len() <= 1);
        }
        if settings.transfers != Transfers::EachTalker {
            prop_assert!(statuses.len() <= 1);
        }
        let registered = content.calls.values().filter_map(|call| call.register.as_ref());
        for register in registered {
            prop_assert!(register.user.get() <= 4 || register.user.get() == 9);
            prop_assert!(!register.line.is_empty());
        }
        prop_assert!(!around.is_refused || content.calls.is_empty());
        let is_told = !content.calls.is_empty() || !content.activities.is_empty();
        prop_assert!(content.tasks.is_empty() || is_told, "a task of a call that is not told");
        // What happens to a call once happens in this order.
        let rank = |told: &String| {
            let order = ["register", "finish", "attach", "activity", "entity", "task", "ticket"];
            order.iter().position(|kind| told.starts_with(kind))
        };
        let ranks: Vec<usize> = world.story.iter().filter_map(rank).collect();
        prop_assert!(ranks.is_sorted(), "{:?}", world.story);
    }

    #[test]
    fn only_who_rings_or_talks_sees_the_card(
        life in life(),
        configured in configured(),
        seen in proptest::collection::vec(any::<bool>(), 16),
    ) {
        let settings = settings(&configured);
        let people = super::world::people(&settings);
        let circumstances = Circumstances::default();
        let mut world = World::default();
        for ((ms, call), _) in moments(&life).iter().zip(seen).filter(|(_, seen)| *seen) {
            world.see(call, &circumstances, &settings, at(*ms));
            let open = call.conversations.iter().filter(|of| of.ended_at.is_none());
            let open: Vec<String> = open.map(|of| of.extension.clone()).collect();
            for user in world.cards.values().flatten() {
                let own = people.extension(*user).unwrap_or_default();
                let rings = open.iter().any(|extension| {
                    extension == own || (user.get() == 3 && extension == MOBILE_OF_3)
                });
                prop_assert!(rings, "{} sees it while {:?} ring", user, open);
            }
        }
    }
}
