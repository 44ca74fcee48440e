//! What every back end promises about leases.

use std::time::Duration;

use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use serde_json::Value;

use super::{Bench, at, id, on_every_backend};
use crate::{CallChange, CallLine, Error, Fence, KeptCall};

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

/// Keeps a call whose story says who did, with an effect.
async fn keep(bench: &Bench, who: &str, number: Option<u64>) -> crate::Result<()> {
    let change = CallChange {
        call: KeptCall {
            connection: "pbx".to_owned(),
            linkedid: "1.0".to_owned(),
            joined: Vec::new(),
            direction: "incoming".to_owned(),
            client: None,
            line: None,
            result: None,
            started_at: at(0),
            state: Value::from(who),
        },
        lines: vec![CallLine {
            at: at(0),
            text: who.to_owned(),
        }],
    };
    let effect = NewEffect {
        urgency: Urgency::Usual,
        kind: "test.write".to_owned(),
        ordering_key: OrderingKey::new("1.0"),
        idempotency_key: IdempotencyKey::new(who),
        payload: Value::Null,
    };
    let fence = number.map(|number| Fence {
        lease: "asterisk/pbx".to_owned(),
        number,
    });
    let seed = who.len() as u64;
    let kept = bench
        .store
        .keep_calls(vec![change], vec![(id(seed), effect)], fence, at(0));
    kept.await.map(drop)
}

#[tokio::test]
async fn who_lost_a_lease_keeps_nothing_of_calls() {
    on_every_backend(async |bench| {
        let (bench, lease) = (&bench, "asterisk/pbx");
        assert_eq!(bench.hold(lease, "one", Duration::ZERO).await, Some(1));
        keep(bench, "one", Some(1)).await.unwrap();
        // It ran out, and nobody else has taken it.
        keep(bench, "one again", Some(1)).await.unwrap();
        assert_eq!(bench.hold(lease, "two", HOUR).await, Some(2));
        keep(bench, "number two", Some(2)).await.unwrap();
        let late = keep(bench, "one, frozen meanwhile", Some(1)).await;
        let late = late.unwrap_err();
        assert!(
            matches!(&late, Error::LeaseLost { id, fence: 1 } if id == lease),
            "{late:?}"
        );
        let kept = bench.store.call("pbx".to_owned(), "1.0".to_owned());
        assert_eq!(kept.await.unwrap().unwrap().state, "number two");
        let story = bench.store.call_story("pbx".to_owned(), "1.0".to_owned());
        let story: Vec<String> = story.await.unwrap().into_iter().map(|of| of.text).collect();
        assert_eq!(story, ["one", "one again", "number two"]);
        let late = IdempotencyKey::new("one, frozen meanwhile");
        assert_eq!(bench.store.effect_of_key(late).await.unwrap(), None);
        // Who is alone holds nothing.
        keep(bench, "nobody else", None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_extended_is_good_for_longer() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        let claimed = bench.claim(0).await.remove(0);
        let (effect, fence) = (claimed.effect.id, claimed.fence);
        let extended = bench.store.extend_effect(effect, fence, at(1_000));
        extended.await.unwrap();
        assert!(bench.claim(999).await.is_empty(), "it is held");
        let again = bench.claim(1_000).await.remove(0);
        assert!(again.effect.look_first);
        let late = bench.store.extend_effect(effect, fence, at(2_000)).await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })), "{late:?}");
        bench.complete(&again, 1_001).await;
        let ended = bench.store.extend_effect(effect, again.fence, at(2_000));
        assert!(matches!(ended.await, Err(Error::LeaseLost { .. })));
    })
    .await;
}
