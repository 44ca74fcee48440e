use proptest::prelude::*;

use super::*;

fn candidate(credential: usize, commands: usize, travels: Travels) -> Candidate {
    Candidate {
        credential,
        commands,
        group: None,
        travels,
    }
}

fn together(credential: usize, commands: usize) -> Candidate {
    candidate(credential, commands, Travels::Together(COMMANDS_MAX))
}

fn picked(waiting: &[Candidate]) -> Vec<usize> {
    pack(waiting.iter().copied().enumerate())
}

#[test]
fn units_share_a_request_as_far_as_their_kind_allows() {
    let limited = |commands, limit| candidate(0, commands, Travels::Together(limit));
    let alone = candidate(0, 1, Travels::Alone);
    let not_now = candidate(0, 1, Travels::NotNow);
    for (waiting, expected) in [
        (vec![], vec![]),
        (vec![not_now], vec![]),
        (vec![together(0, 1); 3], vec![0, 1, 2]),
        (vec![together(0, 1); 60], (0..50).collect()),
        (
            vec![together(0, 30), together(0, 20), together(0, 1)],
            vec![0, 1],
        ),
        (
            vec![together(0, 30), together(0, 21), together(0, 1)],
            vec![0],
        ),
        (
            vec![together(0, 1), together(1, 1), together(0, 1)],
            vec![0, 2],
        ),
        (vec![alone, together(0, 1)], vec![0]),
        (vec![together(0, 1), alone, together(0, 1)], vec![0]),
        (
            vec![
                together(0, 1),
                candidate(1, 1, Travels::Alone),
                together(0, 1),
            ],
            vec![0, 2],
        ),
        (
            vec![not_now, together(0, 1), not_now, together(0, 1)],
            vec![1, 3],
        ),
        (vec![limited(1, 8); 9], (0..8).collect()),
        (
            vec![together(0, 7), limited(1, 8), together(0, 1)],
            vec![0, 1],
        ),
        (vec![together(0, 8), limited(1, 8)], vec![0]),
        (vec![limited(20, 8), together(0, 1)], vec![0]),
        (vec![limited(1, 1), together(0, 1)], vec![0]),
    ] {
        assert_eq!(picked(&waiting), expected, "{waiting:?}");
    }
}

#[test]
fn a_group_shares_a_request_as_long_as_nothing_is_in_its_way() {
    let of = |group: u64, travels| Candidate {
        group: Some(UnitId(group)),
        ..candidate(0, 1, travels)
    };
    let fresh = |group| of(group, Travels::Together(COMMANDS_MAX));
    let run = |group, len: usize| vec![fresh(group); len];
    for (waiting, expected) in [
        (run(1, 50), (0..50).collect()),
        ([run(1, 30), run(2, 20)].concat(), (0..50).collect()),
        ([run(1, 30), run(2, 21)].concat(), (0..30).collect()),
        // Singles after a group that does not fit do not overtake it.
        (
            [run(1, 30), run(2, 21), run(3, 1)].concat(),
            (0..30).collect(),
        ),
        (
            [run(1, 2), vec![of(2, Travels::NotNow)], run(2, 48)].concat(),
            [0, 1].into_iter().chain(3..51).collect(),
        ),
        (
            [run(1, 1), vec![of(1, Travels::Alone)], run(1, 1)].concat(),
            vec![0],
        ),
        ([vec![of(1, Travels::Alone)], run(1, 3)].concat(), vec![0]),
        (
            [run(1, 40), vec![together(1, 1)], run(2, 11), run(3, 2)].concat(),
            (0..40).collect(),
        ),
    ] {
        let expected: Vec<usize> = expected;
        assert_eq!(picked(&waiting), expected, "{waiting:?}");
    }
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let travels = prop_oneof![
        6 => Just(Travels::Together(COMMANDS_MAX)),
        2 => (1usize..=8).prop_map(Travels::Together),
        1 => Just(Travels::Alone),
        1 => Just(Travels::NotNow),
    ];
    let commands = prop_oneof![6 => Just(1usize), 2 => 1usize..=COMMANDS_MAX];
    let group = prop_oneof![2 => Just(None), 3 => (0u64..3).prop_map(|n| Some(UnitId(n)))];
    (0usize..3, commands, group, travels).prop_map(|(credential, commands, group, travels)| {
        Candidate {
            group,
            ..candidate(credential, commands, travels)
        }
    })
}

proptest! {
    #[test]
    fn requests_hold_the_laws(mut waiting in proptest::collection::vec(any_candidate(), 0..120)) {
        let mut forecast = Forecast::default();
        let mut least = 0;
        let mut requests = 0;
        for candidate in &waiting {
            if candidate.travels != Travels::NotNow {
                least = forecast.place(*candidate);
                forecast.add(*candidate);
            }
        }
        loop {
            let picked = picked(&waiting);
            let may_go = |candidate: &Candidate| candidate.travels != Travels::NotNow;
            let first = waiting.iter().position(may_go);
            prop_assert_eq!(picked.first().copied(), first, "the first that may go does not");
            let Some(first) = first else { break };
            requests += 1;
            let head = waiting[first];
            let commands: usize = picked.iter().map(|at| waiting[*at].commands).sum();
            prop_assert!(commands <= COMMANDS_MAX);
            prop_assert!(picked.is_sorted());
            for at in &picked {
                prop_assert_eq!(waiting[*at].credential, head.credential);
                match waiting[*at].travels {
                    Travels::Together(limit) => prop_assert!(picked.len() == 1 || commands <= limit),
                    Travels::Alone => prop_assert_eq!(picked.len(), 1),
                    Travels::NotNow => prop_assert!(false, "picked what may not go"),
                }
            }
            let last = picked.last().copied().unwrap_or_default();
            let overtaken = (first..last).filter(|at| {
                !picked.contains(at) && may_go(&waiting[*at]) && waiting[*at].credential == head.credential
            });
            prop_assert_eq!(overtaken.count(), 0);
            let mut at = 0;
            waiting.retain(|_| {
                at += 1;
                !picked.contains(&(at - 1))
            });
        }
        prop_assert!(least <= requests, "forecast {} requests, {} were needed", least, requests);
    }
}
