//! What was written is compared, and taken back.

use deskbridge_import::reader::Source;
use deskbridge_import::{
    record::Kind,
    target, undo,
    verify::{self, Difference, Verified, Wrong},
};
use frappe::Document;
use serde_json::{Value, json};

use crate::bench::{Bench, cases};

pub(crate) async fn verified(bench: &Bench, source: &Source) -> (Verified, Vec<Difference>) {
    let site = target::site(&bench.client, &bench.settings).await.unwrap();
    let mut differences = Vec::new();
    let verified = verify::verify(
        &bench.client,
        &bench.store,
        source,
        &site,
        &bench.settings,
        bench.options.files.as_deref(),
        |difference| {
            differences.push(difference);
        },
    );
    (verified.await.unwrap(), differences)
}

#[tokio::test]
async fn verification_finds_what_is_missing_and_what_differs_and_nothing_else() {
    let bench = Bench::new().await;
    let source = bench.lines(&cases(1..=3));
    bench.run(&source).await;
    let (whole, differences) = verified(&bench, &source).await;
    assert_eq!(differences, []);
    assert_eq!(whole.messages, 9);
    assert!(whole.records.values().all(|records| *records == 3) && whole.same == whole.records);

    let of = |all: Vec<Document>, key: &str| {
        all.into_iter()
            .find(|one| one.text("custom_import_id") == Some(key))
            .unwrap()
            .name()
            .unwrap()
    };
    let message = of(bench.all("Communication").await, "old:message:2/1");
    bench
        .client
        .delete("Communication", &message)
        .await
        .into_result()
        .unwrap();
    let ticket = of(bench.all("HD Ticket").await, "old:ticket:1");
    let changes = Document::new()
        .with("subject", "Khác")
        .with("status", "Open");
    bench
        .client
        .update("HD Ticket", &ticket, &changes)
        .await
        .into_result()
        .unwrap();
    let comment = of(bench.all("HD Ticket Comment").await, "old:message:3/2");
    let changes = Document::new().with("content", "khác");
    bench
        .client
        .update("HD Ticket Comment", &comment, &changes)
        .await
        .into_result()
        .unwrap();
    let (_, differences) = verified(&bench, &source).await;
    let found: Vec<(&str, &Wrong)> = differences
        .iter()
        .map(|one| (one.id.as_str(), &one.what))
        .collect();
    let field = |name: &str| Wrong::Field(name.to_owned());
    let expected = [
        ("1", field("subject")),
        ("1", field("resolution_date")),
        ("1", field("status")),
        ("2", Wrong::MissingMessage("old:message:2/1".to_owned())),
        (
            "3",
            Wrong::MessageField("old:message:3/2".to_owned(), "content".to_owned()),
        ),
    ];
    assert_eq!(
        found,
        expected
            .iter()
            .map(|(id, what)| (*id, what))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn undoing_removes_what_was_made_and_restores_what_was_found() {
    let mut bench = Bench::new().await;
    let contact: Document = serde_json::from_value(
        json!({"first_name": "An", "email_ids": [{"email_id": "an1@tra.example"}]}),
    )
    .unwrap();
    bench
        .client
        .insert("Contact", &contact)
        .await
        .into_result()
        .unwrap();
    bench.options.run = "first".to_owned();
    bench.run(&bench.lines(&cases(1..=2))).await;
    bench.options.run = "second".to_owned();
    bench.run(&bench.lines(&cases(1..=3))).await;

    let undo = async |run: Option<&str>| {
        undo::undo(&bench.client, &bench.store, "old", run, |_| {})
            .await
            .unwrap()
    };
    let second = undo(Some("second")).await;
    assert_eq!(
        (second.deleted, second.restored, second.kept.len()),
        (3, 0, 0),
        "{second:?}"
    );
    assert_eq!(
        bench.keys("HD Ticket").await,
        ["old:ticket:1", "old:ticket:2"]
    );
    assert_eq!(bench.keys("Communication").await.len(), 4);
    let rest = undo(None).await;
    assert_eq!((rest.deleted, rest.restored), (5, 1), "{rest:?}");
    for doctype in [
        "HD Ticket",
        "Communication",
        "HD Ticket Comment",
        "HD Customer",
        "Contact",
    ] {
        assert_eq!(bench.keys(doctype).await, [] as [String; 0], "{doctype}");
    }
    let contacts = bench.all("Contact").await;
    let contact = contacts
        .iter()
        .find(|contact| contact.text("email_id") == Some("an1@tra.example"));
    assert_eq!(contact.unwrap().get("first_name"), Some(&Value::from("An")));
    for kind in Kind::ALL {
        let left = bench.store.imported(
            "old".to_owned(),
            kind.as_str().to_owned(),
            vec!["1".to_owned()],
        );
        assert_eq!(left.await.unwrap(), []);
    }
}
