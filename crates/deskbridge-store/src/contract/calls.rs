//! What every back end promises about calls.

use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use serde_json::json;

use super::{Bench, at, id, number_of, on_every_backend};
use crate::{CallChange, CallFilter, CallLine, Claim, Claimed, KeptCall, Recorded, Retry};

fn call(linkedid: &str, second: i64) -> KeptCall {
    KeptCall {
        connection: "pbx".to_owned(),
        linkedid: linkedid.to_owned(),
        joined: Vec::new(),
        direction: "incoming".to_owned(),
        client: Some("+79160000001".to_owned()),
        line: Some("74950000001".to_owned()),
        result: None,
        started_at: at(second),
        state: json!({ "of": linkedid }),
    }
}

fn ended(linkedid: &str, second: i64) -> KeptCall {
    KeptCall {
        result: Some("missed".to_owned()),
        ..call(linkedid, second)
    }
}

fn line(second: i64, text: &str) -> CallLine {
    CallLine {
        at: at(second),
        text: text.to_owned(),
    }
}

impl Bench {
    async fn keep(&self, call: KeptCall, lines: &[CallLine]) {
        let change = CallChange {
            call,
            lines: lines.to_vec(),
        };
        let kept = self.store.keep_calls(vec![change], Vec::new(), None, at(9));
        kept.await.unwrap();
    }

    async fn call(&self, linkedid: &str) -> Option<KeptCall> {
        let found = self.store.call("pbx".to_owned(), linkedid.to_owned());
        found.await.unwrap()
    }

    async fn story(&self, linkedid: &str) -> Vec<String> {
        let story = self.store.call_story("pbx".to_owned(), linkedid.to_owned());
        let story = story.await.unwrap();
        story.into_iter().map(|line| line.text).collect()
    }

    async fn listed(&self, filter: CallFilter) -> Vec<String> {
        let found = self.store.list_calls(CallFilter {
            limit: 10,
            ..filter
        });
        let found = found.await.unwrap();
        found.into_iter().map(|call| call.linkedid).collect()
    }
}

#[tokio::test]
async fn a_call_is_kept_as_it_is_known_last() {
    on_every_backend(async |bench| {
        assert_eq!(bench.call("1.0").await, None);
        bench.keep(call("1.0", 1), &[line(2, "101 rings")]).await;
        assert_eq!(bench.call("1.0").await, Some(call("1.0", 1)));
        let last = KeptCall {
            client: None,
            state: json!({ "nul": "\0" }),
            ..ended("1.0", 1)
        };
        let lines = [line(1, "a call comes in"), line(3, "the caller gives up")];
        bench.keep(last.clone(), &lines).await;
        assert_eq!(bench.call("1.0").await, Some(last));
        assert_eq!(
            bench.story("1.0").await,
            ["a call comes in", "101 rings", "the caller gives up"],
            "in the order of time"
        );
        let elsewhere = bench.store.call("other".to_owned(), "1.0".to_owned());
        assert_eq!(elsewhere.await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn effects_of_calls_are_recorded_with_them_and_once() {
    on_every_backend(async |bench| {
        let effect = NewEffect {
            urgency: Urgency::Usual,
            kind: "test.write".to_owned(),
            ordering_key: OrderingKey::new("call 1.0"),
            idempotency_key: IdempotencyKey::new("register 1.0"),
            payload: json!({}),
        };
        let change = CallChange {
            call: call("1.0", 1),
            lines: Vec::new(),
        };
        let keep = async |number| {
            let kept = bench.store.keep_calls(
                vec![change.clone()],
                vec![(id(number), effect.clone())],
                None,
                at(2),
            );
            kept.await.unwrap()
        };
        assert_eq!(keep(1).await, [Recorded::New(id(1))]);
        assert_eq!(keep(2).await[0].id(), id(1));
    })
    .await;
}

#[tokio::test]
async fn a_joined_call_is_found_under_both_names_with_one_story() {
    on_every_backend(async |bench| {
        bench
            .keep(call("1.0", 1), &[line(1, "a call comes in")])
            .await;
        bench.keep(call("2.0", 2), &[line(2, "101 asks 102")]).await;
        bench.keep(call("3.0", 3), &[]).await;
        let second = KeptCall {
            joined: vec!["3.0".to_owned()],
            ..call("2.0", 2)
        };
        bench.keep(second, &[]).await;
        let first = KeptCall {
            joined: vec!["2.0".to_owned()],
            ..call("1.0", 1)
        };
        for _ in 0..2 {
            bench.keep(first.clone(), &[]).await;
        }
        for name in ["1.0", "2.0", "3.0"] {
            let mut found = bench.call(name).await.unwrap();
            assert_eq!(found.linkedid, "1.0");
            found.joined.sort();
            assert_eq!(found.joined, ["2.0", "3.0"]);
            assert_eq!(bench.story(name).await, ["a call comes in", "101 asks 102"]);
        }
        assert_eq!(bench.listed(CallFilter::default()).await, ["1.0"]);
    })
    .await;
}

#[tokio::test]
async fn calls_are_listed_as_a_filter_says_the_latest_first() {
    on_every_backend(async |bench| {
        bench.keep(ended("1.0", 1), &[]).await;
        bench.keep(call("2.0", 2), &[]).await;
        let other = KeptCall {
            connection: "other".to_owned(),
            client: None,
            line: None,
            direction: "internal".to_owned(),
            ..call("3.0", 3)
        };
        bench.keep(other, &[]).await;
        let is = async |filter: CallFilter, listed: &[&str]| {
            assert_eq!(bench.listed(filter.clone()).await, listed, "{filter:?}");
        };
        let any = CallFilter::default;
        let some = |text: &str| Some(text.to_owned());
        is(any(), &["3.0", "2.0", "1.0"]).await;
        is(
            CallFilter {
                connection: some("pbx"),
                ..any()
            },
            &["2.0", "1.0"],
        )
        .await;
        is(
            CallFilter {
                client: some("+79160000001"),
                ..any()
            },
            &["2.0", "1.0"],
        )
        .await;
        is(
            CallFilter {
                line: some("74950000001"),
                is_open: Some(true),
                ..any()
            },
            &["2.0"],
        )
        .await;
        is(
            CallFilter {
                direction: some("internal"),
                ..any()
            },
            &["3.0"],
        )
        .await;
        is(
            CallFilter {
                result: some("missed"),
                ..any()
            },
            &["1.0"],
        )
        .await;
        is(
            CallFilter {
                is_open: Some(false),
                ..any()
            },
            &["1.0"],
        )
        .await;
        is(
            CallFilter {
                since: Some(at(2)),
                until: Some(at(3)),
                ..any()
            },
            &["2.0"],
        )
        .await;
        let latest = bench.store.list_calls(CallFilter { limit: 1, ..any() });
        assert_eq!(latest.await.unwrap()[0].linkedid, "3.0");
    })
    .await;
}

#[tokio::test]
async fn calls_of_one_instant_have_an_order_of_their_own() {
    on_every_backend(async |bench| {
        let elsewhere = KeptCall {
            connection: "Annex".to_owned(),
            ..call("9.0", 2)
        };
        // In an order that is none of their names; capital letters are before small ones everywhere.
        for one in [
            call("b", 2),
            call("1.0", 1),
            elsewhere,
            call("B", 2),
            call("a", 2),
        ] {
            bench.keep(one, &[]).await;
        }
        let order = ["b", "a", "B", "9.0", "1.0"];
        assert_eq!(bench.listed(CallFilter::default()).await, order);
        for (index, linkedid) in order.iter().enumerate() {
            let connection = if *linkedid == "9.0" { "Annex" } else { "pbx" };
            let of = bench
                .store
                .call(connection.to_owned(), (*linkedid).to_owned());
            let behind = CallFilter {
                behind: Some(of.await.unwrap().unwrap().place()),
                ..CallFilter::default()
            };
            assert_eq!(bench.listed(behind).await, order[index + 1..], "{linkedid}");
        }
        // A place is one whether or not its call is still there.
        let gone = CallFilter {
            behind: Some(call("B0", 2).place()),
            ..CallFilter::default()
        };
        assert_eq!(bench.listed(gone).await, ["B", "9.0", "1.0"]);
    })
    .await;
}

#[tokio::test]
async fn old_calls_that_have_ended_are_forgotten_with_all_that_is_theirs() {
    on_every_backend(async |bench| {
        let joined = KeptCall {
            joined: vec!["1.5".to_owned()],
            ..ended("1.0", 1)
        };
        bench.keep(joined, &[line(1, "a call comes in")]).await;
        bench.keep(call("2.0", 2), &[]).await;
        bench.keep(ended("3.0", 3), &[]).await;
        bench.keep(ended("5.0", 5), &[]).await;
        assert_eq!(bench.store.prune_calls(at(4), 1).await.unwrap(), 1);
        assert_eq!(
            bench.listed(CallFilter::default()).await,
            ["5.0", "3.0", "2.0"]
        );
        assert_eq!(bench.call("1.5").await, None);
        assert!(bench.story("1.0").await.is_empty());
        assert_eq!(bench.store.prune_calls(at(4), 9).await.unwrap(), 1);
        assert_eq!(bench.listed(CallFilter::default()).await, ["5.0", "2.0"]);
    })
    .await;
}

/// Records effects of one ordering key each: their numbers, urgencies and seconds.
async fn record_effects(bench: &Bench, effects: &[(u64, Urgency, i64)]) {
    for (number, urgency, second) in effects {
        let effect = NewEffect {
            urgency: *urgency,
            kind: "test.write".to_owned(),
            ordering_key: OrderingKey::new(format!("call {number}")),
            idempotency_key: IdempotencyKey::new(format!("write {number}")),
            payload: json!({ "number": number }),
        };
        let effects = vec![(id(*number), effect)];
        let recorded = bench.store.record_effects(effects, at(*second)).await;
        recorded.unwrap();
    }
}

/// The numbers of what is claimed, in the order in which it is given.
async fn claimed_in_order(bench: &Bench, second: i64, limit: usize, fresh_only: usize) -> Vec<u64> {
    let claim = Claim {
        now: at(second),
        lease_until: at(second + 600),
        limit,
        fresh_only,
    };
    let claimed = bench.store.claim_effects(claim).await.unwrap();
    claimed.iter().map(number_of).collect()
}

#[tokio::test]
async fn effects_for_which_somebody_waits_go_first() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        let effects = [(1, Usual, 1), (2, Live, 1), (3, Usual, 1), (4, Live, 1)];
        record_effects(&bench, &effects).await;
        let mut order = Vec::new();
        for _ in 0..4 {
            order.extend(claimed_in_order(&bench, 2, 1, 0).await);
        }
        assert_eq!(order, [2, 4, 1, 3]);
    })
    .await;
}

#[tokio::test]
async fn fresh_effects_go_before_those_for_which_nobody_waits_any_more() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        let effects = [
            (1, Usual, 1),
            (2, Live, 1),
            (3, Live, 2),
            (4, Usual, 90),
            (5, Live, 90),
            (6, Live, 91),
        ];
        record_effects(&bench, &effects).await;
        assert_eq!(claimed_in_order(&bench, 100, 1, 0).await, [5]);
        assert_eq!(claimed_in_order(&bench, 100, 3, 0).await, [6, 2, 3]);
        assert_eq!(claimed_in_order(&bench, 100, 9, 0).await, [1, 4]);
    })
    .await;
}

#[tokio::test]
async fn fresh_effects_leave_others_a_share_and_others_leave_them_what_is_kept() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        let fresh = (10..20).map(|number| (number, Live, 90));
        let effects: Vec<_> = [(1, Live, 1), (2, Usual, 1), (3, Usual, 1)]
            .into_iter()
            .chain(fresh)
            .collect();
        record_effects(&bench, &effects).await;
        let share = claimed_in_order(&bench, 100, 8, 8).await;
        assert_eq!(share, [10, 11, 12, 13, 14, 15, 16, 1]);
        assert_eq!(claimed_in_order(&bench, 100, 4, 4).await, [17, 18, 19]);
        assert!(claimed_in_order(&bench, 100, 4, 4).await.is_empty());
        assert_eq!(claimed_in_order(&bench, 100, 5, 4).await, [2]);
    })
    .await;
}

/// Puts a claimed effect back that was not sent.
async fn put_back(bench: &Bench, claimed: &Claimed, second: i64, not_before: i64) {
    let retry = Retry {
        not_before: at(not_before),
        look_first: false,
        why: "no answer".to_owned(),
    };
    let (id, fence) = (claimed.effect.id, claimed.fence);
    let put_back = bench.store.reschedule_effect(id, fence, retry, at(second));
    put_back.await.unwrap();
}

async fn claimed_first(bench: &Bench, second: i64) -> Claimed {
    let claim = Claim {
        now: at(second),
        lease_until: at(second + 600),
        limit: 1,
        fresh_only: 0,
    };
    bench.store.claim_effects(claim).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_live_effect_that_failed_waits_for_its_time_and_then_goes_first_while_it_is_fresh() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        record_effects(&bench, &[(1, Usual, 1), (2, Usual, 1), (3, Live, 10)]).await;
        for (second, not_before) in [(10, 20), (20, 40)] {
            let live = claimed_first(&bench, second).await;
            assert_eq!(number_of(&live), 3);
            put_back(&bench, &live, second, not_before).await;
            let record = bench.store.effect(id(3)).await.unwrap().unwrap();
            assert_eq!(record.claimable_at, at(not_before));
        }
        assert_eq!(claimed_in_order(&bench, 39, 1, 0).await, [1], "not yet");
        assert_eq!(
            claimed_in_order(&bench, 40, 1, 1).await,
            [3],
            "as a fresh one"
        );
    })
    .await;
}

#[tokio::test]
async fn a_live_effect_that_is_tried_again_when_it_is_not_fresh_has_its_usual_turn() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        record_effects(&bench, &[(1, Usual, 1), (2, Live, 10)]).await;
        let live = claimed_first(&bench, 10).await;
        put_back(&bench, &live, 10, 71).await;
        assert_eq!(claimed_in_order(&bench, 71, 9, 0).await, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_due_before_the_time_of_a_live_effect_that_failed() {
    on_every_backend(async |bench| {
        record_effects(&bench, &[(1, Urgency::Live, 10)]).await;
        let live = claimed_first(&bench, 10).await;
        let next = async || bench.store.next_effect_claimable_at().await.unwrap();
        assert_eq!(next().await, Some(at(610)), "the lease");
        put_back(&bench, &live, 10, 20).await;
        assert_eq!(next().await, Some(at(20)));
        record_effects(&bench, &[(2, Urgency::Usual, 15)]).await;
        assert_eq!(next().await, Some(at(15)));
        assert!(claimed_in_order(&bench, 14, 9, 0).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_live_stays_so_when_its_lease_runs_out_or_is_made_longer() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        record_effects(&bench, &[(1, Usual, 1), (2, Live, 10)]).await;
        let live = claimed_first(&bench, 10).await;
        let extended = bench
            .store
            .extend_effect(live.effect.id, live.fence, at(900));
        extended.await.unwrap();
        // Nobody claims what is held, also when it was claimed as long ago as that somebody might hang.
        assert_eq!(claimed_in_order(&bench, 899, 9, 0).await, [1]);
        assert_eq!(claimed_in_order(&bench, 900, 1, 1).await, [2]);
    })
    .await;
}

#[tokio::test]
async fn what_is_live_and_was_interrupted_goes_first_again() {
    on_every_backend(async |bench| {
        use Urgency::{Live, Usual};
        record_effects(&bench, &[(1, Usual, 1), (2, Live, 10)]).await;
        claimed_first(&bench, 10).await;
        let released = bench.store.release_interrupted_effects(at(20)).await;
        assert_eq!(released.unwrap(), 1);
        let again = claimed_first(&bench, 20).await;
        assert_eq!(number_of(&again), 2);
        assert!(again.effect.look_first);
    })
    .await;
}

#[tokio::test]
async fn a_live_effect_is_shown_to_wait_since_it_was_recorded() {
    on_every_backend(async |bench| {
        record_effects(&bench, &[(1, Urgency::Live, 5)]).await;
        let record = bench.store.effect(id(1)).await.unwrap().unwrap();
        assert_eq!(record.claimable_at, record.effect.recorded_at);
        let next = bench.store.next_effect_claimable_at().await.unwrap();
        assert_eq!(next, Some(at(5)));
    })
    .await;
}
