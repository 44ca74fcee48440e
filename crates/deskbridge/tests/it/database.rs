//! The database copied, restored and checked.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use deskbridge_core::EventId;
use deskbridge_store::Store;
use jiff::Timestamp;

use crate::{
    events::{Filled, arrival},
    hub::Bench,
    process::Said,
};

async fn run(bench: &Bench, verb: &str, file: &str) -> Said {
    let path = bench.path(file);
    bench.run(&["db", verb, path.to_str().unwrap()]).await
}

/// Files beside the configuration whose name starts so.
fn named(bench: &Bench, start: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(bench.path("")).unwrap();
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(start)
    });
    found.sort();
    found
}

async fn has(path: &std::path::Path, id: EventId) -> bool {
    let store = Store::open(path).unwrap();
    store.event(id).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_while_the_hub_serves_and_put_back_when_it_does_not() {
    let Filled { bench, done, .. } = Filled::new().await;
    let database = bench.path("deskbridge.db");
    let hub = bench.serve().await;
    let made = run(&bench, "backup", "copy.db").await;
    assert_eq!((made.status, made.err.as_str()), (Some(0), ""));
    assert!(
        made.out
            .contains("4 events, 1 effect. It was checked and is whole."),
        "{}",
        made.out
    );
    let rights = fs::metadata(bench.path("copy.db")).unwrap().permissions();
    assert_eq!(rights.mode() & 0o777, 0o600, "people's data");
    let copy = fs::read(bench.path("copy.db")).unwrap();
    let again = run(&bench, "backup", "copy.db").await;
    assert_eq!(again.status, Some(1));
    assert!(
        again.err.contains("exists, and no file is written over"),
        "{}",
        again.err
    );
    let late = EventId::new(Timestamp::now(), &mut fastrand::Rng::with_seed(9));
    let store = Store::open(&database).unwrap();
    let accepted = store.accept_event(late, arrival(9, "ticket", b"late"), Timestamp::now());
    assert_eq!(accepted.await.unwrap().id(), late);
    drop(store);
    let refused = run(&bench, "restore", "copy.db").await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused
            .err
            .contains("another deskbridge serves with the database"),
        "{}",
        refused.err
    );
    assert!(has(&database, late).await);
    // What was written last stands in the log only.
    hub.process.kill();
    let restored = run(&bench, "restore", "copy.db").await;
    assert_eq!(
        (restored.status, restored.err.as_str()),
        (Some(0), ""),
        "{}",
        restored.out
    );
    assert!(has(&database, done).await && !has(&database, late).await);
    assert_eq!(
        fs::read(bench.path("copy.db")).unwrap(),
        copy,
        "the copy stays as it was"
    );
    let kept = named(&bench, "deskbridge.db.until-");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(
        restored.out.contains(kept[0].to_str().unwrap()),
        "{}",
        restored.out
    );
    assert!(
        has(&kept[0], late).await,
        "nothing of what was there is lost"
    );
    assert_eq!(
        named(&bench, ".deskbridge-"),
        [""; 0].map(PathBuf::from),
        "nothing is left lying around"
    );
    let whole = bench.run(&["db", "check"]).await;
    assert_eq!(
        (whole.status, whole.out.as_str()),
        (Some(0), "The database is whole.\n")
    );
    bench.serve().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_restored_where_there_is_no_database() {
    let Filled { bench, done, .. } = Filled::new().await;
    let made = run(&bench, "backup", "copy.db").await;
    assert_eq!(made.status, Some(0), "{}", made.err);
    for path in named(&bench, "deskbridge.db") {
        fs::remove_file(path).unwrap();
    }
    let restored = run(&bench, "restore", "copy.db").await;
    assert_eq!(restored.status, Some(0), "{}", restored.err);
    assert!(has(&bench.path("deskbridge.db"), done).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_database_is_gone_is_not_taken_for_that_of_the_copy() {
    let Filled { bench, done, .. } = Filled::new().await;
    let made = run(&bench, "backup", "copy.db").await;
    assert_eq!(made.status, Some(0), "{}", made.err);
    for path in named(&bench, "deskbridge.db") {
        fs::remove_file(path).unwrap();
    }
    // The log of another database, with all of it still to be brought into its file.
    let other = Store::open(&bench.path("other.db")).unwrap();
    let now = Timestamp::now();
    let id = EventId::new(now, &mut fastrand::Rng::with_seed(1));
    let accepted = other.accept_event(id, arrival(9, "ticket", &[b'x'; 9_000]), now);
    accepted.await.unwrap();
    let log = bench.path("deskbridge.db-wal");
    fs::copy(bench.path("other.db-wal"), &log).unwrap();
    let bytes = fs::read(&log).unwrap();
    assert!(bytes.len() > 9_000);
    let restored = run(&bench, "restore", "copy.db").await;
    assert_eq!(restored.status, Some(0), "{}", restored.err);
    let kept = named(&bench, "deskbridge.db.until-");
    assert_eq!(fs::read(&kept[0]).unwrap(), bytes);
    assert!(
        restored.out.contains(kept[0].to_str().unwrap()),
        "{}",
        restored.out
    );
    assert!(has(&bench.path("deskbridge.db"), done).await);
    let checked = bench.run(&["db", "check"]).await;
    assert_eq!(checked.status, Some(0), "{}{}", checked.out, checked.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_whole_copy_is_not_restored() {
    let Filled { bench, done, .. } = Filled::new().await;
    let made = run(&bench, "backup", "copy.db").await;
    assert_eq!(made.status, Some(0), "{}", made.err);
    let copy = fs::read(bench.path("copy.db")).unwrap();
    fs::write(bench.path("half.db"), &copy[..copy.len() / 2]).unwrap();
    fs::write(bench.path("text.db"), "no database").unwrap();
    for (file, why) in [
        ("half.db", "half.db"),
        ("text.db", "file is not a database"),
        ("gone.db", "gone.db"),
    ] {
        let refused = run(&bench, "restore", file).await;
        assert_eq!(refused.status, Some(1), "{}", refused.out);
        assert!(
            refused
                .err
                .contains("cannot be restored; nothing was changed"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains(why), "{}", refused.err);
    }
    assert!(has(&bench.path("deskbridge.db"), done).await);
    assert_eq!(
        named(&bench, "deskbridge.db.until-").len() + named(&bench, ".deskbridge-").len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told_and_a_copy_takes_its_place() {
    let Filled { bench, done, .. } = Filled::new().await;
    let made = run(&bench, "backup", "copy.db").await;
    assert_eq!(made.status, Some(0), "{}", made.err);
    let restored = run(&bench, "restore", "copy.db").await;
    assert_eq!(restored.status, Some(0), "{}", restored.err);
    let database = bench.path("deskbridge.db");
    let mut bytes = fs::read(&database).unwrap();
    let pages = bytes.len() / 4_096;
    bytes[(pages - 3) * 4_096..].fill(0xA5);
    fs::write(&database, bytes).unwrap();
    let told = bench.run(&["db", "check"]).await;
    assert_eq!(told.status, Some(1));
    assert!(
        format!("{}{}", told.out, told.err).contains("malformed")
            || told.out.contains("The file is damaged"),
        "{}{}",
        told.out,
        told.err
    );
    let restored = run(&bench, "restore", "copy.db").await;
    assert_eq!(restored.status, Some(0), "{}", restored.err);
    assert!(has(&database, done).await);
}
