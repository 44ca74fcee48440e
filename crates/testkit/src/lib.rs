//! What tests of several crates need.

pub mod asterisk;
pub mod captures;

use std::{path::Path, time::Duration};

/// How long a state may take to come about before a test gives it up. Nothing depends on it but the time that a
/// failing test takes, and a write that a kill cut off is looked for only after a minute.
const STATE_FOR: Duration = Duration::from_secs(120);
/// How often the state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `state` gives a value, and gives it.
///
/// # Panics
/// When it gives none for two minutes; `what` says what was waited for.
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

/// The address of the PostgreSQL that the tests use: that of `DESKBRIDGE_TEST_POSTGRES`, or of the one that
/// `crates/testkit/postgres.sh start` started.
///
/// # Panics
/// When there is none; it says how to start it.
pub fn postgres_address() -> String {
    if let Ok(address) = std::env::var("DESKBRIDGE_TEST_POSTGRES") {
        return address;
    }
    let note = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/postgres/address");
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of one line, written by our script"
    )]
    match std::fs::read_to_string(note) {
        Ok(address) => address.trim().to_owned(),
        #[expect(clippy::panic, reason = "this fails the test that needs it")]
        Err(_missing) => panic!(
            "this test needs PostgreSQL: run `crates/testkit/postgres.sh start` (./test.sh does so by itself), or name one in DESKBRIDGE_TEST_POSTGRES"
        ),
    }
}
