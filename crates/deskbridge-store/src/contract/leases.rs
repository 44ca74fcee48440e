//! What every back end promises about leases.

use std::time::Duration;

use super::{Bench, at, on_every_backend};

const HOUR: Duration = Duration::from_secs(3_600);

impl Bench {
    async fn hold(&self, name: &str, holder: &str, hold_for: Duration) -> Option<u64> {
        let held = self
            .store
            .hold(name.to_owned(), holder.to_owned(), hold_for, at(0));
        held.await.unwrap()
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_number_for_each() {
    on_every_backend(async |bench| {
        assert_eq!(bench.hold("poll", "one", HOUR).await, Some(1));
        assert_eq!(bench.hold("poll", "two", HOUR).await, None);
        assert_eq!(bench.hold("other", "two", HOUR).await, Some(1));
        assert_eq!(
            bench.hold("poll", "one", Duration::ZERO).await,
            Some(1),
            "renewed, and it runs out at once"
        );
        assert_eq!(
            bench.hold("poll", "one", Duration::ZERO).await,
            Some(1),
            "nobody had it meanwhile"
        );
        assert_eq!(bench.hold("poll", "two", HOUR).await, Some(2));
        assert_eq!(
            bench.hold("poll", "one", HOUR).await,
            None,
            "it went over to somebody else"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_was_given_up_is_free_under_a_new_number() {
    on_every_backend(async |bench| {
        let let_go = async |holder: &str| {
            bench
                .store
                .let_go("poll".to_owned(), holder.to_owned())
                .await
        };
        assert_eq!(bench.hold("poll", "one", HOUR).await, Some(1));
        assert!(!let_go("two").await.unwrap());
        assert_eq!(bench.hold("poll", "two", HOUR).await, None);
        assert!(let_go("one").await.unwrap());
        assert!(!let_go("one").await.unwrap());
        assert_eq!(bench.hold("poll", "two", HOUR).await, Some(2));
        assert!(let_go("two").await.unwrap());
        assert_eq!(bench.hold("poll", "two", HOUR).await, Some(3));
    })
    .await;
}

#[tokio::test]
async fn a_node_that_says_that_it_lives_loses_nothing() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        bench.store.beat(HOUR).await.unwrap();
        assert_eq!(bench.store.take_over().await.unwrap(), 0);
        let claimed = bench.claim(0).await.remove(0);
        bench.store.beat(HOUR).await.unwrap();
        assert_eq!(bench.store.take_over().await.unwrap(), 0);
        assert!(bench.claim(1).await.is_empty());
        bench.complete(&claimed, 2).await;
    })
    .await;
}
