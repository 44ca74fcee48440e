//! Saying that this node lives, so that nobody takes over what it has claimed.

use std::{sync::Arc, time::Duration};

use deskbridge_core::Chain;
use deskbridge_store::Store;
use tokio::{sync::watch, time::Instant};

/// How often it is said.
const EVERY: Duration = Duration::from_secs(1);
/// For how long it counts: others take over so long after it was said last, or a second and a look later.
pub(crate) const VALID_FOR: Duration = Duration::from_secs(5);

/// Until when the others take this node to be alive, by its own reckoning. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// `None` before it was said for the first time.
    until: Arc<watch::Sender<Option<Instant>>>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            until: Arc::new(watch::Sender::new(None)),
        }
    }
}

impl Presence {
    /// Says so again and again, and takes over from nodes that do not.
    pub(crate) async fn keep(&self, store: &Store, lane: &'static str) {
        // Side by side: however long it takes to take over, this node lives.
        tokio::join!(self.say(store, lane), take_over(store, lane));
    }

    async fn say(&self, store: &Store, lane: &'static str) {
        loop {
            // From before it is asked for: the database counts from later on.
            let said_at = Instant::now();
            match tokio::time::timeout(VALID_FOR, store.beat(VALID_FOR)).await {
                Ok(Ok(())) => {
                    self.until.send_replace(Some(said_at + VALID_FOR));
                }
                Ok(Err(error)) => {
                    tracing::error!(error = %Chain(&error), lane, "This node cannot say that it lives");
                }
                Err(_elapsed) => {
                    tracing::error!(
                        lane,
                        "This node cannot say that it lives: the store does not answer"
                    );
                }
            }
            tokio::time::sleep_until(said_at + EVERY).await;
        }
    }

    #[cfg(test)]
    pub(crate) fn say_for(&self, span: Duration) {
        self.until.send_replace(Some(Instant::now() + span));
    }

    /// Ends once it counts.
    pub(crate) async fn shown(&self) {
        let counts = |until: &Option<Instant>| until.is_some_and(|until| Instant::now() < until);
        // The sender lives as long as this.
        drop(self.until.subscribe().wait_for(counts).await);
    }

    /// Ends once it counts no more; never while nobody said anything.
    pub(crate) async fn lost(&self) {
        let mut until = self.until.subscribe();
        loop {
            let current = *until.borrow_and_update();
            let ended = async {
                match current {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Ok(()) = until.changed() => {}
                () = ended => return,
            }
        }
    }
}

async fn take_over(store: &Store, lane: &'static str) {
    loop {
        match store.take_over().await {
            Ok(0) => {}
            Ok(taken) => {
                tracing::warn!(
                    number = taken,
                    lane,
                    "Another node is gone: what it had claimed is carried out by those that live"
                );
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), lane, "What nodes that are gone had claimed was not taken over");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use deskbridge_core::Outcome;

    use super::*;
    use crate::Counters;

    #[tokio::test(start_paused = true)]
    async fn what_was_said_counts_until_it_is_said_again() {
        let presence = Presence::default();
        let start = Instant::now();
        let until = |seconds| Some(start + Duration::from_secs(seconds));
        let say = async {
            presence.until.send_replace(until(5));
            tokio::time::sleep(Duration::from_secs(4)).await;
            presence.until.send_replace(until(9));
        };
        tokio::join!(presence.lost(), say);
        assert_eq!(start.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_too_long_ago_shows_nothing() {
        let presence = Presence::default();
        let shown = async |seconds| {
            let limit = Duration::from_secs(seconds);
            tokio::time::timeout(limit, presence.shown()).await.is_ok()
        };
        assert!(!shown(60).await);
        presence.say_for(VALID_FOR);
        assert!(shown(0).await);
        tokio::time::sleep(VALID_FOR).await;
        assert!(!shown(60).await);
        presence.say_for(VALID_FOR);
        assert!(shown(0).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_broken_off_when_it_counts_no_more_and_may_have_run() {
        let presence = Presence::default();
        presence.say_for(VALID_FOR);
        let hangs = std::future::pending::<Outcome<()>>();
        let (limit, counters) = (Duration::from_secs(60), Counters::default());
        let start = Instant::now();
        let ended = crate::lane::attempt(hangs, limit, &presence, &counters).await;
        assert!(matches!(ended, Ok(Outcome::Unknown(_))), "{ended:?}");
        assert_eq!(start.elapsed(), VALID_FOR);
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_said_anything_has_nothing_to_lose() {
        let presence = Presence::default();
        let hour = tokio::time::timeout(Duration::from_secs(3_600), presence.lost());
        assert!(hour.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_living_store_keeps_a_node_alive() {
        let (presence, store) = (Presence::default(), Store::open_inline().unwrap());
        tokio::select! {
            () = presence.keep(&store, "test") => {}
            () = async { presence.shown().await; presence.lost().await } => panic!("it lives"),
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}
