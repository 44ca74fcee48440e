//! Lost answers, refusals, interruptions: nothing twice, nothing missing.

use std::collections::BTreeSet;

use deskbridge_import::{
    reader::Source,
    record::Kind,
    run::{Ended, Order},
};
use deskbridge_store::Store;
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::sync::watch;

use crate::bench::{Bench, cases};

/// What must be there after an import of so many cases, once each.
async fn assert_whole(bench: &Bench, count: u32) {
    let expected = |kind: &str, prefix: &str| {
        let mut keys: Vec<String> = (1..=count)
            .map(|number| format!("old:{kind}:{prefix}{number}"))
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(bench.keys("HD Customer").await, expected("customer", "c"));
    assert_eq!(bench.keys("Contact").await, expected("contact", "p"));
    assert_eq!(bench.keys("HD Ticket").await, expected("ticket", ""));
    let messages = bench.keys("Communication").await;
    assert_eq!(messages.len(), 2 * count as usize);
    assert_eq!(
        messages.iter().collect::<BTreeSet<_>>().len(),
        messages.len()
    );
    assert_eq!(bench.keys("HD Ticket Comment").await.len(), count as usize);
    for ticket in bench.all("HD Ticket").await {
        assert_eq!(ticket.text("status"), Some("Closed"));
        assert!(
            ticket
                .text("resolution_date")
                .unwrap()
                .starts_with("2024-05-12 10:00:00"),
            "{ticket:?}"
        );
    }
    let failed = bench.store.count_imports("old".to_owned()).await.unwrap();
    assert!(
        failed.iter().all(|count| count.state.as_str() == "written"),
        "{failed:?}"
    );
}

async fn whole_despite(script: &str) {
    let bench = Bench::new().await;
    bench.faults(script);
    bench.run(&bench.lines(&cases(1..=6))).await;
    bench.faults("[]");
    assert_whole(&bench, 6).await;
}

#[tokio::test]
async fn lost_answers_to_inserts_make_nothing_twice() {
    whole_despite(
        r#"[
            {"when": "POST /api/resource/HD Customer", "skip": 1, "times": 2, "execute": true, "answer": "hang_up"},
            {"when": "POST /api/resource/Contact", "skip": 1, "times": 2, "execute": true, "answer": "truncate"},
            {"when": "POST /api/resource/HD Ticket", "skip": 1, "times": 3, "execute": true, "answer": "hang_up"},
            {"when": "POST frappe.client.insert_many", "skip": 1, "times": 2, "execute": true, "answer": "hang_up"},
            {"when": "PUT /api/resource/HD Ticket/*", "skip": 2, "times": 3, "execute": true, "answer": "hang_up"}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn lost_requests_are_sent_again() {
    whole_despite(
        r#"[
            {"when": "POST /api/resource/*", "skip": 2, "times": 4, "answer": "hang_up"},
            {"when": "POST frappe.client.insert_many", "skip": 1, "times": 2, "answer": {"preset": "bad_gateway"}},
            {"when": "PUT /api/resource/HD Ticket/*", "skip": 2, "times": 3, "answer": "hang_up"}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn a_helpdesk_that_is_gone_for_a_while_is_waited_for() {
    whole_despite(
        r#"[
            {"when": "*", "skip": 60, "times": 12, "execute": true, "answer": "hang_up"},
            {"when": "*", "skip": 30, "times": 8, "answer": "hang_up"}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn a_helpdesk_that_asks_for_less_gets_less_and_everything() {
    whole_despite(
        r#"[
            {"when": "POST /api/resource/HD Ticket", "skip": 1, "times": 2, "answer": {"preset": "deadlock"}},
            {"when": "POST /api/resource/Contact", "skip": 1, "times": 2, "answer": {"preset": "duplicate_name"}},
            {"when": "POST frappe.client.insert_many", "times": 1, "answer": {"preset": "lock_timeout"}},
            {"when": "PUT /api/resource/HD Ticket/*", "times": 2, "answer": {"preset": "timestamp_mismatch"}},
            {"when": "POST /api/resource/HD Customer", "times": 2, "answer": {"preset": "maintenance"}}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn a_helpdesk_that_stays_away_ends_the_run_and_the_next_one_goes_on() {
    let mut bench = Bench::new().await;
    bench.options.patience = std::time::Duration::from_millis(300);
    bench.faults(r#"[{"when": "POST /api/resource/HD Ticket", "skip": 2, "answer": {"preset": "maintenance"}}]"#);
    let source = bench.lines(&cases(1..=6));
    let (_orders, receiver) = watch::channel(Order::Go);
    let summary = bench.try_run(&source, receiver).await.unwrap();
    assert!(matches!(summary.ended, Ended::Down { .. }), "{summary:?}");
    assert_eq!(summary.counts[&Kind::Ticket].failed, 0);
    bench.faults("[]");
    bench.run(&source).await;
    assert_whole(&bench, 6).await;
}

#[tokio::test]
async fn a_place_in_one_source_is_none_in_another() {
    let mut bench = Bench::new().await;
    bench.options.patience = std::time::Duration::from_millis(1);
    let whole = bench.lines(&cases(1..=300));
    bench.options.requests_max = 1;
    bench.faults(
        r#"[{"when": "POST frappe.client.insert_many", "skip": 5, "answer": {"preset": "maintenance"}}]"#,
    );
    let (_orders, receiver) = watch::channel(Order::Go);
    let summary = bench.try_run(&whole, receiver).await.unwrap();
    assert!(matches!(summary.ended, Ended::Down { .. }), "{summary:?}");
    bench.faults("[]");
    let position = bench
        .store
        .import_position("old".to_owned(), "customer".to_owned());
    assert!(
        position.await.unwrap().is_some(),
        "the first batch is settled"
    );
    // Something small is fed back in between.
    let path = bench.folder.path().join("corrected.jsonl");
    let line = serde_json::json!({"kind": "customer", "id": "other", "name": "Gốm Xanh"});
    std::fs::write(&path, line.to_string()).unwrap();
    bench.run(&Source::JsonLines(vec![path])).await;
    let keys = bench.keys("HD Customer").await;
    assert!(
        keys.contains(&"old:customer:other".to_owned()),
        "{}",
        keys.len()
    );
    assert!(keys.len() < 300, "{}", keys.len());
}

/// Stops after the helpdesk has taken so many requests; a third of the time the ledger is lost as well.
async fn interrupted_at(bench: &mut Bench, source: &Source, requests: u64, loses_ledger: bool) {
    let script = format!(
        r#"[{{"when": "P* /api/*", "skip": {requests}, "execute": true, "answer": "hang_up"}},
            {{"when": "POST frappe.client.*", "skip": {requests}, "execute": true, "answer": "hang_up"}}]"#
    );
    bench.faults(&script);
    bench.options.patience = std::time::Duration::from_millis(1);
    let (orders, receiver) = watch::channel(Order::Go);
    let stop = async {
        // In the middle of a request, wherever that is.
        while bench.site.site.journal().len() < usize::try_from(requests).unwrap() {
            tokio::task::yield_now().await;
        }
        orders.send_replace(Order::Stop);
        bench.faults("[]");
    };
    {
        // It may end before it has made so many.
        let mut import = std::pin::pin!(bench.try_run(source, receiver));
        let ended = tokio::select! {
            ended = &mut import => ended,
            () = stop => import.await,
        };
        ended.unwrap();
    }
    bench.faults("[]");
    if loses_ledger {
        bench.store = Store::open_inline().unwrap();
    }
}

#[tokio::test]
async fn an_import_that_is_interrupted_anywhere_and_run_again_is_whole() {
    const SEED: [u8; 32] = *b"where an import is interrupted..";
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let places = proptest::collection::vec((1_u64..40, proptest::bool::weighted(0.3)), 1..4);
    for _ in 0..8 {
        let places = places.new_tree(&mut runner).unwrap().current();
        let mut bench = Bench::new().await;
        let source = bench.lines(&cases(1..=5));
        for (requests, loses_ledger) in &places {
            bench.site.site.clear_journal();
            interrupted_at(&mut bench, &source, *requests, *loses_ledger).await;
        }
        bench.options.patience = std::time::Duration::from_secs(60);
        bench.run(&source).await;
        #[expect(clippy::print_stdout, reason = "what a failure is repeated with")]
        {
            println!("interrupted at {places:?}");
        }
        assert_whole(&bench, 5).await;
    }
}
