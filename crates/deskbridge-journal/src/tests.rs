//! The journal over an inline store, under a clock that is moved by hand.

mod events;
mod hanging;
mod longer;
mod nodes;

use std::{
    collections::{BTreeMap, VecDeque},
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use deskbridge_core::{
    Backoff, Clock, Effect, EffectId, Failure, IdempotencyKey, NewEffect, OrderingKey, Outcome,
    Urgency,
};
use deskbridge_store::{Claim, EffectRecord, EffectState, Store};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;

/// Answers attempts from a script and notes what it was asked.
#[derive(Default)]
struct Scripted {
    answers: Mutex<BTreeMap<u64, VecDeque<Outcome<Value>>>>,
    asked: Mutex<Vec<(u64, bool)>>,
    gate: Mutex<Option<Gate>>,
}

/// Told that an attempt has begun, and says when it may go on.
type Gate = (watch::Sender<bool>, watch::Receiver<bool>);

impl Scripted {
    /// Holds the next attempt up.
    fn gate(&self, begun: watch::Sender<bool>, goes_on: watch::Receiver<bool>) {
        *self.gate.lock().unwrap() = Some((begun, goes_on));
    }
}

impl Handler for Scripted {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        let number = effect.intent.payload["number"].as_u64().unwrap();
        self.asked.lock().unwrap().push((number, effect.look_first));
        let answer = self
            .answers
            .lock()
            .unwrap()
            .get_mut(&number)
            .and_then(VecDeque::pop_front);
        assert!(number != 13, "thirteen panics");
        let answer = answer.unwrap_or(Outcome::Done(json!(number)));
        match self.gate.lock().unwrap().take() {
            None => Box::pin(ready(answer)),
            Some((begun, mut goes_on)) => Box::pin(async move {
                begun.send(true).unwrap();
                goes_on.wait_for(|goes_on| *goes_on).await.unwrap();
                answer
            }),
        }
    }
}

struct Bench {
    journal: Journal,
    store: Store,
    clock: Clock,
    script: Arc<Scripted>,
}

impl Bench {
    fn new() -> Self {
        Self::over(Store::open_inline().unwrap())
    }

    fn over(store: Store) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_000).unwrap());
        let script = Arc::new(Scripted::default());
        let settings = Settings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 5).unwrap(),
        };
        let handlers: BTreeMap<&'static str, Arc<dyn Handler>> =
            BTreeMap::from([("test", Arc::clone(&script) as Arc<dyn Handler>)]);
        let rng = fastrand::Rng::with_seed(7);
        let journal = Journal::new(store.clone(), clock.clone(), rng, settings, handlers);
        Self {
            journal,
            store,
            clock,
            script,
        }
    }

    fn will_answer(&self, number: u64, answers: impl IntoIterator<Item = Outcome<Value>>) {
        self.script
            .answers
            .lock()
            .unwrap()
            .insert(number, answers.into_iter().collect());
    }

    async fn record(&self, number: u64, key: &str) -> EffectId {
        let recorded = self
            .journal
            .record(vec![effect(number, key)])
            .await
            .unwrap();
        recorded[0].id()
    }

    async fn record_of(&self, id: EffectId) -> EffectRecord {
        self.store.effect(id).await.unwrap().unwrap()
    }

    fn asked(&self) -> Vec<(u64, bool)> {
        self.script.asked.lock().unwrap().clone()
    }

    /// Drains again and again, moving the clock on to each retry, until nothing is open.
    async fn drain_to_the_end(&self) {
        loop {
            self.journal.drain().await.unwrap();
            let Some(next) = self.store.next_effect_claimable_at().await.unwrap() else {
                return;
            };
            self.clock.advance(
                next.duration_since(self.clock.now())
                    .max(SignedDuration::ZERO),
            );
        }
    }
}

fn effect(number: u64, key: &str) -> NewEffect {
    NewEffect {
        urgency: Urgency::Usual,
        kind: "test".to_owned(),
        ordering_key: OrderingKey::new(key),
        idempotency_key: IdempotencyKey::new(format!("effect {number}")),
        payload: json!({ "number": number }),
    }
}

fn unknown() -> Outcome<Value> {
    Outcome::Unknown(Failure::new("no answer"))
}

fn not_sent() -> Outcome<Value> {
    Outcome::NotSent(Failure::new("refused the connection"))
}

#[tokio::test]
async fn a_key_keeps_its_order_through_retries() {
    let bench = Bench::new();
    bench.will_answer(1, [not_sent(), unknown(), not_sent()]);
    for (number, key) in [(1, "a"), (2, "a"), (3, "b")] {
        bench.record(number, key).await;
    }
    bench.drain_to_the_end().await;
    let asked = bench.asked();
    assert_eq!(
        asked[..2],
        [(1, false), (3, false)],
        "b does not wait for a"
    );
    let of_a: Vec<_> = asked
        .into_iter()
        .filter(|(number, _)| *number != 3)
        .collect();
    let expected = [(1, false), (1, false), (1, true), (1, true), (2, false)];
    assert_eq!(
        of_a, expected,
        "after an unknown outcome every attempt looks first"
    );
}

#[tokio::test]
async fn a_refused_effect_is_dead_at_once_and_can_be_revived() {
    let bench = Bench::new();
    bench.will_answer(1, [Outcome::Refused(Failure::new("no such ticket"))]);
    let id = bench.record(1, "a").await;
    bench.drain_to_the_end().await;
    let record = bench.record_of(id).await;
    assert_eq!(
        (record.state, record.failure.as_deref()),
        (EffectState::Dead, Some("no such ticket"))
    );
    bench
        .store
        .revive_effect(id, bench.clock.now())
        .await
        .unwrap();
    bench.drain_to_the_end().await;
    assert_eq!(bench.record_of(id).await.state, EffectState::Done);
    assert_eq!(bench.asked(), [(1, false), (1, true)]);
}

#[tokio::test]
async fn attempts_end() {
    let bench = Bench::new();
    bench.will_answer(1, std::iter::repeat_n(not_sent(), 50));
    let id = bench.record(1, "a").await;
    bench.drain_to_the_end().await;
    assert_eq!(bench.asked().len(), 5);
    let failure = bench.record_of(id).await.failure.unwrap();
    assert_eq!(failure, "given up after 5 attempts: refused the connection");
}

#[tokio::test]
async fn the_remote_system_is_left_alone_as_long_as_it_asked() {
    let bench = Bench::new();
    let asks = Failure::new("busy").after(Some(Duration::from_secs(500)));
    bench.will_answer(1, [Outcome::NotSent(asks)]);
    let id = bench.record(1, "a").await;
    bench.journal.drain().await.unwrap();
    let wait = bench
        .record_of(id)
        .await
        .claimable_at
        .duration_since(bench.clock.now());
    assert_eq!(wait.as_secs(), 500);
}

#[tokio::test]
async fn a_panicking_handler_buries_its_effect_only() {
    let bench = Bench::new();
    let id = bench.record(13, "a").await;
    let other = bench.record(2, "a").await;
    bench.drain_to_the_end().await;
    let record = bench.record_of(id).await;
    assert_eq!(record.state, EffectState::Dead);
    assert_eq!(
        record.failure.unwrap(),
        "this program has a bug: thirteen panics"
    );
    assert_eq!(bench.record_of(other).await.state, EffectState::Done);
    assert_eq!(bench.journal.counters().snapshot().panicked, 1);
}

#[tokio::test]
async fn a_kind_that_nobody_carries_out_is_dead() {
    let bench = Bench::new();
    let stray = NewEffect {
        urgency: Urgency::Usual,
        kind: "other".to_owned(),
        ..effect(1, "a")
    };
    let id = bench.journal.record(vec![stray]).await.unwrap()[0].id();
    bench.drain_to_the_end().await;
    assert_eq!(bench.record_of(id).await.state, EffectState::Dead);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_end_may_have_run() {
    struct Endless;
    impl Handler for Endless {
        fn apply<'a>(&'a self, _: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
            Box::pin(std::future::pending())
        }
    }
    let bench = Bench::new();
    let settings = Settings {
        concurrent_max: 1,
        attempt_for: Duration::from_secs(30),
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 5).unwrap(),
    };
    let handlers: BTreeMap<&'static str, Arc<dyn Handler>> =
        BTreeMap::from([("test", Arc::new(Endless) as Arc<dyn Handler>)]);
    let rng = fastrand::Rng::with_seed(7);
    let journal = Journal::new(
        bench.store.clone(),
        bench.clock.clone(),
        rng,
        settings,
        handlers,
    );
    let id = journal.record(vec![effect(1, "a")]).await.unwrap()[0].id();
    tokio::select! {
        drained = journal.drain() => drained.map(drop).unwrap(),
        () = tokio::time::sleep(Duration::from_secs(31)) => {}
    }
    let record = bench.record_of(id).await;
    assert_eq!(
        record.failure.as_deref(),
        Some("no end after 30 s, it may have run")
    );
    assert!(record.effect.look_first);
}

#[tokio::test]
async fn who_waits_hears_the_end() {
    let bench = Bench::new();
    let deadline = Duration::from_secs(60);
    let waited = bench.journal.record_and_wait(effect(1, "a"), deadline);
    let drained = async {
        while bench.journal.drain().await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (waited, ()) = tokio::join!(waited, drained);
    assert_eq!(waited.unwrap(), Waited::Done(json!(1)));
    let again = bench
        .journal
        .record_and_wait(effect(1, "a"), deadline)
        .await
        .unwrap();
    assert_eq!(
        again,
        Waited::Done(json!(1)),
        "the same effect is not carried out twice"
    );
    assert_eq!(bench.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_has_a_deadline() {
    let bench = Bench::new();
    let waited = bench
        .journal
        .record_and_wait(effect(1, "a"), Duration::from_secs(2))
        .await;
    assert_eq!(waited.unwrap(), Waited::Open);
    bench.drain_to_the_end().await;
    assert_eq!(bench.asked().len(), 1, "it is carried out all the same");
}

#[tokio::test(start_paused = true)]
async fn who_waits_hears_what_another_node_ended() {
    let bench = Bench::new();
    let deadline = Duration::from_secs(60);
    let waited = bench.journal.record_and_wait(effect(1, "a"), deadline);
    let elsewhere = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(bench.journal.waiting(), 1);
        let now = bench.clock.now();
        let claim = Claim {
            now,
            lease_until: now + deadline,
            limit: 1,
            fresh_only: 0,
        };
        let claimed = bench.store.claim_effects(claim).await.unwrap().remove(0);
        let (id, fence) = (claimed.effect.id, claimed.fence);
        let result = json!("elsewhere");
        let completed = bench.store.complete_effect(id, fence, result, now);
        completed.await.unwrap();
    };
    let start = tokio::time::Instant::now();
    let (waited, ()) = tokio::join!(waited, elsewhere);
    assert_eq!(waited.unwrap(), Waited::Done(json!("elsewhere")));
    assert!(start.elapsed() < Duration::from_secs(12), "within a look");
    assert_eq!(bench.journal.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_no_longer_is_forgotten() {
    let bench = Bench::new();
    let second = Duration::from_secs(1);
    let first = bench.journal.record_and_wait(effect(1, "a"), second);
    let second = bench.journal.record_and_wait(effect(1, "a"), second * 5);
    let seen = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(bench.journal.waiting(), 1, "the second still waits");
    };
    let (first, second, ()) = tokio::join!(first, second, seen);
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        (Waited::Open, Waited::Open)
    );
    assert_eq!(bench.journal.waiting(), 0);
    let gives_up = bench
        .journal
        .record_and_wait(effect(1, "a"), Duration::from_secs(60));
    drop(tokio::time::timeout(Duration::from_secs(1), gives_up).await);
    assert_eq!(bench.journal.waiting(), 0, "nor is who goes away");
}

#[tokio::test]
async fn the_running_journal_carries_out_what_is_recorded_and_stops() {
    let bench = Bench::new();
    let tasks = Tasks::default();
    tasks.spawn("journal", bench.journal.clone().run(tasks.clone()));
    let deadline = Duration::from_secs(60);
    for number in 1..=3 {
        let waited = bench
            .journal
            .record_and_wait(effect(number, "a"), deadline)
            .await
            .unwrap();
        assert_eq!(waited, Waited::Done(json!(number)));
    }
    assert!(tasks.shut_down(deadline).await);
}

#[tokio::test]
async fn the_running_journal_notices_what_another_process_revives() {
    let bench = Bench::new();
    bench.will_answer(1, [Outcome::Refused(Failure::new("no such ticket"))]);
    let tasks = Tasks::default();
    tasks.spawn("journal", bench.journal.clone().run(tasks.clone()));
    let id = bench.record(1, "a").await;
    testkit::wait_for("the effect to be given up", async || {
        (bench.record_of(id).await.state == EffectState::Dead).then_some(())
    })
    .await;
    bench
        .store
        .revive_effect(id, bench.clock.now())
        .await
        .unwrap();
    testkit::wait_for("the revived effect to be done", async || {
        (bench.record_of(id).await.state == EffectState::Done).then_some(())
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the attempts end in: every effect ends, and no key's effect starts before the one
    /// recorded before it has ended.
    #[test]
    fn effects_of_a_key_never_overtake(
        answers in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..6), 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            for (number, answers) in answers.iter().enumerate() {
                let number = number as u64 + 20;
                let answers = answers.iter().map(|answer| match answer {
                    0 => Outcome::Done(json!(null)),
                    1 => Outcome::Refused(Failure::new("no")),
                    2 => not_sent(),
                    _ => unknown(),
                });
                bench.will_answer(number, answers);
                bench.record(number, if number.is_multiple_of(2) { "even" } else { "odd" }).await;
            }
            bench.drain_to_the_end().await;
            let counts = bench.store.count_effects().await.unwrap().by_state;
            let ended = counts.get(&EffectState::Done).unwrap_or(&0)
                + counts.get(&EffectState::Dead).unwrap_or(&0);
            assert_eq!(ended, answers.len() as u64);
            for parity in 0..2 {
                let order: Vec<u64> = bench.asked().iter().map(|(number, _)| *number)
                    .filter(|number| number % 2 == parity).collect();
                assert!(order.is_sorted(), "{order:?}");
            }
        });
    }
}
