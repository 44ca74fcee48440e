//! What every back end promises about what was not believed.

use std::collections::BTreeMap;

use deskbridge_core::EventId;

use super::{at, events::event_id, on_every_backend};
use crate::{QuarantineLimits, Quarantined};

#[tokio::test]
async fn the_quarantine_is_capped_for_each_connection_and_expires() {
    on_every_backend(async |bench| {
        let keep = async |number: u8, connection: &str, bytes: usize, from: i64| {
            let body = Quarantined {
                id: event_id(number),
                connection: connection.to_owned(),
                received_at: at(i64::from(number)),
                why: "the signature is not right".to_owned(),
                headers: vec![("x-signature".to_owned(), "AB".to_owned())],
                body: vec![number; bytes],
            };
            let limits = QuarantineLimits {
                bodies_max: 3,
                bytes_max: 100,
                received_from: at(from),
            };
            bench.store.quarantine(body.clone(), limits).await.unwrap();
            body
        };
        let kept = async |after| -> Vec<EventId> {
            let kept = bench
                .store
                .quarantined("main".to_owned(), after, 10)
                .await
                .unwrap();
            kept.iter().map(|body| body.id).collect()
        };
        let one = keep(1, "main", 10, 0).await;
        keep(2, "other", 10, 0).await;
        assert_eq!(
            bench
                .store
                .quarantined("main".to_owned(), None, 10)
                .await
                .unwrap(),
            [one]
        );
        for number in 3..=5 {
            keep(number, "main", 10, 0).await;
        }
        assert_eq!(kept(None).await, [3, 4, 5].map(event_id));
        assert_eq!(kept(Some(event_id(3))).await, [4, 5].map(event_id));
        keep(6, "main", 85, 0).await;
        assert_eq!(kept(None).await, [5, 6].map(event_id));
        keep(7, "main", 1, 6).await;
        assert_eq!(kept(None).await, [6, 7].map(event_id));
        assert_eq!(
            bench
                .store
                .quarantined("other".to_owned(), None, 10)
                .await
                .unwrap()
                .len(),
            1
        );
        let counts = bench.store.count_quarantined().await.unwrap();
        let expected = [("main".to_owned(), 2), ("other".to_owned(), 1)];
        assert_eq!(counts, BTreeMap::from(expected));
        assert!(bench.store.leave_quarantine(event_id(6)).await.unwrap());
        assert!(!bench.store.leave_quarantine(event_id(6)).await.unwrap());
        assert_eq!(kept(None).await, [event_id(7)]);
        assert!(bench.store.recover_room().await.unwrap());
    })
    .await;
}
