//! What only one of the nodes that share a store may do at a time.

use std::{sync::Arc, time::Duration};

use deskbridge_calls::follow;
use deskbridge_core::{Chain, Clock};
use deskbridge_journal::{Holds, Tasks};
use deskbridge_store::{Fence, Store};
use tokio::{sync::watch, time::Instant};

/// For how long a lease is taken: another node has it so long after it was renewed last, or a renewal later.
const HOLD_FOR: Duration = Duration::from_secs(6);
/// How often it is renewed, or asked for.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// The leases of this node.
#[derive(Clone)]
pub(super) struct Leases {
    store: Store,
    clock: Clock,
    tasks: Tasks,
    /// This process among all that share the store.
    holder: String,
}

/// Until when a lease is held, by this node's own reckoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// It was not asked for yet.
    Unknown,
    /// Under this number.
    Until(Instant, u64),
    Elsewhere,
}

impl Leases {
    pub(super) fn new(
        store: &Store,
        clock: &Clock,
        tasks: &Tasks,
        rng: &mut fastrand::Rng,
    ) -> Self {
        Self {
            store: store.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            holder: format!("{:016x}-{}", rng.u64(..), std::process::id()),
        }
    }

    /// Whether this node holds the lease of that name, which it tries to from now on, until the program stops.
    pub(super) fn hold(&self, name: String) -> Holds {
        match self.store.is_shared() {
            true => self.watched(name),
            false => Arc::new(|| Box::pin(std::future::ready(true))),
        }
    }

    /// The same for who follows a PBX, with what proves it to the store. What it writes is refused once somebody else
    /// holds the lease, so it goes on while the store does not answer: only so is no call missed meanwhile.
    pub(super) fn hold_for_calls(&self, name: String) -> follow::Holds {
        if !self.store.is_shared() {
            return Arc::new(|| Box::pin(std::future::ready(follow::Held::Alone)));
        }
        let told = self.asked_for(name.clone());
        Arc::new(move || {
            let (told, lease) = (told.clone(), name.clone());
            Box::pin(async move {
                match answer(told).await {
                    Held::Until(_, number) => follow::Held::Under(Fence { lease, number }),
                    Held::Unknown | Held::Elsewhere => follow::Held::Elsewhere,
                }
            })
        })
    }

    fn watched(&self, name: String) -> Holds {
        let told = self.asked_for(name);
        Arc::new(move || {
            let told = told.clone();
            Box::pin(async move {
                matches!(answer(told).await, Held::Until(until, _) if Instant::now() < until)
            })
        })
    }

    /// Begins to try to hold a lease.
    fn asked_for(&self, name: String) -> watch::Receiver<Held> {
        let (tell, told) = watch::channel(Held::Unknown);
        self.tasks.spawn("lease", self.clone().keep(name, tell));
        told
    }

    /// Takes a lease and renews it, and gives it up when the program stops.
    async fn keep(self, name: String, tell: watch::Sender<Held>) {
        loop {
            // From before it is asked for: the database counts from later on.
            let asked_at = Instant::now();
            match self.ask(&name).await {
                Some(Some(number)) => {
                    tell.send_replace(Held::Until(asked_at + HOLD_FOR, number));
                }
                Some(None) => drop(tell.send_replace(Held::Elsewhere)),
                // What is held is held until it runs out.
                None => {
                    tell.send_if_modified(|held| {
                        let is_first = *held == Held::Unknown;
                        if is_first {
                            *held = Held::Elsewhere;
                        }
                        is_first
                    });
                }
            }
            tokio::select! {
                () = self.tasks.stopping() => break,
                () = tokio::time::sleep_until(asked_at + RENEW_EVERY) => {}
            }
        }
        tell.send_replace(Held::Elsewhere);
        if let Err(error) = self.store.let_go(name, self.holder).await {
            tracing::warn!(error = %Chain(&error), "A lease was not given up; it runs out by itself");
        }
    }

    /// The number under which the store gives a lease to this node, if it does; `None` when it does not say so in time.
    async fn ask(&self, name: &str) -> Option<Option<u64>> {
        let (holder, now) = (self.holder.clone(), self.clock.now());
        let asked = self.store.hold(name.to_owned(), holder, HOLD_FOR, now);
        match tokio::time::timeout(HOLD_FOR, asked).await {
            Ok(Ok(number)) => Some(number),
            Ok(Err(error)) => {
                tracing::error!(lease = name, error = %Chain(&error), "A lease cannot be renewed");
                None
            }
            Err(_elapsed) => {
                tracing::error!(
                    lease = name,
                    "A lease cannot be renewed: the store does not answer"
                );
                None
            }
        }
    }
}

/// How a lease stands, by the last answer of the store.
async fn answer(mut told: watch::Receiver<Held>) -> Held {
    // Whoever asks first waits for the first answer.
    match told.wait_for(|held| *held != Held::Unknown).await {
        Ok(held) => *held,
        Err(_stopped) => Held::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    struct Nodes {
        store: Store,
        clock: Clock,
    }

    impl Nodes {
        /// Another node, and what stops it.
        fn node(&self, seed: u64) -> (Leases, Tasks) {
            let (tasks, mut rng) = (Tasks::default(), fastrand::Rng::with_seed(seed));
            let leases = Leases::new(&self.store, &self.clock, &tasks, &mut rng);
            (leases, tasks)
        }

        /// Lets the same time pass for the store and for who waits.
        async fn pass(&self, seconds: i64) {
            for _ in 0..seconds {
                self.clock.advance(SignedDuration::from_secs(1));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_node_holds_until_it_stops_or_is_gone() {
        let nodes = Nodes {
            store: Store::open_inline().unwrap(),
            clock: Clock::manual(Timestamp::UNIX_EPOCH),
        };
        let [(one, one_tasks), (two, two_tasks), (three, _three_tasks)] =
            [1, 2, 3].map(|seed| nodes.node(seed));
        let [one, two] = [one, two].map(|node| node.watched("poll".to_owned()));
        assert!(one().await && !two().await);
        nodes.pass(60).await;
        assert!(one().await && !two().await, "it is renewed");
        assert!(one_tasks.shut_down(HOLD_FOR).await);
        nodes.pass(3).await;
        assert!(!one().await && two().await, "who stops lets go at once");
        // Who is gone renews nothing, and the clock of the others goes on.
        nodes.clock.advance(SignedDuration::from_secs(6));
        let three = three.watched("poll".to_owned());
        assert!(three().await);
        nodes.pass(3).await;
        assert!(!two().await && three().await, "it learns that it was gone");
        assert!(two_tasks.shut_down(HOLD_FOR).await);
        assert!(three().await, "who holds nothing lets nothing go");
    }

    #[tokio::test(start_paused = true)]
    async fn who_follows_calls_goes_on_until_somebody_else_holds() {
        let nodes = Nodes {
            store: Store::open_inline().unwrap(),
            clock: Clock::manual(Timestamp::UNIX_EPOCH),
        };
        let (one, _one_tasks) = nodes.node(1);
        let told = one.asked_for("asterisk/office".to_owned());
        assert!(matches!(answer(told.clone()).await, Held::Until(_, 1)));
        nodes.clock.advance(SignedDuration::from_secs(6));
        let other = nodes.store.hold(
            "asterisk/office".to_owned(),
            "other".to_owned(),
            HOLD_FOR,
            nodes.clock.now(),
        );
        assert_eq!(other.await.unwrap(), Some(2));
        assert!(matches!(answer(told.clone()).await, Held::Until(_, 1)));
        nodes.pass(3).await;
        assert_eq!(answer(told).await, Held::Elsewhere);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_a_store_alone_holds_everything() {
        let nodes = Nodes {
            store: Store::open_inline().unwrap(),
            clock: Clock::manual(Timestamp::UNIX_EPOCH),
        };
        let (leases, _) = nodes.node(1);
        assert!(leases.hold("poll".to_owned())().await);
        let taken = nodes.store.hold(
            "poll".to_owned(),
            "other".to_owned(),
            HOLD_FOR,
            nodes.clock.now(),
        );
        assert_eq!(taken.await.unwrap(), Some(1), "nothing is asked for");
    }
}
