//! What every back end promises about calls.

use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use serde_json::json;

use super::{Bench, at, id, on_every_backend};
use crate::{CallChange, CallFilter, CallLine, Claim, KeptCall, Recorded};

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

#[tokio::test]
async fn effects_for_which_somebody_waits_go_first() {
    on_every_backend(async |bench| {
        let record = async |number: u64, urgency| {
            let effect = NewEffect {
                urgency,
                kind: "test.write".to_owned(),
                ordering_key: OrderingKey::new(format!("call {number}")),
                idempotency_key: IdempotencyKey::new(format!("write {number}")),
                payload: json!({ "number": number }),
            };
            let recorded = bench
                .store
                .record_effects(vec![(id(number), effect)], at(1));
            recorded.await.unwrap();
        };
        record(1, Urgency::Usual).await;
        record(2, Urgency::Live).await;
        record(3, Urgency::Usual).await;
        record(4, Urgency::Live).await;
        let mut order = Vec::new();
        for _ in 0..4 {
            let claim = Claim {
                now: at(2),
                lease_until: at(60),
                limit: 1,
            };
            let claimed = bench.store.claim_effects(claim).await.unwrap();
            order.push(claimed[0].effect.intent.payload["number"].clone());
        }
        assert_eq!(order, [2, 4, 1, 3]);
    })
    .await;
}
