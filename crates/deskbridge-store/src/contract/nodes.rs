//! What several nodes on one database promise each other.

use std::time::Duration;

use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use futures_util::future::join_all;
use serde_json::json;

use super::{
    Bench, Schema, admin, at,
    events::{event, event_id, key},
    number_of,
};
use crate::{Accepted, Backend, Claim, EffectState, Error, EventFilter, EventState, Plan, Retry};

const HOUR: Duration = Duration::from_secs(3_600);

/// Runs a behaviour of two nodes on a fresh database.
async fn on_two_nodes(behaviour: impl AsyncFn(Bench, Bench)) {
    let schema = Schema::new();
    behaviour(schema.bench().await, schema.bench().await).await;
    schema.drop().await;
}

impl Bench {
    /// Says that the node lives, for an hour or not at all any more, and takes over from those that do not.
    async fn beat(&self, valid_for: Duration) -> u64 {
        self.store.beat(valid_for).await.unwrap();
        self.store.take_over().await.unwrap()
    }

    async fn claim_one(&self, second: i64) -> Option<u64> {
        let claim = Claim {
            now: at(second),
            lease_until: at(second + 10),
            limit: 1,
            fresh_only: 0,
        };
        let claimed = self.store.claim_effects(claim).await.unwrap();
        claimed.first().map(number_of)
    }
}

#[tokio::test]
async fn any_number_of_nodes_may_start_at_once() {
    let schema = Schema::new();
    let nodes = join_all((0..8).map(|_| schema.bench())).await;
    nodes[7].record(1, "a", 0).await;
    assert_eq!(nodes[0].state(1).await, EffectState::Pending);
    schema.drop().await;
}

#[tokio::test]
async fn nodes_claim_different_work_and_keep_the_order_of_each_key() {
    on_two_nodes(async |one, two| {
        const KEYS: u64 = 7;
        const EFFECTS: u64 = 140;
        for number in 0..EFFECTS {
            one.record(number, &format!("key {}", number % KEYS), 0)
                .await;
        }
        let done = std::sync::Mutex::new(Vec::new());
        // Each node works with four hands, which finish in any order.
        let work = [&one, &two].into_iter().cycle().take(8).map(async |node| {
            loop {
                let claim = Claim {
                    now: at(1),
                    lease_until: at(1_000),
                    limit: 2,
                    fresh_only: 0,
                };
                let claimed = node.store.claim_effects(claim).await.unwrap();
                if claimed.is_empty() {
                    let counts = node.store.count_effects().await.unwrap().by_state;
                    if !counts.contains_key(&EffectState::Pending) {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                for effect in &claimed {
                    done.lock().unwrap().push(number_of(effect));
                    node.complete(effect, 2).await;
                }
            }
        });
        join_all(work).await;
        let done = done.into_inner().unwrap();
        let mut once = done.clone();
        once.sort_unstable();
        assert_eq!(once, (0..EFFECTS).collect::<Vec<_>>(), "each once");
        for key in 0..KEYS {
            let of_key: Vec<u64> = done
                .iter()
                .copied()
                .filter(|number| number % KEYS == key)
                .collect();
            assert!(of_key.is_sorted(), "{of_key:?}");
        }
        assert!(one.store.check().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn nodes_that_record_under_one_key_at_once_let_one_of_them_run() {
    on_two_nodes(async |one, two| {
        for round in 0..20 {
            let key = format!("round {round}");
            let both = [(&one, round * 2), (&two, round * 2 + 1)];
            join_all(both.map(|(node, number)| node.record(number, &key, 0))).await;
        }
        assert_eq!(one.claim(0).await.len(), 20, "one of each round");
        // What ends and what comes in meet: the key must not be left without a head.
        for round in 0..20 {
            let effect = one
                .store
                .effect(super::id(round * 2))
                .await
                .unwrap()
                .unwrap();
            let key = format!("round {round}");
            if effect.state == EffectState::Running {
                let claimed = crate::Claimed {
                    effect: effect.effect,
                    fence: 1,
                };
                let (last, ()) = tokio::join!(
                    two.record(1_000 + round, &key, 1),
                    one.complete(&claimed, 1)
                );
                assert!(matches!(last, crate::Recorded::New(_)));
            }
        }
        assert!(one.store.check().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_dead_nodes_claims_go_over_and_its_reports_are_refused() {
    on_two_nodes(async |one, two| {
        one.record(1, "a", 0).await;
        one.accept(1, "a", 0).await;
        one.beat(HOUR).await;
        let old = one.claim(0).await.remove(0);
        let old_event = one.claim_events(0, 1).await.remove(0);
        assert_eq!(two.beat(HOUR).await, 0, "it lives");
        assert_eq!(two.claim_one(9).await, None);
        one.beat(Duration::ZERO).await;
        assert_eq!(two.beat(HOUR).await, 2, "long before the leases run out");
        let new = two.claim(1).await.remove(0);
        assert!(new.effect.look_first && new.fence > old.fence);
        let new_event = two.claim_events(1, 1).await.remove(0);
        let (id, fence) = (old.effect.id, old.fence);
        let late = one
            .store
            .complete_effect(id, fence, json!(null), at(2))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        let (id, fence) = (old_event.event.id, old_event.fence);
        let late = one
            .store
            .record_plan(id, fence, Plan::default(), at(2))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        two.complete(&new, 2).await;
        two.plan(&new_event, Plan::default(), 2).await;
        assert_eq!(two.event_state(1).await, Some(EventState::Done));
    })
    .await;
}

#[tokio::test]
async fn what_a_frozen_node_has_locked_keeps_nobody_from_living_and_taking_over_the_rest() {
    let schema = Schema::new();
    let (frozen, alive) = (schema.bench().await, schema.bench().await);
    for (number, key) in [(1, "a"), (2, "b")] {
        frozen.record(number, key, 0).await;
    }
    frozen.beat(Duration::ZERO).await;
    assert_eq!(frozen.claim(0).await.len(), 2);
    let mut client = admin(&schema.address).await;
    let transaction = client.transaction().await.unwrap();
    let lock = format!(
        "SELECT FROM {0}.effect WHERE id = '{1}' FOR UPDATE; SELECT FROM {0}.node FOR UPDATE",
        schema.options.schema,
        super::id(1).uuid()
    );
    transaction.batch_execute(&lock).await.unwrap();
    assert_eq!(alive.beat(HOUR).await, 1);
    assert_eq!(alive.claimed_numbers(1).await, [2]);
    transaction.rollback().await.unwrap();
    assert_eq!(alive.beat(HOUR).await, 1);
    assert_eq!(alive.claimed_numbers(1).await, [1]);
    schema.drop().await;
}

#[tokio::test]
async fn a_node_whose_connections_are_all_at_work_says_that_it_lives() {
    let schema = Schema::new();
    let (busy, other) = (schema.bench().await, schema.bench().await);
    busy.record(1, "a", 0).await;
    let mut client = admin(&schema.address).await;
    let transaction = client.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.effect", schema.options.schema);
    transaction.batch_execute(&lock).await.unwrap();
    let waiting = join_all((0..20).map(|_| busy.store.count_effects()));
    let living = async {
        // One at least waits for the lock by now, and it is not let go before this node has said that it lives.
        let sql = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass";
        let name = format!("{}.effect", schema.options.schema);
        testkit::wait_for("all connections to be taken", async || {
            let waits = transaction.query(sql, &[&name]).await.unwrap();
            (waits.len() == schema.options.connections_max - 1).then_some(())
        })
        .await;
        busy.store.beat(HOUR).await.unwrap();
        transaction.rollback().await.unwrap();
    };
    let (counted, ()) = tokio::join!(waiting, living);
    assert!(counted.iter().all(Result::is_ok));
    assert_eq!(other.beat(HOUR).await, 0);
    schema.drop().await;
}

#[tokio::test]
async fn a_living_node_loses_only_what_it_is_long_late_with() {
    on_two_nodes(async |one, two| {
        one.record(1, "a", 0).await;
        one.beat(HOUR).await;
        assert_eq!(one.claim_one(0).await, Some(1));
        assert_eq!(two.claim_one(70).await, None, "a minute late");
        assert_eq!(two.claim_one(400).await, Some(1), "it hangs");
    })
    .await;
}

#[tokio::test]
async fn a_lease_of_a_node_that_never_said_it_lives_runs_out() {
    on_two_nodes(async |one, two| {
        one.record(1, "a", 0).await;
        assert_eq!(one.claim_one(0).await, Some(1));
        assert_eq!(two.claim_one(9).await, None);
        assert_eq!(two.claim_one(10).await, Some(1));
    })
    .await;
}

#[tokio::test]
async fn a_node_that_starts_releases_nothing_of_another_one() {
    on_two_nodes(async |one, two| {
        one.record(1, "a", 0).await;
        one.accept(1, "a", 0).await;
        one.beat(HOUR).await;
        assert_eq!(one.claim_one(0).await, Some(1));
        assert_eq!(one.claim_events(0, 1).await.len(), 1);
        let store = &two.store;
        assert_eq!(store.release_interrupted_effects(at(1)).await.unwrap(), 0);
        assert_eq!(store.release_interrupted_events(at(1)).await.unwrap(), 0);
        assert_eq!(two.claim_one(1).await, None);
        one.beat(Duration::ZERO).await;
        assert_eq!(store.release_interrupted_effects(at(1)).await.unwrap(), 1);
        assert_eq!(store.release_interrupted_events(at(1)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_another_node_holds_is_not_waited_for_by_the_hour() {
    on_two_nodes(async |one, two| {
        one.record(1, "a", 0).await;
        one.beat(HOUR).await;
        assert_eq!(one.claim_one(0).await, Some(1));
        assert_eq!(
            one.store.next_effect_claimable_at().await.unwrap(),
            Some(at(10))
        );
        assert_eq!(two.store.next_effect_claimable_at().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_in_at_several_nodes_at_once_is_stored_once() {
    on_two_nodes(async |one, two| {
        for round in 0..30_u8 {
            let send = async |node: &Bench, number: u8| {
                let mut event = event(number, "a");
                // Equal in content, spelt otherwise.
                event.raw_key = key(number);
                event.reading.canonical_key = key(round + 180);
                node.store
                    .accept_event(event_id(number), event, at(0))
                    .await
                    .unwrap()
            };
            let first = round * 4;
            let accepted = tokio::join!(
                send(&one, first),
                send(&two, first + 1),
                send(&one, first + 2),
                send(&two, first + 3)
            );
            let accepted = [accepted.0, accepted.1, accepted.2, accepted.3];
            let new: Vec<_> = accepted
                .iter()
                .filter(|one| matches!(one, Accepted::New(_)))
                .collect();
            assert_eq!(new.len(), 1, "{accepted:?}");
            assert!(
                accepted.iter().all(|one| one.id() == new[0].id()),
                "{accepted:?}"
            );
        }
        let counts = one.store.count_events().await.unwrap();
        assert_eq!(counts.by_state[&EventState::Pending], 30);
        assert_eq!(counts.repeats, 90);
        assert!(one.store.check().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn planners_that_disagree_about_the_order_both_finish() {
    on_two_nodes(async |one, two| {
        for round in 0..20 {
            let effects = |node: u64, reversed: bool| {
                let mut effects: Vec<_> = (0..6)
                    .map(|place| {
                        let number = 10_000 + round * 100 + node * 10 + place;
                        let effect = NewEffect {
                            urgency: Urgency::Usual,
                            kind: "test.write".to_owned(),
                            ordering_key: OrderingKey::new(format!("key {place}")),
                            // Half of them are intended by both.
                            idempotency_key: IdempotencyKey::new(match place % 2 {
                                0 => format!("{round} {place}"),
                                _ => format!("{round} {place} {node}"),
                            }),
                            payload: json!({ "number": number }),
                        };
                        (super::id(number), effect)
                    })
                    .collect();
                if reversed {
                    effects.reverse();
                }
                effects
            };
            let both = tokio::join!(
                one.store.record_effects(effects(0, false), at(0)),
                two.store.record_effects(effects(1, true), at(0))
            );
            let new = [both.0.unwrap(), both.1.unwrap()].concat();
            let new = new
                .iter()
                .filter(|one| matches!(one, crate::Recorded::New(_)));
            assert_eq!(new.count(), 9);
        }
        assert!(one.store.check().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn reviving_replaying_and_discarding_meet_claims_without_harm() {
    on_two_nodes(async |one, two| {
        for number in 1..=40 {
            one.accept(number, &format!("key {}", number % 4), 0).await;
        }
        let all = EventFilter {
            limit: 100,
            ..EventFilter::default()
        };
        for round in 0..10 {
            let claimed = one.claim_events(round, 4).await;
            let (first, second) = claimed.split_at(claimed.len() / 2);
            let number = u8::try_from(round).unwrap();
            let (replayed, discarded, readings, (), more) = tokio::join!(
                two.store.replay_events(all.clone(), None, at(round)),
                one.store.discard_event(event_id(number + 20), at(round)),
                two.store.reread_events(
                    vec![(event_id(number + 5), event(number + 5, "key 1").reading)],
                    at(round)
                ),
                async {
                    for event in first {
                        one.plan(event, Plan::default(), round).await;
                    }
                },
                two.claim_events(round, 4),
            );
            replayed.unwrap();
            discarded.unwrap();
            readings.unwrap();
            for event in second {
                one.plan(event, Plan::default(), round).await;
            }
            for event in &more {
                two.plan(event, Plan::default(), round).await;
            }
            assert!(one.store.check().await.unwrap().is_empty(), "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn nodes_whose_clocks_differ_go_by_that_of_the_database() {
    on_two_nodes(async |one, two| {
        // The clock of the second node is ten minutes ahead of the database and of the first node.
        const AHEAD: i64 = 600;
        let Backend::Postgres(database) = &two.store.backend else {
            panic!("it is PostgreSQL");
        };
        database.clock().set_ahead(-AHEAD);
        one.record(1, "a", 0).await;
        one.beat(HOUR).await;
        let claimed = one.claim(0).await.remove(0);
        assert_eq!(two.claim_one(AHEAD + 1).await, None, "the lease runs");
        one.complete(&claimed, 1).await;

        two.accept(1, "a", AHEAD + 2).await;
        two.record(2, "a", AHEAD + 2).await;
        assert_eq!(
            two.store.next_effect_claimable_at().await.unwrap(),
            Some(at(AHEAD + 2))
        );
        assert_eq!(one.claim_one(1).await, None);
        assert_eq!(one.claim_events(1, 1).await.len(), 0);
        let event = one.claim_events(2, 1).await.remove(0);
        one.plan(&event, Plan::default(), 2).await;
        let effect = two.claim(AHEAD + 2).await.remove(0);
        let retry = Retry {
            not_before: at(AHEAD + 20),
            look_first: false,
            why: String::new(),
        };
        let (id, fence) = (effect.effect.id, effect.fence);
        let put_back = two.store.reschedule_effect(id, fence, retry, at(AHEAD + 3));
        put_back.await.unwrap();
        assert_eq!(one.claim_one(19).await, None);
        assert_eq!(one.claim_one(20).await, Some(2));
        // What is recorded with a call goes by it as well.
        let effect = NewEffect {
            urgency: Urgency::Live,
            kind: "test.write".to_owned(),
            ordering_key: OrderingKey::new("of a call"),
            idempotency_key: IdempotencyKey::new("of a call"),
            payload: json!({ "number": 3 }),
        };
        let effects = vec![(super::id(3), effect)];
        let kept = two
            .store
            .keep_calls(Vec::new(), effects, None, at(AHEAD + 24));
        kept.await.unwrap();
        assert_eq!(one.claim_one(23).await, None);
        assert_eq!(one.claim_one(24).await, Some(3));
        assert!(
            two.store
                .replay_event(event_id(1), at(AHEAD + 30))
                .await
                .unwrap()
        );
        assert_eq!(
            two.store.next_event_claimable_at().await.unwrap(),
            Some(at(AHEAD + 30))
        );
        assert_eq!(one.claim_events(29, 1).await.len(), 0);
        assert_eq!(one.claim_events(30, 1).await.len(), 1);

        two.beat(HOUR).await;
        let now = at(0);
        assert_eq!(database.clock().of(now), now, "these clocks are one");
    })
    .await;
}
