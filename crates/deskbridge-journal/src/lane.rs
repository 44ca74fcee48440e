//! What the dispatch of effects and that of events have in common: claim what is due, carry it out side by side,
//! wait for what comes next.

use std::{
    panic::{AssertUnwindSafe, UnwindSafe},
    time::Duration,
};

use deskbridge_core::{Chain, Clock, Failure, Outcome};
use deskbridge_store::{Claim, Result, Store};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{
    Counters, Settings, Tasks, counters::Counted, dispatch as decide, presence::Presence,
    running::Running, tasks::panic_text,
};

/// How long the dispatcher waits when the store itself fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often the store is looked at when nothing is due: the command line may have revived something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the dispatcher waits at least when nothing could be claimed: what is due may be locked by another node.
const LOCKED_PAUSE: Duration = Duration::from_millis(100);

/// One kind of work that the store hands out by ordering key.
pub(crate) trait Lane: Clone + Send + Sync + 'static {
    /// What is claimed.
    type Work: Send + 'static;
    /// What it is called in the log.
    const NAME: &'static str;

    fn store(&self) -> &Store;
    fn settings(&self) -> &Settings;
    fn clock(&self) -> &Clock;
    /// Rung when there may be more to do.
    fn wake(&self) -> &Notify;
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Vec<Self::Work>>> + Send;
    fn next_claimable_at(&self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;
    fn release_interrupted(&self) -> impl Future<Output = Result<u64>> + Send;
    /// Whether an earlier attempt failed.
    fn has_failed(work: &Self::Work) -> bool;
    /// Makes one attempt, which is broken off where the claim may have gone over to another node, and stores what
    /// became of it.
    fn carry_out_and_report(
        &self,
        work: Self::Work,
        presence: &Presence,
    ) -> impl Future<Output = ()> + Send;
}

/// Carries out everything whose time has come, and what becomes possible by it; how many attempts were made.
pub(crate) async fn drain<L: Lane>(lane: &L) -> Result<usize> {
    let (mut attempts, presence) = (0, Presence::default());
    loop {
        let claimed = claim(lane, lane.settings().concurrent_max, 0).await?;
        if claimed.is_empty() {
            return Ok(attempts);
        }
        attempts += claimed.len();
        for one in claimed {
            lane.carry_out_and_report(one, &presence).await;
        }
    }
}

/// Carries out what is due until the program stops, then ends what is running. All the while it says that this node
/// lives; it ends with that, so that what hangs goes over to another node.
pub(crate) async fn run<L: Lane>(lane: L, tasks: Tasks) {
    let presence = Presence::default();
    tokio::select! {
        () = presence.keep(lane.store(), L::NAME) => {}
        () = dispatch(&lane, &tasks, &presence) => {}
    }
}

async fn dispatch<L: Lane>(lane: &L, tasks: &Tasks, presence: &Presence) {
    // Nothing is claimed before the first sign of life.
    tokio::select! {
        () = presence.shown() => {}
        () = tasks.stopping() => return,
    }
    match lane.release_interrupted().await {
        Ok(0) => {}
        Ok(number) => {
            tracing::info!(
                number,
                lane = L::NAME,
                "What was interrupted is looked at again"
            );
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), lane = L::NAME, "What was interrupted waits for its lease");
        }
    }
    let mut running = Running::new(lane.settings().concurrent_max);
    while !tasks.is_stopping() {
        // Whose sign of life counts no more would lose at once what it claims.
        tokio::select! {
            biased;
            () = tasks.stopping() => break,
            () = presence.shown() => {}
        }
        // Interest is registered before the store is asked, so that nothing falls in between.
        let woken = lane.wake().notified();
        let free = running.free();
        let pause = match start(lane, free, &mut running, presence).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(error = %Chain(&error), lane = L::NAME, "The journal cannot read its store");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = tasks.stopping() => {}
            () = woken, if free > 0 => {}
            () = running.room() => {}
            () = tokio::time::sleep(pause), if free > 0 => {}
        }
    }
    running.ended().await;
}

/// Starts what can be started; how long to sleep before there may be more.
async fn start<L: Lane>(
    lane: &L,
    free: usize,
    running: &mut Running,
    presence: &Presence,
) -> Result<Duration> {
    if free == 0 {
        return Ok(LOOK_EVERY);
    }
    let kept = decide::kept_for_fresh(lane.settings().concurrent_max);
    let claimed = claim(lane, free, kept).await?;
    let pause_min = match claimed.is_empty() {
        true => LOCKED_PAUSE,
        false => Duration::ZERO,
    };
    for claimed in claimed {
        let (lane, presence) = (lane.clone(), presence.clone());
        let has_failed = L::has_failed(&claimed);
        let attempt = async move { lane.carry_out_and_report(claimed, &presence).await };
        running.begin(attempt, has_failed);
    }
    let next = lane.next_claimable_at().await?;
    Ok(next.map_or(LOOK_EVERY, |next| {
        let wait = next.duration_since(lane.clock().now());
        let wait = Duration::try_from(wait.max(SignedDuration::ZERO)).unwrap_or_default();
        wait.clamp(pause_min, LOOK_EVERY)
    }))
}

async fn claim<L: Lane>(lane: &L, limit: usize, fresh_only: usize) -> Result<Vec<L::Work>> {
    let now = lane.clock().now();
    let lease = SignedDuration::try_from(lane.settings().lease_for());
    let lease_until = now
        .saturating_add(lease.unwrap_or(SignedDuration::MAX))
        .unwrap_or(now);
    lane.claim(Claim {
        now,
        lease_until,
        limit,
        fresh_only,
    })
    .await
}

/// Makes one attempt within its time; `Err` with the text of a panic.
pub(crate) async fn attempt<T>(
    attempt: impl Future<Output = Outcome<T>> + UnwindSafe,
    limit: Duration,
    presence: &Presence,
    counters: &Counters,
) -> std::result::Result<Outcome<T>, String> {
    let attempt = tokio::time::timeout(limit, AssertUnwindSafe(attempt).catch_unwind());
    let ended = tokio::select! {
        ended = attempt => ended,
        () = presence.lost() => {
            let why = "broken off, because this node could not say that it lives and another one may have taken over; it may have run";
            return Ok(Outcome::Unknown(Failure::new(why.to_owned())));
        }
    };
    match ended {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(panic)) => {
            counters.add(Counted::Panicked, 1);
            Err(panic_text(&*panic).to_owned())
        }
        Err(_elapsed) => Ok(Outcome::Unknown(Failure::new(format!(
            "no end after {} s, it may have run",
            limit.as_secs()
        )))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use deskbridge_core::Backoff;

    use super::*;

    /// Work whose head is due, and locked by another node whenever it is asked for.
    #[derive(Clone)]
    struct Locked {
        store: Store,
        settings: Settings,
        clock: Clock,
        wake: Arc<Notify>,
        claims: Arc<AtomicUsize>,
    }

    impl Locked {
        fn new() -> Self {
            let second = Duration::from_secs(1);
            Self {
                store: Store::open_inline().unwrap(),
                settings: Settings {
                    concurrent_max: 4,
                    attempt_for: second,
                    backoff: Backoff::new(second, second, 5).unwrap(),
                },
                clock: Clock::manual(Timestamp::UNIX_EPOCH),
                wake: Arc::default(),
                claims: Arc::default(),
            }
        }

        fn claims(&self) -> usize {
            self.claims.load(Ordering::Relaxed)
        }
    }

    impl Lane for Locked {
        type Work = ();
        const NAME: &'static str = "test";

        fn store(&self) -> &Store {
            &self.store
        }

        fn settings(&self) -> &Settings {
            &self.settings
        }

        fn clock(&self) -> &Clock {
            &self.clock
        }

        fn wake(&self) -> &Notify {
            &self.wake
        }

        async fn claim(&self, _claim: Claim) -> Result<Vec<()>> {
            let claims = self.claims.fetch_add(1, Ordering::Relaxed);
            assert!(claims < 1_000, "it asks without a pause");
            Ok(Vec::new())
        }

        async fn next_claimable_at(&self) -> Result<Option<Timestamp>> {
            Ok(Some(self.clock.now()))
        }

        async fn release_interrupted(&self) -> Result<u64> {
            Ok(0)
        }

        fn has_failed((): &()) -> bool {
            false
        }

        async fn carry_out_and_report(&self, (): (), _presence: &Presence) {}
    }

    /// Dispatches for so many seconds.
    async fn dispatch_for(seconds: u64, lane: &Locked, presence: &Presence) {
        let limit = Duration::from_secs(seconds);
        let tasks = Tasks::default();
        let ended = tokio::time::timeout(limit, dispatch(lane, &tasks, presence)).await;
        assert!(ended.is_err(), "it goes on until the program stops");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_and_locked_elsewhere_is_asked_for_now_and_then() {
        let (lane, presence) = (Locked::new(), Presence::default());
        presence.say_for(Duration::from_secs(60));
        dispatch_for(10, &lane, &presence).await;
        let claims = lane.claims();
        assert!((50..=200).contains(&claims), "{claims} in 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_claimed_while_the_sign_of_life_does_not_count() {
        let (lane, presence) = (Locked::new(), Presence::default());
        presence.say_for(Duration::from_secs(1));
        dispatch_for(1, &lane, &presence).await;
        let claims = lane.claims();
        assert!(claims > 0);
        let says_so_again = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let meanwhile = lane.claims() - claims;
            presence.say_for(Duration::from_secs(60));
            meanwhile
        };
        let (meanwhile, ()) = tokio::join!(says_so_again, dispatch_for(60, &lane, &presence));
        assert_eq!(meanwhile, 0);
        assert!(lane.claims() > claims);
    }
}
