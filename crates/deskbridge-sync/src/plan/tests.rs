//! The planner over a store and the journal's events, several of which are planned at once.

use std::time::Duration;

use deskbridge_core::{Backoff, Clock, DuplicateKey, NewEvent, OrderingKey, Reading, RemoteRecord};
use deskbridge_journal::{Events, Intake, Journal, Settings, Tasks};
use deskbridge_store::{Accepted, EffectFilter, EventState};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::caresoft::{Disturbance, disturb, live};

use super::*;
use crate::decide::{
    tests::{
        lives::complete,
        world::{World, account},
    },
    write::Write,
};

struct Desk {
    store: Store,
    intake: Intake,
    events: Events,
}

impl Desk {
    fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        Self::over(Store::open_inline().expect("a store in memory"), accounts)
    }

    fn over(store: Store, accounts: impl IntoIterator<Item = Account>) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).expect("a time"));
        let settings = Settings {
            concurrent_max: 8,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 5)
                .expect("a backoff"),
        };
        let rng = fastrand::Rng::with_seed(7);
        let planner: Arc<dyn Planner> = Arc::new(Accounts::new(store.clone(), accounts));
        let planners = BTreeMap::from([(WEBHOOKS, Arc::clone(&planner)), (ROWS, planner)]);
        let intake = Intake::new(store.clone(), clock.clone(), rng.clone());
        let journal = Journal::new(store.clone(), clock, rng.clone(), settings, BTreeMap::new());
        let events = Events::new(&intake, rng, settings, planners, journal);
        Self {
            store,
            intake,
            events,
        }
    }

    async fn accept(&self, connection: &str, source: &str, body: &[u8]) -> Accepted {
        let event = caresoft::Event::read(body);
        let key = event
            .ordering_key()
            .map(|key| format!("caresoft/{connection}/{key}"));
        let arrival = NewEvent {
            connection: connection.to_owned(),
            body: body.to_vec(),
            headers: Vec::new(),
            raw_key: DuplicateKey::new(*event.raw_digest().as_bytes()),
            reading: Reading {
                source: source.to_owned(),
                object: event.object().unwrap_or_default(),
                action: event.action().unwrap_or_default(),
                canonical_key: DuplicateKey::new(*event.canonical_digest().as_bytes()),
                ordering_key: OrderingKey::new(key.unwrap_or_default()),
                is_routed: true,
            },
        };
        self.intake.accept(arrival).await.expect("it is stored")
    }

    async fn writes(&self) -> Vec<Write> {
        let filter = EffectFilter {
            limit: 10_000,
            ..EffectFilter::default()
        };
        let effects = self
            .store
            .list_effects(filter)
            .await
            .expect("they are read");
        // They are listed newest first.
        let payloads = effects
            .into_iter()
            .rev()
            .map(|record| record.effect.intent.payload);
        payloads
            .map(|payload| serde_json::from_value(payload).expect("a write"))
            .collect()
    }

    async fn known(&self, object: &str, id: &str) -> Value {
        let record = RemoteRecord {
            connection: "main".to_owned(),
            object: object.to_owned(),
            id: id.to_owned(),
        };
        let known = self.store.known(vec![record]).await.expect("it is read");
        known[0].facts.clone()
    }
}

/// Plans until nothing is open, several events at once: those of a call and of its ticket get in each other's way, and
/// are planned again.
async fn run(desk: &Desk) {
    let tasks = Tasks::default();
    tasks.spawn("events", desk.events.clone().run(tasks.clone()));
    testkit::wait_for("the end of all events", async || {
        let next = desk.store.next_event_claimable_at().await;
        next.expect("it is read").is_none().then_some(())
    })
    .await;
    assert!(tasks.shut_down(Duration::from_secs(30)).await, "it ends");
}

#[tokio::test]
async fn events_that_are_planned_at_once_come_to_what_they_come_to_by_themselves() {
    let start = Timestamp::from_second(1_767_580_200).expect("a time");
    for seed in 0..6 {
        let life = live(seed, 8, start);
        let expected = World::of(&complete(), &life.webhooks);
        let disturbance = Disturbance {
            duplicates: 0.3,
            late_by_max: 10,
            losses: 0.0,
        };
        // In a file, because only there one plan may be made while another one is recorded.
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("deskbridge.db")).expect("a store");
        let desk = Desk::over(store, [complete()]);
        for body in disturb(seed, &life.webhooks, disturbance) {
            desk.accept("main", WEBHOOKS, &body).await;
        }
        run(&desk).await;
        let mut world = World::default();
        for write in desk.writes().await {
            world.carry_out(&write);
        }
        for record in expected.known.keys() {
            let remote = record.remote("main");
            let facts = desk.known(&remote.object, &remote.id).await;
            world
                .known
                .insert(record.clone(), Known { revision: 1, facts });
        }
        let told = world.told();
        assert!(told.values().all(|(notes, _)| *notes == 1), "{told:?}");
        let (outcome, expected) = (world.outcome(), expected.outcome());
        for (key, value) in &expected {
            assert_eq!(outcome.get(key), Some(value), "seed {seed}: {key}");
        }
    }
}

#[tokio::test]
async fn a_row_is_folded_like_an_event() {
    let desk = Desk::new([account("")]);
    let webhook = json!({"object": "ticket", "action": "update", "ticket": {"ticket_id": 7, "ticket_subject": "Cups", "ticket_status": "open", "updated_at": 1_767_580_200_400_i64}});
    // The same state, as the API shows it, and then a later one.
    let same = json!({"object": "ticket", "row": {"ticket_id": 7, "ticket_subject": "Cups", "ticket_status": "open", "updated_at": "2026-01-05T09:30:00Z"}});
    let later = json!({"object": "ticket", "row": {"id": 7, "ticket_subject": "Cups", "ticket_status": "solved", "updated_at": "2026-01-05T09:31:00Z"}});
    desk.accept("main", WEBHOOKS, webhook.to_string().as_bytes())
        .await;
    desk.events.drain().await.expect("the store works");
    desk.accept("main", ROWS, same.to_string().as_bytes()).await;
    desk.events.drain().await.expect("the store works");
    assert_eq!(desk.writes().await.len(), 1);
    desk.accept("main", ROWS, later.to_string().as_bytes())
        .await;
    desk.events.drain().await.expect("the store works");
    let writes = desk.writes().await;
    let Some(Write::SaveTicket(save)) = writes.get(1) else {
        panic!("{writes:?}")
    };
    assert_eq!(
        json!(save.status),
        json!({"name": "Resolved", "has_changed": true})
    );
    let rows = [
        json!({"object": "user", "row": {"id": 5, "username": "An"}}),
        json!({"object": "lead", "row": {"lead_id": 8, "name": "Cups"}}),
        json!({"object": "deal", "row": {"deal_id": 9, "name": "Cups"}}),
    ];
    for row in rows {
        desk.accept("main", ROWS, row.to_string().as_bytes()).await;
    }
    desk.events.drain().await.expect("the store works");
    for (object, id) in [("user", "5"), ("case", "8"), ("case", "9")] {
        assert_ne!(desk.known(object, id).await, Value::Null, "{object} {id}");
    }
}

#[tokio::test]
async fn what_nobody_can_plan_is_set_aside_and_says_why() {
    let other = Account {
        account_id: Some(42),
        connection: "other".to_owned(),
        ..account("")
    };
    let desk = Desk::new([account(""), other]);
    let ticket = |account: u64| json!({"object": "ticket", "action": "create", "account_id": account, "ticket": {"ticket_id": 7}});
    for (connection, source, body, why) in [
        ("gone", WEBHOOKS, ticket(42), "no [[caresoft]] named gone"),
        ("other", WEBHOOKS, ticket(43), "account 43"),
        (
            "other",
            WEBHOOKS,
            json!({"object": "chat", "action": "create", "account_id": 43}),
            "account 43",
        ),
        (
            "main",
            WEBHOOKS,
            json!({"object": "chat", "action": "create"}),
            "\"chat\"",
        ),
        (
            "main",
            ROWS,
            json!({"object": "chat", "row": {"id": 1}}),
            "\"chat\"",
        ),
        (
            "main",
            ROWS,
            json!({"object": "user", "row": {}}),
            "the user has no id",
        ),
        ("main", ROWS, json!([]), "\"\""),
    ] {
        let accepted = desk
            .accept(connection, source, body.to_string().as_bytes())
            .await;
        desk.events.drain().await.expect("the store works");
        let record = desk.store.event(accepted.id()).await.expect("it is read");
        let record = record.expect("it is kept");
        assert_eq!(record.state, EventState::Unrouted, "{body}");
        let said = record.failure.unwrap_or_default();
        assert!(said.contains(why), "{said}");
    }
    let right = ticket(42).to_string();
    desk.accept("other", WEBHOOKS, right.as_bytes()).await;
    desk.events.drain().await.expect("the store works");
    assert_eq!(desk.writes().await.len(), 1);
}

#[tokio::test]
async fn what_was_kept_in_a_shape_that_is_not_known_is_given_up_for_a_person() {
    let desk = Desk::new([account("")]);
    let body = br#"{"object": "ticket", "action": "create", "ticket": {"ticket_id": 7}}"#;
    let accepted = desk.accept("main", WEBHOOKS, body).await;
    desk.events.drain().await.expect("the store works");
    let planner = Accounts::new(desk.store.clone(), [account("")]);
    let record = desk
        .store
        .event(accepted.id())
        .await
        .expect("it is read")
        .expect("it is kept");
    let mut held = Held::default();
    held.insert(
        decide::record::Record::Case(caresoft::Id::new(7).expect("an id")),
        Known {
            revision: 1,
            facts: json!({"ticket": 5}),
        },
    );
    let event = caresoft::Event::read(body);
    let kind = event.kind();
    let account = account("");
    let failed = decide::plan(&account, &kind, event.raw_digest(), &held).expect_err("a shape");
    assert_eq!(
        failed.to_string(),
        "what is known of the case cannot be read"
    );
    // What is there can be read, and has nothing new.
    let planned = Planner::plan(&planner, &record.event).await;
    let nothing = Planned::Do {
        effects: Vec::new(),
        links: Vec::new(),
        known: Vec::new(),
    };
    assert_eq!(planned, Outcome::Done(nothing));
}

#[tokio::test]
async fn a_call_and_its_ticket_that_are_planned_at_once_are_told_of_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("deskbridge.db")).expect("a store");
    let desk = Desk::over(store, [account("")]);
    let end = 1_767_580_260_000_i64;
    for id in 1..=40 {
        let ticket = json!({"object": "ticket", "action": "update", "ticket": {"ticket_id": id, "updated_at": end}, "call_info": {"call_id": format!("c-{id}"), "end_time": end}});
        let call = json!({"object": "call_in", "action": "call_in_end", "call_info": {"call_id": format!("c-{id}"), "event_time": end, "record_url": "https://records.example/1.wav"}});
        for event in [ticket, call] {
            desk.accept("main", WEBHOOKS, event.to_string().as_bytes())
                .await;
        }
    }
    run(&desk).await;
    let mut world = World::default();
    for write in desk.writes().await {
        world.carry_out(&write);
    }
    let told = world.told();
    assert_eq!(told.len(), 40);
    assert!(told.values().all(|told| *told == (1, 1)), "{told:?}");
}
