//! What every back end promises about links, and about what is known of records.

use deskbridge_core::{Link, RemoteRecord};
use serde_json::{Value, json};

use super::{at, on_every_backend};
use crate::{Error, Known, Plan};

#[tokio::test]
async fn links_are_recorded_by_themselves_and_once() {
    on_every_backend(async |bench| {
        let call = |id: &str| RemoteRecord {
            connection: "main".to_owned(),
            object: "call".to_owned(),
            id: id.to_owned(),
        };
        let ticket = RemoteRecord {
            object: "ticket".to_owned(),
            ..call("1")
        };
        for (id, second) in [("b", 1), ("a", 2), ("b", 3)] {
            let link = Link {
                one: call(id),
                other: ticket.clone(),
            };
            bench
                .store
                .record_links(vec![link], at(second))
                .await
                .unwrap();
        }
        let calls = bench.store.linked_records(ticket).await.unwrap();
        assert_eq!(calls, [call("b"), call("a")]);
    })
    .await;
}

#[tokio::test]
async fn what_is_known_changes_only_from_what_was_read() {
    on_every_backend(async |bench| {
        let record = |id: &str| RemoteRecord {
            connection: "main".to_owned(),
            object: "ticket".to_owned(),
            id: id.to_owned(),
        };
        let unknown = bench.store.known(vec![record("1"), record("2")]).await;
        let unknown = unknown.unwrap();
        assert_eq!(
            (unknown[0].revision, &unknown[1].facts),
            (0, &Value::Null),
            "nothing was known"
        );
        let learn = async |number: u8, known: Vec<Known>| {
            bench.accept(number, "a", 10).await;
            let claimed = bench.claim_events(10, 1).await;
            let plan = Plan {
                known,
                ..Plan::default()
            };
            let (id, fence) = (claimed[0].event.id, claimed[0].fence);
            let recorded = bench.store.record_plan(id, fence, plan, at(11)).await;
            if recorded.is_err() {
                let end = bench.store.bury_event(id, fence, "x".to_owned(), at(11));
                end.await.unwrap();
            }
            recorded.map(drop)
        };
        let known = |revision, facts| Known {
            record: record("1"),
            revision,
            facts,
        };
        learn(1, vec![known(0, json!({"n": 1}))]).await.unwrap();
        learn(2, vec![known(1, json!({"n": 2}))]).await.unwrap();
        for (number, stale) in (0..).zip([0, 1, 3]) {
            let other = Known {
                record: record("2"),
                ..known(0, json!({}))
            };
            let learnt = learn(10 + number, vec![other, known(stale, json!({"n": 3}))]).await;
            assert!(matches!(learnt, Err(Error::Outdated { .. })), "{learnt:?}");
        }
        let found = bench.store.known(vec![record("2"), record("1")]).await;
        let found = found.unwrap();
        assert_eq!(found[0].revision, 0, "nothing of a failed plan is kept");
        assert_eq!(found[1], known(2, json!({"n": 2})));
    })
    .await;
}
