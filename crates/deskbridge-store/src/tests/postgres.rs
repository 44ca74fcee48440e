//! What the PostgreSQL back end does at its edges: lost connections, TLS, groups, settings that forget.

mod locks;
mod proxy;

use deskbridge_core::Secret;
use futures_util::future::join_all;

use self::proxy::{Cut, Proxy};
use super::{accept, at, event, id};
use crate::{
    Accepted, Claim, Error, PostgresOptions, Store,
    contract::{Schema, admin},
};

async fn open(address: &str, options: &PostgresOptions) -> crate::Result<Store> {
    Store::open_postgres(&Secret::new(address), options).await
}

/// The address of the tests' server with another port.
fn through(port: u16) -> String {
    let address = testkit::postgres_address();
    let (before, after) = address.split_once('@').unwrap();
    let (_, database) = after.split_once('/').unwrap();
    format!("{before}@localhost:{port}/{database}")
}

fn server() -> String {
    let address = testkit::postgres_address();
    let (_, after) = address.split_once('@').unwrap();
    after.split_once('/').unwrap().0.to_owned()
}

fn password() -> String {
    let address = testkit::postgres_address();
    let (_, after) = address.split_once("://").unwrap();
    let (user, _) = after.split_once('@').unwrap();
    user.split_once(':').unwrap().1.to_owned()
}

#[tokio::test]
async fn an_answer_that_was_lost_with_its_commit_is_no_acknowledgement() {
    let schema = Schema::new();
    let proxy = Proxy::start(&server()).await;
    let store = open(&through(proxy.port), &schema.options).await.unwrap();
    for (number, cut, then) in [
        (1, Cut::AfterCommit, Accepted::Repeated(id(1))),
        (2, Cut::BeforeCommit, Accepted::New(id(2))),
    ] {
        proxy.cut(cut);
        let lost = accept(&store, number, 10).await;
        assert!(matches!(lost, Err(Error::CommitUnknown { .. })), "{lost:?}");
        proxy.cut(Cut::Never);
        assert_eq!(accept(&store, number, 10).await.unwrap(), then);
    }
    assert_eq!(store.check().await.unwrap(), []);
    schema.drop().await;
}

#[tokio::test]
async fn connections_that_are_lost_between_two_statements_are_made_anew() {
    let schema = Schema::new();
    let proxy = Proxy::start(&server()).await;
    let store = open(&through(proxy.port), &schema.options).await.unwrap();
    accept(&store, 1, 10).await.unwrap();
    for round in 0..3 {
        // Several connections are idle, and all of them are lost.
        join_all((0..4).map(|_| store.count_events())).await;
        proxy.cut_all().await;
        assert!(store.event(id(1)).await.unwrap().is_some());
        proxy.cut_all().await;
        assert_eq!(
            accept(&store, 1, 10).await.unwrap(),
            Accepted::Repeated(id(1))
        );
        proxy.cut_all().await;
        let claim = Claim {
            now: at(round * 100),
            lease_until: at(round * 100 + 1),
            limit: 1,
            fresh_only: 0,
        };
        assert_eq!(store.claim_events(claim).await.unwrap().len(), 1, "{round}");
    }
    assert_eq!(store.event(id(1)).await.unwrap().unwrap().repeats, 3);
    schema.drop().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_named_without_the_password() {
    let schema = Schema::new();
    let proxy = Proxy::start(&server()).await;
    let address = through(proxy.port);
    let store = open(&address, &schema.options).await.unwrap();
    let port = proxy.port;
    proxy.stop().await;
    let (user, rest) = address.split_once(&password()).unwrap();
    let wrong = format!("{user}sesame{rest}")
        .replace(&port.to_string(), server().rsplit(':').next().unwrap());
    let errors = [
        accept(&store, 1, 10).await.unwrap_err(),
        store.count_events().await.unwrap_err(),
        open(&address, &schema.options).await.unwrap_err(),
        open(&wrong, &schema.options).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        let shown = format!(
            "{error} {error:?} {} {store:?}",
            deskbridge_core::Chain(&error)
        );
        assert!(shown.contains("localhost:"), "{shown}");
        assert!(
            !shown.contains(&password()) && !shown.contains("sesame"),
            "{shown}"
        );
    }
    schema.drop().await;
}

#[tokio::test]
async fn tls_is_with_the_server_that_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let own = proxy::Certificate::new(folder.path(), "own");
    let other = proxy::Certificate::new(folder.path(), "other");
    let schema = Schema::new();
    let proxy = Proxy::start_tls(&server(), &own).await;
    let address = format!("{}?sslmode=require", through(proxy.port));
    let trusting = |root: &proxy::Certificate| PostgresOptions {
        root_certificate: Some(root.path.clone()),
        ..schema.options.clone()
    };
    let store = open(&address, &trusting(&own)).await.unwrap();
    assert_eq!(
        accept(&store, 1, 100_000).await.unwrap(),
        Accepted::New(id(1))
    );
    let refused = open(&address, &trusting(&other)).await.unwrap_err();
    let shown = deskbridge_core::Chain(&refused).to_string();
    assert!(shown.contains("certificate"), "{shown}");
    let elsewhere = address.replace("localhost", "127.0.0.1");
    let refused = open(&elsewhere, &trusting(&own)).await.unwrap_err();
    let shown = deskbridge_core::Chain(&refused).to_string();
    assert!(shown.contains("certificate"), "another name: {shown}");
    let clear = format!("{}?sslmode=require", testkit::postgres_address());
    let refused = open(&clear, &trusting(&own)).await;
    assert!(refused.is_err(), "the server itself speaks no TLS");
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let empty = PostgresOptions {
        root_certificate: Some(folder.path().join("empty")),
        ..schema.options.clone()
    };
    let refused = open(&address, &empty).await;
    assert!(matches!(refused, Err(Error::Address { .. })), "{refused:?}");
    schema.drop().await;
}

#[tokio::test]
async fn what_waits_is_written_in_groups_and_more_is_turned_away() {
    let mut schema = Schema::new();
    schema.options.waiting_bytes_max = 30_000;
    let store = Store::open_postgres(&schema.address, &schema.options)
        .await
        .unwrap();
    let mut client = admin(&schema.address).await;
    let stop = client.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.event_key", schema.options.schema);
    stop.batch_execute(&lock).await.unwrap();
    let all = join_all((0..400).map(|number| accept(&store, number, 100)));
    let release = async {
        // The first of them is on its way to the server, the others wait behind it.
        testkit::wait_for("the writer to be stopped", async || {
            let sql = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass";
            let name = format!("{}.event_key", schema.options.schema);
            let waits = stop.query(sql, &[&name]).await.unwrap();
            (!waits.is_empty()).then_some(())
        })
        .await;
        stop.rollback().await.unwrap();
    };
    let (accepted, ()) = tokio::join!(biased; all, release);
    let stored = accepted
        .iter()
        .filter(|one| matches!(one, Ok(Accepted::New(_))))
        .count();
    let busy = accepted
        .iter()
        .filter(|one| matches!(one, Err(Error::Busy)))
        .count();
    assert_eq!((stored, busy), (300, 100));
    let sql = format!(
        "SELECT count(DISTINCT xmin::text) FROM {}.event",
        schema.options.schema
    );
    let groups: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
    assert!(groups <= 3, "{groups} transactions");
    assert!(
        accept(&store, 500, 100_000).await.is_ok(),
        "one larger than all the room comes alone"
    );
    schema.drop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_keeps_no_other_out() {
    let schema = Schema::new();
    let store = Store::open_postgres(&schema.address, &schema.options)
        .await
        .unwrap();
    let all = join_all((0..20).map(|number| {
        // Two ids are one, though their events are not.
        let named = if number == 13 { 7 } else { number };
        store.accept_event(id(named), event(number, 10), at(0))
    }));
    let refused: Vec<usize> = (0..)
        .zip(all.await)
        .filter_map(|(number, accepted)| accepted.is_err().then_some(number))
        .collect();
    assert_eq!(refused, [13]);
    assert_eq!(store.check().await.unwrap(), []);
    schema.drop().await;
}

#[tokio::test]
async fn a_server_that_forgets_is_refused() {
    let schema = Schema::new();
    let address = testkit::postgres_address();
    let forgets = format!("{address}?options=-c%20synchronous_commit%3Doff");
    let refused = open(&forgets, &schema.options).await.unwrap_err();
    assert!(
        matches!(
            &refused,
            Error::Unsafe {
                setting: "synchronous_commit",
                ..
            }
        ),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("ALTER ROLE"), "{refused}");
    let remote = format!("{address}?options=-c%20synchronous_commit%3Dlocal");
    open(&remote, &schema.options).await.unwrap();
    schema.drop().await;
}

#[tokio::test]
async fn a_schema_of_another_program_is_refused() {
    let schema = Schema::new();
    let open = async || Store::open_postgres(&schema.address, &schema.options).await;
    open().await.unwrap();
    schema
        .execute("INSERT INTO migration VALUES (99, 'x', 'x')")
        .await;
    let newer = open().await;
    assert!(
        matches!(newer, Err(Error::Newer { found: 99, .. })),
        "{newer:?}"
    );
    schema
        .execute("DELETE FROM migration WHERE version = 99; UPDATE migration SET checksum = 'x' WHERE version = 2")
        .await;
    let changed = open().await;
    assert!(
        matches!(changed, Err(Error::ChangedHistory { version: 2 })),
        "{changed:?}"
    );
    schema.drop().await;
}

#[tokio::test]
async fn a_store_that_is_dropped_lets_its_connections_go() {
    let schema = Schema::new();
    let proxy = Proxy::start(&server()).await;
    let store = open(&through(proxy.port), &schema.options).await.unwrap();
    accept(&store, 1, 10).await.unwrap();
    assert!(proxy.open() > 0);
    drop(store);
    testkit::wait_for("the connections to close", async || {
        (proxy.open() == 0).then_some(())
    })
    .await;
    schema.drop().await;
}

#[tokio::test]
async fn a_node_that_freezes_in_a_transaction_loses_it_before_others_give_up() {
    let schema = Schema::new();
    let store = Store::open_postgres(&schema.address, &schema.options)
        .await
        .unwrap();
    let crate::Backend::Postgres(database) = &store.backend else {
        panic!("it is PostgreSQL");
    };
    let (holds, mut held) = tokio::sync::watch::channel(false);
    let frozen = database.write(holds, |transaction, holds| {
        Box::pin(async move {
            let lock = "LOCK TABLE effect";
            transaction.batch_execute(lock).await.unwrap();
            holds.send_replace(true);
            std::future::pending::<crate::Result<()>>().await
        })
    });
    let other = async {
        held.wait_for(|holds| *holds).await.unwrap();
        store.count_effects().await
    };
    tokio::select! {
        _ = frozen => panic!("it is frozen"),
        counted = other => assert!(counted.is_ok(), "{counted:?}"),
    }
    schema.drop().await;
}
