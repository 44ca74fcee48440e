//! Remote systems that never answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::*;

/// Never answers about numbers below a hundred, and counts how many wait for it at once.
#[derive(Default)]
struct Hanging {
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
}

impl Handler for Hanging {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async {
            if effect.intent.payload["number"].as_u64().unwrap() >= 100 {
                return Outcome::Done(json!(null));
            }
            let waiting = 1 + self.waiting.fetch_add(1, Ordering::SeqCst);
            self.waiting_max.fetch_max(waiting, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(25)).await;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            unknown()
        })
    }
}

/// A running journal with four places, with so many keys that hang.
async fn running(keys: u64) -> (Bench, Arc<Hanging>, Tasks) {
    let mut bench = Bench::new();
    let handler = Arc::new(Hanging::default());
    let settings = Settings {
        concurrent_max: 4,
        attempt_for: Duration::from_secs(30),
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 5).unwrap(),
    };
    bench.journal = Journal::new(
        bench.store.clone(),
        bench.clock.clone(),
        fastrand::Rng::with_seed(7),
        settings,
        BTreeMap::from([("test", Arc::clone(&handler) as Arc<dyn Handler>)]),
    );
    let tasks = Tasks::default();
    tasks.spawn("journal", bench.journal.clone().run(tasks.clone()));
    for number in 0..keys {
        bench.record(number, &format!("hanging {number}")).await;
    }
    (bench, handler, tasks)
}

/// How long one whose remote system answers takes.
async fn other_takes(bench: &Bench, number: u64) -> Duration {
    let (start, deadline) = (Instant::now(), Duration::from_secs(3_600));
    let waited = bench
        .journal
        .record_and_wait(effect(number, "other"), deadline);
    assert_eq!(waited.await.unwrap(), Waited::Done(json!(null)));
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn hanging_keys_give_their_places_up() {
    let (bench, handler, _tasks) = running(4).await;
    let took = other_takes(&bench, 100).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(handler.waiting.load(Ordering::SeqCst), 4, "they still hang");
    let took = other_takes(&bench, 101).await;
    assert!(took < Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_failed_takes_no_place() {
    let (bench, handler, _tasks) = running(4).await;
    other_takes(&bench, 100).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(handler.waiting.load(Ordering::SeqCst), 0, "all have failed");
    bench.clock.advance(SignedDuration::from_secs(10));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(handler.waiting.load(Ordering::SeqCst), 4, "all hang again");
    let took = other_takes(&bench, 101).await;
    assert!(took < Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_at_once_than_three_times_the_places() {
    let (_bench, handler, _tasks) = running(50).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(handler.waiting_max.load(Ordering::SeqCst), 12);
}
