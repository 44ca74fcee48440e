//! What every back end promises about rows that cannot be read.

use super::{
    Bench, at,
    events::{all, event_id},
    number_of, on_every_backend,
};
use crate::{Claim, EffectFilter, EffectState, EventState};

/// Deeper than JSON is read.
fn deep() -> String {
    format!("{}{}", "[".repeat(200), "]".repeat(200))
}

fn one(second: i64) -> Claim {
    Claim {
        now: at(second),
        lease_until: at(second + 10),
        limit: 1,
        fresh_only: 0,
    }
}

async fn failure(bench: &Bench, number: u64) -> String {
    let record = bench.store.effect(super::id(number)).await.unwrap();
    record.unwrap().failure.unwrap()
}

#[tokio::test]
async fn an_effect_that_cannot_be_read_is_given_up_and_shown() {
    on_every_backend(async |bench| {
        for (number, key) in [(1, "a"), (2, "a"), (3, "b")] {
            bench.record(number, key, 0).await;
        }
        let deep = deep();
        let sql = format!("UPDATE effect SET payload = '{deep}' WHERE idempotency_key = 'key-1'");
        bench.execute(sql).await;
        let claimed = bench.store.claim_effects(one(1)).await.unwrap();
        let numbers: Vec<u64> = claimed.iter().map(number_of).collect();
        assert_eq!(numbers.len(), 1, "one that can be carried out");
        assert_eq!(bench.state(1).await, EffectState::Dead);
        let why = failure(&bench, 1).await;
        assert!(
            why.contains("effect payload cannot be read") && why.contains("recursion limit"),
            "{why}"
        );
        let rest = bench.claimed_numbers(1).await;
        let mut both = [numbers, rest].concat();
        both.sort_unstable();
        assert_eq!(both, [2, 3], "its key goes on");
        let filter = EffectFilter {
            limit: 10,
            ..EffectFilter::default()
        };
        let listed = bench.store.list_effects(filter).await.unwrap();
        assert_eq!(listed.len(), 3);
        assert_eq!(
            listed[2].effect.intent.payload.as_str(),
            Some(deep.as_str())
        );
        assert!(
            bench
                .store
                .discard_effect(super::id(1), at(2))
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_shown_as_its_text() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        let claimed = bench.claim(0).await.remove(0);
        bench.complete(&claimed, 1).await;
        let deep = deep();
        let sql = format!("UPDATE effect SET result = '{deep}'");
        bench.execute(sql).await;
        let record = bench.store.effect(super::id(1)).await.unwrap().unwrap();
        assert_eq!(record.result.unwrap().as_str(), Some(deep.as_str()));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_given_up_and_shown() {
    on_every_backend(async |bench| {
        for (number, key) in [(1, "a"), (7, "b"), (2, "a"), (3, "b")] {
            bench.accept(number, key, 0).await;
        }
        let sql = "UPDATE event SET headers = '{' WHERE sequence = 1;
            UPDATE event SET encoding = 'deflate' WHERE sequence = 2";
        bench.execute(sql.to_owned()).await;
        let first = bench.store.claim_events(one(1)).await.unwrap();
        let rest = bench.claim_events(1, 100).await;
        let mut bodies = [first, rest].concat();
        bodies.sort_by_key(|claimed| claimed.event.id);
        let bodies: Vec<u8> = bodies
            .iter()
            .map(|claimed| claimed.event.arrival.body[0])
            .collect();
        assert_eq!(bodies, [2, 3], "their keys go on");
        for (number, told) in [(1, "event's headers"), (7, "event body")] {
            let record = bench.store.event(event_id(number)).await.unwrap().unwrap();
            assert_eq!(record.state, EventState::Dead);
            let why = record.failure.unwrap();
            assert!(why.contains(told), "{why}");
            assert_eq!(
                record.event.arrival.body,
                vec![number; 100],
                "as it is stored"
            );
        }
        assert_eq!(bench.store.list_events(all(), None).await.unwrap().len(), 4);
    })
    .await;
}
