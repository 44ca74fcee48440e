//! Crashes, a full disk, more work than can wait: what the SQLite back end does at its edges.

mod crashes;
mod files;
mod full;
mod postgres;

use deskbridge_core::{DuplicateKey, EventId, NewEvent, OrderingKey, Reading};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::{Backend, Error, Result, Store, sqlite::Database};

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
