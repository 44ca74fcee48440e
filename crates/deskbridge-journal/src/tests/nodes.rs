//! Two nodes on one PostgreSQL.

use deskbridge_core::Secret;
use deskbridge_store::{Claimed, PostgresOptions};

use super::*;

/// Two stores, as two processes have them.
async fn two_stores(name: &str) -> [Store; 2] {
    let address = Secret::new(testkit::postgres_address());
    let options = PostgresOptions {
        schema: format!("journal_{name}_{}", std::process::id()),
        connections_max: 3,
        ..PostgresOptions::default()
    };
    let open = async || Store::open_postgres(&address, &options).await.unwrap();
    [open().await, open().await]
}

/// Claims for an hour.
async fn claim(store: &Store, now: Timestamp) -> Vec<Claimed> {
    let claim = Claim {
        now,
        lease_until: now + Duration::from_secs(3_600),
        limit: 10,
        fresh_only: 0,
    };
    store.claim_effects(claim).await.unwrap()
}

#[tokio::test]
async fn what_a_dead_node_had_claimed_is_looked_at_by_another_one() {
    let [dead, alive] = two_stores("dead").await;
    let bench = Bench::over(alive);
    let id = bench.record(1, "a").await;
    dead.beat(Duration::ZERO).await.unwrap();
    assert_eq!(claim(&dead, bench.clock.now()).await.len(), 1);
    let tasks = Tasks::default();
    tasks.spawn("journal", bench.journal.clone().run(tasks.clone()));
    testkit::wait_for("the other node to carry it out", async || {
        (bench.record_of(id).await.state == EffectState::Done).then_some(())
    })
    .await;
    assert_eq!(bench.asked(), [(1, true)]);
    assert!(tasks.shut_down(Duration::from_secs(60)).await);
}

#[tokio::test]
async fn what_a_living_node_carries_out_is_left_to_it() {
    let [one, two] = two_stores("alive").await;
    let bench = Bench::over(one);
    let (started, mut starts) = watch::channel(false);
    let (go_on, goes_on) = watch::channel(false);
    bench.script.gate(started, goes_on);
    let tasks = Tasks::default();
    tasks.spawn("journal", bench.journal.clone().run(tasks.clone()));
    let id = bench.record(1, "a").await;
    starts.wait_for(|started| *started).await.unwrap();
    two.beat(Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(two.take_over().await.unwrap(), 0);
    let now = bench.clock.now();
    assert_eq!(two.release_interrupted_effects(now).await.unwrap(), 0);
    // By a clock that is a minute ahead, and long after the lease.
    let later = now + Duration::from_secs(120);
    assert_eq!(claim(&two, later).await, []);
    go_on.send(true).unwrap();
    testkit::wait_for("the effect to be done", async || {
        (bench.record_of(id).await.state == EffectState::Done).then_some(())
    })
    .await;
    assert!(tasks.shut_down(Duration::from_secs(60)).await);
}
