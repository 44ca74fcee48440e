//! What a machine that loses its power leaves of the files: everything that was synced, and of what was written since
//! then whatever it pleases.
//!
//! Between two acknowledgements the order of writes is known: frames go to the log, the log is synced, and at times
//! its pages are then copied to the database, which is synced before the log is begun anew. So the files are copied
//! at each acknowledgement, and a crash in between is made of two such copies.

use std::{ops::Range, path::Path, sync::mpsc};

use fastrand::Rng;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::*;

const GROUPS: u32 = 100;
const CRASHES_PER_GROUP: usize = 100;
const SECTOR: usize = 512;
/// The head of the log is synced before anything is written behind it.
const LOG_HEAD: usize = 32;

/// The files and the events at an acknowledgement.
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    events: Vec<uuid::Uuid>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads its own small files"
)]
async fn files(store: &Store, path: &Path) -> Files {
    let read = database(store).read(|connection| Ok(stored(connection).unwrap()));
    Files {
        events: read.await.unwrap(),
        database: std::fs::read(path).unwrap(),
        log: std::fs::read(log_of(path)).unwrap(),
    }
}

fn log_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("db-wal")
}

/// Bytes that are old or new, sector by sector.
fn torn(old: &[u8], new: &[u8], rng: &mut Rng) -> Vec<u8> {
    let share = rng.f64();
    let mut mixed = new.to_vec();
    for (number, sector) in mixed.chunks_mut(SECTOR).enumerate() {
        if rng.f64() < share {
            let from = number * SECTOR;
            for (place, byte) in sector.iter_mut().enumerate() {
                *byte = old.get(from + place).copied().unwrap_or_default();
            }
        }
    }
    // What was never written may also be missing from the end of the file.
    if old.len() < new.len() && rng.bool() {
        mixed.truncate(rng.usize(old.len()..=new.len()));
    }
    mixed
}

/// Accepts events in one transaction: the writer is held until all of them wait.
async fn accept_at_once(store: &Store, group: Range<u32>) {
    let (release, released) = mpsc::channel::<()>();
    let (holds, held) = oneshot::channel::<()>();
    let hold = database(store).write(move |_| {
        holds.send(()).ok();
        released.recv().ok();
        Ok(())
    });
    let accepted = async {
        held.await.unwrap();
        let accepted = join_all(group.map(|number| accept(store, number, 200)));
        let release = async { release.send(()).unwrap() };
        tokio::join!(biased; accepted, release).0
    };
    let (held, accepted) = tokio::join!(hold, accepted);
    held.unwrap();
    for accepted in accepted {
        accepted.unwrap();
    }
}

/// A crash while a group is written to the log.
fn while_logging(before: &Files, after: &Files, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let mut log = torn(&before.log, &after.log, rng);
    let head = after.log.len().min(LOG_HEAD).min(log.len());
    let is_begun_anew = before.log.get(..head) != after.log.get(..head);
    if is_begun_anew && rng.u8(..5) == 0 {
        log.clone_from(&before.log);
    }
    if is_begun_anew {
        log[..head].copy_from_slice(&after.log[..head]);
    }
    (before.database.clone(), log)
}

/// A crash while pages are copied from the log to the database.
fn while_copying(before: &Files, after: &Files, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let database = torn(&before.database, &after.database, rng);
    (database, after.log.clone())
}

#[tokio::test]
async fn whatever_a_crash_leaves_every_acknowledged_event_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let crashed = folder.path().join("crashed.db");
    let store = Store::open(&path).unwrap();
    // So that pages are copied often.
    execute(&store, "PRAGMA wal_autocheckpoint = 12").await;
    let mut rng = Rng::with_seed(11);
    let mut before = files(&store, &path).await;
    let (mut number, mut copied, mut begun_anew, mut lost) = (0, 0, 0, 0);
    for group in 0..GROUPS {
        let size = rng.u32(1..=4);
        let group_of = number..number + size;
        accept_at_once(&store, group_of.clone()).await;
        number += size;
        let after = files(&store, &path).await;
        let acknowledged: Vec<_> = (0..number).map(|number| id(number).uuid()).collect();
        assert_eq!(after.events, acknowledged);
        copied += usize::from(before.database != after.database);
        begun_anew += usize::from(before.log.get(..LOG_HEAD) != after.log.get(..LOG_HEAD));
        for crash in 0..CRASHES_PER_GROUP {
            let is_synced = crash % 4 == 0;
            let (database, log) = match is_synced {
                true => while_copying(&before, &after, &mut rng),
                false => while_logging(&before, &after, &mut rng),
            };
            let recovers_too = group.is_multiple_of(10) && crash < 2;
            // A store that is dropped closes its files a moment later, so each has files of its own.
            let again = folder.path().join(format!("{group}-{crash}.db"));
            if recovers_too {
                std::fs::write(&again, &database).unwrap();
                std::fs::write(log_of(&again), &log).unwrap();
            }
            // Written over, a file would be synced by the file system, which takes its time.
            for file in [
                &crashed,
                &log_of(&crashed),
                &crashed.with_extension("db-shm"),
            ] {
                std::fs::remove_file(file).ok();
            }
            std::fs::write(&crashed, database).unwrap();
            std::fs::write(log_of(&crashed), log).unwrap();
            let found = after_crash(&crashed);
            let place = format!("group {group}, crash {crash}");
            let promised = if is_synced { &after } else { &before };
            assert!(found.starts_with(&promised.events), "{place}");
            assert!(after.events.starts_with(&found), "{place}");
            lost += usize::from(found.len() < after.events.len());
            if recovers_too {
                recovers(&again, group_of.clone(), &after).await;
            }
        }
        before = after;
    }
    assert!(
        copied > 20 && begun_anew > 20 && lost > 1_000,
        "{copied} {begun_anew} {lost}"
    );
}

/// The events that are there after a crash.
fn after_crash(path: &Path) -> Vec<uuid::Uuid> {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA synchronous = off; PRAGMA wal_autocheckpoint = 0")
        .unwrap();
    stored(&connection).unwrap()
}

/// The sender sends again what was not acknowledged, and some of what was: each event is there once.
async fn recovers(path: &Path, group: Range<u32>, after: &Files) {
    let store = Store::open(path).unwrap();
    for number in (0..group.end).filter(|number| group.contains(number) || number % 31 == 0) {
        accept(&store, number, 200).await.unwrap();
    }
    let found = files(&store, path).await.events;
    assert_eq!(found.len(), after.events.len());
    let check = database(&store).read(|connection| {
        let sound =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        Ok(sound.unwrap())
    });
    assert_eq!(check.await.unwrap(), "ok");
}
