use deskbridge_core::EffectId;
use jiff::Timestamp;

use super::*;

const KEY: &str = "office:1772424000.7";
const ID: &str = "externalCall.abc.1";
const BY_PERSON: Asked = Asked::ByPerson { again: false };
const AGAIN: Asked = Asked::ByPerson { again: true };

/// Minutes after the end of the call.
fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_772_424_000 + minutes * 60).unwrap()
}

fn id(number: u64) -> EffectId {
    EffectId::new(at(0), &mut fastrand::Rng::with_seed(number))
}

fn done(number: u64) -> Option<Written> {
    written(number, State::Done { at: at(1) })
}

fn given_up(number: u64, minutes: i64) -> Option<Written> {
    let at = at(minutes);
    let why = "no such user".to_owned();
    written(number, State::GivenUp { why, at })
}

fn written(number: u64, state: State) -> Option<Written> {
    let id = id(number);
    Some(Written { id, state })
}

/// A call that was answered, with whatever became of registration, end and recording.
fn ours(register: Option<Written>, finish: Option<Written>, attach: Option<Written>) -> Ours {
    let call_id = matches!(
        &register,
        Some(Written {
            state: State::Done { .. },
            ..
        })
    );
    Ours {
        linkedid: "1772424000.7".to_owned(),
        started_at: at(-1),
        ended_at: at(0),
        client: Some("+84901234567".to_owned()),
        tellings: vec![Telling {
            key: CallKey::new("office", &crate::call::Linkedid::new("1772424000.7")),
            call_id: call_id.then(|| ID.to_owned()),
            is_the_crms: false,
            register,
            told: finish.is_some().then(|| Told {
                duration_s: 30,
                status: "200".to_owned(),
            }),
            finish,
            attach,
        }],
        others: Vec::new(),
        late: Late::Nothing,
    }
}

fn row() -> Held {
    Held {
        call_id: Some(ID.to_owned()),
        key: Some(KEY.to_owned()),
        started_at: Some(at(-1)),
        client: Some("+84901234567".to_owned()),
        duration_s: 30,
        status: Some("200".to_owned()),
        is_recorded: true,
    }
}

/// What is found an hour after the call, and done about it.
fn check(asked: Asked, ours: &Ours, held: &[Held], expected: &[(What, Action)]) {
    let found = compare(std::slice::from_ref(ours), held, asked, at(60));
    let found: Vec<(What, Action)> = found
        .into_iter()
        .map(|one| (one.what, one.action))
        .collect();
    assert_eq!(found, expected, "{asked:?} {ours:#?} {held:#?}");
}

fn no_call(because: Because, action: Action) -> [(What, Action); 1] {
    [(What::NoCall(because), action)]
}

fn why() -> Because {
    Because::GivenUp("no such user".to_owned())
}

#[test]
fn what_is_there_as_it_was_told_needs_nothing() {
    for asked in [Asked::Regularly, BY_PERSON, AGAIN] {
        check(asked, &ours(done(1), done(2), done(3)), &[row()], &[]);
        // Whatever became of our side: the CRM holds it.
        check(
            asked,
            &ours(given_up(1, 1), given_up(2, 1), None),
            &[row()],
            &[],
        );
        check(
            asked,
            &ours(written(1, State::Discarded), None, None),
            &[row()],
            &[],
        );
    }
    // The CRM registered it itself, and does not know our name for it.
    let mut click = ours(None, done(2), None);
    click.tellings[0].is_the_crms = true;
    click.tellings[0].call_id = Some(ID.to_owned());
    let held = Held { key: None, ..row() };
    check(AGAIN, &click, &[held], &[]);
}

#[test]
fn what_was_given_up_is_sent_with_all_that_followed_from_it() {
    let send = |ids: &[u64]| Action::Send(ids.iter().map(|number| id(*number)).collect());
    let call = ours(given_up(1, 1), given_up(2, 1), given_up(3, 1));
    check(BY_PERSON, &call, &[], &no_call(why(), send(&[1, 2, 3])));
    let mut call = ours(done(1), given_up(2, 1), None);
    call.others = [given_up(4, 1), done(5)].into_iter().flatten().collect();
    check(BY_PERSON, &call, &[], &no_call(why(), send(&[2, 4])));
    // Who asks for all of it again gets what was done, too: the portal may have forgotten the registration.
    check(AGAIN, &call, &[], &no_call(why(), send(&[1, 2, 4, 5])));
}

#[test]
fn by_the_clock_what_fails_again_and_again_is_tried_ever_more_rarely() {
    for (given_up_at, is_sent) in [(1, true), (29, true), (30, true), (31, false), (59, false)] {
        let call = ours(given_up(1, given_up_at), given_up(2, given_up_at), None);
        let action = match is_sent {
            true => Action::Send(vec![id(1), id(2)]),
            false => Action::Wait,
        };
        check(Asked::Regularly, &call, &[], &no_call(why(), action));
    }
}

#[test]
fn what_waits_or_was_left_out_is_left_alone() {
    let waits = || written(2, State::Waits);
    for asked in [Asked::Regularly, BY_PERSON, AGAIN] {
        let expected = no_call(Because::Waits, Action::Wait);
        check(asked, &ours(done(1), waits(), None), &[], &expected);
        check(asked, &ours(given_up(1, 1), waits(), None), &[], &expected);
        // The portal refuses telephony: the call is an activity there.
        let refused = || written(1, State::LeftOut);
        check(asked, &ours(refused(), refused(), None), &[], &[]);
        // Just finished: the statistics may be behind.
        let just = written(2, State::Done { at: at(50) });
        check(asked, &ours(done(1), just, None), &[], &expected);
    }
}

#[test]
fn what_somebody_discarded_or_the_crm_lost_is_sent_only_for_who_asks() {
    let discarded = || written(2, State::Discarded);
    let all = || Action::Send(vec![id(1), id(2)]);
    for asked in [Asked::Regularly, BY_PERSON] {
        let expected = no_call(Because::Discarded, Action::NotAsked);
        check(
            asked,
            &ours(given_up(1, 1), discarded(), None),
            &[],
            &expected,
        );
        let expected = no_call(Because::Lost, Action::NotAsked);
        check(asked, &ours(done(1), done(2), None), &[], &expected);
    }
    let expected = no_call(Because::Discarded, all());
    check(
        AGAIN,
        &ours(given_up(1, 1), discarded(), None),
        &[],
        &expected,
    );
    let lost = ours(done(1), done(2), None);
    check(AGAIN, &lost, &[], &no_call(Because::Lost, all()));
    // Only the CRM could register it again.
    let mut click = ours(None, done(2), None);
    click.tellings[0].is_the_crms = true;
    check(AGAIN, &click, &[], &no_call(Because::Lost, Action::Show));
    check(
        AGAIN,
        &ours(None, None, None),
        &[],
        &no_call(Because::Forgotten, Action::Show),
    );
}

#[test]
fn a_recording_is_sent_where_there_is_none_and_never_over_another() {
    let bare = || Held {
        is_recorded: false,
        ..row()
    };
    let missing = |because, action| [(What::NoRecording(because), action)];
    let send = |ids: &[u64]| Action::Send(ids.iter().map(|number| id(*number)).collect());
    let call = |attach| ours(done(1), done(2), attach);
    check(
        BY_PERSON,
        &call(given_up(3, 1)),
        &[bare()],
        &missing(why(), send(&[3])),
    );
    check(BY_PERSON, &call(given_up(3, 1)), &[row()], &[]);
    check(
        BY_PERSON,
        &call(written(3, State::Waits)),
        &[bare()],
        &missing(Because::Waits, Action::Wait),
    );
    check(
        BY_PERSON,
        &call(done(3)),
        &[bare()],
        &missing(Because::Lost, Action::NotAsked),
    );
    check(BY_PERSON, &call(written(3, State::LeftOut)), &[bare()], &[]);
    check(BY_PERSON, &call(None), &[bare()], &[]);
    let never = Ours {
        late: Late::Recordings,
        ..call(None)
    };
    check(
        BY_PERSON,
        &never,
        &[bare()],
        &missing(Because::NeverPlanned, Action::Plan),
    );
}

#[test]
fn another_form_is_shown_and_left_as_it_is() {
    let shown = |field, here: &str, there: &str| {
        let (here, there) = (here.to_owned(), there.to_owned());
        (What::Differs { field, here, there }, Action::Show)
    };
    let call = ours(done(1), done(2), done(3));
    let held = Held {
        duration_s: 12,
        status: Some("304".to_owned()),
        ..row()
    };
    let expected = [
        shown("status", "200", "304"),
        shown("duration", "30 s", "12 s"),
    ];
    for asked in [Asked::Regularly, BY_PERSON, AGAIN] {
        check(asked, &call, std::slice::from_ref(&held), &expected);
    }
    let other = Held {
        call_id: Some("externalCall.def.2".to_owned()),
        ..row()
    };
    check(
        AGAIN,
        &call,
        &[row(), other],
        &[(What::Several(2), Action::Show)],
    );
}

#[test]
fn what_was_never_planned_is_planned() {
    let call = Ours {
        tellings: Vec::new(),
        late: Late::Call,
        ..ours(None, None, None)
    };
    check(
        Asked::Regularly,
        &call,
        &[],
        &no_call(Because::NeverPlanned, Action::Plan),
    );
    let left_out = Ours {
        late: Late::Nothing,
        ..call
    };
    check(AGAIN, &left_out, &[], &[]);
}

#[test]
fn a_call_under_our_name_that_nobody_knows_is_a_stranger() {
    let known = ours(done(1), done(2), None);
    let named = |key: &str| Held {
        key: Some(key.to_owned()),
        ..row()
    };
    let held = [
        row(),
        named("office:9.9"),
        named("office:9.9:9.10"),
        named("shop:1.1"),
        Held { key: None, ..row() },
    ];
    let found = strangers(&[known], &held, "office");
    let linkedids: Vec<String> = found
        .into_iter()
        .map(|row| stranger(row).linkedid)
        .collect();
    assert_eq!(linkedids, ["9.9", "9.9"]);
}
