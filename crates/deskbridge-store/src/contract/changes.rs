//! What every back end promises about many events that are changed at once.

use super::{at, events::event_id, on_every_backend};
use crate::EventState;

#[tokio::test]
async fn events_that_are_named_run_again_in_the_order_of_their_keys() {
    on_every_backend(async |bench| {
        for number in 1..=6 {
            bench
                .accept(number, &format!("key {}", number % 2), 0)
                .await;
        }
        for _ in 0..3 {
            bench.finish_all(0).await;
        }
        bench.accept(7, "key 1", 1).await;
        // In no order, one of them twice, one that is open and one that nobody knows.
        let named = [5, 2, 3, 1, 2, 7, 99].map(event_id).to_vec();
        let replayed = bench.store.replay_named_events(named, at(2)).await.unwrap();
        assert_eq!(replayed, [5, 2, 3, 1].map(event_id));
        assert_eq!(bench.event_state(4).await, Some(EventState::Done));
        assert_eq!(bench.store.check().await.unwrap(), []);
        assert_eq!(bench.claimed_events(2).await, [1, 2]);
        assert!(!bench.store.replay_event(event_id(1), at(2)).await.unwrap());
        let none = bench.store.replay_named_events(Vec::new(), at(2)).await;
        assert_eq!(none.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn events_that_are_named_do_not_push_aside_what_is_running() {
    on_every_backend(async |bench| {
        bench.accept(1, "a", 0).await;
        bench.accept(2, "b", 0).await;
        bench.finish_all(0).await;
        bench.accept(3, "a", 0).await;
        assert_eq!(bench.claimed_events(1).await, [3]);
        let both = [1, 2].map(event_id).to_vec();
        let replayed = bench.store.replay_named_events(both.clone(), at(1)).await;
        assert_eq!(replayed.unwrap(), both);
        assert_eq!(bench.claimed_events(1).await, [2], "1 waits for 3");
        assert_eq!(bench.store.check().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn events_that_are_named_are_thrown_away_at_once() {
    on_every_backend(async |bench| {
        for number in 1..=5 {
            bench
                .accept(number, &format!("key {}", number % 2), 0)
                .await;
        }
        assert_eq!(bench.claimed_events(0).await, [1, 2]);
        let named = [4, 3, 1, 3, 99].map(event_id).to_vec();
        let discarded = bench.store.discard_named_events(named, at(1)).await;
        assert_eq!(discarded.unwrap(), [4, 3].map(event_id), "1 is running");
        assert_eq!(bench.event_state(4).await, Some(EventState::Discarded));
        assert!(!bench.store.discard_event(event_id(4), at(1)).await.unwrap());
        assert_eq!(bench.store.check().await.unwrap(), []);
        bench.store.release_interrupted_events(at(1)).await.unwrap();
        assert_eq!(bench.claimed_events(1).await, [1, 2]);
    })
    .await;
}
