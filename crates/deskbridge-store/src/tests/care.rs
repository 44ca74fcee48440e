//! What is said of a database that is not whole.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;
use crate::care;

async fn full(folder: &std::path::Path) -> (Store, std::path::PathBuf) {
    let path = folder.join("store.db");
    let store = Store::open(&path).unwrap();
    for number in 1..=30 {
        accept(&store, number, 3_000).await.unwrap();
    }
    let claim = crate::Claim {
        now: at(100),
        lease_until: at(200),
        limit: 100,
    };
    assert_eq!(store.claim_events(claim).await.unwrap().len(), 5);
    (store, path)
}

#[tokio::test]
async fn whatever_does_not_hold_is_told() {
    for (broken, told) in [
        (
            "UPDATE event_turn SET at_head = 0 WHERE sequence = 1",
            "An event is being carried out although it is not its turn: number 1.",
        ),
        (
            "UPDATE event_turn SET at_head = 1 WHERE sequence = 6",
            "exactly one has its turn, which does not hold for the key key 1.",
        ),
        (
            "DELETE FROM event_turn WHERE sequence = 30",
            "An event will never have its turn: evt_",
        ),
        (
            "UPDATE event_turn SET ordering_key = 'other' WHERE sequence = 30",
            "does not fit the event: number 30.",
        ),
        (
            "UPDATE event_turn SET state = 'done' WHERE sequence IN (1, 2)",
            "although it has ended: number 1, and 1 more.",
        ),
        (
            "INSERT INTO event_effect VALUES (77, x'00')",
            "an event that is not there: number 77.",
        ),
        (
            "DELETE FROM event_cursor",
            "Nothing says how far events have had their turn",
        ),
        (
            "INSERT INTO link VALUES ('a', 'ticket', '1', 'b', 'ticket', '2', 0)",
            "A link leads in one direction only: from a ticket 1.",
        ),
        (
            "INSERT INTO effect (id, kind, ordering_key, idempotency_key, payload, state, at_head,
                claimable_at, recorded_at, changed_at)
            VALUES (x'01', 'k', 'key', 'i', '{}', 'pending', 0, 0, 0, 0)",
            "Of the open effects of one key exactly one has its turn, which does not hold for the key key.",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = full(folder.path()).await;
        assert_eq!(store.check().await.unwrap(), [""; 0]);
        execute(&store, broken).await;
        let problems = store.check().await.unwrap().join("\n");
        assert!(problems.contains(told), "{broken}\n{problems}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_from_a_whole_one_and_from_a_foreign_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(folder.path()).await;
    let copy = folder.path().join("copy.db");
    store.backup(copy.clone()).await.unwrap();
    let contents = care::contents(&copy).unwrap();
    assert_eq!((contents.events, contents.problems.len()), (30, 0));
    let mut file = std::fs::OpenOptions::new().write(true).open(&copy).unwrap();
    let bytes = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(bytes - 4_096)).unwrap();
    file.write_all(&[0xA5; 4_096]).unwrap();
    let problems = care::contents(&copy).unwrap().problems;
    assert!(
        problems[0].starts_with("The file is damaged"),
        "{problems:?}"
    );
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    let refused = care::contents(&foreign).unwrap_err();
    assert!(matches!(refused, Error::Foreign { .. }), "{refused}");
    std::fs::write(
        &foreign,
        "no database at all, but long enough to be looked at",
    )
    .unwrap();
    assert!(care::contents(&foreign).is_err());
    assert!(care::contents(&folder.path().join("nowhere.db")).is_err());
}

#[tokio::test]
async fn what_stands_in_the_log_is_brought_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = full(folder.path()).await;
    let (left, log) = (
        folder.path().join("left.db"),
        folder.path().join("left.db-wal"),
    );
    accept(&store, 31, 3_000).await.unwrap();
    std::fs::copy(&path, &left).unwrap();
    std::fs::copy(folder.path().join("store.db-wal"), &log).unwrap();
    assert!(care::fold_log(&left).unwrap());
    assert!(!log.exists());
    assert_eq!(care::contents(&left).unwrap().events, 31);
    let reader = Connection::open(&path).unwrap();
    let moment = reader.unchecked_transaction().unwrap();
    let seen: i64 = moment
        .query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        .unwrap();
    accept(&store, 32, 3_000).await.unwrap();
    assert_eq!(seen, 31);
    assert!(!care::fold_log(&path).unwrap(), "somebody reads it");
}
