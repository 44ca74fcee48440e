use std::sync::mpsc;

use super::*;
use crate::{Accepted, Claim, Limits, Plan, Retention};

/// Accepts events from a number on until one is refused; the number of that one.
async fn accept_until_full(store: &Store, from: u32) -> u32 {
    for number in from.. {
        match accept(store, number, 1_000).await {
            Ok(_) => {}
            Err(Error::Full { .. }) => return number,
            Err(error) => panic!("refused otherwise: {error}"),
        }
    }
    unreachable!("there are always more numbers")
}

async fn all_stored(store: &Store) -> Vec<uuid::Uuid> {
    let read = database(store).read(|connection| Ok(stored(connection).unwrap()));
    read.await.unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_events_until_there_is_room_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let ballast = folder.path().join("a.db.ballast");
    let limits = Limits {
        ballast_bytes: 100_000,
        ..Limits::default()
    };
    let store = Store::open_within(&path, limits).unwrap();
    assert_eq!(std::fs::metadata(&ballast).unwrap().len(), 100_000);
    execute(&store, "PRAGMA max_page_count = 120").await;
    let refused = accept_until_full(&store, 0).await;
    assert!(refused > 100, "{refused}");
    assert!(!ballast.exists(), "it was given up");
    let kept = all_stored(&store).await;
    let acknowledged: Vec<_> = (0..refused).map(|number| id(number).uuid()).collect();
    assert_eq!(kept, acknowledged);

    execute(&store, "PRAGMA max_page_count = 100000").await;
    let still = accept(&store, refused, 1_000).await;
    assert!(
        matches!(still, Err(Error::Full { .. })),
        "the room that was left is not for events"
    );
    assert!(store.recover_room().await.unwrap());
    assert!(ballast.exists());
    assert_eq!(
        accept(&store, refused, 1_000).await.unwrap(),
        Accepted::New(id(refused))
    );
    assert_eq!(
        accept(&store, 0, 1_000).await.unwrap(),
        Accepted::Repeated(id(0))
    );
    assert_eq!(all_stored(&store).await.len(), acknowledged.len() + 1);
}

#[tokio::test]
async fn without_room_for_the_ballast_events_stay_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let limits = Limits {
        ballast_bytes: 10_000,
        ..Limits::default()
    };
    let store = Store::open_within(&path, limits).unwrap();
    execute(&store, "PRAGMA max_page_count = 60").await;
    let refused = accept_until_full(&store, 0).await;
    // A folder in its place: the file cannot be written.
    std::fs::create_dir(folder.path().join("a.db.ballast")).unwrap();
    execute(&store, "PRAGMA max_page_count = 100000").await;
    assert!(!store.recover_room().await.unwrap());
    assert!(accept(&store, refused, 10).await.is_err());
    std::fs::remove_dir(folder.path().join("a.db.ballast")).unwrap();
    assert!(store.recover_room().await.unwrap());
    assert!(accept(&store, refused, 10).await.is_ok());
}

#[tokio::test]
async fn a_store_as_large_as_allowed_goes_on_carrying_out_and_takes_events_after_pruning() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        database_bytes_max: 600_000,
        ..Limits::default()
    };
    let store = Store::open_within(&folder.path().join("a.db"), limits).unwrap();
    let refused = accept_until_full(&store, 0).await;
    let everything = Retention {
        received_from: at(0),
        ended_bytes_max: 200_000,
        young_from: at(100),
    };
    assert_eq!(
        store.prune_events(everything, 10).await.unwrap().number(),
        0,
        "nothing is done yet"
    );
    loop {
        let claim = Claim {
            now: at(1),
            lease_until: at(100),
            limit: 50,
            fresh_only: 0,
        };
        let claimed = store.claim_events(claim).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        for one in claimed {
            let planned = store.record_plan(one.event.id, one.fence, Plan::default(), at(1));
            planned.await.unwrap();
        }
    }
    while store.prune_events(everything, 10).await.unwrap().number() > 0 {}
    let left = all_stored(&store).await;
    assert!(store.count_events().await.unwrap().used_bytes <= 400_000);
    assert_eq!(
        left.last(),
        Some(&id(refused - 1).uuid()),
        "the oldest went first"
    );
    assert!(accept(&store, refused, 1_000).await.is_ok());
}

#[tokio::test]
async fn more_than_may_wait_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        waiting_bytes_max: 1_000,
        ..Limits::default()
    };
    let store = Store::open_within(&folder.path().join("a.db"), limits).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let stop = database(&store).write(move |_| {
        released.recv().ok();
        Ok(())
    });
    let first = accept(&store, 1, 600);
    let second = async {
        let second = accept(&store, 2, 600).await;
        release.send(()).unwrap();
        second
    };
    let (stopped, first, second) = tokio::join!(biased; stop, first, second);
    stopped.unwrap();
    assert_eq!(first.unwrap(), Accepted::New(id(1)));
    assert!(matches!(second, Err(Error::Busy)));
    let large = accept(&store, 3, 5_000).await;
    assert!(
        large.is_ok(),
        "one that is larger than all the room comes alone"
    );
}
