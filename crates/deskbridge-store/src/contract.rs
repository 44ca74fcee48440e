//! What every back end promises: one list of behaviours, run on each of them.

mod calls;
mod changes;
mod checks;
mod counting;
mod events;
mod imports;
mod leases;
mod nodes;
mod outside;
mod quarantine;
mod records;
mod repeating;
mod retention;
mod sealed;
mod unread;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use deskbridge_core::{EffectId, IdempotencyKey, NewEffect, OrderingKey, Secret, Urgency};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    Answer, Backend, Claim, Claimed, EffectFilter, EffectRecord, EffectState, Error,
    PostgresOptions, Recorded, Retry, Store,
};

/// Runs a behaviour on a fresh store of every kind.
async fn on_every_backend(behaviour: impl AsyncFn(Bench)) {
    let folder = tempfile::tempdir().unwrap();
    let file = Store::open(&folder.path().join("store.db")).unwrap();
    for store in [file, Store::open_inline().unwrap()] {
        behaviour(Bench { store }).await;
    }
    let schema = Schema::new();
    behaviour(schema.bench().await).await;
    schema.drop().await;
}

/// A schema of its own in the PostgreSQL of the tests.
pub(crate) struct Schema {
    pub(crate) address: Secret,
    pub(crate) options: PostgresOptions,
}

impl Schema {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{number}", std::process::id());
        Self {
            address: Secret::new(testkit::postgres_address()),
            options: PostgresOptions {
                schema,
                connections_max: 4,
                ..PostgresOptions::default()
            },
        }
    }

    /// Another node on the same database.
    async fn bench(&self) -> Bench {
        let store = Store::open_postgres(&self.address, &self.options).await;
        Bench {
            store: store.unwrap(),
        }
    }

    /// Runs statements, as an administrator would.
    pub(crate) async fn execute(&self, sql: &str) {
        let schema = &self.options.schema;
        let client = admin(&self.address).await;
        let sql = format!("SET search_path = {schema}; {sql}");
        client.batch_execute(&sql).await.unwrap();
    }

    /// Not on a failure, so that it can be looked at.
    pub(crate) async fn drop(self) {
        let schema = &self.options.schema;
        self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
    }
}

/// A connection of its own, which closes when it is dropped.
pub(crate) async fn admin(address: &Secret) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(address.expose(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(connection);
    client
}

/// A store and the short sentences that the behaviours are told in. Times are seconds.
struct Bench {
    store: Store,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(number: u64) -> EffectId {
    EffectId::new(at(0), &mut fastrand::Rng::with_seed(number))
}

impl Bench {
    /// Records an effect numbered `number` of ordering key `key`.
    async fn record(&self, number: u64, key: &str, second: i64) -> Recorded {
        let effect = NewEffect {
            urgency: Urgency::Usual,
            kind: "test.write".to_owned(),
            ordering_key: OrderingKey::new(key),
            idempotency_key: IdempotencyKey::new(format!("key-{number}")),
            payload: json!({ "number": number }),
        };
        let recorded = self
            .store
            .record_effects(vec![(id(number), effect)], at(second))
            .await;
        recorded.unwrap()[0]
    }

    /// Claims what can be claimed, leased for ten seconds.
    async fn claim(&self, second: i64) -> Vec<Claimed> {
        let claim = Claim {
            now: at(second),
            lease_until: at(second + 10),
            limit: 100,
            fresh_only: 0,
        };
        self.store.claim_effects(claim).await.unwrap()
    }

    /// The numbers of what can be claimed.
    async fn claimed_numbers(&self, second: i64) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.claim(second).await.iter().map(number_of).collect();
        numbers.sort_unstable();
        numbers
    }

    async fn complete(&self, claimed: &Claimed, second: i64) {
        let (id, fence) = (claimed.effect.id, claimed.fence);
        self.store
            .complete_effect(id, fence, json!("ok"), at(second))
            .await
            .unwrap();
    }

    async fn bury(&self, claimed: &Claimed, second: i64) {
        let (id, fence) = (claimed.effect.id, claimed.fence);
        self.store
            .bury_effect(id, fence, "no".to_owned(), at(second))
            .await
            .unwrap();
    }

    /// Runs statements that no method does.
    async fn execute(&self, sql: String) {
        let executed = match &self.store.backend {
            Backend::Sqlite(database) => {
                let run = move |connection: &rusqlite::Connection| {
                    let executed = connection.execute_batch(&sql);
                    executed.map_err(crate::sqlite::failed("run a test's statements"))
                };
                database.write(run).await
            }
            Backend::Postgres(database) => {
                let run = database.write(sql, |work, sql| {
                    Box::pin(async move {
                        let executed = work.batch_execute(sql).await;
                        executed.map_err(crate::postgres::failed("run a test's statements"))
                    })
                });
                run.await
            }
        };
        executed.unwrap();
    }

    async fn state(&self, number: u64) -> EffectState {
        self.store.effect(id(number)).await.unwrap().unwrap().state
    }
}

fn number_of(claimed: &Claimed) -> u64 {
    claimed.effect.intent.payload["number"].as_u64().unwrap()
}

fn number_of_record(record: &EffectRecord) -> u64 {
    record.effect.intent.payload["number"].as_u64().unwrap()
}

#[tokio::test]
async fn an_effect_comes_back_as_it_was_recorded() {
    on_every_backend(async |bench| {
        assert_eq!(bench.record(1, "a", 5).await, Recorded::New(id(1)));
        let record = bench.store.effect(id(1)).await.unwrap().unwrap();
        assert_eq!(record.effect.intent.kind, "test.write");
        assert_eq!(record.effect.intent.ordering_key, OrderingKey::new("a"));
        assert_eq!(record.effect.intent.payload, json!({ "number": 1 }));
        assert_eq!(
            (record.state, record.effect.attempts),
            (EffectState::Pending, 0)
        );
        assert_eq!(
            (record.effect.recorded_at, record.claimable_at),
            (at(5), at(5))
        );
        let same = bench
            .store
            .effect_of_key(IdempotencyKey::new("key-1"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(same, record);
        assert_eq!(bench.store.effect(id(2)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_idempotency_key_is_recorded_once() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        let effect = NewEffect {
            urgency: Urgency::Usual,
            kind: "test.write".to_owned(),
            ordering_key: OrderingKey::new("b"),
            idempotency_key: IdempotencyKey::new("key-1"),
            payload: json!({}),
        };
        let both = vec![(id(2), effect.clone()), (id(3), effect)];
        let recorded = bench.store.record_effects(both, at(1)).await.unwrap();
        assert_eq!(recorded, [Recorded::Known(id(1), EffectState::Pending); 2]);
        assert_eq!(bench.claimed_numbers(2).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn one_key_runs_in_order_and_others_beside_it() {
    on_every_backend(async |bench| {
        for (number, key) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            bench.record(number, key, 0).await;
        }
        let first = bench.claim(1).await;
        let mut numbers: Vec<u64> = first.iter().map(number_of).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(
            bench.claimed_numbers(1).await,
            [0u64; 0],
            "2 and 4 wait for 1"
        );
        let one = first
            .iter()
            .find(|claimed| number_of(claimed) == 1)
            .unwrap();
        bench.complete(one, 2).await;
        let second = bench.claim(2).await;
        assert_eq!(second.iter().map(number_of).collect::<Vec<_>>(), [2]);
        bench.bury(&second[0], 3).await;
        assert_eq!(
            bench.claimed_numbers(3).await,
            [4],
            "a dead effect does not block its key"
        );
    })
    .await;
}

#[tokio::test]
async fn a_rescheduled_effect_parks_its_key_alone() {
    on_every_backend(async |bench| {
        for (number, key) in [(1, "a"), (2, "a"), (3, "b")] {
            bench.record(number, key, 0).await;
        }
        let claimed = bench.claim(1).await;
        let one = claimed
            .iter()
            .find(|claimed| number_of(claimed) == 1)
            .unwrap();
        let retry = Retry {
            not_before: at(50),
            look_first: true,
            why: "no answer".to_owned(),
        };
        let (id, fence) = (one.effect.id, one.fence);
        bench
            .store
            .reschedule_effect(id, fence, retry, at(2))
            .await
            .unwrap();
        let record = bench.store.effect(id).await.unwrap().unwrap();
        assert_eq!(record.failure.as_deref(), Some("no answer"));
        bench.record(4, "b", 3).await;
        let three = claimed
            .iter()
            .find(|claimed| number_of(claimed) == 3)
            .unwrap();
        bench.complete(three, 3).await;
        assert_eq!(bench.claimed_numbers(49).await, [4]);
        let again = bench.claim(50).await;
        assert_eq!(again.iter().map(number_of).collect::<Vec<_>>(), [1]);
        assert_eq!(
            (again[0].effect.attempts, again[0].effect.look_first),
            (1, true)
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_claimed_anew_and_the_old_claim_is_refused() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        let old = bench.claim(0).await.remove(0);
        assert!(bench.claim(9).await.is_empty());
        let new = bench.claim(10).await.remove(0);
        assert!(new.effect.look_first, "the first claimant may have written");
        assert_eq!(
            new.effect.attempts, 1,
            "an attempt that never reported back counts"
        );
        let (id, fence) = (old.effect.id, old.fence);
        let late = bench
            .store
            .complete_effect(id, fence, json!(null), at(11))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        let late = bench
            .store
            .bury_effect(id, fence, String::new(), at(11))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        let retry = Retry {
            not_before: at(0),
            look_first: false,
            why: String::new(),
        };
        let late = bench
            .store
            .reschedule_effect(id, fence, retry, at(11))
            .await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })));
        bench.complete(&new, 12).await;
        assert_eq!(bench.state(1).await, EffectState::Done);
        let record = bench.store.effect(id).await.unwrap().unwrap();
        assert_eq!(record.result, Some(json!("ok")));
    })
    .await;
}

#[tokio::test]
async fn interrupted_effects_are_released_at_the_start() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        bench.record(2, "b", 0).await;
        bench.claim(0).await;
        bench.record(3, "c", 1).await;
        assert_eq!(
            bench
                .store
                .release_interrupted_effects(at(1))
                .await
                .unwrap(),
            2
        );
        let claimed = bench.claim(1).await;
        let look_first: Vec<bool> = claimed
            .iter()
            .map(|claimed| claimed.effect.look_first)
            .collect();
        assert_eq!(look_first.iter().filter(|first| **first).count(), 2);
        assert_eq!(claimed.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_dead_effect_is_revived_in_its_old_place() {
    on_every_backend(async |bench| {
        for number in 1..=3 {
            bench.record(number, "a", 0).await;
        }
        let one = bench.claim(0).await.remove(0);
        bench.bury(&one, 0).await;
        let two = bench.claim(0).await.remove(0);
        assert!(bench.store.revive_effect(id(1), at(1)).await.unwrap());
        assert!(
            !bench.store.revive_effect(id(1), at(1)).await.unwrap(),
            "it is not dead any more"
        );
        assert_eq!(
            bench.claimed_numbers(1).await,
            [0u64; 0],
            "2 is still running"
        );
        bench.complete(&two, 2).await;
        let revived = bench.claim(2).await.remove(0);
        assert_eq!((number_of(&revived), revived.effect.attempts), (1, 0));
        assert!(revived.effect.look_first);
        bench.complete(&revived, 3).await;
        assert_eq!(bench.claimed_numbers(3).await, [3]);
    })
    .await;
}

#[tokio::test]
async fn a_revived_effect_goes_before_those_that_only_wait() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        let one = bench.claim(0).await.remove(0);
        bench.bury(&one, 0).await;
        bench.record(2, "a", 0).await;
        assert!(bench.store.revive_effect(id(1), at(1)).await.unwrap());
        assert_eq!(bench.claimed_numbers(1).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_discarded_effect_never_runs_and_frees_its_key() {
    on_every_backend(async |bench| {
        bench.record(1, "a", 0).await;
        bench.record(2, "a", 0).await;
        assert!(bench.store.discard_effect(id(1), at(1)).await.unwrap());
        assert!(!bench.store.discard_effect(id(1), at(1)).await.unwrap());
        let two = bench.claim(1).await.remove(0);
        assert_eq!(number_of(&two), 2);
        assert!(
            !bench.store.discard_effect(id(2), at(1)).await.unwrap(),
            "it is running"
        );
        assert_eq!(bench.state(1).await, EffectState::Discarded);
    })
    .await;
}

#[tokio::test]
async fn discarding_lets_nothing_run_beside_what_is_running() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench.record(number, "a", 0).await;
        }
        for number in [1, 2] {
            let claimed = bench.claim(0).await.remove(0);
            assert_eq!(number_of(&claimed), number);
            bench.bury(&claimed, 0).await;
        }
        let three = bench.claim(0).await.remove(0);
        assert!(bench.store.revive_effect(id(1), at(1)).await.unwrap());
        for (number, what) in [(4, "one that waits"), (2, "a dead one")] {
            assert!(bench.store.discard_effect(id(number), at(1)).await.unwrap());
            assert_eq!(
                bench.claimed_numbers(1).await,
                [0u64; 0],
                "3 is still running after {what} was discarded"
            );
        }
        bench.complete(&three, 2).await;
        assert_eq!(bench.claimed_numbers(2).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn discarding_lets_nothing_run_beside_what_is_tried_again() {
    on_every_backend(async |bench| {
        for number in 1..=3 {
            bench.record(number, "a", 0).await;
        }
        let one = bench.claim(0).await.remove(0);
        bench.bury(&one, 0).await;
        let two = bench.claim(0).await.remove(0);
        assert!(bench.store.revive_effect(id(1), at(1)).await.unwrap());
        let retry = Retry {
            not_before: at(2),
            look_first: true,
            why: "no answer".to_owned(),
        };
        let (two, fence) = (two.effect.id, two.fence);
        bench
            .store
            .reschedule_effect(two, fence, retry, at(1))
            .await
            .unwrap();
        assert!(bench.store.discard_effect(id(3), at(1)).await.unwrap());
        assert_eq!(bench.claimed_numbers(2).await, [2], "1 still waits for 2");
    })
    .await;
}

#[tokio::test]
async fn the_next_time_is_that_of_the_first_effect_at_a_head() {
    on_every_backend(async |bench| {
        assert_eq!(bench.store.next_effect_claimable_at().await.unwrap(), None);
        bench.record(1, "a", 7).await;
        bench.record(2, "a", 3).await;
        assert_eq!(
            bench.store.next_effect_claimable_at().await.unwrap(),
            Some(at(7))
        );
        bench.claim(7).await;
        assert_eq!(
            bench.store.next_effect_claimable_at().await.unwrap(),
            Some(at(17))
        );
    })
    .await;
}

#[tokio::test]
async fn effects_are_counted_and_listed_newest_first() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench
                .record(
                    number,
                    &format!("key {number}"),
                    10 + i64::try_from(number).unwrap(),
                )
                .await;
        }
        let claimed = bench.claim(20).await;
        let one = claimed
            .iter()
            .find(|claimed| number_of(claimed) == 1)
            .unwrap();
        bench.complete(one, 21).await;
        let two = claimed
            .iter()
            .find(|claimed| number_of(claimed) == 2)
            .unwrap();
        bench.bury(two, 21).await;
        let counts = bench.store.count_effects().await.unwrap();
        assert_eq!(counts.by_state.get(&EffectState::Done), Some(&1));
        assert_eq!(counts.by_state.get(&EffectState::Dead), Some(&1));
        assert_eq!(counts.by_state.get(&EffectState::Running), Some(&2));
        assert_eq!(counts.oldest_open_recorded_at, Some(at(13)));
        let all = EffectFilter {
            limit: 3,
            ..EffectFilter::default()
        };
        let listed = bench.store.list_effects(all).await.unwrap();
        let ids: Vec<EffectId> = listed.iter().map(|record| record.effect.id).collect();
        assert_eq!(ids, [id(4), id(3), id(2)]);
        let dead = EffectFilter {
            state: Some(EffectState::Dead),
            limit: 10,
            ..EffectFilter::default()
        };
        let listed = bench.store.list_effects(dead).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].failure.as_deref(), Some("no"));
        let chosen = async |kind: Option<&str>, key: Option<&str>, before: Option<u64>| {
            let filter = EffectFilter {
                state: None,
                kind: kind.map(str::to_owned),
                ordering_key: key.map(str::to_owned),
                before: before.map(id),
                limit: 10,
            };
            let listed = bench.store.list_effects(filter).await.unwrap();
            listed.iter().map(number_of_record).collect::<Vec<_>>()
        };
        assert_eq!(chosen(Some("test.write"), None, None).await, [4, 3, 2, 1]);
        assert_eq!(chosen(Some("test.read"), None, None).await, [0u64; 0]);
        assert_eq!(chosen(None, Some("key 3"), None).await, [3]);
        assert_eq!(chosen(None, None, Some(3)).await, [2, 1]);
        assert_eq!(
            chosen(None, None, Some(99)).await,
            [0u64; 0],
            "before what is unknown there is nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn only_finished_effects_are_pruned() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench.record(number, &format!("key {number}"), 0).await;
        }
        let claimed = bench.claim(1).await;
        let by_number = |number| {
            claimed
                .iter()
                .find(|claimed| number_of(claimed) == number)
                .unwrap()
        };
        bench.complete(by_number(1), 2).await;
        bench.complete(by_number(2), 9).await;
        bench.bury(by_number(3), 2).await;
        assert_eq!(bench.store.prune_effects(at(5), 10).await.unwrap(), 1);
        assert_eq!(bench.store.effect(id(1)).await.unwrap(), None);
        for number in 2..=4 {
            assert!(
                bench.store.effect(id(number)).await.unwrap().is_some(),
                "{number}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_remembered_until_it_is_not_worth_showing() {
    on_every_backend(async |bench| {
        let store = &bench.store;
        let answer = |body: &str, fetched: i64| Answer {
            body: body.as_bytes().to_vec(),
            fetched_at: at(fetched),
            fresh_until: at(fetched + 60),
            keep_until: at(fetched + 600),
        };
        store
            .remember_answer("a".to_owned(), answer("old", 0))
            .await
            .unwrap();
        store
            .remember_answer("a".to_owned(), answer("new", 10))
            .await
            .unwrap();
        store
            .remember_answer("b".to_owned(), answer("other", 0))
            .await
            .unwrap();
        let recall = async |key: &str, second| {
            store
                .remembered_answer(key.to_owned(), at(second))
                .await
                .unwrap()
        };
        assert_eq!(recall("a", 609).await, Some(answer("new", 10)));
        assert_eq!(recall("a", 610).await, None);
        assert_eq!(recall("c", 0).await, None);
        assert_eq!(store.prune_answers(at(600), 10).await.unwrap(), 1);
        assert_eq!(recall("b", 0).await, None);
        store.forget_answer("a".to_owned()).await.unwrap();
        assert_eq!(recall("a", 11).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let bench = Bench {
        store: Store::open(&path).unwrap(),
    };
    bench.record(1, "a", 0).await;
    drop(bench);
    let bench = Bench {
        store: Store::open(&path).unwrap(),
    };
    assert_eq!(bench.claimed_numbers(1).await, [1]);
}

#[tokio::test]
async fn a_hundred_callers_at_once_are_all_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).unwrap();
    let calls = (0..100).map(|number| {
        let bench = Bench {
            store: store.clone(),
        };
        async move { bench.record(number, "a", 0).await }
    });
    let served = tokio::time::timeout(
        Duration::from_secs(60),
        futures_util::future::join_all(calls),
    );
    assert_eq!(served.await.unwrap().len(), 100);
    assert_eq!(
        store.count_effects().await.unwrap().by_state[&EffectState::Pending],
        100
    );
}
