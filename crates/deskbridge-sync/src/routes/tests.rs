//! Routes from configuration to delivery, against a target on loopback that answers as a test says.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse as _};
use deskbridge_core::{
    Backoff, Clock, DuplicateKey, Event, EventId, NewEvent, OrderingKey, Outcome, Reading, Secret,
};
use deskbridge_hooks::Hooks;
use deskbridge_journal::{Events, Intake, Journal, Planned, Planner, Settings};
use deskbridge_store::{EffectFilter, EffectState, Store};
use futures_util::future::{BoxFuture, ready};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    decide::Answer,
    plan::Routed,
    send::{Sender, kept},
    settings::{OnJson, Route, Source, Then, compile},
};

const BODY: &str = r#"{"object":"ticket","action":"update","ticket":{"ticket_id":7,
    "ticket_subject":"Ấm \"rò\" nước","updated_at":1684385486519,"tags":["a","b"]}}"#;

fn source(name: &str, url: &str) -> Source {
    Source {
        name: name.to_owned(),
        connection: None,
        objects: Vec::new(),
        actions: Vec::new(),
        when: None,
        only_by_routes: false,
        url: Secret::new(url),
        method: None,
        headers: BTreeMap::new(),
        content_type: None,
        body: None,
        signing_secrets: Vec::new(),
        timeout: None,
        allow_private: false,
        root_certificates_pem: None,
        on_status: BTreeMap::new(),
        on_json: Vec::new(),
    }
}

fn route(change: impl FnOnce(&mut Source)) -> Route {
    let mut source = source("chat", "https://chat.example/hook");
    change(&mut source);
    compile(vec![source]).unwrap().pop().unwrap()
}

fn event(body: &str) -> Event {
    Event {
        id: EventId::new(Timestamp::UNIX_EPOCH, &mut fastrand::Rng::with_seed(1)),
        received_at: Timestamp::from_second(1_700_000_000).unwrap(),
        arrival: arrival(body, 1),
    }
}

fn arrival(body: &str, number: u8) -> NewEvent {
    let body_json: Value = serde_json::from_str(body).unwrap_or_default();
    let word = |name: &str| body_json[name].as_str().unwrap_or_default().to_owned();
    NewEvent {
        connection: "main".to_owned(),
        body: body.as_bytes().to_vec(),
        headers: Vec::new(),
        raw_key: DuplicateKey::new([number; 32]),
        reading: Reading {
            source: "test".to_owned(),
            object: word("object"),
            action: word("action"),
            canonical_key: DuplicateKey::new([number; 32]),
            ordering_key: OrderingKey::new("case-7"),
            is_routed: true,
        },
    }
}

#[test]
fn a_route_takes_what_its_condition_says() {
    let event = event(BODY);
    let check = |change: fn(&mut Source), expected: bool| {
        let route = route(change);
        assert_eq!(route.takes(&event).unwrap(), expected);
    };
    check(|_| (), true);
    check(|source| source.objects = vec!["Ticket".to_owned()], true);
    check(|source| source.objects = vec!["user".to_owned()], false);
    check(|source| source.actions = vec!["delete".to_owned()], false);
    check(|source| source.connection = Some("other".to_owned()), false);
    check(|source| source.only_by_routes = true, false);
    check(
        |source| source.when = Some("body.ticket.ticket_id == 7".to_owned()),
        true,
    );
    check(
        |source| source.when = Some("'b' in body.ticket.tags".to_owned()),
        true,
    );
    check(
        |source| source.when = Some("body.ticket.ticket_id > 7".to_owned()),
        false,
    );
    check(
        |source| source.when = Some("body.not.there.at_all == 1".to_owned()),
        false,
    );
    check(
        |source| source.when = Some("event.action == 'update' and not body.lead".to_owned()),
        true,
    );
}

#[test]
fn values_are_written_as_json_where_the_body_is_json() {
    let body = |template: &str, content_type: Option<&str>| {
        let route = route(|source| {
            source.body = Some(template.to_owned());
            source.content_type = content_type.map(str::to_owned);
        });
        let body = route.body(&event(BODY), None);
        body.map(|body| String::from_utf8(body).unwrap())
    };
    assert_eq!(
        body(
            r#"{"text": {{ body.ticket.ticket_subject }}, "id": {{ body.ticket.ticket_id }}}"#,
            None
        )
        .unwrap(),
        r#"{"text": "Ấm \"rò\" nước", "id": 7}"#
    );
    assert_eq!(
        body("{{ body.ticket.ticket_subject }} at {{ body.ticket.updated_at | time('%d/%m/%Y %H:%M', 'Asia/Ho_Chi_Minh') }}", Some("text/plain")).unwrap(),
        "Ấm \"rò\" nước at 18/05/2023 11:51"
    );
    let quoted = body(r#"{"text": "{{ body.ticket.ticket_subject }}"}"#, None).unwrap_err();
    assert!(quoted.why.contains("put none around them"), "{quoted}");
    let endless = body(
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        None,
    );
    assert!(endless.unwrap_err().why.contains("too long"));
    assert_eq!(
        route(|_| ()).body(&event("no json"), None).unwrap(),
        b"no json",
        "without a template the bytes go out as they came"
    );
}

#[test]
fn an_answer_leads_where_it_should() {
    let route = route(|source| {
        source.on_status = [
            ("404", Then::Done),
            ("4xx", Then::Retry),
            ("503", Then::Disable),
        ]
        .map(|(range, then)| (range.to_owned(), then))
        .into();
        source.on_json = vec![
            OnJson {
                when: "answer.json.error == 'busy'".to_owned(),
                then: Then::Retry,
            },
            OnJson {
                when: "answer.status == 200 and not answer.json.ok".to_owned(),
                then: Then::Fail,
            },
        ];
    });
    for (status, answer, expected) in [
        (200, json!({"ok": true}), Then::Done),
        (200, json!({"ok": false}), Then::Fail),
        (200, json!({"error": "busy"}), Then::Retry),
        (200, json!(null), Then::Done),
        (204, json!(null), Then::Done),
        (301, json!(null), Then::Fail),
        (404, json!(null), Then::Done),
        (422, json!(null), Then::Retry),
        (410, json!(null), Then::Retry),
        (500, json!(null), Then::Retry),
        (503, json!(null), Then::Disable),
    ] {
        let answer = Answer {
            status,
            json: answer,
        };
        assert_eq!(
            route.follows(&event(BODY), &answer).unwrap(),
            expected,
            "{answer:?}"
        );
    }
    let plain = super::tests::route(|_| ());
    for (status, expected) in [
        (410, Then::Disable),
        (400, Then::Fail),
        (408, Then::Retry),
        (429, Then::Retry),
    ] {
        let answer = Answer {
            status,
            json: json!(null),
        };
        assert_eq!(plain.follows(&event(BODY), &answer).unwrap(), expected);
    }
}

#[test]
fn an_answer_is_kept_as_deep_as_it_can_be_read_again() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(kept(nested(64).as_bytes()).to_string(), nested(64));
    assert_eq!(kept(nested(66).as_bytes()), Value::Null);
    assert_eq!(kept(b"not JSON"), Value::Null);
}

#[test]
fn a_route_that_cannot_work_is_refused_with_its_setting() {
    let check = |change: &dyn Fn(&mut Source), setting: &str| {
        let mut source = source("chat", "https://chat.example/hook?key=PLANTED");
        change(&mut source);
        let error = compile(vec![source]).unwrap_err();
        assert_eq!(error.setting, setting, "{error}");
        assert!(!error.to_string().contains("PLANTED"), "{error}");
    };
    for url in [
        "http://chat.example/?key=PLANTED",
        "ftp://chat.example/PLANTED",
        "not an address PLANTED",
        "https://user:PLANTED@chat.example/",
        "https://127.0.0.1/PLANTED",
        "https://[::1]/PLANTED",
        "https://169.254.169.254/PLANTED",
        "https://0x7f000001/PLANTED",
    ] {
        check(&|source| source.url = Secret::new(url), "target");
    }
    check(&|source| source.when = Some("body.(".to_owned()), "when");
    check(
        &|source| source.when = Some("true) %}{% if (true".to_owned()),
        "when",
    );
    check(&|source| source.body = Some("{{ body".to_owned()), "body");
    check(&|source| source.method = Some("BREW".to_owned()), "method");
    check(
        &|source| source.timeout = Some(Duration::from_secs(3_600)),
        "timeout_seconds",
    );
    check(
        &|source| source.signing_secrets = vec![Secret::new("PLANTED")],
        "signing_secrets",
    );
    check(
        &|source| {
            drop(
                source
                    .headers
                    .insert("webhook-id".to_owned(), Secret::new("PLANTED")),
            );
        },
        "headers",
    );
    check(
        &|source| {
            drop(
                source
                    .headers
                    .insert("x".to_owned(), Secret::new("PLANTED\r\nx: y")),
            );
        },
        "headers",
    );
    check(
        &|source| drop(source.on_status.insert("6xx".to_owned(), Then::Done)),
        "on_status",
    );
    let to = |name: &str| ("2xx".to_owned(), Then::Route(name.to_owned()));
    let unknown = |source: &mut Source| source.on_status.extend([to("none")]);
    check(&unknown, "on_status or on_json");
    let [mut one, mut two] = ["one", "two"].map(|name| source(name, "https://chat.example/"));
    one.on_status.extend([to("two")]);
    two.on_status.extend([to("one")]);
    assert!(
        compile(vec![one.clone(), two])
            .unwrap_err()
            .why
            .contains("itself")
    );
    assert!(
        compile(vec![one.clone(), one])
            .unwrap_err()
            .why
            .contains("two")
    );
}

/// One request that the target received.
type Received = (HeaderMap, Bytes);

/// A target that answers from a script, and 200 when that is over.
#[derive(Clone, Default)]
struct Target {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

async fn receive(
    State(target): State<Target>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    target.received.lock().unwrap().push((headers, body));
    let answer = target.answers.lock().unwrap().pop_front();
    let (status, body) = answer.unwrap_or((200, r#"{"ok":true,"id":41}"#));
    (http::StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Target {
    async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(receive).with_state(self.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(deskbridge_http::server::serve(
            listener,
            router,
            std::future::pending(),
            Duration::ZERO,
        ));
        address
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

struct Nothing(Planned);

impl Planner for Nothing {
    fn plan<'a>(&'a self, _event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(ready(Outcome::Done(self.0.clone())))
    }
}

struct Desk {
    store: Store,
    intake: Intake,
    events: Events,
    journal: Journal,
    sender: Sender,
    clock: Clock,
}

impl Desk {
    fn new(sources: Vec<Source>, planned: Planned) -> Self {
        Self::asking(sources, planned, BTreeMap::new())
    }

    fn asking(sources: Vec<Source>, planned: Planned, hooks: BTreeMap<String, Arc<Hooks>>) -> Self {
        let store = Store::open_inline().unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
        let rng = fastrand::Rng::with_seed(3);
        let settings = Settings {
            concurrent_max: 2,
            attempt_for: Duration::from_secs(60),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 4).unwrap(),
        };
        let routes: Arc<[Route]> = compile(sources).unwrap().into();
        let sender = Sender::new(routes, store.clone(), clock.clone(), "test").unwrap();
        let journal = Journal::new(
            store.clone(),
            clock.clone(),
            rng.clone(),
            settings,
            sender.handlers(),
        );
        let intake = Intake::new(store.clone(), clock.clone(), rng.clone());
        let planner = Routed::new(Arc::new(Nothing(planned)), Arc::clone(sender.routes()));
        let planner: Arc<dyn Planner> = Arc::new(planner.asking(hooks));
        let events = Events::new(
            &intake,
            rng,
            settings,
            [("test", planner)].into(),
            journal.clone(),
        );
        Self {
            store,
            intake,
            events,
            journal,
            sender,
            clock,
        }
    }

    /// Carries out everything, moving the clock on to each retry.
    async fn drain(&self) {
        self.events.drain().await.unwrap();
        loop {
            self.journal.drain().await.unwrap();
            let next = self.store.next_effect_claimable_at().await.unwrap();
            let Some(next) = next else { return };
            self.clock.advance(next.duration_since(self.clock.now()));
        }
    }

    async fn effects(&self, state: EffectState) -> Vec<String> {
        let filter = EffectFilter {
            state: Some(state),
            limit: 100,
            ..EffectFilter::default()
        };
        let found = self.store.list_effects(filter).await.unwrap();
        found
            .into_iter()
            .map(|record| record.failure.unwrap_or_default())
            .collect()
    }
}

fn unrouted() -> Planned {
    Planned::Unrouted("nobody knows".to_owned())
}

fn nearby(name: &str, address: SocketAddr) -> Source {
    Source {
        allow_private: true,
        ..source(name, &format!("http://{address}/{name}"))
    }
}

#[tokio::test]
async fn an_event_of_another_account_does_not_leave() {
    let target = Target::default();
    let address = target.listen().await;
    let misdirected = Planned::Misdirected("it is of another account".to_owned());
    for (planned, sent) in [(misdirected, 0), (unrouted(), 1)] {
        let desk = Desk::new(vec![nearby("chat", address)], planned);
        desk.intake.accept(arrival(BODY, 1)).await.unwrap();
        desk.drain().await;
        assert_eq!(target.received().len(), sent);
    }
}

#[tokio::test]
async fn an_event_goes_out_signed_and_is_retried_under_one_id() {
    let target = Target::default();
    let address = target.listen().await;
    target
        .answers
        .lock()
        .unwrap()
        .extend([(500, ""), (429, "")]);
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
    let route = Source {
        signing_secrets: vec![Secret::new(secret)],
        headers: [("X-Key".to_owned(), Secret::new("k"))].into(),
        body: Some(r#"{"id": {{ body.ticket.ticket_id }}}"#.to_owned()),
        ..nearby("chat", address)
    };
    let desk = Desk::new(vec![route], unrouted());
    desk.intake.accept(arrival(BODY, 1)).await.unwrap();
    desk.drain().await;
    let received = target.received();
    assert_eq!(received.len(), 3);
    let header = |number: usize, name: &str| received[number].0[name].to_str().unwrap().to_owned();
    let key = standard_webhooks::SigningKey::new(secret).unwrap();
    for (number, (_, body)) in received.iter().enumerate() {
        assert_eq!(&body[..], br#"{"id": 7}"#);
        assert_eq!(header(number, "webhook-id"), header(0, "webhook-id"));
        assert_eq!(header(number, "x-key"), "k");
        let at = header(number, "webhook-timestamp").parse().unwrap();
        let at = Timestamp::from_second(at).unwrap();
        let signed = standard_webhooks::signatures(
            std::slice::from_ref(&key),
            &header(number, "webhook-id"),
            at,
            body,
        );
        assert_eq!(header(number, "webhook-signature"), signed);
    }
    assert_ne!(
        header(0, "webhook-timestamp"),
        header(2, "webhook-timestamp")
    );
    assert_eq!(desk.effects(EffectState::Done).await.len(), 1);
}

#[tokio::test]
async fn a_route_leads_to_another_that_sees_the_answer() {
    let target = Target::default();
    let address = target.listen().await;
    let first = Source {
        on_json: vec![OnJson {
            when: "answer.json.ok".to_owned(),
            then: Then::Route("second".to_owned()),
        }],
        ..nearby("first", address)
    };
    let second = Source {
        only_by_routes: true,
        body: Some(r#"{"made": {{ answer.json.id }}}"#.to_owned()),
        ..nearby("second", address)
    };
    let desk = Desk::new(vec![first, second], unrouted());
    desk.intake.accept(arrival(BODY, 1)).await.unwrap();
    desk.drain().await;
    let bodies: Vec<Bytes> = target.received().into_iter().map(|one| one.1).collect();
    assert_eq!(bodies, [BODY.as_bytes(), br#"{"made": 41}"#]);
}

#[tokio::test]
async fn an_event_goes_out_by_a_route_and_again_with_an_answer() {
    let target = Target::default();
    let address = target.listen().await;
    let then = || vec![on("answer.json.ok", Then::Route("second".to_owned()))];
    let first = Source {
        on_json: then(),
        ..nearby("first", address)
    };
    let third = Source {
        on_json: then(),
        ..nearby("third", address)
    };
    let second = Source {
        body: Some(r#"{"made": {{ answer.json.id }}}"#.to_owned()),
        ..nearby("second", address)
    };
    let desk = Desk::new(vec![first, second, third], unrouted());
    desk.intake.accept(arrival(BODY, 1)).await.unwrap();
    desk.drain().await;
    let received = target.received().into_iter();
    let mut bodies: Vec<Bytes> = received.map(|one| one.1).collect();
    bodies.retain(|body| body != BODY.as_bytes());
    bodies.sort();
    let (alone, after) = (&br#"{"made": null}"#[..], &br#"{"made": 41}"#[..]);
    assert_eq!(bodies, [after, after, alone]);
}

fn on(when: &str, then: Then) -> OnJson {
    OnJson {
        when: when.to_owned(),
        then,
    }
}

#[tokio::test]
async fn a_target_that_is_gone_switches_its_route_off_until_a_person_switches_it_on() {
    let target = Target::default();
    let address = target.listen().await;
    target.answers.lock().unwrap().extend([(410, "")]);
    let desk = Desk::new(vec![nearby("chat", address)], unrouted());
    for number in [1, 2] {
        let body = format!("{{\"n\":{number}}}");
        desk.intake.accept(arrival(&body, number)).await.unwrap();
    }
    desk.drain().await;
    assert_eq!(target.received().len(), 1);
    let dead = desk.effects(EffectState::Dead).await;
    assert!(
        dead.iter().all(|why| why.contains("switched off")),
        "{dead:?}"
    );
    assert!(desk.sender.disabled("chat").await.unwrap().is_some());
    desk.sender.enable("chat").await.unwrap();
    desk.intake.accept(arrival("{}", 3)).await.unwrap();
    desk.drain().await;
    assert_eq!(target.received().len(), 2);
}

#[tokio::test]
async fn a_name_that_leads_into_the_private_network_is_not_spoken_to() {
    let target = Target::default();
    let port = target.listen().await.port();
    let url = format!("https://localhost:{port}/?key=PLANTED");
    let desk = Desk::new(vec![source("chat", &url)], unrouted());
    desk.intake.accept(arrival(BODY, 1)).await.unwrap();
    desk.drain().await;
    let dead = desk.effects(EffectState::Dead).await;
    assert!(dead[0].contains("private address"), "{dead:?}");
    assert!(!dead[0].contains("PLANTED"), "{dead:?}");
    assert_eq!(target.received().len(), 0);
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_tried_again_and_its_address_stays_secret() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let route = Source {
        allow_private: true,
        ..source("chat", &format!("http://{address}/PLANTED"))
    };
    let desk = Desk::new(vec![route], unrouted());
    desk.intake.accept(arrival(BODY, 1)).await.unwrap();
    desk.drain().await;
    let dead = desk.effects(EffectState::Dead).await;
    assert!(
        dead[0].starts_with("given up after 4 attempts: 127.0.0.1 did not answer"),
        "{dead:?}"
    );
    assert!(!dead[0].contains("PLANTED"), "{dead:?}");
}

#[tokio::test]
async fn what_no_route_takes_is_planned_as_without_routes() {
    let route = Source {
        objects: vec!["deal".to_owned()],
        ..source("chat", "https://chat.example/")
    };
    let desk = Desk::new(vec![route], unrouted());
    let id = desk.intake.accept(arrival(BODY, 1)).await.unwrap().id();
    desk.drain().await;
    let record = desk.store.event(id).await.unwrap().unwrap();
    assert_eq!(record.failure.as_deref(), Some("nobody knows"));
}

#[tokio::test]
async fn a_hook_chooses_the_routes_of_an_event_or_leaves_it_out() {
    let target = Target::default();
    let address = target.listen().await;
    let by_routes = Source {
        only_by_routes: true,
        ..nearby("second", address)
    };
    for (answer, paths) in [
        (
            r#"{"data": {"routes": ["second", "unknown"]}}"#,
            vec!["/second"],
        ),
        (r#"{"data": {"routes": 5}}"#, vec!["/first"]),
        (r#"{"action": "ignore"}"#, vec![]),
        ("null", vec!["/first"]),
    ] {
        let script = format!("grep -q '\"routes\":\\[\"first\"\\]' && echo '{answer}'");
        let command = ["sh", "-c", &script].map(str::to_owned);
        let turns = Arc::new(tokio::sync::Semaphore::new(1));
        let program = deskbridge_hooks::runner::program::Program::new(command.into(), "/", turns);
        let runner = deskbridge_hooks::Runner::Program(program);
        let within = Duration::from_secs(20);
        let hook = deskbridge_hooks::Hook::new("event_route", runner, within).unwrap();
        let rules = deskbridge_hooks::suspension::Rules::default();
        let hooks = Hooks::new(vec![Arc::new(hook)], rules, Clock::default()).unwrap();
        let arrival = arrival(BODY, 1);
        let hooks = BTreeMap::from([(arrival.connection.clone(), Arc::new(hooks))]);
        let sources = vec![nearby("first", address), by_routes.clone()];
        let desk = Desk::asking(sources, unrouted(), hooks);
        desk.intake.accept(arrival).await.unwrap();
        desk.drain().await;
        let sent = desk.store.list_effects(EffectFilter {
            limit: 10,
            ..EffectFilter::default()
        });
        let routes = sent.await.unwrap().into_iter().map(|record| {
            format!(
                "/{}",
                record.effect.intent.payload["route"].as_str().unwrap()
            )
        });
        assert_eq!(routes.collect::<Vec<_>>(), paths, "{answer}");
    }
}
