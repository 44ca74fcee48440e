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
    Counters, Settings, Tasks, counters::Counted, presence::Presence, running::Running,
    tasks::panic_text,
};

/// How long the dispatcher waits when the store itself fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often the store is looked at when nothing is due: the command line may have revived something.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
        let claimed = claim(lane, lane.settings().concurrent_max).await?;
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
    for claimed in claim(lane, free).await? {
        let (lane, presence) = (lane.clone(), presence.clone());
        let has_failed = L::has_failed(&claimed);
        let attempt = async move { lane.carry_out_and_report(claimed, &presence).await };
        running.begin(attempt, has_failed);
    }
    let next = lane.next_claimable_at().await?;
    Ok(next.map_or(LOOK_EVERY, |next| {
        let wait = next.duration_since(lane.clock().now());
        let wait = Duration::try_from(wait.max(SignedDuration::ZERO)).unwrap_or_default();
        wait.min(LOOK_EVERY)
    }))
}

async fn claim<L: Lane>(lane: &L, limit: usize) -> Result<Vec<L::Work>> {
    let now = lane.clock().now();
    let lease = SignedDuration::try_from(lane.settings().lease_for());
    let lease_until = now
        .saturating_add(lease.unwrap_or(SignedDuration::MAX))
        .unwrap_or(now);
    lane.claim(Claim {
        now,
        lease_until,
        limit,
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
