//! Events of which some writes are given up and revived when later ones have been carried out.

use std::time::Duration;

use deskbridge_core::Backoff;
use deskbridge_journal::{Events, Intake, Journal, Planner, Settings};
use deskbridge_store::{EffectFilter, EffectState};
use jiff::SignedDuration;

use super::*;
use crate::{decide::tests::world::account, plan, reading};

const AT: i64 = 1_767_580_200_000;

/// A hub from the arrival of events on.
pub(super) struct Hub {
    intake: Intake,
    events: Events,
    journal: Journal,
    received: reading::Account,
    arrivals: std::cell::Cell<u128>,
}

impl Bench {
    /// A hub whose events are planned by this mapping.
    pub(super) fn hub_with(&self, mapping: &str) -> Hub {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let mut rng = fastrand::Rng::with_seed(1);
        let settings = Settings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 3).unwrap(),
        };
        let handlers = self.handlers.clone();
        let journal = Journal::new(store.clone(), clock.clone(), rng.fork(), settings, handlers);
        let intake = Intake::new(store.clone(), clock, rng.fork());
        let planner: Arc<dyn Planner> = Arc::new(plan::Accounts::new(store, [account(mapping)]));
        let planners = BTreeMap::from([(plan::WEBHOOKS, planner)]);
        Hub {
            events: Events::new(&intake, rng.fork(), settings, planners, journal.clone()),
            intake,
            journal,
            received: reading::Account {
                connection: CARESOFT.to_owned(),
                account_id: None,
                signing: reading::Signing::Unsigned,
                has_routes: false,
            },
            arrivals: std::cell::Cell::new(0),
        }
    }

    /// Takes an event in and plans it.
    pub(super) async fn hear(&self, hub: &Hub, body: &Value) {
        hub.arrivals.set(hub.arrivals.get() + 1);
        let body = body.to_string().into_bytes();
        let event = hub.received.event(Vec::new(), body, hub.arrivals.get());
        hub.intake.accept(event).await.unwrap();
        hub.events.drain().await.unwrap();
    }

    /// Takes an event in and carries out what follows.
    pub(super) async fn take(&self, hub: &Hub, body: &Value) {
        self.hear(hub, body).await;
        self.settle(hub).await;
    }

    /// Carries out what waits, until it is done or given up.
    pub(super) async fn settle(&self, hub: &Hub) {
        for _ in 0..10 {
            hub.journal.drain().await.unwrap();
            self.clock.advance(SignedDuration::from_secs(120));
        }
    }

    /// Revives everything that was given up; how many writes that were.
    pub(super) async fn revive(&self, hub: &Hub) -> usize {
        let dead = self.in_state(EffectState::Dead).await;
        for effect in &dead {
            let now = self.clock.now();
            assert!(self.store.revive_effect(effect.id, now).await.unwrap());
        }
        self.settle(hub).await;
        dead.len()
    }

    pub(super) async fn in_state(&self, state: EffectState) -> Vec<Effect> {
        let filter = EffectFilter {
            state: Some(state),
            limit: 100,
            ..EffectFilter::default()
        };
        let found = self.store.list_effects(filter).await.unwrap();
        found.into_iter().map(|record| record.effect).collect()
    }

    /// Takes an event in whose writes the helpdesk refuses.
    pub(super) async fn refuse(&self, hub: &Hub, body: &Value) {
        let refused = |when: &str| json!({"when": when, "answer": {"preset": "forbidden"}});
        self.site_faults(json!([refused("POST *"), refused("PUT *")]));
        self.take(hub, body).await;
        self.site_faults(json!([]));
        assert!(!self.in_state(EffectState::Dead).await.is_empty());
    }
}

/// A ticket as an event shows it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write it down in place"
)]
pub(super) fn shown(second: i64, more: Value) -> Value {
    let at = AT + second * 1_000;
    let mut ticket =
        json!({"ticket_id": 7, "ticket_source": "Web", "created_at": AT, "updated_at": at});
    let fields = ticket.as_object_mut().unwrap();
    fields.extend(more.as_object().cloned().unwrap());
    let action = if second == 0 { "create" } else { "update" };
    json!({"object": "ticket", "action": action, "ticket": ticket})
}

#[tokio::test]
async fn a_revived_write_does_not_write_old_values_over_newer_ones() {
    let bench = Bench::new().await;
    let hub = bench.hub_with("");
    let made = json!({"ticket_subject": "One", "ticket_status": "open", "ticket_priority": "Low"});
    bench.take(&hub, &shown(0, made)).await;
    let second =
        json!({"ticket_subject": "Two", "ticket_status": "pending", "ticket_priority": "High"});
    bench.refuse(&hub, &shown(10, second)).await;
    let third = json!({"ticket_subject": "Three", "ticket_status": "closed"});
    bench.take(&hub, &shown(20, third)).await;
    let told = || {
        let ticket = bench.one("HD Ticket", "main:case:7");
        ["subject", "status", "priority"].map(|field| ticket[field].clone())
    };
    assert_eq!(told(), ["Three", "Closed", "Low"]);
    assert_eq!(bench.revive(&hub).await, 1);
    // What nothing replaced comes late.
    assert_eq!(told(), ["Three", "Closed", "High"]);
    assert!(bench.in_state(EffectState::Dead).await.is_empty());
}

#[tokio::test]
async fn a_ticket_that_is_made_after_its_end_is_over() {
    let deleted = json!({"object": "ticket", "action": "delete", "ticket": {"ticket_id": 7}});
    for (mapping, expected) in [
        ("", Some("Closed")),
        ("[ticket]\ndeleted = \"delete\"", None),
    ] {
        let bench = Bench::new().await;
        let hub = bench.hub_with(mapping);
        let made = json!({"ticket_subject": "One", "ticket_status": "open"});
        bench.refuse(&hub, &shown(0, made)).await;
        bench.take(&hub, &deleted).await;
        assert!(bench.all("HD Ticket").is_empty());
        assert_eq!(bench.revive(&hub).await, 1);
        let statuses: Vec<Value> = bench
            .all("HD Ticket")
            .iter()
            .map(|ticket| ticket["status"].clone())
            .collect();
        assert_eq!(statuses, Vec::from_iter(expected.map(Value::from)));
        if expected.is_some() {
            let tags = bench.one("HD Ticket", "main:case:7")["_user_tags"].clone();
            assert!(tags.as_str().is_some_and(|tags| !tags.is_empty()), "{tags}");
        }
    }
}

/// Refuses the first document of a type that is made.
fn first_refused(bench: &Bench, doctype: &str) {
    let when = format!("POST /api/resource/{doctype}");
    bench.site_faults(json!([{"when": when, "times": 1, "answer": {"preset": "forbidden"}}]));
}

#[tokio::test]
async fn a_comment_does_not_wait_for_a_ticket_that_was_given_up() {
    let bench = Bench::new().await;
    let hub = bench.hub_with("");
    first_refused(&bench, "HD Ticket");
    let comment = json!({"comment": "hello", "is_public": 1, "created_at": AT});
    let made =
        json!({"ticket_subject": "One", "ticket_status": "pending", "ticket_comment": comment});
    bench.take(&hub, &shown(0, made)).await;
    assert_eq!(bench.in_state(EffectState::Dead).await.len(), 1);
    let told = || {
        let ticket = bench.one("HD Ticket", "main:case:7");
        assert_eq!(bench.all("Communication").len(), 1);
        ["subject", "status"].map(|field| ticket[field].clone())
    };
    assert_eq!(told(), ["One", "Replied"]);
    assert_eq!(bench.revive(&hub).await, 1);
    assert_eq!(told(), ["One", "Replied"]);
}

#[tokio::test]
async fn a_comment_of_a_ticket_that_is_not_wanted_any_more_is_left_out() {
    let bench = Bench::new().await;
    let hub = bench.hub_with("[ticket]\ndeleted = \"delete\"");
    let comment = json!({"comment": "hello", "is_public": 1, "created_at": AT});
    let made = json!({"ticket_subject": "One", "ticket_comment": comment});
    bench.hear(&hub, &shown(0, made)).await;
    let deleted = json!({"object": "ticket", "action": "delete", "ticket": {"ticket_id": 7}});
    bench.take(&hub, &deleted).await;
    assert!(bench.all("HD Ticket").is_empty());
    assert_eq!(bench.in_state(EffectState::Done).await.len(), 3);
}

#[tokio::test]
async fn a_join_does_not_wait_for_a_document_that_was_given_up() {
    let bench = Bench::new().await;
    let hub = bench.hub_with("");
    bench
        .take(
            &hub,
            &shown(0, json!({"ticket_subject": "One", "requester_id": 5})),
        )
        .await;
    let user = json!({"id": 5, "username": "An", "organization_id": 3, "updated_at": AT});
    first_refused(&bench, "Contact");
    bench
        .take(
            &hub,
            &json!({"object": "user", "action": "create", "user": user}),
        )
        .await;
    let organization = json!({"organization_id": 3, "organization_name": "Shop", "updated_at": AT});
    first_refused(&bench, "HD Customer");
    bench
        .take(
            &hub,
            &json!({"object": "organization", "action": "create", "organization": organization}),
        )
        .await;
    assert_eq!(bench.in_state(EffectState::Dead).await.len(), 2);
    let ticket = bench.one("HD Ticket", "main:case:7");
    assert_eq!(
        ticket["contact"],
        bench.one("Contact", "main:user:5")["name"]
    );
    assert_eq!(ticket["customer"], "Shop");
}

#[tokio::test]
async fn what_people_deleted_in_the_helpdesk_stays_away() {
    let user = |name: &str, second: i64| {
        let user = json!({"id": 5, "username": name, "organization_id": 3, "updated_at": AT + second * 1_000});
        json!({"object": "user", "action": "update", "user": user})
    };
    let organization = |domain: &str, second: i64| {
        let at = AT + second * 1_000;
        let shop = json!({"organization_id": 3, "organization_name": "Shop", "organization_domain": domain, "updated_at": at});
        json!({"object": "organization", "action": "update", "organization": shop})
    };
    let comment = json!({"comment": "hello", "is_public": 1, "created_at": AT});
    let ticket = json!({"ticket_subject": "Two", "requester_id": 5, "ticket_comment": comment});
    let more = [
        organization("b.example", 10),
        user("Anh", 10),
        shown(10, ticket),
    ];
    for doctype in ["HD Ticket", "Contact", "HD Customer"] {
        let bench = Bench::new().await;
        let hub = bench.hub_with("");
        for body in [
            organization("a.example", 0),
            user("An", 0),
            shown(0, json!({"ticket_subject": "One"})),
        ] {
            bench.take(&hub, &body).await;
        }
        let mut data = bench.site.site.data();
        data.documents.retain(|document| {
            document["doctype"] != doctype || document.get(KEY_FIELD).is_none_or(Value::is_null)
        });
        // The helpdesk does not let one be deleted that others link to.
        for document in &mut data.documents {
            if doctype == "HD Customer" && document["doctype"] == "Contact" {
                document.insert("links".to_owned(), json!([]));
            }
        }
        bench.site.site.set_data(&data).unwrap();
        for body in &more {
            bench.take(&hub, body).await;
        }
        let mut all = bench.all(doctype);
        all.retain(|document| !document[KEY_FIELD].is_null());
        assert!(all.is_empty(), "{doctype}: {all:?}");
        for state in [EffectState::Pending, EffectState::Dead] {
            assert!(
                bench.in_state(state).await.is_empty(),
                "{doctype} {state:?}"
            );
        }
        for other in ["HD Ticket", "Contact", "HD Customer"] {
            let mut all = bench.all(other);
            all.retain(|document| !document[KEY_FIELD].is_null());
            assert_eq!(
                all.len(),
                usize::from(other != doctype),
                "{doctype} {other}"
            );
        }
    }
}
