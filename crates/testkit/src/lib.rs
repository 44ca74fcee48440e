//! What tests of several crates need.

use std::time::Duration;

/// How long a state may take to come about before a test gives it up. Generous, because nothing depends on it
/// but the time that a failing test takes.
const STATE_FOR: Duration = Duration::from_secs(30);
/// How often the state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `state` gives a value, and gives it.
///
/// # Panics
/// When it gives none for half a minute; `what` says what was waited for.
pub async fn wait_for<T>(what: &str, mut state: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(STATE_FOR, async {
        loop {
            if let Some(value) = state().await {
                return value;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    match waited.await {
        Ok(value) => value,
        #[expect(clippy::panic, reason = "this fails the test that waits")]
        Err(_elapsed) => panic!("waited in vain for {what}"),
    }
}
