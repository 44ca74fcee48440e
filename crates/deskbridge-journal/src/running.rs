//! What is being carried out, and how much more may be begun.
//!
//! Only so many attempts have a place at once. One that is not answered soon gives its place up and goes on without: else
//! a few ordering keys whose remote system never answers would hold up all others, which may go elsewhere. Whatever
//! failed before takes no place at all. How many go on without a place is bounded as well, so that a remote system that
//! is slow to everybody is not asked ever more at once.

use std::{collections::HashMap, time::Duration};

use tokio::{
    task::{Id, JoinSet},
    time::{Instant, sleep_until},
};

/// How long an attempt has its place: far longer than one takes that is answered.
const PLACE_FOR: Duration = Duration::from_secs(2);
/// How many attempts may go on without a place for each that has one.
const WITHOUT_PLACE: usize = 2;

/// Attempts that are under way.
#[derive(Debug)]
pub(crate) struct Running {
    attempts: JoinSet<()>,
    /// Which of them have a place, and until when.
    places: HashMap<Id, Instant>,
    places_max: usize,
}

impl Running {
    /// None, with room for so many at once.
    pub(crate) fn new(places_max: usize) -> Self {
        Self {
            attempts: JoinSet::new(),
            places: HashMap::new(),
            places_max,
        }
    }

    /// How many more may be begun now.
    pub(crate) fn free(&mut self) -> usize {
        let now = Instant::now();
        self.places.retain(|_, until| now < *until);
        let all_max = self.places_max.saturating_mul(1 + WITHOUT_PLACE);
        let places = self.places_max.saturating_sub(self.places.len());
        places.min(all_max.saturating_sub(self.attempts.len()))
    }

    /// Begins an attempt. What failed before takes no place.
    pub(crate) fn begin(
        &mut self,
        attempt: impl Future<Output = ()> + Send + 'static,
        has_failed: bool,
    ) {
        let id = self.attempts.spawn(attempt).id();
        if !has_failed {
            self.places.insert(id, Instant::now() + PLACE_FOR);
        }
    }

    /// Waits until there may be room for more: an attempt has ended, or gives up its place.
    pub(crate) async fn room(&mut self) {
        let next = self.places.values().min().copied();
        let given_up = async {
            match next {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = self.attempts.join_next_with_id() => {
                self.leave(ended);
                // What ended together is replaced together: a claim costs a transaction.
                while let Some(ended) = self.attempts.try_join_next_with_id() {
                    self.leave(ended);
                }
            }
            () = given_up => {}
        }
    }

    fn leave(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.places.remove(&id);
    }

    /// Waits until all have ended.
    pub(crate) async fn ended(mut self) {
        while self.attempts.join_next().await.is_some() {}
    }
}
