//! The crate as its users see it, against a simulated account over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod account;
mod exports;
mod files;
mod scans;

use std::time::Duration;

use freshdesk::{Account, Key, Options, Plan};
use simulators::{
    clock::Clock,
    faults::Script,
    freshdesk::{self as desk, Running, Sample},
};

/// The sample's account, at a time that stands still.
async fn running() -> Running {
    running_with(&Sample::default()).await
}

async fn running_with(sample: &Sample) -> Running {
    let options = desk::Options {
        records: sample.records(),
        clock: Clock::manual(sample.now),
        ..desk::Options::default()
    };
    desk::start(options).await.unwrap()
}

fn options() -> Options {
    Options {
        plan: Plan::PerMinute(1_000_000),
        deadline: Duration::from_secs(10),
        retry_after: Duration::from_millis(1),
        random: fastrand::Rng::with_seed(7),
        ..Options::default()
    }
}

fn account(running: &Running) -> Account {
    account_with(running, options())
}

fn account_with(running: &Running, options: Options) -> Account {
    Account::new(&running.url, Key::new("key-of-admin").unwrap(), options).unwrap()
}

fn faults(running: &Running, script: &str) {
    running.desk.set_faults(Script::parse(script).unwrap());
}
