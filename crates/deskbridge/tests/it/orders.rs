//! The same events in any order, from their arrival through planner and handlers into helpdesk and CRM: one state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bitrix24::{Portal, Webhook};
use caresoft::Zone;
use deskbridge_core::{Backoff, Clock, Language};
use deskbridge_journal::{Events, Intake, Journal, Planner, Settings};
use deskbridge_store::{EffectState, Store};
use deskbridge_sync::{
    apply::{Connected, NOBODY, Target, handlers},
    plan::{self, Accounts},
    reading::{self, Signing},
    settings::{Account, MappingSource},
};
use frappe::{Credential, Site};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use simulators::{
    bitrix24::{self as portal_simulator, Limits},
    caresoft::{Disturbance, Life, disturb, live},
    frappe as helpdesk_simulator,
};

use crate::hub::Bench;

/// Orders that are tried.
const ORDERS: u64 = 40;
const KEY: &str = "custom_caresoft_id";
const MAPPING: &str = r#"
    [ticket]
    status_otherwise = "Open"
    "#;

type Document = Map<String, Value>;

/// A few customers to whom everything happens that can.
fn rich_life() -> Life {
    let start: Timestamp = "2026-03-02T02:00:00Z".parse().unwrap();
    let lives = (0..400).map(|seed| live(seed, 6, start));
    let is_rich = |life: &Life| {
        let outcome = &life.outcome;
        let all = [
            outcome.deleted.len(),
            outcome.merged.len(),
            outcome.leads.len(),
            outcome.deals.len(),
            outcome.calls.len(),
            outcome.organizations.len(),
            outcome.tickets.len(),
        ];
        let assigned = life.webhooks.iter().any(|body| {
            let text = std::str::from_utf8(body).unwrap();
            text.contains("acd_assign")
        });
        assigned && all.iter().all(|number| *number > 0)
    };
    let shortest = lives.filter(is_rich).min_by_key(|life| life.webhooks.len());
    shortest.unwrap()
}

/// A bench with what an installation leaves in the helpdesk, to be gone back to.
struct Start {
    bench: Bench,
    site: helpdesk_simulator::Data,
    portal: portal_simulator::Data,
}

impl Start {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.configure(|text| {
            format!("{text}\n[[caresoft]]\nname = \"center\"\nunsigned = true\ncrm = \"crm\"\n")
        });
        let installed = bench.run(&["frappe", "install"]).await;
        assert_eq!(installed.status, Some(0), "{}", installed.err);
        let site = bench.site.site.data();
        let mut portal = portal_simulator::Data::default();
        portal.webhooks = bench.portal.portal.webhooks();
        bench.portal.portal.set_limits(Limits::off());
        Self {
            bench,
            site,
            portal,
        }
    }

    /// Handlers of a program that remembers nothing but its store.
    fn target(&self) -> Target {
        let site = Site::new(&self.bench.site.url, frappe::Options::default()).unwrap();
        let credential = Credential::token("hub-key", "hub-secret").unwrap();
        let secret = portal_simulator::CUSTOMER_SECRET;
        let webhook = format!("{}/rest/1/{secret}/", self.bench.portal_url());
        let webhook: Webhook = webhook.parse().unwrap();
        let options = bitrix24::Options {
            limits: bitrix24::Limits {
                capacity: 1_000_000,
                per_second: 1_000_000,
            },
            ..bitrix24::Options::default()
        };
        let portal = Portal::new(webhook.portal_base(), &options).unwrap();
        Target {
            hooks: Arc::default(),
            helpdesk: Connected {
                connection: "helpdesk".to_owned(),
                client: site.user(credential),
            },
            zone: None,
            crm: Some(Connected {
                connection: "crm".to_owned(),
                client: portal.client(webhook).unwrap(),
            }),
            country: Default::default(),
            language: Language::English,
            raised_by: NOBODY.to_owned(),
        }
    }

    /// Takes webhooks in and carries them out, some at once and some later; what stands in the end.
    async fn state_after(&self, bodies: &[Vec<u8>], life: &Life, rng: &mut fastrand::Rng) -> State {
        self.bench.site.site.set_data(&self.site).unwrap();
        let portal = self.portal.clone();
        self.bench.portal.portal.set_data(portal).unwrap();
        let (store, clock) = (
            Store::open_inline().unwrap(),
            Clock::manual(Timestamp::now()),
        );
        let settings = Settings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 50).unwrap(),
        };
        let targets = BTreeMap::from([("center".to_owned(), self.target())]);
        let handlers = handlers(targets, &store, &clock);
        let journal = Journal::new(store.clone(), clock.clone(), rng.fork(), settings, handlers);
        let intake = Intake::new(store.clone(), clock.clone(), rng.fork());
        let planner: Arc<dyn Planner> = Arc::new(Accounts::new(store.clone(), [account()]));
        let planners = BTreeMap::from([(plan::WEBHOOKS, planner)]);
        let events = Events::new(&intake, rng.fork(), settings, planners, journal.clone());
        let received = reading::Account {
            connection: "center".to_owned(),
            account_id: None,
            signing: Signing::Unsigned,
            has_routes: false,
        };
        for body in bodies {
            let event = received.event(Vec::new(), body.clone(), rng.u128(..));
            intake.accept(event).await.unwrap();
            if rng.u8(0..3) == 0 {
                events.drain().await.unwrap();
            }
            if rng.u8(0..3) == 0 {
                journal.drain().await.unwrap();
            }
        }
        for _ in 0..50 {
            events.drain().await.unwrap();
            journal.drain().await.unwrap();
            let counts = store.count_effects().await.unwrap();
            if counts.oldest_open_recorded_at.is_none() {
                assert_eq!(counts.by_state.get(&EffectState::Dead), None);
                return self.state(life);
            }
            clock.advance(SignedDuration::from_secs(120));
        }
        panic!("it does not come to an end");
    }

    fn state(&self, life: &Life) -> State {
        let documents = self.bench.site.site.data().documents;
        let crm = self.bench.portal.portal.data();
        let mut state = of_helpdesk(documents, life);
        for (what, records) in [("lead", crm.leads), ("deal", crm.deals)] {
            for record in records {
                if let Some(key) = text(&record, "ORIGIN_ID").strip_prefix("center:") {
                    let place = format!("{what} {key}");
                    assert!(state.insert(place, timeless(record)).is_none());
                }
            }
        }
        state
    }
}

fn account() -> Account {
    let mut mapping: MappingSource = toml::from_str(MAPPING).unwrap();
    let agents = (1..9).map(|id| {
        let names = ["an.tran", "binh.le", "chi.vo"];
        let email = format!("{}@helpdesk.example", names[id % names.len()]);
        serde_json::from_value(json!({"id": id, "email": email, "crm_user": 1})).unwrap()
    });
    mapping.agents = agents.collect();
    let zone = Zone::default();
    Account {
        connection: "center".to_owned(),
        account_id: None,
        zone,
        language: Language::English,
        helpdesk: "helpdesk".to_owned(),
        crm: Some("crm".to_owned()),
        mapping: mapping.compile(zone).unwrap().into(),
    }
}

/// Documents by what they are, in place of their names.
type State = BTreeMap<String, Document>;

/// Names that the site makes up, and the number and links that the CRM gives. A deal that came before its lead names
/// none.
const MADE_UP: [&str; 4] = ["name", "key", "ID", "LEAD_ID"];
/// In place of a time at which something was written.
const WRITTEN: &str = "when it was written";

fn of_helpdesk(documents: Vec<Document>, life: &Life) -> State {
    let keyed = documents
        .into_iter()
        .filter(|document| !text(document, KEY).is_empty());
    let keyed: Vec<Document> = keyed.collect();
    let names: BTreeMap<(String, String), String> = keyed
        .iter()
        .map(|document| {
            let name = document["name"]
                .as_str()
                .map_or_else(|| document["name"].to_string(), str::to_owned);
            (
                (text(document, "doctype").to_owned(), name),
                text(document, KEY).to_owned(),
            )
        })
        .collect();
    let over = life
        .outcome
        .deleted
        .iter()
        .chain(life.outcome.merged.keys());
    let over: BTreeSet<String> = over.map(|id| format!("center:case:{id}")).collect();
    let mut state = State::new();
    for mut document in keyed {
        for (field, doctype) in [
            ("contact", "Contact"),
            ("customer", "HD Customer"),
            ("reference_name", "HD Ticket"),
            ("reference_ticket", "HD Ticket"),
        ] {
            let place = (doctype.to_owned(), text(&document, field).to_owned());
            if let Some(key) = names.get(&place) {
                document.insert(field.to_owned(), json!(key));
            }
        }
        // A customer keeps the name that it got first.
        document.remove("customer_name");
        for link in document
            .get_mut("links")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let place = (
                "HD Customer".to_owned(),
                link["link_name"].as_str().unwrap().to_owned(),
            );
            link["link_name"] = json!(names[&place]);
            link["link_title"].take();
        }
        let key = text(&document, KEY).to_owned();
        let about = [
            &key,
            text(&document, "reference_name"),
            text(&document, "reference_ticket"),
        ];
        // Whether something came before the end of its ticket decides whether it was still written.
        if about.iter().any(|about| over.contains(*about)) {
            continue;
        }
        // What of a call was known when it was told of depends on the order; that it was told of does not.
        if key.ends_with("-recording") {
            continue;
        }
        if key.contains("-call-") {
            document.remove("content");
        }
        let place = format!("{} {key}", text(&document, "doctype"));
        let twice = state.insert(place.clone(), timeless(document));
        assert!(twice.is_none(), "{place} stands twice");
    }
    state
}

/// Without what is made up, and without the moment at which it was written: what happened lies further back.
fn timeless(mut document: Document) -> Document {
    document.retain(|field, _| !MADE_UP.contains(&field.as_str()));
    let since = Timestamp::now() - SignedDuration::from_hours(36);
    let since = since.to_string();
    document
        .values_mut()
        .for_each(|value| forget_times(value, &since));
    document
}

fn forget_times(value: &mut Value, since: &str) {
    match value {
        Value::String(text) => {
            let is_time = text.len() > 18
                && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
                && text.as_bytes()[4] == b'-';
            if is_time && text.as_str() > since {
                WRITTEN.clone_into(text);
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| forget_times(value, since)),
        Value::Object(members) => *members = timeless(std::mem::take(members)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn text<'d>(document: &'d Document, field: &str) -> &'d str {
    document
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What differs, a field a line.
fn differences(one: &State, other: &State) -> Vec<String> {
    let places: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let none = Document::new();
    let mut told = Vec::new();
    for place in places {
        let (one, other) = (one.get(place), other.get(place));
        if one.is_some() != other.is_some() {
            told.push(format!(
                "{place}: {} here, {} there",
                one.is_some(),
                other.is_some()
            ));
        }
        let (one, other) = (one.unwrap_or(&none), other.unwrap_or(&none));
        for field in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            if !one.is_empty() && !other.is_empty() && one.get(field) != other.get(field) {
                told.push(format!(
                    "{place}.{field}: {:?} here, {:?} there",
                    one.get(field),
                    other.get(field)
                ));
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_what_happened_comes_to_one_state() {
    let (start, life) = (Start::new().await, rich_life());
    let mut rng = fastrand::Rng::with_seed(0);
    let expected = start.state_after(&life.webhooks, &life, &mut rng).await;
    assert!(expected.len() > 15, "{expected:#?}");
    for seed in 1..=ORDERS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disturbance = Disturbance {
            duplicates: 0.3,
            ..Disturbance::default()
        };
        let mut bodies = disturb(seed, &life.webhooks, disturbance);
        rng.shuffle(&mut bodies);
        let state = start.state_after(&bodies, &life, &mut rng).await;
        let differences = differences(&expected, &state);
        assert!(differences.is_empty(), "order {seed}: {differences:#?}");
    }
}
