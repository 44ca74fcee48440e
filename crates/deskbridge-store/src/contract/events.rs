//! What every back end promises about events and links.

use deskbridge_core::{
    DuplicateKey, EffectId, EventId, IdempotencyKey, Link, NewEffect, NewEvent, OrderingKey,
    Reading, RemoteRecord, Urgency,
};
use serde_json::json;

use super::{Bench, at, on_every_backend};
use crate::{
    Accepted, Claim, ClaimedEvent, Error, EventFilter, EventState, Plan, Recorded, Retention, Retry,
};

pub(super) fn event_id(number: u8) -> EventId {
    EventId::new(at(i64::from(number)), &mut fastrand::Rng::with_seed(7))
}

pub(super) fn key(number: u8) -> DuplicateKey {
    DuplicateKey::new([number; 32])
}

/// An event numbered `number` of ordering key `ordering`.
pub(super) fn event(number: u8, ordering: &str) -> NewEvent {
    NewEvent {
        connection: "main".to_owned(),
        body: vec![number; 100],
        headers: vec![("x-signature".to_owned(), "AB".to_owned())],
        raw_key: key(number),
        reading: Reading {
            source: "test".to_owned(),
            object: "ticket".to_owned(),
            action: "update".to_owned(),
            canonical_key: key(number + 100),
            ordering_key: OrderingKey::new(ordering),
            is_routed: true,
        },
    }
}

pub(super) fn all() -> EventFilter {
    EventFilter {
        limit: 100,
        ..EventFilter::default()
    }
}

impl Bench {
    pub(super) async fn accept(&self, number: u8, ordering: &str, second: i64) -> Accepted {
        let event = event(number, ordering);
        let accepted = self
            .store
            .accept_event(event_id(number), event, at(second))
            .await;
        accepted.unwrap()
    }

    pub(super) async fn accept_unrouted(&self, number: u8, ordering: &str) {
        let mut event = event(number, ordering);
        event.reading.is_routed = false;
        let accepted = self.store.accept_event(event_id(number), event, at(0));
        assert_eq!(accepted.await.unwrap(), Accepted::New(event_id(number)));
    }

    pub(super) async fn claim_events(&self, second: i64, limit: usize) -> Vec<ClaimedEvent> {
        let claim = Claim {
            now: at(second),
            lease_until: at(second + 10),
            limit,
            fresh_only: 0,
        };
        self.store.claim_events(claim).await.unwrap()
    }

    pub(super) async fn claimed_events(&self, second: i64) -> Vec<u8> {
        numbers(&self.claim_events(second, 100).await)
    }

    pub(super) async fn plan(
        &self,
        claimed: &ClaimedEvent,
        plan: Plan,
        second: i64,
    ) -> Vec<Recorded> {
        let (id, fence) = (claimed.event.id, claimed.fence);
        self.store
            .record_plan(id, fence, plan, at(second))
            .await
            .unwrap()
    }

    pub(super) async fn finish_all(&self, second: i64) {
        for claimed in self.claim_events(second, 100).await {
            self.plan(&claimed, Plan::default(), second).await;
        }
    }

    /// How many events are forgotten, because they are old and for room.
    pub(super) async fn pruned(&self, retention: Retention, limit: usize) -> (u64, u64) {
        let pruned = self.store.prune_events(retention, limit).await.unwrap();
        (pruned.old, pruned.for_room)
    }

    pub(super) async fn event_state(&self, number: u8) -> Option<EventState> {
        let record = self.store.event(event_id(number)).await.unwrap();
        record.map(|record| record.state)
    }
}

fn numbers(claimed: &[ClaimedEvent]) -> Vec<u8> {
    claimed
        .iter()
        .map(|claimed| claimed.event.arrival.body[0])
        .collect()
}

pub(super) fn effect(number: u64) -> (EffectId, NewEffect) {
    let effect = NewEffect {
        urgency: Urgency::Usual,
        kind: "test.write".to_owned(),
        ordering_key: OrderingKey::new("a"),
        idempotency_key: IdempotencyKey::new(format!("key-{number}")),
        payload: json!({ "number": number }),
    };
    (super::id(number), effect)
}

#[tokio::test]
async fn an_event_comes_back_as_it_came_in() {
    on_every_backend(async |bench| {
        for (number, body) in [
            (1, vec![1; 10]),
            (2, vec![2; 100_000]),
            (3, Vec::new()),
            // Nothing that compressing makes smaller.
            (
                4,
                std::iter::repeat_with({
                    let mut rng = fastrand::Rng::with_seed(3);
                    move || rng.u8(..)
                })
                .take(9_000)
                .collect(),
            ),
        ] {
            let event = NewEvent {
                body,
                ..event(number, "a")
            };
            let accepted = bench
                .store
                .accept_event(event_id(number), event.clone(), at(5))
                .await;
            assert_eq!(accepted.unwrap(), Accepted::New(event_id(number)));
            let record = bench.store.event(event_id(number)).await.unwrap().unwrap();
            assert_eq!(record.event.arrival, event);
            assert_eq!(
                (record.event.id, record.event.received_at),
                (event_id(number), at(5))
            );
            assert_eq!(
                (record.state, record.repeats, record.attempts),
                (EventState::Pending, 0, 0)
            );
        }
        assert_eq!(bench.event_state(9).await, None);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_arrives_again_is_counted_on_the_first() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        let again = |raw, canonical, connection: &str| {
            let mut event = event(7, "a");
            (event.raw_key, event.reading.canonical_key) = (key(raw), key(canonical));
            event.connection = connection.to_owned();
            bench.store.accept_event(event_id(7), event, at(1))
        };
        let first = Accepted::Repeated(event_id(1));
        assert_eq!(again(1, 101, "main").await.unwrap(), first);
        assert_eq!(
            again(1, 55, "main").await.unwrap(),
            first,
            "equal bytes, read otherwise"
        );
        assert_eq!(
            again(56, 101, "main").await.unwrap(),
            first,
            "equal content, spelt otherwise"
        );
        let record = bench.store.event(event_id(1)).await.unwrap().unwrap();
        assert_eq!(record.repeats, 3);
        assert_eq!(bench.claimed_events(2).await, [1], "it runs once");
        assert_eq!(
            again(1, 101, "other").await.unwrap(),
            Accepted::New(event_id(7)),
            "connections do not share their keys"
        );
        assert_eq!(bench.store.count_events().await.unwrap().repeats, 3);
    })
    .await;
}

#[tokio::test]
async fn events_of_a_key_run_in_order_and_others_beside_them() {
    on_every_backend(async |bench| {
        for (number, ordering) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            bench.accept(number, ordering, 0).await;
        }
        assert_eq!(
            bench.store.next_event_claimable_at().await.unwrap(),
            Some(at(0))
        );
        let first = bench.claim_events(1, 100).await;
        assert_eq!(numbers(&first), [1, 3]);
        assert_eq!(first[0].event.arrival, event(1, "a"));
        assert_eq!(
            bench.claimed_events(1).await,
            [0u8; 0],
            "2 and 4 wait for 1"
        );
        assert_eq!(
            bench.store.next_event_claimable_at().await.unwrap(),
            Some(at(11))
        );
        bench.plan(&first[0], Plan::default(), 2).await;
        let second = bench.claim_events(2, 100).await;
        assert_eq!(numbers(&second), [2]);
        let (id, fence) = (second[0].event.id, second[0].fence);
        bench
            .store
            .bury_event(id, fence, "no".to_owned(), at(3))
            .await
            .unwrap();
        assert_eq!(
            bench.claimed_events(3).await,
            [4],
            "a dead event does not block its key"
        );
        assert_eq!(bench.event_state(2).await, Some(EventState::Dead));
    })
    .await;
}

#[tokio::test]
async fn a_parked_key_with_many_events_leaves_room_for_others() {
    on_every_backend(async |bench| {
        for number in 1..=90 {
            bench.accept(number, "parked", 0).await;
        }
        bench.accept(91, "free", 0).await;
        let one = bench.claim_events(1, 1).await.remove(0);
        let retry = Retry {
            not_before: at(500),
            look_first: false,
            why: "down".to_owned(),
        };
        let (id, fence) = (one.event.id, one.fence);
        bench
            .store
            .reschedule_event(id, fence, retry, at(1))
            .await
            .unwrap();
        let free = bench.claim_events(2, 1).await;
        assert_eq!(numbers(&free), [91]);
        bench.plan(&free[0], Plan::default(), 2).await;
        let again = bench.claim_events(500, 1).await;
        assert_eq!((numbers(&again), again[0].attempts), (vec![1], 1));
        let record = bench.store.event(event_id(1)).await.unwrap().unwrap();
        assert_eq!(record.failure.as_deref(), Some("down"));
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_recorded_whole_or_not_at_all() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        let old = bench.claim_events(0, 1).await.remove(0);
        let new = bench.claim_events(10, 1).await.remove(0);
        let record = |connection: &str, id: &str| RemoteRecord {
            connection: connection.to_owned(),
            object: "ticket".to_owned(),
            id: id.to_owned(),
        };
        let plan = Plan {
            effects: vec![effect(1), effect(2)],
            known: Vec::new(),
            links: vec![Link {
                one: record("main", "5"),
                other: record("desk", "77"),
            }],
        };
        let late = bench
            .store
            .record_plan(old.event.id, old.fence, plan.clone(), at(11))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        assert_eq!(bench.store.count_effects().await.unwrap().by_state.len(), 0);
        assert_eq!(
            bench
                .store
                .linked_records(record("main", "5"))
                .await
                .unwrap(),
            []
        );

        let recorded = bench.plan(&new, plan.clone(), 11).await;
        assert_eq!(
            recorded,
            [Recorded::New(super::id(1)), Recorded::New(super::id(2))]
        );
        assert_eq!(bench.event_state(1).await, Some(EventState::Done));
        let caused = bench.store.effects_of_event(event_id(1)).await.unwrap();
        assert_eq!(caused, [super::id(1), super::id(2)]);
        let there = bench
            .store
            .linked_records(record("main", "5"))
            .await
            .unwrap();
        assert_eq!(there, [record("desk", "77")]);
        let back = bench
            .store
            .linked_records(record("desk", "77"))
            .await
            .unwrap();
        assert_eq!(back, [record("main", "5")]);

        // Replayed, it causes nothing a second time.
        assert!(bench.store.replay_event(event_id(1), at(12)).await.unwrap());
        let again = bench.claim_events(12, 1).await.remove(0);
        let recorded = bench.plan(&again, plan, 13).await;
        assert!(
            recorded
                .iter()
                .all(|one| matches!(one, Recorded::Known(..)))
        );
        assert_eq!(bench.claimed_numbers(13).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn interrupted_events_are_released_at_the_start() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        assert_eq!(bench.claimed_events(0).await, [1]);
        assert_eq!(bench.claimed_events(1).await, [0u8; 0]);
        assert_eq!(
            bench.store.release_interrupted_events(at(1)).await.unwrap(),
            1
        );
        let again = bench.claim_events(1, 1).await;
        assert_eq!(
            again[0].attempts, 1,
            "an attempt that never reported back counts"
        );
    })
    .await;
}

#[tokio::test]
async fn what_nobody_knows_is_kept_and_runs_once_it_is_known() {
    on_every_backend(async |bench| {
        bench.accept_unrouted(1, "a").await;
        bench.accept(2, "a", 0).await;
        bench.accept_unrouted(3, "a").await;
        assert_eq!(bench.event_state(1).await, Some(EventState::Unrouted));
        let two = bench.claim_events(0, 100).await;
        assert_eq!(
            numbers(&two),
            [2],
            "what is unrouted does not block its key"
        );
        let (id, fence) = (two[0].event.id, two[0].fence);
        bench
            .store
            .set_event_aside(id, fence, "new action".to_owned(), at(1))
            .await
            .unwrap();
        assert_eq!(bench.event_state(2).await, Some(EventState::Unrouted));
        bench.accept_unrouted(4, "b").await;

        let mut reading = event(1, "c").reading;
        reading.object = "lead".to_owned();
        let mut of_four = event(4, "d").reading;
        of_four.canonical_key = key(99);
        let readings = vec![
            (event_id(1), reading),
            (event_id(4), of_four),
            (event_id(9), event(9, "").reading),
        ];
        let reread = bench.store.reread_events(readings, at(2)).await.unwrap();
        assert_eq!(reread.number, 2);
        assert_eq!(reread.opened, [event_id(1), event_id(4)]);
        assert_eq!(bench.claimed_events(3).await, [1, 4]);
        let record = bench.store.event(event_id(1)).await.unwrap().unwrap();
        assert_eq!(record.event.arrival.reading.object, "lead");
        let mut same = event(50, "d");
        same.reading.canonical_key = key(99);
        let accepted = bench
            .store
            .accept_event(event_id(50), same, at(3))
            .await
            .unwrap();
        assert_eq!(
            accepted,
            Accepted::Repeated(event_id(4)),
            "the new key counts"
        );
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_read_anew_changes_its_key() {
    on_every_backend(async |bench| {
        for number in 1..=3 {
            bench.accept(number, "a", 0).await;
        }
        let one = bench.claim_events(0, 100).await.remove(0);
        let moved = vec![
            (event_id(1), event(1, "b").reading),
            (event_id(2), event(2, "b").reading),
        ];
        let reread = bench.store.reread_events(moved, at(1)).await.unwrap();
        assert_eq!(reread.number, 1, "1 is running");
        assert_eq!(reread.opened, [], "2 was open");
        assert_eq!(
            bench.claimed_events(1).await,
            [2],
            "3 waits for 1, 2 does not"
        );
        bench.plan(&one, Plan::default(), 2).await;
        assert_eq!(bench.claimed_events(2).await, [3]);
    })
    .await;
}

#[tokio::test]
async fn replaying_a_choice_leaves_open_events_alone() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench
                .accept(number, &format!("key {number}"), i64::from(number))
                .await;
        }
        bench.finish_all(5).await;
        bench.accept(5, "key 5", 5).await;
        let filter = EventFilter {
            state: Some(EventState::Done),
            received_from: Some(at(2)),
            received_to: Some(at(4)),
            ..all()
        };
        let dry = bench
            .store
            .events_to_replay(filter.clone(), None)
            .await
            .unwrap();
        assert_eq!(dry, [event_id(2), event_id(3)]);
        let rest = bench
            .store
            .events_to_replay(filter.clone(), Some(event_id(2)))
            .await
            .unwrap();
        assert_eq!(rest, [event_id(3)]);
        assert_eq!(
            bench.event_state(2).await,
            Some(EventState::Done),
            "asking changes nothing"
        );
        let replayed = bench
            .store
            .replay_events(filter.clone(), None, at(6))
            .await
            .unwrap();
        assert_eq!(replayed, dry);
        assert_eq!(
            bench
                .store
                .replay_events(filter, None, at(6))
                .await
                .unwrap(),
            []
        );
        assert_eq!(bench.claimed_events(6).await, [2, 3, 5]);
        assert!(
            !bench.store.replay_event(event_id(2), at(6)).await.unwrap(),
            "it is running"
        );
        let nobody = EventFilter {
            connection: Some("other".to_owned()),
            ..all()
        };
        assert_eq!(
            bench.store.events_to_replay(nobody, None).await.unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn a_discarded_event_never_runs_and_frees_its_key() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        bench.accept(2, "a", 0).await;
        assert!(
            bench.store.discard_event(event_id(1), at(1)).await.unwrap(),
            "before its turn"
        );
        assert!(!bench.store.discard_event(event_id(1), at(1)).await.unwrap());
        bench.accept(3, "a", 0).await;
        assert_eq!(bench.claimed_events(1).await, [2]);
        assert!(
            !bench.store.discard_event(event_id(2), at(1)).await.unwrap(),
            "it is running"
        );
        assert!(
            bench.store.discard_event(event_id(3), at(1)).await.unwrap(),
            "in its turn"
        );
        assert_eq!(bench.event_state(1).await, Some(EventState::Discarded));
        assert_eq!(bench.event_state(3).await, Some(EventState::Discarded));
    })
    .await;
}

#[tokio::test]
async fn only_what_is_done_is_forgotten_and_the_oldest_first() {
    on_every_backend(async |bench| {
        for number in 1..=6 {
            bench
                .accept(number, &format!("key {number}"), i64::from(number))
                .await;
        }
        let claimed = bench.claim_events(7, 5).await;
        for one in &claimed[1..5] {
            bench.plan(one, Plan::default(), 7).await;
        }
        let (id, fence) = (claimed[0].event.id, claimed[0].fence);
        bench
            .store
            .bury_event(id, fence, String::new(), at(7))
            .await
            .unwrap();
        let by_age = Retention {
            received_from: at(3),
            ended_bytes_max: u64::MAX,
            young_from: at(100),
        };
        assert_eq!(bench.pruned(by_age, 100).await, (1, 0));
        assert_eq!(bench.event_state(2).await, None);
        let by_room = Retention {
            received_from: at(0),
            ended_bytes_max: 1,
            young_from: at(100),
        };
        assert_eq!(bench.pruned(by_room, 2).await, (0, 2));
        assert_eq!(bench.event_state(4).await, None);
        assert_eq!(bench.event_state(5).await, Some(EventState::Done));
        assert_eq!(bench.pruned(by_room, 100).await, (0, 1));
        assert_eq!(bench.pruned(by_room, 100).await, (0, 0));
        assert_eq!(bench.event_state(1).await, Some(EventState::Dead));
        assert_eq!(bench.event_state(6).await, Some(EventState::Pending));
        assert_eq!(
            bench.accept(2, "a", 9).await,
            Accepted::New(event_id(2)),
            "its keys are forgotten too"
        );
    })
    .await;
}

#[tokio::test]
async fn a_number_is_not_used_twice() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        bench.finish_all(0).await;
        let everything = Retention {
            received_from: at(100),
            ended_bytes_max: u64::MAX,
            young_from: at(100),
        };
        assert_eq!(bench.pruned(everything, 10).await, (1, 0));
        bench.accept(2, "a", 1).await;
        assert_eq!(bench.claimed_events(1).await, [2]);
    })
    .await;
}
