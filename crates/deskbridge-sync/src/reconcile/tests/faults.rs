use deskbridge_journal::Tasks;
use simulators::faults::{Rule, Script};

use super::*;
use crate::reconcile::Meaning;

/// A hub that knows one of two tickets; the other's webhook was lost.
async fn hub() -> Hub {
    let told = ticket(1, 500);
    let records = tickets([told.clone(), ticket(2, 100_000)]);
    let now = start_at() + SignedDuration::from_secs(400);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    hub
}

/// The same after a round, with another ticket lost since.
async fn hub_at_work() -> Hub {
    let hub = hub().await;
    assert_eq!(hub.round().await.missed, 1);
    hub.plan().await;
    hub.pass(300);
    let rows = [ticket(1, 500), ticket(2, 100_000), ticket(3, 500_000)];
    hub.center.center.set_records(tickets(rows));
    hub
}

fn script(json: &str) -> Vec<Rule> {
    Script::parse(json).unwrap()
}

fn asked(hub: &Hub) -> usize {
    hub.center.center.asked().len()
}

async fn why(hub: &Hub, object: Object) -> String {
    let status = hub.of(object).await;
    assert!(status.is_failing(), "{status:?}");
    status
        .last_failure
        .map(|failed| failed.why)
        .unwrap_or_default()
}

/// What was refused is found once it no longer is.
async fn recovers(hub: &Hub, mark: Timestamp) {
    assert_eq!(
        hub.of(Object::Tickets).await.mark,
        mark,
        "it stays where it was"
    );
    hub.center.center.set_faults(Vec::new());
    hub.pass(60);
    let round = hub.round().await;
    assert_eq!((round.missed, round.again), (1, Again::AsUsual));
    assert!(!hub.of(Object::Tickets).await.is_failing());
}

#[tokio::test]
async fn too_many_requests_end_the_round_and_lose_nothing() {
    let hub = hub_at_work().await;
    let mark = hub.of(Object::Tickets).await.mark;
    hub.center.center.set_faults(script(
        r#"[{"when":"GET tickets","times":3,"answer":{"preset":"too_many"}}]"#,
    ));
    for _ in 0..3 {
        let before = asked(&hub);
        let round = hub.round().await;
        assert_eq!(round.again, Again::After(Duration::from_secs(1)));
        // Contacts and tickets: nothing is asked after the refusal.
        assert_eq!(asked(&hub) - before, 2);
        assert!(why(&hub, Object::Tickets).await.contains("429"));
        hub.pass(5);
    }
    recovers(&hub, mark).await;
}

#[tokio::test]
async fn a_ban_is_waited_for_even_after_a_restart() {
    let hub = hub_at_work().await;
    let mark = hub.of(Object::Tickets).await.mark;
    hub.center.center.set_faults(script(
        r#"[{"when":"GET tickets","answer":{"preset":"banned"}}]"#,
    ));
    let minutes_15 = Duration::from_mins(15);
    assert_eq!(hub.round().await.again, Again::After(minutes_15));
    let until = hub.now() + SignedDuration::from_mins(15);
    assert_eq!(hub.status().await.banned_until, Some(until));
    assert!(why(&hub, Object::Tickets).await.contains("banned"));
    let before = asked(&hub);
    hub.pass(600);
    assert_eq!(
        hub.round().await.again,
        Again::After(Duration::from_mins(5))
    );
    assert_eq!(asked(&hub), before);
    hub.pass(301);
    assert_eq!(hub.status().await.banned_until, None);
    recovers(&hub, mark).await;
}

#[tokio::test]
async fn a_server_error_is_no_empty_page() {
    let hub = hub_at_work().await;
    let mark = hub.of(Object::Tickets).await.mark;
    let faults = r#"[{"when":"GET tickets","answer":{"preset":"server_error"}}]"#;
    hub.center.center.set_faults(script(faults));
    assert_eq!(hub.round().await.again, Again::AfterFailure);
    assert!(why(&hub, Object::Tickets).await.contains("500"));
    let asked = hub.center.center.asked();
    assert_eq!(
        asked.last().map(String::as_str),
        Some("GET deals"),
        "others go on"
    );
    assert!(!hub.of(Object::Deals).await.is_failing());
    recovers(&hub, mark).await;
}

#[tokio::test]
async fn rows_that_are_said_and_not_shown_are_not_none() {
    let hub = hub_at_work().await;
    let mark = hub.of(Object::Tickets).await.mark;
    let faults = r#"[{"when":"GET tickets","answer":{"status":200,"json":{"code":"ok","numFound":3,"tickets":[]}}}]"#;
    hub.center.center.set_faults(script(faults));
    assert_eq!(hub.round().await.missed, 0);
    assert_eq!(
        why(&hub, Object::Tickets).await,
        "CareSoft says that 3 tickets changed, and shows none"
    );
    recovers(&hub, mark).await;
}

#[tokio::test]
async fn broken_answers_end_the_round_and_lose_nothing() {
    for answer in [
        r#""hang_up""#,
        r#""truncate""#,
        r#"{"status":200,"html":"<h1>Maintenance</h1>"}"#,
        r#"{"status":302,"location":"https://other.test/"}"#,
        r#"{"status":401}"#,
    ] {
        let hub = hub_at_work().await;
        let mark = hub.of(Object::Tickets).await.mark;
        let faults = format!(r#"[{{"when":"GET tickets","answer":{answer}}}]"#);
        hub.center.center.set_faults(script(&faults));
        assert_eq!(hub.round().await.missed, 0, "{answer}");
        assert!(!why(&hub, Object::Tickets).await.is_empty(), "{answer}");
        recovers(&hub, mark).await;
    }
}

#[tokio::test]
async fn the_spare_host_is_asked_when_the_first_is_down() {
    let mut hub = hub_at_work().await;
    let gone = simulators::caresoft::start(Options::default())
        .await
        .unwrap();
    hub.spare_host = Some(std::mem::replace(&mut hub.host, gone.url.clone()));
    drop(gone);
    assert_eq!(hub.round().await.missed, 1);
}

#[tokio::test]
async fn a_host_that_is_down_is_told_and_waited_for() {
    let mut hub = hub_at_work().await;
    let gone = simulators::caresoft::start(Options::default())
        .await
        .unwrap();
    let host = std::mem::replace(&mut hub.host, gone.url.clone());
    drop(gone);
    let mark = hub.of(Object::Tickets).await.mark;
    assert_eq!(hub.round().await.again, Again::AfterFailure);
    assert!(hub.of(Object::Contacts).await.is_failing());
    hub.host = host;
    recovers(&hub, mark).await;
}

#[tokio::test]
async fn what_was_read_before_a_crash_is_read_again_and_taken_once() {
    let hub = hub_at_work().await;
    let key = "caresoft/main/poll".to_owned();
    let before = hub
        .store
        .remembered_answer(key.clone(), hub.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hub.round().await.missed, 1);
    let events = hub.polled().await;
    // The events are on disk, the mark is not.
    hub.store
        .remember_answer(key.clone(), before.clone())
        .await
        .unwrap();
    assert_eq!(hub.round().await.missed, 0);
    assert_eq!(hub.polled().await, events);
    hub.store.remember_answer(key, before).await.unwrap();
    hub.plan().await;
    assert_eq!(hub.round().await.missed, 0);
    assert_eq!(hub.polled().await, events);
}

#[tokio::test]
async fn who_does_not_hold_the_poll_asks_nothing() {
    let hub = hub().await;
    let mut poller = hub.poller();
    poller.setup.holds = Arc::new(|| Box::pin(std::future::ready(false)));
    assert_eq!(poller.round().await.unwrap().again, Again::WhenHeld);
    assert_eq!(asked(&hub), 0);
    let status = Status::read(&hub.store, CONNECTION, hub.now())
        .await
        .unwrap();
    assert_eq!(status, None);
}

#[tokio::test]
async fn another_look_is_taken_every_day() {
    let hub = hub_at_work().await;
    let looks = |hub: &Hub| asked(hub);
    let before = looks(&hub);
    hub.round().await;
    assert_eq!(looks(&hub) - before, 4, "one page each");
    hub.pass(86_400);
    let before = looks(&hub);
    hub.round().await;
    assert_eq!(looks(&hub) - before, 8, "a look, and a page each");
    assert_eq!(hub.status().await.times.meaning, Meaning::Local);
}

#[tokio::test]
async fn a_poll_stops_at_once_while_it_waits_for_an_answer() {
    let hub = hub().await;
    hub.center
        .center
        .set_faults(script(r#"[{"answer":"silence"}]"#));
    let tasks = Tasks::default();
    tasks.spawn("poll", hub.poller().run(tasks.clone()));
    testkit::wait_for("a question", async || (asked(&hub) > 0).then_some(())).await;
    assert!(
        tasks.shut_down(Duration::from_secs(20)).await,
        "deadlines are 30 s"
    );
}

#[tokio::test]
async fn a_poll_goes_on_until_it_is_stopped() {
    let hub = hub().await;
    let tasks = Tasks::default();
    tasks.spawn("poll", hub.poller().run(tasks.clone()));
    let missed = async || {
        let status = Status::read(&hub.store, CONNECTION, hub.now())
            .await
            .unwrap()?;
        status
            .objects
            .iter()
            .any(|object| object.missed == 1)
            .then_some(())
    };
    testkit::wait_for("a missed change", missed).await;
    // Now it waits for its next round.
    assert!(tasks.shut_down(Duration::from_secs(20)).await);
}
