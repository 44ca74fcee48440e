//! What is said of a SQLite file that is not whole, and how one is put back.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;
use crate::{EffectState, check_file, copy_to_restore, fold_log};

async fn full(folder: &std::path::Path) -> (Store, std::path::PathBuf) {
    let path = folder.join("store.db");
    let store = Store::open(&path).unwrap();
    for number in 1..=30 {
        accept(&store, number, 3_000).await.unwrap();
    }
    let claim = Claim {
        now: at(100),
        lease_until: at(200),
        limit: 100,
        fresh_only: 0,
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
        assert_eq!(store.check().await.unwrap(), []);
        execute(&store, broken).await;
        let findings = store.check().await.unwrap();
        let is_told = findings.iter().any(|finding| finding.0.contains(told));
        assert!(is_told, "{broken}\n{findings:?}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_from_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(folder.path()).await;
    let copy = folder.path().join("copy.db");
    let checked = store.backup(&copy).await.unwrap();
    assert_eq!((checked.events, checked.findings.len()), (30, 0));
    let mut file = std::fs::OpenOptions::new().write(true).open(&copy).unwrap();
    let bytes = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(bytes - 4_096)).unwrap();
    file.write_all(&[0xA5; 4_096]).unwrap();
    let findings = check_file(&copy).unwrap().findings;
    assert!(
        findings[0].0.starts_with("The file is damaged"),
        "{findings:?}"
    );
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
    assert!(fold_log(&left).unwrap());
    assert!(!log.exists());
    assert_eq!(check_file(&left).unwrap().events, 31);
    let reader = Connection::open(&path).unwrap();
    let moment = reader.unchecked_transaction().unwrap();
    let seen: i64 = moment
        .query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        .unwrap();
    accept(&store, 32, 3_000).await.unwrap();
    assert_eq!(seen, 31);
    assert!(!fold_log(&path).unwrap(), "somebody reads it");
}

#[test]
fn a_file_that_is_not_ours_is_not_taken_for_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let missing = check_file(&path("missing.db"));
    assert!(matches!(missing, Err(Error::Open { .. })), "{missing:?}");
    assert!(!path("missing.db").exists());
    std::fs::write(path("text"), "no database").unwrap();
    let text = check_file(&path("text"));
    assert!(matches!(text, Err(Error::NotOurs { .. })), "{text:?}");
    let other = Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    let other = check_file(&path("other.db"));
    assert!(matches!(other, Err(Error::NotOurs { .. })), "{other:?}");
    drop(Store::open(&path("newer.db")).unwrap());
    let newer = Connection::open(path("newer.db")).unwrap();
    newer
        .execute_batch("INSERT INTO migration VALUES (99, 'x', 'x')")
        .unwrap();
    let newer = check_file(&path("newer.db"));
    assert!(
        matches!(newer, Err(Error::Newer { found: 99, .. })),
        "{newer:?}"
    );
}

#[tokio::test]
async fn what_is_open_in_a_restored_copy_is_looked_for_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let [file, restored] = ["copy.db", "restored.db"].map(|name| folder.path().join(name));
    let store = Store::open_inline().unwrap();
    execute(
        &store,
        "INSERT INTO effect (id, kind, ordering_key, idempotency_key, payload, state, at_head,
            claimable_at, recorded_at, changed_at)
        VALUES (x'00000000000000000000000000000001', 'k', 'a', '1', '{}', 'done', 0, 0, 0, 0),
            (x'00000000000000000000000000000002', 'k', 'a', '2', '{}', 'running', 1, 0, 0, 0),
            (x'00000000000000000000000000000003', 'k', 'a', '3', '{}', 'pending', 0, 0, 0, 0)",
    )
    .await;
    store.backup(&file).await.unwrap();
    copy_to_restore(&file, &restored).unwrap();
    let restored = Store::open(&restored).unwrap();
    for (number, state, look_first) in [
        ("1", EffectState::Done, false),
        ("2", EffectState::Running, true),
        ("3", EffectState::Pending, true),
    ] {
        let key = deskbridge_core::IdempotencyKey::new(number);
        let record = restored.effect_of_key(key).await.unwrap().unwrap();
        assert_eq!(
            (record.state, record.effect.look_first),
            (state, look_first),
            "{number}"
        );
    }
}
