//! The interface as its callers meet it, and its description against it.

mod calls;
mod description;
mod requests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::Body, middleware::from_fn_with_state};
use deskbridge_core::{
    Backoff, Clock, DuplicateKey, EffectId, Event, EventId, Failure, IdempotencyKey, NewEffect,
    NewEvent, OrderingKey, Outcome, Reading, Secret, Urgency,
};
use deskbridge_http::request::{Finishing, Limits, finish, no_such_route, wrong_verb};
use deskbridge_journal::{Events, Intake, Journal, Planned, Planner, Reader, Settings};
use deskbridge_store::{Quarantined, Store};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Administrators, Parts, Readers, router};

const TOKEN: &str = "planted-admin-token-1";

/// Plans what the body says: `dead`, or an effect.
struct Plans;

impl Planner for Plans {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        let outcome = match event.arrival.body.as_slice() {
            b"dead" => Outcome::Refused(Failure::new("no such case")),
            body => Outcome::Done(Planned::Do {
                effects: vec![NewEffect {
                    urgency: Urgency::Usual,
                    kind: "test.write".to_owned(),
                    ordering_key: OrderingKey::new("a"),
                    idempotency_key: IdempotencyKey::new(format!("{body:?}")),
                    payload: json!({"bytes": body.len()}),
                }],
                links: Vec::new(),
                known: Vec::new(),
            }),
        };
        Box::pin(std::future::ready(outcome))
    }
}

/// Believes what it is shown, unless it is to be doubted, and reads everything as a lead.
struct Reads;

impl Reader for Reads {
    fn verify(&self, body: &Quarantined) -> Option<NewEvent> {
        (body.body != b"doubted").then(|| arrival("ticket", &body.body, true))
    }

    fn read(&self, event: &NewEvent) -> Reading {
        Reading {
            object: "lead".to_owned(),
            is_routed: true,
            ..event.reading.clone()
        }
    }
}

fn arrival(object: &str, body: &[u8], is_routed: bool) -> NewEvent {
    let mut digest = [0; 32];
    for (byte, place) in body.iter().zip(&mut digest) {
        *place = *byte;
    }
    NewEvent {
        connection: "main".to_owned(),
        body: body.to_owned(),
        headers: vec![
            ("X-Signature".to_owned(), "AB12".to_owned()),
            ("Authorization".to_owned(), "planted-header".to_owned()),
        ],
        raw_key: DuplicateKey::new(digest),
        reading: Reading {
            source: "test".to_owned(),
            object: object.to_owned(),
            action: "update".to_owned(),
            canonical_key: DuplicateKey::new(digest),
            ordering_key: OrderingKey::new(format!("key {body:?}")),
            is_routed,
        },
    }
}

struct Bench {
    store: Store,
    clock: Clock,
    intake: Intake,
    events: Events,
    journal: Journal,
    router: Router,
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answered {
    fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The status and the code of an error.
    fn code(&self) -> (u16, String) {
        let code = self.json()["error"]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        (self.status.as_u16(), code)
    }
}

impl Bench {
    fn new() -> Self {
        Self::with_tokens(&[TOKEN])
    }

    fn with_tokens(tokens: &[&str]) -> Self {
        let store = Store::open_inline().unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_000).unwrap());
        let rng = || fastrand::Rng::with_seed(7);
        let settings = Settings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 1).unwrap(),
        };
        let handlers = BTreeMap::new();
        let journal = Journal::new(store.clone(), clock.clone(), rng(), settings, handlers);
        let intake = Intake::new(store.clone(), clock.clone(), rng());
        let planners: BTreeMap<&'static str, Arc<dyn Planner>> =
            BTreeMap::from([("test", Arc::new(Plans) as Arc<dyn Planner>)]);
        let events = Events::new(&intake, rng(), settings, planners, journal.clone());
        let readers: Readers =
            BTreeMap::from([("main".to_owned(), Arc::new(Reads) as Arc<dyn Reader>)]);
        let parts = Parts {
            store: store.clone(),
            events: events.clone(),
            readers,
            clock: clock.clone(),
            shown_call: |call| serde_json::json!({"linkedid": call.linkedid}),
            administrators: Administrators::new(tokens.iter().copied().map(Secret::new)),
        };
        let limits = Limits {
            concurrent_max: 10,
            deadline: Duration::from_secs(60),
        };
        let finishing = Finishing::new(limits, &mut rng());
        let router = router(parts)
            .fallback(no_such_route)
            .method_not_allowed_fallback(wrong_verb)
            .layer(from_fn_with_state(finishing, finish));
        Self {
            store,
            clock,
            intake,
            events,
            journal,
            router,
        }
    }

    async fn accept(&self, object: &str, body: &str) -> EventId {
        let event = arrival(object, body.as_bytes(), object != "unknown");
        self.intake.accept(event).await.unwrap().id()
    }

    /// Four events: one done with an effect that was given up, one dead, one unrouted, one pending.
    async fn filled() -> (Self, [EventId; 4]) {
        let bench = Self::new();
        let done = bench.accept("ticket", "{\"id\":1}").await;
        let dead = bench.accept("ticket", "dead").await;
        let unrouted = bench.accept("unknown", "?").await;
        bench.events.drain().await.unwrap();
        // Nobody carries out effects of this kind.
        bench.journal.drain().await.unwrap();
        bench.clock.advance(jiff::SignedDuration::from_secs(60));
        let pending = bench.accept("ticket", "later").await;
        (bench, [done, dead, unrouted, pending])
    }

    async fn effect(&self, event: EventId) -> EffectId {
        self.store.effects_of_event(event).await.unwrap()[0]
    }

    async fn request(&self, verb: &str, address: &str, token: &str, body: String) -> Answered {
        let request = Request::builder()
            .method(Method::from_bytes(verb.as_bytes()).unwrap())
            .uri(address)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answered {
            status: head.status,
            headers: head.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    async fn get(&self, address: &str) -> Answered {
        self.request("GET", address, TOKEN, String::new()).await
    }

    async fn post(&self, address: &str, body: Value) -> Answered {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.request("POST", address, TOKEN, body).await
    }

    async fn states(&self, ids: &[EventId]) -> Vec<&'static str> {
        let mut states = Vec::new();
        for id in ids {
            states.push(self.store.event(*id).await.unwrap().unwrap().state.as_str());
        }
        states
    }
}
