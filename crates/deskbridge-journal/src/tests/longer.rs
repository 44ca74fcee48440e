//! Effects that may take longer than most.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const USUAL: Duration = Duration::from_secs(30);
const LONGER: Duration = Duration::from_secs(600);

/// Takes as long as it may, less a second.
#[derive(Default)]
struct Slow {
    attempts: AtomicU32,
}

impl Handler for Slow {
    fn apply<'a>(&'a self, _effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async {
            self.attempts.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(LONGER - Duration::from_secs(1)).await;
            Outcome::Done(json!(null))
        })
    }

    fn attempt_for(&self, effect: &Effect) -> Option<Duration> {
        (effect.intent.payload["number"] == 1).then_some(LONGER)
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_take_longer_is_neither_broken_off_nor_claimed_again() {
    let mut bench = Bench::new();
    let handler = Arc::new(Slow::default());
    let settings = Settings {
        concurrent_max: 4,
        attempt_for: USUAL,
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
    let clock = bench.clock.clone();
    let time_passes = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            clock.advance(SignedDuration::from_secs(1));
        }
    };
    let deadline = Duration::from_secs(3_600);
    let waited = tokio::select! {
        waited = bench.journal.record_and_wait(effect(1, "a"), deadline) => waited,
        () = time_passes => unreachable!("it goes on for ever"),
    };
    assert_eq!(waited.unwrap(), Waited::Done(json!(null)));
    assert_eq!(handler.attempts.load(Ordering::SeqCst), 1);
}
