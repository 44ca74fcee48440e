//! How much memory the program takes with a million events, some carried out and many waiting.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    disk::Disk,
    http::{Server, send},
    requests::Requests,
};
use crate::memory::{peak_mib_of, resident_mib_of};

const EVENTS: u32 = 1_000_000;
const PENDING: u32 = 100_000;
const CLIENTS: u64 = 64;
/// Requests that are made at once.
const SLICE: u32 = 100_000;

/// How long it is waited for events that are carried out, once all have come.
const WAIT_FOR: Duration = Duration::from_secs(60);

/// Sends a million events, which are carried out meanwhile and for a while afterwards, except the last.
pub(crate) async fn measure() -> anyhow::Result<Value> {
    let disk = Disk::here()?;
    let server = Server::start(&(EVENTS - PENDING).to_string(), &disk)?;
    let start = Instant::now();
    let mut sent = 0;
    for first in (0..EVENTS).step_by(usize::try_from(SLICE)?) {
        let requests = Requests::new(first..first + SLICE)?;
        let (took, _) = send(&server.address, CLIENTS, &requests, Duration::MAX).await?;
        sent += took.len();
    }
    let sent_for = start.elapsed();
    let path = disk.database();
    let open = rusqlite::Connection::open(&path)?;
    let done = loop {
        let done = "SELECT count(*) FROM event_turn WHERE state = 'done'";
        let done: u32 = open.query_row(done, [], |row| row.get(0))?;
        if done >= EVENTS - PENDING || start.elapsed() > sent_for + WAIT_FOR {
            break done;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let bytes = std::fs::metadata(&path)
        .context("looking at the database")?
        .len();
    Ok(json!({
        "events": sent, "carried_out": done, "sent_seconds": sent_for.as_secs_f64(),
        "seconds": start.elapsed().as_secs_f64(), "database_bytes": bytes,
        "resident_mib": resident_mib_of(server.id())?, "peak_mib": peak_mib_of(server.id())?,
    }))
}
