//! Who changes the head of an ordering key waits for the lock of the key, and for a claim that is on its way.

use deskbridge_core::{EffectId, IdempotencyKey, NewEffect, OrderingKey, Urgency};
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tokio::sync::watch;

use super::super::{at, event, id};
use crate::{
    Accepted, Backend, Claim, Error, EventState, Plan, Store,
    contract::{Schema, admin},
    postgres::{
        Database, ordering_hash,
        turns::{EFFECTS, EVENTS},
    },
};

fn database(store: &Store) -> &Database {
    match &store.backend {
        Backend::Postgres(database) => database,
        Backend::Sqlite(_) => panic!("these tests are about PostgreSQL"),
    }
}

fn effect(number: u64) -> (EffectId, NewEffect) {
    let effect = NewEffect {
        urgency: Urgency::Usual,
        kind: "test".to_owned(),
        ordering_key: OrderingKey::new("key 0"),
        idempotency_key: IdempotencyKey::new(format!("effect {number}")),
        payload: json!(number),
    };
    (
        EffectId::new(at(0), &mut fastrand::Rng::with_seed(number)),
        effect,
    )
}

fn claim(limit: usize) -> Claim {
    Claim {
        now: at(1),
        lease_until: at(1_000),
        limit,
        fresh_only: 0,
    }
}

/// Waits until a statement of the store waits for somebody else's lock.
async fn somebody_waits(schema: &Schema, client: &tokio_postgres::Client, what: &str) {
    let sql = "SELECT 1 FROM pg_stat_activity
        WHERE cardinality(pg_blocking_pids(pid)) > 0 AND application_name = $1";
    testkit::wait_for(what, async || {
        let name = &schema.options.schema;
        let waits = client.query(sql, &[name]).await.unwrap();
        (!waits.is_empty()).then_some(())
    })
    .await;
}

/// Does something while the key is locked, sees that it waits, and lets it go on; whether it was done.
async fn waits(
    store: &Store,
    schema: &Schema,
    client: &tokio_postgres::Client,
    what: &str,
    operation: BoxFuture<'_, bool>,
) -> bool {
    let (release, released) = watch::channel(false);
    let (holds, mut held) = watch::channel(false);
    let hold = database(store).write((holds, released), |transaction, (holds, released)| {
        Box::pin(async move {
            let hash = ordering_hash("key 0");
            EFFECTS.lock(transaction, [hash]).await?;
            EVENTS.lock(transaction, [hash]).await?;
            holds.send_replace(true);
            released
                .clone()
                .wait_for(|released| *released)
                .await
                .unwrap();
            Ok(())
        })
    });
    let operation = async {
        held.wait_for(|holds| *holds).await.unwrap();
        operation.await
    };
    let let_go = async {
        somebody_waits(schema, client, what).await;
        release.send(true).unwrap();
    };
    let (locked, is_done, ()) = tokio::join!(hold, operation, let_go);
    locked.unwrap();
    is_done
}

#[tokio::test]
async fn whoever_changes_the_head_of_a_key_waits_for_its_lock() {
    let schema = Schema::new();
    let address = format!(
        "{}?application_name={}",
        testkit::postgres_address(),
        schema.options.schema
    );
    let store = super::open(&address, &schema.options).await.unwrap();
    let client = admin(&schema.address).await;
    store
        .record_effects((1..=4).map(effect).collect(), at(0))
        .await
        .unwrap();
    for number in 1..=5 {
        let mut event = event(number, 10);
        event.reading.ordering_key = OrderingKey::new("key 0");
        store.accept_event(id(number), event, at(0)).await.unwrap();
    }
    let dead = store.claim_effects(claim(1)).await.unwrap().remove(0);
    store
        .bury_effect(dead.effect.id, dead.fence, String::new(), at(1))
        .await
        .unwrap();
    let running = store.claim_effects(claim(1)).await.unwrap().remove(0);
    let ended = store.claim_events(claim(1)).await.unwrap().remove(0);
    store
        .record_plan(ended.event.id, ended.fence, Plan::default(), at(1))
        .await
        .unwrap();
    let held = store.claim_events(claim(1)).await.unwrap().remove(0);

    let mut moved = event(5, 10).reading;
    moved.ordering_key = OrderingKey::new("elsewhere");
    let mut later = event(6, 10);
    later.reading.ordering_key = OrderingKey::new("key 0");
    let operations: Vec<(&str, BoxFuture<'_, bool>)> = vec![
        (
            "recording",
            Box::pin(async { store.record_effects(vec![effect(9)], at(2)).await.is_ok() }),
        ),
        (
            "reviving",
            Box::pin(async { store.revive_effect(dead.effect.id, at(2)).await.unwrap() }),
        ),
        (
            "discarding",
            Box::pin(async { store.discard_effect(effect(4).0, at(2)).await.unwrap() }),
        ),
        (
            "completing",
            Box::pin(async {
                store
                    .complete_effect(running.effect.id, running.fence, json!(1), at(2))
                    .await
                    .is_ok()
            }),
        ),
        (
            "accepting",
            Box::pin(async { store.accept_event(id(6), later, at(2)).await.is_ok() }),
        ),
        (
            "replaying",
            Box::pin(async { store.replay_event(ended.event.id, at(2)).await.unwrap() }),
        ),
        (
            "discarding an event",
            Box::pin(async { store.discard_event(id(4), at(2)).await.unwrap() }),
        ),
        (
            "reading anew",
            Box::pin(async {
                store
                    .reread_events(vec![(id(5), moved)], at(2))
                    .await
                    .unwrap()
                    .number
                    == 1
            }),
        ),
        (
            "planning",
            Box::pin(async {
                store
                    .record_plan(held.event.id, held.fence, Plan::default(), at(2))
                    .await
                    .is_ok()
            }),
        ),
    ];
    for (what, operation) in operations {
        assert!(
            waits(&store, &schema, &client, what, operation).await,
            "{what}"
        );
    }
    assert_eq!(store.check().await.unwrap(), []);
    schema.drop().await;
}

#[tokio::test]
async fn a_claim_on_its_way_keeps_the_head() {
    let schema = Schema::new();
    let address = format!(
        "{}?application_name={}",
        testkit::postgres_address(),
        schema.options.schema
    );
    let store = super::open(&address, &schema.options).await.unwrap();
    let client = admin(&schema.address).await;
    store
        .record_effects((1..=2).map(effect).collect(), at(0))
        .await
        .unwrap();
    for number in 1..=2 {
        let mut event = event(number, 10);
        event.reading.ordering_key = OrderingKey::new("key 0");
        store.accept_event(id(number), event, at(0)).await.unwrap();
    }
    let dead = store.claim_effects(claim(1)).await.unwrap().remove(0);
    store
        .bury_effect(dead.effect.id, dead.fence, String::new(), at(1))
        .await
        .unwrap();
    let ended = store.claim_events(claim(1)).await.unwrap().remove(0);
    store
        .record_plan(ended.event.id, ended.fence, Plan::default(), at(1))
        .await
        .unwrap();
    let operations: [(_, BoxFuture<'_, bool>); 2] = [
        (
            &EFFECTS,
            Box::pin(async { store.revive_effect(dead.effect.id, at(2)).await.unwrap() }),
        ),
        (
            &EVENTS,
            Box::pin(async { store.replay_event(ended.event.id, at(2)).await.unwrap() }),
        ),
    ];
    for (turns, operation) in operations {
        let (release, released) = watch::channel(false);
        let (holds, mut held) = watch::channel(false);
        let parameters = (holds, released, database(&store).node());
        let hold = database(&store).write(parameters, |transaction, (holds, released, node)| {
            Box::pin(async move {
                let claimed = turns.claim(transaction, claim(1), *node).await?;
                holds.send_replace(true);
                released
                    .clone()
                    .wait_for(|released| *released)
                    .await
                    .unwrap();
                Ok(claimed.len())
            })
        });
        let operation = async {
            held.wait_for(|holds| *holds).await.unwrap();
            operation.await
        };
        let let_go = async {
            somebody_waits(&schema, &client, "the head to be waited for").await;
            release.send(true).unwrap();
        };
        let (claimed, is_done, ()) = tokio::join!(hold, operation, let_go);
        assert_eq!(claimed.unwrap(), 1);
        assert!(is_done);
    }
    assert_eq!(store.check().await.unwrap(), []);
    assert_eq!(store.claim_effects(claim(1)).await.unwrap(), []);
    let counts = store.count_events().await.unwrap().by_state;
    assert_eq!(
        (counts[&EventState::Running], counts[&EventState::Pending]),
        (1, 1)
    );
    schema.drop().await;
}

#[tokio::test]
async fn a_key_that_somebody_has_for_long_keeps_out_its_own_events_alone() {
    let schema = Schema::new();
    let store = super::open(&testkit::postgres_address(), &schema.options)
        .await
        .unwrap();
    let known = event(5, 10);
    store
        .accept_event(id(5), known.clone(), at(0))
        .await
        .unwrap();
    let (release, released) = watch::channel(false);
    let (holds, mut held) = watch::channel(false);
    let hold = database(&store).write((holds, released), |transaction, (holds, released)| {
        Box::pin(async move {
            EVENTS.lock(transaction, [ordering_hash("key 0")]).await?;
            holds.send_replace(true);
            let mut released = released.clone();
            // Something happens in the transaction, so that it is not ended.
            while !*released.borrow_and_update() {
                let moment = std::time::Duration::from_millis(500);
                drop(tokio::time::timeout(moment, released.changed()).await);
                transaction.batch_execute("SELECT 1").await.unwrap();
            }
            Ok(())
        })
    });
    let arrivals = async {
        held.wait_for(|holds| *holds).await.unwrap();
        // Of five keys, and one that is known already.
        let accepted = join_all(
            (0..20).map(|number| store.accept_event(id(number), event(number, 10), at(1))),
        );
        let accepted = accepted.await;
        release.send(true).unwrap();
        accepted
    };
    let (locked, accepted) = tokio::join!(hold, arrivals);
    locked.unwrap();
    for (number, accepted) in (0..).zip(&accepted) {
        match number {
            5 => assert_eq!(accepted.as_ref().unwrap(), &Accepted::Repeated(id(5))),
            0 | 10 | 15 => assert!(matches!(accepted, Err(Error::Busy)), "{accepted:?}"),
            other => assert_eq!(accepted.as_ref().unwrap(), &Accepted::New(id(other))),
        }
    }
    let again = store.accept_event(id(10), event(10, 10), at(2)).await;
    assert_eq!(again.unwrap(), Accepted::New(id(10)));
    assert_eq!(store.check().await.unwrap(), []);
    schema.drop().await;
}
