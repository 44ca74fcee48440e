//! What every back end promises about counting and listing events.

use deskbridge_core::EventId;

use super::{
    at,
    events::{all, event, event_id},
    on_every_backend,
};
use crate::{Accepted, EventFilter, EventKind, EventState, Plan};

#[tokio::test]
async fn events_are_counted_and_listed_newest_first() {
    on_every_backend(async |bench| {
        for number in 1..=3 {
            bench
                .accept(number, &format!("key {number}"), i64::from(number))
                .await;
        }
        let claimed = bench.claim_events(5, 2).await;
        bench.plan(&claimed[0], Plan::default(), 5).await;
        bench.accept(4, "key 4", 6).await;
        bench.accept_unrouted(5, "key 5").await;
        let counts = bench.store.count_events().await.unwrap();
        let states: Vec<_> = counts.by_state.into_iter().collect();
        let expected = [
            (EventState::Pending, 2),
            (EventState::Running, 1),
            (EventState::Done, 1),
            (EventState::Unrouted, 1),
        ];
        assert_eq!(states, expected);
        assert_eq!(counts.oldest_open_received_at, Some(at(2)));
        assert!(counts.used_bytes > 4_096);
        let listed = async |filter: EventFilter, before| -> Vec<EventId> {
            let listed = bench.store.list_events(filter, before).await.unwrap();
            listed.iter().map(|record| record.event.id).collect()
        };
        let two = EventFilter { limit: 2, ..all() };
        assert_eq!(listed(two, None).await, [event_id(5), event_id(4)]);
        assert_eq!(
            listed(all(), Some(event_id(3))).await,
            [event_id(2), event_id(1)]
        );
        let pending = EventFilter {
            state: Some(EventState::Pending),
            ..all()
        };
        assert_eq!(listed(pending, None).await, [event_id(4), event_id(3)]);
        let other = EventFilter {
            object: Some("lead".to_owned()),
            ..all()
        };
        assert_eq!(listed(other, None).await, []);
        let action = EventFilter {
            action: Some("update".to_owned()),
            ..all()
        };
        assert_eq!(listed(action, None).await.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn the_newest_events_are_counted_by_what_they_are_about() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench.accept(number, "a", i64::from(number)).await;
        }
        bench.accept_unrouted(5, "b").await;
        bench.claim_events(5, 1).await;
        let mut lead = event(6, "c");
        lead.reading.object = "lead".to_owned();
        lead.connection = "other".to_owned();
        let accepted = bench.store.accept_event(event_id(6), lead, at(6)).await;
        assert_eq!(accepted.unwrap(), Accepted::New(event_id(6)));
        let kinds = async |newest| -> Vec<String> {
            let kinds = bench.store.kinds_of_newest_events(newest).await.unwrap();
            let told = kinds.iter().map(|kind| {
                let EventKind {
                    connection,
                    object,
                    action,
                    number,
                    ..
                } = kind;
                let (state, last) = (kind.state.as_str(), kind.last_received_at.as_second());
                format!("{connection} {object}/{action} {state} {number} {last}")
            });
            told.collect()
        };
        let expected = [
            "main ticket/update pending 3 4",
            "main ticket/update running 1 1",
            "main ticket/update unrouted 1 0",
            "other lead/update pending 1 6",
        ];
        assert_eq!(kinds(100).await, expected);
        assert_eq!(kinds(2).await, expected[2..]);
    })
    .await;
}
