//! The profile against the simulated helpdesk and the simulated portal, asked as its callers ask.

mod answers;
mod bad_input;
mod caching;
mod enrichment;
mod faults;
mod hooks;
mod permissions;
mod secrets;
mod writes;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, body::Body, middleware::from_fn_with_state};
use deskbridge_core::{Backoff, Clock, Secret};
use deskbridge_http::{
    TrustedSecrets,
    request::{Finishing, Limits, finish, no_such_route},
};
use deskbridge_journal::{Journal, Settings as JournalSettings, Tasks};
use deskbridge_store::{EffectFilter, EffectRecord, Store};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::{
    bitrix24 as portal_simulator, faults::Rule, frappe as helpdesk_simulator,
    frappe::SAMPLE_ACCOUNTS,
};
use tower::ServiceExt as _;

use crate::{
    Local, Parts, Profiles, apply,
    crm::Portals,
    http::{Routes, router},
    live::Source,
    settings::RawSettings,
};

const PROFILE: &str = "/api/method/haravan_bitrix_customer_profile";
const STORED: &str = "/api/method/login_with_haravan.customer_profile.get_ticket_customer_profile";
const ENRICH: &str = "/api/method/haravan_bitrix_metajson_company_enrichment";
const REFRESH: &str = "/api/method/login_with_haravan.customer_profile.refresh_customer_profile";

const AGENT: &str = "token an-key:an-secret";
const AGENT_OF_OTHER_TEAM: &str = "token binh-key:binh-secret";
const MANAGER: &str = "token chi-key:chi-secret";
const HUB: &str = "token hub-key:hub-secret";
const SYSTEM_MANAGER: &str = "token quantri-key:quantri-secret";
const PORTAL_CUSTOMER: &str = "token diep-key:diep-secret";
const DISABLED: &str = "token danghi-key:danghi-secret";

const SHARED_SECRET: &str = "shared-planted-secret";

fn now() -> Timestamp {
    "2026-11-20T03:00:00Z".parse().unwrap()
}

/// What is different from the sample.
struct Setup {
    helpdesk: Box<dyn FnOnce(helpdesk_simulator::Data) -> helpdesk_simulator::Data>,
    portal: Box<dyn FnOnce(&mut portal_simulator::Data)>,
    settings: Box<dyn FnOnce(&mut RawSettings)>,
    local: Local,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            helpdesk: Box::new(|data| data),
            portal: Box::new(|_| {}),
            settings: Box::new(|_| {}),
            local: Local::default(),
        }
    }
}

impl Setup {
    fn settings(change: impl FnOnce(&mut RawSettings) + 'static) -> Self {
        Self {
            settings: Box::new(change),
            ..Self::default()
        }
    }

    fn helpdesk(
        change: impl FnOnce(helpdesk_simulator::Data) -> helpdesk_simulator::Data + 'static,
    ) -> Self {
        Self {
            helpdesk: Box::new(change),
            ..Self::default()
        }
    }

    fn portal(change: impl FnOnce(&mut portal_simulator::Data) + 'static) -> Self {
        Self {
            portal: Box::new(change),
            ..Self::default()
        }
    }
}

/// A hub between a simulated helpdesk and a simulated portal, all on one clock that is moved by hand.
struct Bench {
    router: Router,
    journal: Journal,
    journal_runs: OnceLock<Tasks>,
    store: Store,
    clock: Clock,
    site_clock: simulators::clock::Clock,
    portal: portal_simulator::Running,
    site: helpdesk_simulator::Running,
    webhook: String,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        Self::over(setup, Store::open_inline().unwrap()).await
    }

    async fn over(setup: Setup, store: Store) -> Self {
        let site_clock = simulators::clock::Clock::manual(now());
        let mut data = portal_simulator::sample(now());
        (setup.portal)(&mut data);
        let portal = portal_simulator::start(portal_simulator::Options {
            clock: site_clock.clone(),
            data,
            ..portal_simulator::Options::default()
        })
        .await
        .unwrap();
        let site = helpdesk_simulator::start(helpdesk_simulator::Options {
            clock: site_clock.clone(),
            data: (setup.helpdesk)(helpdesk_simulator::sample(now())),
            ..helpdesk_simulator::Options::default()
        })
        .await
        .unwrap();
        let base = portal.http_url.clone().unwrap();
        let webhook = format!("{base}/rest/1/{}/", portal_simulator::CUSTOMER_SECRET);
        let mut raw = RawSettings {
            enabled: true,
            webhook_url: Some(Secret::new(webhook.as_str())),
            responsible_webhook_url: Some(Secret::new(format!(
                "{base}/rest/57/{}/user.get.json?ID={{ASSIGNED_BY_ID}}",
                portal_simulator::RESPONSIBLE_SECRET
            ))),
            portal_url: Some("https://portal.example/".to_owned()),
            ..RawSettings::default()
        };
        (setup.settings)(&mut raw);
        let bench = Self::wire(setup.local, Source::File(raw), store, &site).await;
        let (router, journal, store, clock) = bench;
        Self {
            router,
            journal,
            journal_runs: OnceLock::new(),
            store,
            clock,
            site_clock,
            portal,
            site,
            webhook,
        }
    }

    async fn wire(
        local: Local,
        source: Source,
        store: Store,
        site: &helpdesk_simulator::Running,
    ) -> (Router, Journal, Store, Clock) {
        let clock = Clock::manual(now());
        let client = frappe::Site::new(&site.url, frappe::Options::default()).unwrap();
        let hub = client.user(frappe::Credential::token("hub-key", "hub-secret").unwrap());
        let settings = JournalSettings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 10).unwrap(),
        };
        let journal = Journal::new(
            store.clone(),
            clock.clone(),
            fastrand::Rng::with_seed(1),
            settings,
            apply::handlers(&hub),
        );
        let portals = Portals::new(bitrix24::Options {
            seed: Some(1),
            ..Default::default()
        });
        let parts = Parts {
            site: client,
            hub,
            portals: Arc::new(portals),
            store: store.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            tasks: Tasks::default(),
        };
        let profiles = Profiles::start(parts, source, local).await;
        let trusted = TrustedSecrets::new([Secret::new(SHARED_SECRET)]);
        let limits = Limits {
            concurrent_max: 1_000,
            deadline: Duration::from_secs(120),
        };
        let finishing = Finishing::new(limits, &mut fastrand::Rng::with_seed(1));
        let router = router(Routes { profiles, trusted })
            .fallback(no_such_route)
            .layer(from_fn_with_state(finishing, finish));
        (router, journal, store, clock)
    }

    /// Lets the journal work by itself from now on.
    fn run_journal(&self) {
        self.journal_runs.get_or_init(|| {
            let tasks = Tasks::default();
            tasks.spawn("journal", self.journal.clone().run(tasks.clone()));
            tasks
        });
    }

    /// Moves the clock of everybody.
    fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
        self.site_clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&bytes)));
        Answer { status, body }
    }

    /// Asks with an `Authorization` header.
    async fn get(&self, address: &str, authorization: &str) -> Answer {
        let request = Request::get(address).header("authorization", authorization);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends JSON with an `Authorization` header.
    async fn post(&self, address: &str, authorization: &str, body: &Value) -> Answer {
        let request = Request::post(address)
            .header("authorization", authorization)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// The profile of a ticket as the agent sees it.
    async fn profile(&self, ticket: &str) -> Answer {
        self.get(&format!("{PROFILE}?ticket={ticket}"), AGENT).await
    }

    async fn refreshed(&self, ticket: &str) -> Answer {
        self.get(&format!("{PROFILE}?ticket={ticket}&refresh=1"), AGENT)
            .await
    }

    fn portal_requests(&self) -> u64 {
        self.portal.portal.counts().requests
    }

    fn portal_faults(&self, rules: &Value) {
        self.portal
            .portal
            .set_faults(serde_json::from_value(rules.clone()).unwrap())
            .unwrap();
    }

    fn site_faults(&self, rules: &Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules.clone()).unwrap();
        self.site.site.set_faults(rules);
    }

    /// What was asked of the helpdesk as a user, by name.
    fn asked_of_helpdesk(&self, user: &str) -> Vec<String> {
        let entries = self.site.site.journal().into_iter();
        entries
            .filter(|entry| entry.user == user)
            .map(|entry| entry.name)
            .collect()
    }

    fn document(&self, doctype: &str, name: &str) -> Value {
        self.site.site.document(doctype, name)
    }

    /// All effects, oldest first.
    async fn effects(&self) -> Vec<EffectRecord> {
        let filter = EffectFilter {
            state: None,
            limit: 1_000,
            ..EffectFilter::default()
        };
        let mut effects = self.store.list_effects(filter).await.unwrap();
        effects.reverse();
        effects
    }

    /// Waits until so many effects are recorded, which happens behind the answer's back, and carries out
    /// what there is.
    async fn settle(&self, effects: usize) {
        testkit::wait_for("the effects to be recorded", async || {
            (self.effects().await.len() >= effects).then_some(())
        })
        .await;
        self.journal.drain().await.unwrap();
    }
}

/// An answer, told in short.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn data(&self) -> &Value {
        &self.body["message"]["data"]
    }

    fn bitrix(&self) -> &Value {
        &self.data()["bitrix"]
    }

    /// The status of the answer: Bitrix24's part where there is one, else the code of the error.
    fn told(&self) -> String {
        let status = self.bitrix()["status"]
            .as_str()
            .or_else(|| self.data()["status"].as_str());
        match (status, self.body["error"]["code"].as_str()) {
            (Some(status), None) => status.to_owned(),
            (_, Some(code)) => format!("{} {code}", self.status.as_u16()),
            (None, None) => panic!("neither a status nor an error: {}", self.body),
        }
    }

    fn company_name(&self) -> Option<&str> {
        self.bitrix()["company"]["company_name"].as_str()
    }
}

/// Adds a document to the data of a site.
fn document(data: &mut helpdesk_simulator::Data, document: &Value) {
    data.documents.push(document.as_object().unwrap().clone());
}

/// Changes a document of the data.
fn change(data: &mut helpdesk_simulator::Data, doctype: &str, name: &str, fields: &Value) {
    let found = data.documents.iter_mut().find(|document| {
        document["doctype"] == doctype && document.get("name") == Some(&json!(name))
    });
    let found = found.unwrap_or_else(|| panic!("no {doctype} {name}"));
    found.extend(fields.as_object().unwrap().clone());
}

#[test]
fn the_sample_has_the_accounts_that_the_tests_use() {
    let known = [
        AGENT,
        AGENT_OF_OTHER_TEAM,
        MANAGER,
        HUB,
        SYSTEM_MANAGER,
        PORTAL_CUSTOMER,
        DISABLED,
    ];
    for (account, known) in SAMPLE_ACCOUNTS.iter().zip(known) {
        assert_eq!(format!("token {}:{}", account.1, account.2), known);
    }
}
