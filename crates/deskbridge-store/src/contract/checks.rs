//! What every back end promises about being checked and copied.

use deskbridge_core::{Link, RemoteRecord};

use super::{Schema, at, events::effect, on_every_backend};
use crate::{Backend, CheckedFile, Error, Plan, Store, check_file};

async fn used(bench: &super::Bench) {
    for number in 1..=6 {
        bench
            .accept(number, &format!("key {}", number % 2), 0)
            .await;
    }
    bench.accept(1, "key 1", 0).await;
    let record = |id: &str| RemoteRecord {
        connection: "main".to_owned(),
        object: "ticket".to_owned(),
        id: id.to_owned(),
    };
    let plan = Plan {
        effects: vec![effect(1), effect(2)],
        links: vec![Link {
            one: record("1"),
            other: record("2"),
        }],
        known: Vec::new(),
    };
    let claimed = bench.claim_events(0, 10).await;
    bench.plan(&claimed[0], plan, 0).await;
    bench.claim(0).await;
}

#[tokio::test]
async fn a_database_in_use_is_sound() {
    on_every_backend(async |bench| {
        assert_eq!(bench.store.check().await.unwrap(), []);
        used(&bench).await;
        assert_eq!(bench.store.check().await.unwrap(), []);
    })
    .await;
}

/// What breaks a rule, and a word of the finding.
const BREAKS: [(&str, &str); 8] = [
    (
        "UPDATE effect SET at_head = NOT at_head WHERE state = 'running'",
        "at their head",
    ),
    (
        "UPDATE event_turn SET at_head = NOT at_head WHERE at_head",
        "at their head",
    ),
    (
        "UPDATE event_turn SET state = 'running' WHERE NOT at_head AND state = 'pending'",
        "run elsewhere",
    ),
    ("DELETE FROM event_turn WHERE state = 'done'", "turn"),
    (
        "DELETE FROM event WHERE sequence IN (SELECT event FROM event_effect)",
        "caused by events",
    ),
    (
        "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event_repeat)",
        "repetitions",
    ),
    ("DELETE FROM link WHERE id = '1'", "both directions"),
    (
        "UPDATE effect SET state = 'done' WHERE at_head",
        "have ended",
    ),
];

#[tokio::test]
async fn what_is_broken_is_found() {
    for (sql, word) in BREAKS {
        let inline = Store::open_inline().unwrap();
        let schema = Schema::new();
        for bench in [super::Bench { store: inline }, schema.bench().await] {
            used(&bench).await;
            match &bench.store.backend {
                Backend::Sqlite(database) => {
                    let broken = database.write(move |connection| {
                        let done = connection.execute_batch(sql);
                        done.map_err(crate::sqlite::failed(sql))
                    });
                    broken.await.unwrap();
                }
                Backend::Postgres(_) => schema.execute(sql).await,
            }
            let findings = bench.store.check().await.unwrap();
            assert!(
                findings.iter().any(|finding| finding.0.contains(word)),
                "{sql}: {findings:?}"
            );
        }
        schema.drop().await;
    }
}

#[tokio::test]
async fn a_copy_is_a_whole_database_and_is_never_written_over_another_file() {
    use std::os::unix::fs::PermissionsExt as _;
    on_every_backend(async |bench| {
        used(&bench).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        match bench.store.backup(&path).await {
            Err(Error::BackupElsewhere { schema }) => {
                assert!(matches!(bench.store.backend, Backend::Postgres(_)));
                assert!(schema.starts_with("test_") && !path.exists());
                return;
            }
            done => done.unwrap(),
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let checked = check_file(&path).unwrap();
        let schema = crate::migrations::SQLITE.len();
        assert_eq!(
            checked,
            CheckedFile {
                schema: u32::try_from(schema).unwrap(),
                findings: Vec::new()
            }
        );
        bench.accept(50, "later", 9).await;
        let again = bench.store.backup(&path).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
        let copy = super::Bench {
            store: Store::open(&path).unwrap(),
        };
        let (counts, of_copy) = (bench.store.count_events(), copy.store.count_events());
        let (counts, of_copy) = (counts.await.unwrap(), of_copy.await.unwrap());
        assert_eq!(counts.by_state.values().sum::<u64>(), 7);
        assert_eq!(of_copy.by_state.values().sum::<u64>(), 6, "as it was then");
        assert_eq!(of_copy.repeats, 1);
        let accepted = copy.accept(1, "key 1", 10).await;
        assert!(matches!(accepted, crate::Accepted::Repeated(_)));
        assert_eq!(copy.store.check().await.unwrap(), []);
    })
    .await;
}

#[test]
fn a_file_that_is_not_ours_or_is_torn_is_not_taken_for_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let missing = check_file(&path("missing.db"));
    assert!(matches!(missing, Err(Error::Open { .. })), "{missing:?}");
    assert!(!path("missing.db").exists());
    std::fs::write(path("text"), "no database").unwrap();
    let text = check_file(&path("text"));
    assert!(matches!(text, Err(Error::NotOurs { .. })), "{text:?}");
    let other = rusqlite::Connection::open(path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    let other = check_file(&path("other.db"));
    assert!(matches!(other, Err(Error::NotOurs { .. })), "{other:?}");
    drop(Store::open(&path("newer.db")).unwrap());
    let newer = rusqlite::Connection::open(path("newer.db")).unwrap();
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
async fn a_torn_copy_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let bench = super::Bench {
        store: Store::open_inline().unwrap(),
    };
    for number in 0..200 {
        bench
            .record(number, &format!("key {number}"), at(0).as_second())
            .await;
    }
    let path = folder.path().join("copy.db");
    bench.store.backup(&path).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test reads its own small file")]
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 4_096].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let checked = check_file(&path);
    let is_sound = matches!(&checked, Ok(checked) if checked.findings.is_empty());
    assert!(!is_sound, "{checked:?}");
}
