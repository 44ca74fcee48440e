//! One fetch for all who ask the same question at the same time.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use deskbridge_journal::Tasks;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::sync::oneshot;

type Flight<T> = Shared<BoxFuture<'static, Option<T>>>;

/// Fetches that are under way, by key.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    under_way: Arc<Mutex<HashMap<String, Flight<T>>>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// The result of the fetch for `key`: of the one that is under way, else of a new one.
    ///
    /// A fetch goes on when those who wait for it go away, so that its answer is remembered. `None` when it
    /// panicked.
    pub(crate) async fn join<F>(
        &self,
        tasks: &Tasks,
        key: &str,
        start: impl FnOnce() -> F,
    ) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let flight = {
            let mut under_way = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match under_way.get(key) {
                Some(flight) => flight.clone(),
                None => {
                    let (landed, landing) = oneshot::channel();
                    let flight = landing.map(Result::ok).boxed().shared();
                    under_way.insert(key.to_owned(), flight.clone());
                    let entry = Entry {
                        under_way: Arc::clone(&self.under_way),
                        key: key.to_owned(),
                    };
                    let fetch = start();
                    tasks.spawn("fetch", async move {
                        let entry = entry;
                        let result = fetch.await;
                        // Whoever asks from now on asks anew.
                        drop(entry);
                        drop(landed.send(result));
                    });
                    flight
                }
            }
        };
        flight.await
    }
}

/// Takes a flight off the list when it ends, however it ends.
struct Entry<T> {
    under_way: Arc<Mutex<HashMap<String, Flight<T>>>>,
    key: String,
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn equal_questions_at_the_same_time_are_asked_once() {
        let (flights, tasks) = (Flights::<usize>::default(), Tasks::default());
        let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let ask = |key: &'static str| {
            let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
            flights.join(&tasks, key, move || async move {
                gate.notified().await;
                asked.fetch_add(1, Ordering::SeqCst)
            })
        };
        let open = async {
            gate.notify_one();
            tokio::task::yield_now().await;
            gate.notify_one();
        };
        let (one, same, other, ()) = tokio::join!(biased; ask("a"), ask("a"), ask("b"), open);
        assert_eq!(one, same);
        assert_ne!(one, other);
        gate.notify_one();
        assert_eq!(ask("a").await, Some(2), "a landed flight is not joined");
    }

    #[tokio::test]
    async fn a_fetch_that_panics_can_be_repeated() {
        let (flights, tasks) = (Flights::<usize>::default(), Tasks::default());
        let failed = flights
            .join(&tasks, "a", || async { panic!("a bug") })
            .await;
        assert_eq!(failed, None);
        assert_eq!(flights.join(&tasks, "a", || async { 1 }).await, Some(1));
    }
}
