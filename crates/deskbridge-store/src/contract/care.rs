//! What every back end promises about copies of it and about its own health.

use deskbridge_core::{Link, RemoteRecord};
use serde_json::json;

use super::{Bench, at, id, on_every_backend};
use crate::{EffectState, Store, care};

impl Bench {
    /// One effect is done, one runs, two wait; two records are one.
    async fn fill(&self) {
        for (number, key) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
            self.record(number, key, 0).await;
        }
        let claimed = self.claim(1).await;
        let one = claimed
            .iter()
            .find(|claimed| claimed.effect.id == id(1))
            .unwrap();
        self.complete(one, 2).await;
        let record = |connection: &str| RemoteRecord {
            connection: connection.to_owned(),
            object: "ticket".to_owned(),
            id: "1".to_owned(),
        };
        let link = Link {
            one: record("contact centre"),
            other: record("helpdesk"),
        };
        self.store.record_links(vec![link], at(2)).await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_holds_what_the_store_held_at_that_moment() {
    on_every_backend(async |bench| {
        bench.fill().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.db");
        bench.store.backup(file.clone()).await.unwrap();
        bench.record(5, "c", 3).await;
        let refused = bench.store.backup(file.clone()).await;
        assert!(refused.is_err(), "a copy that exists is not written over");
        let contents = care::contents(&file).unwrap();
        assert_eq!((contents.events, contents.effects), (0, 4));
        assert_eq!(contents.problems, [""; 0]);
        let copy = Store::open(&file).unwrap();
        for number in 1..=4 {
            assert_eq!(
                copy.effect(id(number)).await.unwrap(),
                bench.store.effect(id(number)).await.unwrap()
            );
        }
        assert_eq!(copy.effect(id(5)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_is_open_in_a_restored_copy_is_looked_for_before_it_is_written() {
    on_every_backend(async |bench| {
        bench.fill().await;
        let folder = tempfile::tempdir().unwrap();
        let [file, restored] = ["copy.db", "restored.db"].map(|name| folder.path().join(name));
        bench.store.backup(file.clone()).await.unwrap();
        care::copy_to_restore(&file, &restored).unwrap();
        let restored = Store::open(&restored).unwrap();
        for (number, state, look_first) in [
            (1, EffectState::Done, false),
            (2, EffectState::Pending, true),
            (3, EffectState::Running, true),
            (4, EffectState::Pending, true),
        ] {
            let record = restored.effect(id(number)).await.unwrap().unwrap();
            assert_eq!(
                (record.state, record.effect.look_first),
                (state, look_first),
                "{number}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_at_work_is_whole() {
    on_every_backend(async |bench| {
        assert_eq!(bench.store.check().await.unwrap(), [""; 0]);
        bench.fill().await;
        assert_eq!(bench.store.check().await.unwrap(), [""; 0]);
        for claimed in bench.claim(2).await {
            bench.bury(&claimed, 3).await;
        }
        bench.store.revive_effect(id(2), at(4)).await.unwrap();
        let record = bench.store.effect(id(2)).await.unwrap().unwrap();
        assert_eq!(record.effect.intent.payload, json!({ "number": 2 }));
        assert_eq!(bench.store.check().await.unwrap(), [""; 0]);
    })
    .await;
}
