//! Events a second that are acknowledged after they are on disk, beside a bare loop over the same library.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_core::{Clock, DuplicateKey, NewEvent, OrderingKey, Reading, Secret};
use deskbridge_journal::Intake;
use deskbridge_store::{Limits, PostgresOptions, Store};
use futures_util::future::{BoxFuture, try_join_all};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
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

fn show(runs: &[Run]) -> Value {
    let of = |value: fn(&Run) -> f64| middle(runs.iter().map(value).collect());
    json!({
        "per_second": of(|run| run.per_second), "p50_ms": of(|run| run.p50_ms),
        "p99_ms": of(|run| run.p99_ms), "p999_ms": of(|run| run.p999_ms),
    })
}

/// Measures with so many clients at once, in a folder under the current one.
pub(crate) async fn measure(clients: u64) -> anyhow::Result<Value> {
    let folder = PathBuf::from("tmp").join("bench-intake");
    std::fs::create_dir_all(&folder)?;
    let (device, kind) = mounted(&folder)?;
    if ["tmpfs", "ramfs", "overlay"].contains(&kind.as_str()) {
        bail!(
            "{} is on {kind}, where a sync means nothing; run in a folder on a disk",
            folder.display()
        );
    }
    let sync = sync_time(&folder)?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let writer = bare_writer(&fresh(&folder)?)?;
        bare.push(run(clients, writer).await?);
        let store = Store::open_within(&fresh(&folder)?, Limits::default())?;
        ours.push(run(clients, accept_into(store)).await?);
    }
    let rate = |runs: &[Run]| middle(runs.iter().map(|run| run.per_second).collect());
    let ratio = rate(&ours).zip(rate(&bare)).map(|(ours, bare)| ours / bare);
    Ok(json!({
        "clients": clients, "device": device, "file_system": kind, "sync_ms": sync.as_secs_f64() * 1e3,
        "ratio": ratio, "bare": show(&bare), "deskbridge": show(&ours),
    }))
}

struct Run {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
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
    let mut took = try_join_all(running).await?.concat();
    let seconds = start.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    let at = |per_mille: usize| {
        let place = (took.len() * per_mille / 1_000).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    let answered = u32::try_from(took.len())?;
    Ok(Run {
        per_second: f64::from(answered) / seconds,
        p50_ms: at(500),
        p99_ms: at(990),
        p999_ms: at(999),
    })
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

/// What anybody would write first: one thread, one table, one column, a transaction for what is waiting.
fn bare_writer(path: &Path) -> anyhow::Result<Accept> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = full;
        CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    )?;
    let (waiting, mut events) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1_024);
    std::thread::spawn(move || -> rusqlite::Result<()> {
        while let Some(first) = events.blocking_recv() {
            let mut group = vec![first];
            while group.len() < 512
                && let Ok(next) = events.try_recv()
            {
                group.push(next);
            }
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut insert = connection.prepare_cached("INSERT INTO event (body) VALUES (?1)")?;
            for (body, _) in &group {
                insert.execute([body])?;
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
            for (_, answer) in group {
                // A client that went away needs no answer.
                answer.send(()).ok();
            }
        }
        Ok(())
    });
    Ok(Arc::new(move |event| {
        let waiting = waiting.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            waiting.send((event.body, answer)).await?;
            Ok(answered.await?)
        })
    }))
}

/// The path of a database that does not exist yet.
fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(folder.join("events.db"))
}

/// The device and the file system that a folder is on.
fn mounted(folder: &Path) -> anyhow::Result<(String, String)> {
    let folder = folder.canonicalize()?;
    let mut mounts = String::new();
    File::open("/proc/self/mounts")?
        .take(1 << 20)
        .read_to_string(&mut mounts)?;
    let fields = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(point).then_some((point, device, kind))
    });
    let (_, device, kind) = fields
        .max_by_key(|(point, ..)| point.len())
        .context("no file system holds the folder")?;
    Ok((device.to_owned(), kind.to_owned()))
}

/// How long the disk takes to sync a page that was appended, in the middle.
fn sync_time(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..200 {
        file.write_all(&[1; 4_096])?;
        let start = Instant::now();
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64());
    }
    std::fs::remove_file(&path)?;
    Ok(Duration::from_secs_f64(middle(took).unwrap_or_default()))
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
