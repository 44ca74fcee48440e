//! What every back end promises about forgetting.

use super::{
    at,
    events::{effect, event, event_id},
    on_every_backend,
};
use crate::{Accepted, Plan, Retention};

const DAY: i64 = 86_400;

/// Forgets what ended for room, whatever its age.
fn to(ended_bytes_max: u64) -> Retention {
    Retention {
        received_from: at(0),
        ended_bytes_max,
        young_from: at(DAY),
    }
}

#[tokio::test]
async fn what_cannot_be_forgotten_is_not_made_room_for() {
    on_every_backend(async |bench| {
        for number in 1..=5 {
            bench.accept(number, &format!("key {number}"), 0).await;
        }
        bench.finish_all(0).await;
        // Much that is open, far beyond the limit.
        for number in 6..=9 {
            let mut large = event(number, "open");
            let mut rng = fastrand::Rng::with_seed(u64::from(number));
            large.body = std::iter::repeat_with(|| rng.u8(..))
                .take(100_000)
                .collect();
            let accepted = bench.store.accept_event(event_id(number), large, at(0));
            assert_eq!(accepted.await.unwrap(), Accepted::New(event_id(number)));
        }
        bench.claim_events(0, 1).await;
        assert_eq!(bench.pruned(to(10_000), 100).await, (0, 0));
        assert_eq!(bench.pruned(to(2_000), 100).await, (0, 2), "5 take 3 kB");
        assert_eq!(bench.pruned(to(2_000), 100).await, (0, 0));
        assert!(bench.event_state(2).await.is_none() && bench.event_state(3).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_is_young_is_kept_whatever_room_it_takes() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            let second = i64::from(number);
            bench.accept(number, &format!("key {number}"), second).await;
        }
        bench.finish_all(5).await;
        let young = Retention {
            young_from: at(3),
            ..to(0)
        };
        assert_eq!(bench.pruned(young, 100).await, (0, 2));
        assert!(bench.event_state(3).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_caused_an_effect_that_is_open_is_kept_and_holds_up_nothing() {
    on_every_backend(async |bench| {
        bench.accept(1, "key 1", 0).await;
        bench.accept(2, "key 2", 0).await;
        let claimed = bench.claim_events(0, 2).await;
        let plan = Plan {
            effects: vec![effect(1)],
            ..Plan::default()
        };
        bench.plan(&claimed[0], plan, 0).await;
        bench.plan(&claimed[1], Plan::default(), 0).await;
        let everything = Retention {
            received_from: at(DAY),
            ..to(0)
        };
        assert_eq!(bench.pruned(everything, 1).await, (1, 0));
        assert_eq!(bench.pruned(everything, 1).await, (0, 0));
        assert!(bench.event_state(1).await.is_some());
        let open = bench.claim(0).await.remove(0);
        assert_eq!(bench.pruned(everything, 1).await, (0, 0), "it is running");
        bench.complete(&open, 1).await;
        assert_eq!(bench.pruned(everything, 1).await, (1, 0));
    })
    .await;
}
