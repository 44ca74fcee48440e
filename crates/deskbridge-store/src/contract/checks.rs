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
async fn a_database_in_use_is_whole() {
    on_every_backend(async |bench| {
        assert_eq!(bench.store.check().await.unwrap(), []);
        used(&bench).await;
        assert_eq!(bench.store.check().await.unwrap(), []);
        for number in 13..=15 {
            bench.record(number, "other", 1).await;
        }
        let claimed = bench.claim(2).await;
        bench.bury(&claimed[0], 3).await;
        let revived = bench.store.revive_effect(claimed[0].effect.id, at(4));
        assert!(revived.await.unwrap());
        assert_eq!(bench.store.check().await.unwrap(), []);
    })
    .await;
}

/// What breaks a rule, and a part of the finding.
const BREAKS: [(&str, &str); 8] = [
    (
        "UPDATE effect SET at_head = NOT at_head WHERE state = 'running'",
        "Of the open effects of one key exactly one has its turn",
    ),
    (
        "UPDATE event_turn SET at_head = NOT at_head WHERE at_head",
        "Of the open events of one key exactly one has its turn, which does not hold for the key key ",
    ),
    (
        "UPDATE event_turn SET state = 'running' WHERE NOT at_head AND state = 'pending'",
        "although it is not its turn: number ",
    ),
    (
        "DELETE FROM event_turn WHERE state = 'done'",
        "An event will never have its turn: evt_",
    ),
    (
        "DELETE FROM event WHERE sequence IN (SELECT event FROM event_effect)",
        "An effect was caused by an event that is not there: number 1",
    ),
    (
        "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event_repeat)",
        "A repetition is counted on an event that is not there: number 1.",
    ),
    (
        "DELETE FROM link WHERE id = '1'",
        "A link leads in one direction only: from main ticket 2.",
    ),
    (
        "UPDATE effect SET state = 'done' WHERE at_head",
        "An effect has its turn although it has ended: eff_",
    ),
];

#[tokio::test]
async fn what_is_broken_is_found() {
    for (sql, told) in BREAKS {
        let inline = Store::open_inline().unwrap();
        let schema = Schema::new();
        for bench in [super::Bench { store: inline }, schema.bench().await] {
            used(&bench).await;
            bench.execute(sql.to_owned()).await;
            let findings = bench.store.check().await.unwrap();
            assert!(
                findings.iter().any(|finding| finding.0.contains(told)),
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
            done => drop(done.unwrap()),
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let checked = check_file(&path).unwrap();
        let schema = crate::migrations::SQLITE.len();
        assert_eq!(
            checked,
            CheckedFile {
                schema: u32::try_from(schema).unwrap(),
                events: 6,
                effects: 2,
                findings: Vec::new()
            }
        );
        bench.accept(50, "later", 9).await;
        let again = bench.store.backup(&path).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
        let files = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), 1, "nothing half-made lies around");
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
