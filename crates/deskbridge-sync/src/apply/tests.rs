//! The handlers against a simulated helpdesk and a simulated CRM on loopback.

mod cases;
mod comments;
mod contacts;
mod customers;
mod ends;
mod faults;
mod hooked;
mod moves;
mod orders;
mod revived;
mod tickets;

use std::collections::BTreeMap;

use bitrix24::{Portal, Webhook};
use deskbridge_core::{EffectId, Failure, IdempotencyKey, Link, NewEffect, OrderingKey, Urgency};
use frappe::{Credential, Site};
use jiff::Timestamp;
use serde_json::{Map, json};
use simulators::{bitrix24 as portal_simulator, faults::Rule, frappe as helpdesk_simulator};

use super::*;
use crate::decide::write::{
    AddComment, Assignment, Author, CaseKind, End, EndTicket, Fields, Join, Person, SaveCase,
    SaveContact, SaveCustomer, SaveTicket, Status,
};

const CARESOFT: &str = "main";
const HUB: &str = "hub@helpdesk.example";
const MAI: &str = "mai@helpdesk.example";
const SON: &str = "son@helpdesk.example";
const WEBHOOK_SECRET: &str = "caresoft7test";

fn now() -> Timestamp {
    "2026-03-02T02:00:00Z".parse().unwrap()
}

/// Releases that differ in how tickets are named and contacts are linked to customers.
fn releases() -> [helpdesk_simulator::Versions; 3] {
    [
        ((15, 50, 0), (1, 24, 1)),
        ((15, 50, 0), (1, 25, 1)),
        ((16, 0, 0), (1, 28, 0)),
    ]
    .map(|((a, b, c), (d, e, f))| helpdesk_simulator::Versions {
        frappe: helpdesk_simulator::Version(a, b, c),
        helpdesk: helpdesk_simulator::Version(d, e, f),
    })
}

fn documents(documents: impl IntoIterator<Item = Value>) -> Vec<Map<String, Value>> {
    documents
        .into_iter()
        .map(|document| document.as_object().cloned().unwrap())
        .collect()
}

fn custom_field(field: &CustomField) -> Value {
    let mut document = field.attributes();
    document.insert("doctype".to_owned(), "Custom Field".into());
    Value::Object(document)
}

/// A helpdesk with the hub's fields and two agents.
fn empty_helpdesk() -> helpdesk_simulator::Data {
    let account =
        |email: &str, name: &str, roles: &[&str], key: Option<&str>| helpdesk_simulator::Account {
            email: email.to_owned(),
            full_name: name.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            enabled: true,
            api_key: key.map(str::to_owned),
            api_secret: key.map(|key| format!("{key}-secret")),
            password: None,
        };
    helpdesk_simulator::Data {
        users: vec![
            account(
                HUB,
                "Hub",
                &["System Manager", "Agent", "Agent Manager"],
                Some("hub"),
            ),
            account(MAI, "Mai", &["Agent"], None),
            account(SON, "Sơn", &["Agent"], None),
        ],
        documents: documents(CUSTOM_FIELDS.iter().map(custom_field)),
        secrets: Vec::new(),
    }
}

struct Bench {
    site: helpdesk_simulator::Running,
    portal: portal_simulator::Running,
    hub: frappe::Client,
    crm: bitrix24::Client,
    store: Store,
    clock: Clock,
    hooks: Arc<Hooks>,
    handlers: BTreeMap<&'static str, Arc<dyn Handler>>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(helpdesk_simulator::Versions::default(), vec![]).await
    }

    async fn with(versions: helpdesk_simulator::Versions, more: Vec<Value>) -> Self {
        let mut data = empty_helpdesk();
        data.documents.extend(documents(more));
        let clock = simulators::clock::Clock::manual(now());
        let site = helpdesk_simulator::start(helpdesk_simulator::Options {
            versions,
            data,
            clock: clock.clone(),
            keep_alive: true,
            ..helpdesk_simulator::Options::default()
        });
        let webhook = portal_simulator::Webhook::new(1, WEBHOOK_SECRET, ["crm"]);
        let portal = portal_simulator::start(portal_simulator::Options {
            clock,
            data: portal_simulator::Data::default().webhook(webhook),
            limits: portal_simulator::Limits::off(),
            ..portal_simulator::Options::default()
        });
        let (site, portal) = (site.await.unwrap(), portal.await.unwrap());
        let mut bench = Self {
            hub: hub(&site),
            crm: crm(&portal),
            site,
            portal,
            store: Store::open_inline().unwrap(),
            clock: Clock::manual(now()),
            hooks: Arc::default(),
            handlers: BTreeMap::new(),
        };
        bench.restart();
        bench
    }

    /// A program that remembers nothing but its store.
    fn restart(&mut self) {
        let target = Target {
            hooks: Arc::clone(&self.hooks),
            helpdesk: Connected {
                connection: "helpdesk".to_owned(),
                client: self.hub.clone(),
            },
            zone: None,
            crm: Some(Connected {
                connection: "crm".to_owned(),
                client: self.crm.clone(),
            }),
            country: Country::default(),
            language: Language::English,
            raised_by: NOBODY.to_owned(),
        };
        let targets = BTreeMap::from([(CARESOFT.to_owned(), target)]);
        self.handlers = handlers(targets, &self.store, &self.clock);
    }

    async fn attempt(&self, write: &Write, look_first: bool) -> Outcome<Value> {
        let effect = Effect {
            id: EffectId::new(now(), &mut fastrand::Rng::with_seed(1)),
            intent: new_effect(write, "key"),
            attempts: 0,
            look_first,
            recorded_at: now(),
        };
        self.handlers[write.kind()].apply(&effect).await
    }

    /// Carries a write out, which must succeed.
    async fn done(&self, write: &Write) -> Value {
        match self.attempt(write, false).await {
            Outcome::Done(result) => result,
            other => panic!("{write:?} ended as {other:?}"),
        }
    }

    /// Carries a write out, which must be refused, and says why.
    async fn refused(&self, write: &Write) -> String {
        match self.attempt(write, false).await {
            Outcome::Refused(Failure { why, .. }) => why,
            other => panic!("{write:?} ended as {other:?}"),
        }
    }

    /// Carries a write out, which must not be sent, and says why.
    async fn not_sent(&self, write: &Write) -> String {
        match self.attempt(write, false).await {
            Outcome::NotSent(Failure { why, .. }) => why,
            other => panic!("{write:?} ended as {other:?}"),
        }
    }

    fn site_faults(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.site.site.set_faults(rules);
    }

    fn portal_faults(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.portal.portal.set_faults(rules).unwrap();
    }

    /// All documents of a DocType that the helpdesk has of CareSoft, or all of them.
    fn all(&self, doctype: &str) -> Vec<Value> {
        let documents = self.site.site.data().documents.into_iter();
        let of_type = documents.filter(|document| document["doctype"] == doctype);
        of_type.map(Value::Object).collect()
    }

    /// The only document of a DocType that a key was written as.
    fn one(&self, doctype: &str, key: &str) -> Value {
        let mut all = self.all(doctype);
        all.retain(|document| document[KEY_FIELD] == key);
        assert_eq!(all.len(), 1, "{doctype} of {key}: {all:#?}");
        let name = match &all[0]["name"] {
            Value::String(name) => name.clone(),
            other => other.to_string(),
        };
        let mut whole = self.site.site.document(doctype, &name);
        whole["_user_tags"] = all[0]["_user_tags"].clone();
        whole
    }

    /// What changed anything on the site, by name.
    fn written(&self) -> Vec<String> {
        let entries = self.site.site.journal().into_iter();
        let writes = entries.filter(|entry| entry.method != "GET");
        writes.map(|entry| entry.name).collect()
    }

    /// The agents who work on a ticket.
    fn assigned(&self, ticket: &str) -> Vec<String> {
        let open = self
            .all("ToDo")
            .into_iter()
            .filter(|todo| todo["status"] == "Open" && todo["reference_name"] == ticket);
        open.map(|todo| todo["allocated_to"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn hub(site: &helpdesk_simulator::Running) -> frappe::Client {
    let site = Site::new(&site.url, frappe::Options::default()).unwrap();
    site.user(Credential::token("hub", "hub-secret").unwrap())
}

fn crm(portal: &portal_simulator::Running) -> bitrix24::Client {
    let base = portal.http_url.clone().unwrap();
    let webhook = Webhook::parse(&format!("{base}/rest/1/{WEBHOOK_SECRET}/")).unwrap();
    let options = bitrix24::Options {
        seed: Some(1),
        limits: bitrix24::Limits {
            capacity: 1_000_000,
            per_second: 1_000_000,
        },
        ..bitrix24::Options::default()
    };
    let portal = Portal::new(webhook.portal_base(), &options).unwrap();
    portal.client(webhook).unwrap()
}

fn new_effect(write: &Write, ordering_key: &str) -> NewEffect {
    let payload = serde_json::to_value(write).unwrap();
    NewEffect {
        urgency: Urgency::Usual,
        kind: write.kind().to_owned(),
        ordering_key: OrderingKey::new(ordering_key),
        idempotency_key: IdempotencyKey::new(payload.to_string()),
        payload,
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write it down in place"
)]
fn fields(value: Value) -> Fields {
    value.as_object().cloned().unwrap()
}

fn key(kind: &str, id: u64) -> SourceKey {
    SourceKey::new(CARESOFT, kind, id)
}

fn customer(id: u64, all: Value, changed: Value) -> Write {
    Write::SaveCustomer(SaveCustomer {
        key: key("organization", id),
        all: fields(all),
        changed: fields(changed),
    })
}

fn contact(id: u64, name: &str) -> SaveContact {
    SaveContact {
        key: key("user", id),
        all: fields(json!({ "first_name": name })),
        changed: fields(json!({ "first_name": name })),
        emails: Vec::new(),
        phones: Vec::new(),
        organization: None,
        left: None,
    }
}

fn ticket(id: u64, subject: &str) -> SaveTicket {
    SaveTicket {
        key: key("case", id),
        all: fields(json!({ "subject": subject })),
        changed: fields(json!({ "subject": subject })),
        status: None,
        requester: None,
        requester_has_changed: false,
        requester_phone: None,
        assignment: None,
        opened_at: None,
        end: None,
    }
}

fn status(name: &str) -> Option<Status> {
    Some(Status {
        name: name.to_owned(),
        has_changed: true,
    })
}

fn assigned_to(agent: Option<&str>) -> Option<Assignment> {
    Some(Assignment {
        agent: agent.map(str::to_owned),
        has_changed: true,
    })
}

fn comment(case: u64, text: &str, is_public: bool, author: Author) -> Write {
    Write::AddComment(AddComment {
        key: SourceKey::new(CARESOFT, "comment", format!("{case}-{text}")),
        ticket: key("case", case),
        is_public,
        author,
        html: format!("<p>{text}</p>"),
        written_at: Some(now()),
    })
}

fn case(id: u64, kind: CaseKind, title: &str) -> SaveCase {
    SaveCase {
        key: key("case", id),
        kind,
        all: fields(json!({ "TITLE": title, "OPPORTUNITY": 1500 })),
        changed: fields(json!({ "TITLE": title, "OPPORTUNITY": 1500 })),
        was_lead: false,
        requester: None,
    }
}
