//! No mail leaves the helpdesk because of an import.

use deskbridge_core::Clock;
use deskbridge_import::{Error, guard, run::Order};
use frappe::{Document, Name};
use tokio::sync::watch;

use crate::bench::{Bench, case};

#[tokio::test]
async fn what_sends_mail_is_switched_off_and_put_back() {
    let bench = Bench::new().await;
    let settings = Name::from("HD Settings");
    let on = Document::new()
        .with("send_acknowledgement_email", 1)
        .with("auto_close_tickets", 1);
    let changed = bench.client.update("HD Settings", &settings, &on).await;
    changed.into_result().unwrap();
    let source = bench.lines(&case(1));
    let (_orders, receiver) = watch::channel(Order::Go);
    let refused = bench.try_run(&source, receiver).await;
    assert!(
        matches!(refused, Err(Error::NotReady { .. })),
        "{refused:?}"
    );

    let loud = guard::loud(&bench.client).await.unwrap();
    assert_eq!(loud.len(), 2, "{loud:?}");
    let clock = Clock::manual("2026-03-02T02:00:00Z".parse().unwrap());
    let silenced = guard::silence(&bench.client, &bench.store, "old", &loud, &clock);
    silenced.await.unwrap();
    bench.run(&source).await;

    let switches = async || {
        let settings = bench.client.get("HD Settings", &settings).await.unwrap();
        [
            "send_acknowledgement_email",
            "auto_close_tickets",
            "enable_email_ticket_feedback",
        ]
        .map(|field| settings.check(field))
    };
    assert_eq!(switches().await, [false, false, false]);
    let put_back = async || {
        guard::put_back(&bench.client, &bench.store, "old")
            .await
            .unwrap()
    };
    assert_eq!(put_back().await, 2);
    assert_eq!(switches().await, [true, true, false]);
    assert_eq!(put_back().await, 0, "once");
}
