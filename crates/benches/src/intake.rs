//! Events a second that are acknowledged after they are on disk, beside a bare loop over the same library.

mod bare;
mod disk;
mod http;
mod memory;
mod requests;
mod server;

use std::{sync::Arc, time::Duration};

use deskbridge_core::{Clock, DuplicateKey, NewEvent, OrderingKey, Reading, Secret};
use deskbridge_journal::Intake;
use deskbridge_store::{Limits, PostgresOptions, Store};
use futures_util::future::{BoxFuture, try_join_all};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{bare::Bare, disk::Disk};
pub(crate) use self::{
    http::measure as measure_http, memory::measure as measure_memory, server::serve,
};

/// The size of a body, in bytes.
const BODY_BYTES: usize = 1_000;
/// Ordering keys among which events are spread.
const ORDERING_KEYS: u32 = 20_000;
/// How long one run takes.
const RUN_FOR: Duration = Duration::from_secs(3);
/// Runs of each kind, turn by turn, because the machine is not ours alone.
const RUNS: usize = 3;

type Accept = Arc<dyn Fn(NewEvent) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Measures PostgreSQL with so many clients at once, in a schema that is empty at first and is left behind.
pub(crate) async fn measure_postgres(clients: u64, address: &str) -> anyhow::Result<Value> {
    let address = Secret::new(address);
    let mut runs = Vec::new();
    for run_number in 0..RUNS {
        let options = PostgresOptions {
            schema: format!("bench_{}_{clients}_{run_number}", std::process::id()),
            ..PostgresOptions::default()
        };
        let store = Store::open_postgres(&address, &options).await?;
        runs.push(run(clients, accept_into(store)).await?);
    }
    Ok(json!({"clients": clients, "deskbridge": show(&runs)}))
}

/// The way into a store, as the program takes it.
fn accept_into(store: Store) -> Accept {
    let intake = Intake::new(store, Clock::system(), fastrand::Rng::with_seed(1));
    Arc::new(move |event| {
        let intake = intake.clone();
        Box::pin(async move { Ok(intake.accept(event).await.map(drop)?) })
    })
}

/// Measures with so many clients at once, in this process.
pub(crate) async fn measure(clients: u64) -> anyhow::Result<Value> {
    let disk = Disk::here()?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let writer = Bare::open(&disk.fresh()?)?;
        let accept: Accept = Arc::new(move |event| {
            let writer = writer.clone();
            Box::pin(async move { writer.write(event.body).await })
        });
        bare.push(run(clients, accept).await?);
        let store = Store::open_within(&disk.fresh()?, Limits::default())?;
        ours.push(run(clients, accept_into(store)).await?);
    }
    Ok(compared(clients, &disk, &bare, &ours))
}

/// What runs came to.
fn show(runs: &[Run]) -> Value {
    let of = |value: fn(&Run) -> f64| middle(runs.iter().map(value).collect());
    json!({
        "per_second": of(|run| run.per_second), "p50_ms": of(|run| run.p50_ms),
        "p99_ms": of(|run| run.p99_ms), "p999_ms": of(|run| run.p999_ms),
        "processor_us": of(|run| run.processor_us.unwrap_or_default()),
    })
}

/// Both kinds of runs side by side.
fn compared(clients: u64, disk: &Disk, bare: &[Run], ours: &[Run]) -> Value {
    let rates = [ours, bare].map(|runs| middle(runs.iter().map(|run| run.per_second).collect()));
    let ratio = rates[0].zip(rates[1]).map(|(ours, bare)| ours / bare);
    json!({
        "clients": clients, "device": disk.device, "file_system": disk.file_system,
        "sync_ms": disk.sync_for.as_secs_f64() * 1e3,
        "ratio": ratio, "bare": show(bare), "deskbridge": show(ours),
    })
}

struct Run {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    /// Processor time that the server spent on one event, where it is a process of its own.
    processor_us: Option<f64>,
}

impl Run {
    /// Of the milliseconds that each event took.
    fn of(
        mut took_ms: Vec<f64>,
        during: Duration,
        processor_seconds: Option<f64>,
    ) -> anyhow::Result<Self> {
        took_ms.sort_by(f64::total_cmp);
        let at = |per_mille: usize| {
            let place = took_ms.len() * per_mille / 1_000;
            let place = place.min(took_ms.len().saturating_sub(1));
            took_ms.get(place).copied().unwrap_or_default()
        };
        let answered = u32::try_from(took_ms.len())?;
        Ok(Self {
            per_second: f64::from(answered) / during.as_secs_f64(),
            p50_ms: at(500),
            p99_ms: at(990),
            p999_ms: at(999),
            processor_us: processor_seconds.map(|spent| spent / f64::from(answered) * 1e6),
        })
    }
}

/// Every client sends its next event when the last one is acknowledged.
async fn run(clients: u64, accept: Accept) -> anyhow::Result<Run> {
    let start = Instant::now();
    let running = (0..clients).map(|client| {
        let accept = Arc::clone(&accept);
        let client = async move {
            let mut rng = fastrand::Rng::with_seed(client);
            let mut took = Vec::new();
            while start.elapsed() < RUN_FOR {
                let event = event(&mut rng);
                let sent = Instant::now();
                accept(event).await?;
                took.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(took)
        };
        #[expect(clippy::disallowed_methods, reason = "a client is joined below")]
        let client = tokio::spawn(client);
        async move { client.await? }
    });
    let took = try_join_all(running).await?.concat();
    Run::of(took, start.elapsed(), None)
}

/// An event with random keys: hashing is not part of what is measured.
fn event(rng: &mut fastrand::Rng) -> NewEvent {
    let mut key = || {
        let mut digest = [0; 32];
        rng.fill(&mut digest);
        DuplicateKey::new(digest)
    };
    let (raw_key, canonical_key) = (key(), key());
    NewEvent {
        connection: "main".to_owned(),
        body: vec![b'x'; BODY_BYTES],
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        raw_key,
        reading: Reading {
            source: "caresoft".to_owned(),
            object: "ticket".to_owned(),
            action: "update".to_owned(),
            canonical_key,
            ordering_key: OrderingKey::new(format!("main/{}", rng.u32(..ORDERING_KEYS))),
            is_routed: true,
        },
    }
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
