//! What every back end promises about what was moved in.

use serde_json::json;

use super::{Bench, at, on_every_backend};
use crate::{ImportCount, ImportFilter, ImportRecord, ImportState, Settled};

const STRANGE: &str = "\u{1f600} '\"\\ \u{feff} %s $1 ?1";

fn record(kind: &str, id: &str, run: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.to_owned(),
        id: id.to_owned(),
        state: ImportState::Written,
        doctype: "HD Ticket".to_owned(),
        name: Some(format!("T-{id}")),
        hash: Some(vec![0, 7]),
        is_made: true,
        before: None,
        why: None,
        run: run.to_owned(),
    }
}

fn failed(kind: &str, id: &str, run: &str) -> ImportRecord {
    ImportRecord {
        state: ImportState::Failed,
        name: None,
        hash: None,
        is_made: false,
        why: Some("no such status".to_owned()),
        ..record(kind, id, run)
    }
}

async fn keep(bench: &Bench, records: Vec<ImportRecord>) {
    let kept = bench
        .store
        .record_imports("desk".to_owned(), records, None, at(1));
    kept.await.unwrap();
}

async fn one(bench: &Bench, id: &str) -> Option<ImportRecord> {
    let (source, kind) = ("desk".to_owned(), "ticket".to_owned());
    let found = bench.store.imported(source, kind, vec![id.to_owned()]);
    found.await.unwrap().pop()
}

async fn listed(bench: &Bench, filter: ImportFilter) -> Vec<(String, String)> {
    let filter = ImportFilter {
        limit: filter.limit.max(1),
        ..filter
    };
    let found = bench.store.list_imports("desk".to_owned(), filter).await;
    let pairs = found.unwrap().into_iter();
    pairs.map(|record| (record.kind, record.id)).collect()
}

#[tokio::test]
async fn an_imported_record_comes_back_as_it_was_recorded() {
    on_every_backend(async |bench| {
        let strange = ImportRecord {
            before: Some(json!({ STRANGE: STRANGE })),
            ..record("ticket", STRANGE, STRANGE)
        };
        keep(&bench, vec![strange.clone(), failed("ticket", "2", "r")]).await;
        assert_eq!(one(&bench, STRANGE).await, Some(strange));
        assert_eq!(one(&bench, "2").await, Some(failed("ticket", "2", "r")));
        assert_eq!(one(&bench, "3").await, None);
        let other = bench.store.imported(
            "other".to_owned(),
            "ticket".to_owned(),
            vec!["2".to_owned()],
        );
        assert_eq!(other.await.unwrap(), [], "of another source");
    })
    .await;
}

#[tokio::test]
async fn what_an_import_made_stays_its_own() {
    on_every_backend(async |bench| {
        // Failed, then written, then changed by a later run that found it standing.
        keep(&bench, vec![failed("ticket", "1", "first")]).await;
        keep(&bench, vec![record("ticket", "1", "second")]).await;
        let later = ImportRecord {
            is_made: false,
            hash: Some(vec![1]),
            before: Some(json!({"subject": "old"})),
            ..record("ticket", "1", "third")
        };
        keep(&bench, vec![later.clone()]).await;
        let again = ImportRecord {
            before: Some(json!({"subject": "newer"})),
            ..later.clone()
        };
        keep(&bench, vec![failed("ticket", "9", "third"), again]).await;
        let expected = ImportRecord {
            is_made: true,
            run: "second".to_owned(),
            ..later
        };
        assert_eq!(one(&bench, "1").await, Some(expected.clone()));
        // A failure does not forget the document.
        keep(&bench, vec![failed("ticket", "1", "fourth")]).await;
        let failed = one(&bench, "1").await.unwrap();
        assert_eq!((failed.state, failed.hash), (ImportState::Failed, None));
        assert_eq!((failed.name, failed.is_made), (expected.name, true));
    })
    .await;
}

#[tokio::test]
async fn of_two_reports_about_one_record_the_last_counts() {
    on_every_backend(async |bench| {
        let both = vec![failed("ticket", "1", "r"), record("ticket", "1", "r")];
        keep(&bench, both).await;
        assert_eq!(one(&bench, "1").await.unwrap().state, ImportState::Written);
    })
    .await;
}

#[tokio::test]
async fn imported_records_are_listed_in_order_and_counted() {
    on_every_backend(async |bench| {
        let rows = vec![
            record("ticket", "a", "r1"),
            record("ticket", "B", "r2"),
            failed("ticket", "10", "r1"),
            record("contact", "9", "r1"),
        ];
        keep(&bench, rows).await;
        let pair = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
        let all = ImportFilter {
            limit: 10,
            ..ImportFilter::default()
        };
        let in_order = [
            pair("contact", "9"),
            pair("ticket", "10"),
            pair("ticket", "B"),
            pair("ticket", "a"),
        ];
        assert_eq!(listed(&bench, all.clone()).await, in_order);
        let page = ImportFilter {
            after: Some(pair("contact", "9")),
            limit: 2,
            ..all.clone()
        };
        assert_eq!(listed(&bench, page).await, in_order[1..3]);
        let of_kind = ImportFilter {
            kind: Some("contact".to_owned()),
            ..all.clone()
        };
        assert_eq!(listed(&bench, of_kind).await, in_order[..1]);
        let of_state = ImportFilter {
            state: Some(ImportState::Failed),
            ..all.clone()
        };
        assert_eq!(listed(&bench, of_state).await, in_order[1..2]);
        let of_run = ImportFilter {
            run: Some("r2".to_owned()),
            ..all
        };
        assert_eq!(listed(&bench, of_run).await, in_order[2..3]);
        let count = |kind: &str, state, records| ImportCount {
            kind: kind.to_owned(),
            state,
            records,
        };
        let counts = bench.store.count_imports("desk".to_owned()).await.unwrap();
        let expected = [
            count("contact", ImportState::Written, 1),
            count("ticket", ImportState::Failed, 1),
            count("ticket", ImportState::Written, 2),
        ];
        assert_eq!(counts, expected);
        assert_eq!(bench.store.count_imports("x".to_owned()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_position_stands_until_all_is_settled_or_forgotten() {
    on_every_backend(async |bench| {
        let position = async || {
            let (source, kind) = ("desk".to_owned(), "ticket".to_owned());
            bench.store.import_position(source, kind).await.unwrap()
        };
        let settle = async |settled: Settled| {
            let settled = Some(("ticket".to_owned(), settled));
            let rows = vec![record("ticket", "1", "r")];
            let kept = bench
                .store
                .record_imports("desk".to_owned(), rows, settled, at(1));
            kept.await.unwrap();
        };
        assert_eq!(position().await, None);
        settle(Settled::UpTo("5".to_owned())).await;
        settle(Settled::UpTo("7".to_owned())).await;
        assert_eq!(position().await.as_deref(), Some("7"));
        settle(Settled::Whole).await;
        assert_eq!(position().await, None);
        settle(Settled::UpTo("9".to_owned())).await;
        let forgotten = vec![("ticket".to_owned(), "1".to_owned())];
        let forgetting = bench.store.forget_imports("desk".to_owned(), forgotten);
        forgetting.await.unwrap();
        assert_eq!((position().await, one(&bench, "1").await), (None, None));
    })
    .await;
}
