//! Crashes, a full disk, more work than can wait: what the SQLite back end does at its edges.

mod crashes;
mod files;
mod full;
mod postgres;

use deskbridge_core::{DuplicateKey, EventId, NewEvent, OrderingKey, Reading};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::{Backend, Claim, Error, Plan, Result, Retention, Store, sqlite::Database};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn database(store: &Store) -> &Database {
    match &store.backend {
        Backend::Sqlite(database) => database,
        Backend::Postgres(_) => panic!("these tests are about SQLite"),
    }
}

/// Runs statements on the connection that writes.
async fn execute(store: &Store, sql: &'static str) {
    let executed = database(store).write(move |connection| {
        connection
            .execute_batch(sql)
            .map_err(crate::sqlite::failed(sql))
    });
    executed.await.unwrap();
}

fn id(number: u32) -> EventId {
    let mut rng = fastrand::Rng::with_seed(u64::from(number));
    EventId::new(at(i64::from(number)), &mut rng)
}

/// The event of that number, the same every time, with a body of so many bytes.
fn event(number: u32, bytes: usize) -> NewEvent {
    let mut rng = fastrand::Rng::with_seed(u64::from(number));
    let mut key = || {
        let mut digest = [0; 32];
        rng.fill(&mut digest);
        DuplicateKey::new(digest)
    };
    NewEvent {
        connection: "main".to_owned(),
        body: vec![b'x'; bytes],
        headers: Vec::new(),
        raw_key: key(),
        reading: Reading {
            source: "test".to_owned(),
            object: String::new(),
            action: String::new(),
            canonical_key: key(),
            ordering_key: OrderingKey::new(format!("key {}", number % 5)),
            is_routed: true,
        },
    }
}

async fn accept(store: &Store, number: u32, bytes: usize) -> Result<crate::Accepted> {
    let event = event(number, bytes);
    store.accept_event(id(number), event, at(0)).await
}

/// The stored events in the order of their arrival.
fn stored(connection: &Connection) -> rusqlite::Result<Vec<uuid::Uuid>> {
    let mut statement = connection.prepare("SELECT id FROM event ORDER BY sequence")?;
    let found = statement.query_map([], |row| row.get(0))?;
    found.collect()
}

#[tokio::test]
async fn a_repetition_is_known_wherever_its_keys_are_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = Store::open(&folder.path().join("a.db")).unwrap();
    for store in [file, Store::open_inline().unwrap()] {
        let mut rng = fastrand::Rng::with_seed(5);
        for number in 0..300 {
            let accepted = accept(&store, number, 10).await.unwrap();
            assert_eq!(accepted, crate::Accepted::New(id(number)));
            let earlier = rng.u32(..=number);
            let accepted = accept(&store, earlier, 10).await.unwrap();
            assert_eq!(accepted, crate::Accepted::Repeated(id(earlier)), "{number}");
        }
        let merged = database(&store).read(|connection| {
            let sql = "SELECT count(*), (SELECT keyed_to FROM event_cursor) FROM event_key";
            let merged = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(merged.unwrap())
        });
        let (keys, keyed_to): (i64, i64) = merged.await.unwrap();
        assert!(
            keyed_to > 200 && keys >= 2 * keyed_to,
            "{keys} keys up to {keyed_to}"
        );
    }
}

/// Rows of the tables of keys.
async fn keys(store: &Store, sql: &'static str) -> i64 {
    let counted = database(store).read(move |connection| {
        let counted = connection.query_row(sql, [], |row| row.get(0));
        counted.map_err(crate::sqlite::failed("count"))
    });
    counted.await.unwrap()
}

const ALL_KEYS: &str =
    "SELECT (SELECT count(*) FROM event_key) + (SELECT count(*) FROM event_key_gone)";

#[tokio::test]
async fn keys_of_forgotten_events_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut store = Store::open(&path).unwrap();
    let everything = Retention {
        received_from: at(10),
        ended_bytes_max: u64::MAX,
        young_from: at(10),
    };
    let mut last = 0;
    for round in 0..20 {
        for number in last..last + 13 {
            accept(&store, number, 10).await.unwrap();
            let claim = Claim {
                now: at(1),
                lease_until: at(2),
                limit: 1,
                fresh_only: 0,
            };
            for one in store.claim_events(claim).await.unwrap() {
                let planned = store.record_plan(one.event.id, one.fence, Plan::default(), at(1));
                planned.await.unwrap();
            }
        }
        last += 13;
        assert_eq!(store.prune_events(everything, 100).await.unwrap().old, 13);
        let accepted = accept(&store, last - 1, 10).await.unwrap();
        assert_eq!(
            accepted,
            crate::Accepted::New(id(last - 1)),
            "it is forgotten"
        );
        let discarded = store.discard_event(id(last - 1), at(1)).await;
        assert!(discarded.unwrap());
        assert_eq!(store.prune_events(everything, 100).await.unwrap().old, 1);
        // Two keys of 14 events a round, merged when there are 48.
        let kept = keys(&store, ALL_KEYS).await;
        assert!(kept <= 200, "{kept} keys in round {round}");
        if round % 5 == 4 {
            drop(store);
            store = Store::open(&path).unwrap();
            accept(&store, 1_000 + round, 10).await.unwrap();
            assert_eq!(keys(&store, "SELECT count(*) FROM event_key_gone").await, 0);
            assert!(store.discard_event(id(1_000 + round), at(1)).await.unwrap());
            assert_eq!(store.prune_events(everything, 100).await.unwrap().old, 1);
        }
    }
    assert_eq!(store.check().await.unwrap(), []);
}

#[tokio::test]
async fn an_event_that_was_read_anew_is_not_known_by_its_old_key() {
    let store = Store::open_inline().unwrap();
    accept(&store, 0, 10).await.unwrap();
    let mut reading = event(0, 10).reading;
    reading.canonical_key = DuplicateKey::new([7; 32]);
    for reading in [reading.clone(), event(0, 10).reading, reading] {
        let reread = store.reread_events(vec![(id(0), reading)], at(1)).await;
        assert_eq!(reread.unwrap().number, 1);
    }
    // Enough for what is in memory to be merged.
    for number in 1..100 {
        accept(&store, number, 10).await.unwrap();
    }
    let sql = "SELECT count(*) FROM event_key WHERE sequence = 1";
    assert_eq!(keys(&store, sql).await, 2);
    let mut same = event(200, 10);
    same.reading.canonical_key = DuplicateKey::new([7; 32]);
    let accepted = store.accept_event(id(200), same, at(2)).await.unwrap();
    assert_eq!(accepted, crate::Accepted::Repeated(id(0)));
}
