use std::{path::Path as FilePath, time::Duration};

use axum::{body::Body, middleware::from_fn_with_state};
use caresoft::signature::Secret;
use deskbridge_core::Backoff;
use deskbridge_http::{
    request::{Finishing, Limits as RequestLimits, finish, no_such_route},
    server,
};
use deskbridge_journal::{Events, Journal, Settings};
use deskbridge_store::{
    Claim, EventFilter, EventRecord, EventState, Limits, Plan, Retention, Store,
};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use testkit::wait_for;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt as _;

use super::*;
use crate::reading::{Account, LiveSecret, Signing};

const SECRET: &str = "invented secret";

/// The program as far as webhooks go, with its time standing at second 1,000.
struct Hub {
    store: Store,
    intake: Intake,
    router: Router,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn account(connection: &str, secret: &str) -> Account {
    let secret = LiveSecret {
        secret: Secret::new(secret).unwrap(),
        until: Some(at(2_000)),
    };
    Account {
        connection: connection.to_owned(),
        account_id: None,
        signing: Signing::Secrets(vec![secret]),
        has_routes: false,
    }
}

fn unsigned() -> Account {
    Account {
        signing: Signing::Unsigned,
        has_routes: false,
        ..account("unsigned", SECRET)
    }
}

impl Hub {
    fn new(store: Store) -> Self {
        Self::at(store, 1_000)
    }

    fn at(store: Store, second: i64) -> Self {
        let clock = Clock::manual(at(second));
        let intake = Intake::new(store.clone(), clock.clone(), fastrand::Rng::with_seed(1));
        let hooks = Hooks {
            accounts: Arc::new(Accounts::new([account("main", SECRET), unsigned()])),
            intake: intake.clone(),
            clock,
            rng: fastrand::Rng::with_seed(2),
            body_bytes_max: 100_000,
        };
        let limits = RequestLimits {
            concurrent_max: 1_000,
            deadline: Duration::from_secs(60),
        };
        let finishing = Finishing::new(limits, &mut fastrand::Rng::with_seed(3));
        let router = router(hooks)
            .fallback(no_such_route)
            .layer(from_fn_with_state(finishing, finish));
        Self {
            store,
            intake,
            router,
        }
    }

    fn inline() -> Self {
        Self::new(Store::open_inline().unwrap())
    }

    fn in_file(path: &FilePath, limits: Limits) -> Self {
        Self::new(Store::open_within(path, limits).unwrap())
    }

    async fn send(&self, request: http::Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            retry_after,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn deliver(&self, body: &[u8]) -> Answer {
        self.send(signed(body)).await
    }

    async fn events(&self) -> Vec<EventRecord> {
        let all = EventFilter {
            limit: usize::MAX,
            ..EventFilter::default()
        };
        let mut events = self.store.list_events(all, None).await.unwrap();
        events.reverse();
        events
    }

    async fn quarantined(&self, connection: &str) -> usize {
        let kept = self.store.quarantined(connection.to_owned(), None, 1_000);
        kept.await.unwrap().len()
    }

    /// Serves over a real socket until it is dropped with its runtime.
    async fn listen(&self) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = server::serve(
            listener,
            self.router.clone(),
            std::future::pending(),
            Duration::ZERO,
        );
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        drop(tokio::spawn(served));
        address
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
    body: Value,
}

impl Answer {
    fn id(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body["id"].as_str().unwrap().to_owned()
    }

    fn is_repeated(&self) -> bool {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body["repeated"].as_bool().unwrap()
    }

    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap()
    }
}

fn post_to(connection: &str) -> http::request::Builder {
    http::Request::post(format!("/hooks/caresoft/{connection}"))
}

fn signed(body: &[u8]) -> http::Request<Body> {
    let signature = Secret::new(SECRET).unwrap().sign(body);
    post_to("main")
        .header("X-Hub-Signature", signature)
        .body(Body::from(body.to_vec()))
        .unwrap()
}

/// The bytes of the same request for a socket.
fn on_the_wire(body: &[u8]) -> Vec<u8> {
    let signature = Secret::new(SECRET).unwrap().sign(body);
    let length = body.len();
    let head = format!(
        "POST /hooks/caresoft/main HTTP/1.1\r\nhost: hub.test\r\nx-hub-signature: sha1={signature}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// An event of its own by its number.
fn ticket(number: u32) -> Vec<u8> {
    let body = json!({"object": "ticket", "action": "update", "ticket": {
        "ticket_id": number % 7 + 1, "updated_at": 1_684_385_486_000_u64 + u64::from(number),
        "ticket_subject": format!("Kettle {number}"),
    }});
    body.to_string().into_bytes()
}

#[tokio::test]
async fn every_sample_is_kept_as_it_came_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::in_file(&folder.path().join("a.db"), Limits::default());
    let address = hub.listen().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut sent = Vec::new();
    for (name, pretty) in simulators::caresoft::samples() {
        let value: Value = serde_json::from_str(pretty).unwrap();
        let compact = value.to_string();
        let mut ids = Vec::new();
        for body in [pretty.as_bytes(), compact.as_bytes(), pretty.as_bytes()] {
            stream.write_all(&on_the_wire(body)).await.unwrap();
            let answer = read_answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
            let body: Value =
                serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
            ids.push((body["id"].clone(), body["repeated"].as_bool().unwrap()));
        }
        let [(first, false), (second, is_second), (third, is_third)] = &ids[..] else {
            panic!("{name}: {ids:?}");
        };
        assert_eq!(*is_second, first == second, "{name}");
        assert_eq!(*is_third, first == third, "{name}");
        assert_eq!(is_second, is_third, "{name}: both keys tell the same");
        sent.push((name, pretty, *is_second));
    }
    let events = hub.events().await;
    let mut kept = events.iter();
    let mut may_come_twice = Vec::new();
    for (name, pretty, is_told_once) in sent {
        let event = &kept.next().unwrap().event.arrival;
        assert_eq!(String::from_utf8_lossy(&event.body), pretty, "{name}");
        assert_eq!(
            event.reading.is_routed,
            name != "signature-example",
            "{name}"
        );
        assert_eq!(event.headers[0].0, "x-hub-signature");
        if !is_told_once {
            may_come_twice.push(name);
            kept.nth(1).unwrap();
        }
    }
    assert!(kept.next().is_none());
    assert_eq!(may_come_twice, ["signature-example"]);
}

/// One answer that has a length.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
            && body.len() == length.parse::<usize>().unwrap()
        {
            return text;
        }
    }
}

/// Another event than `value`: types swapped, members dropped and added, wrappers around.
fn mutated(value: &Value, rng: &mut fastrand::Rng) -> Value {
    match rng.u8(..40) {
        0 => return json!({"data": mutated(value, rng)}),
        1 => return json!([mutated(value, rng)]),
        2 => return Value::Null,
        3 => return json!(rng.u64(..).to_string()),
        4 => return json!(rng.i64(..)),
        5 => return json!({"\u{0}": [[[]]], "half a pair \u{fffd}": -0.0}),
        _ => {}
    }
    match value {
        Value::String(text) if rng.u8(..5) == 0 => text
            .parse()
            .map_or(json!([text]), |number: i64| json!(number)),
        Value::Number(number) if rng.u8(..5) == 0 => json!(number.to_string()),
        Value::Array(items) => items.iter().map(|item| mutated(item, rng)).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, member)| {
                let name = match rng.u8(..20) {
                    0 => return None,
                    1 => name.to_uppercase(),
                    _ => name.clone(),
                };
                Some((name, mutated(member, rng)))
            });
            let mut kept: Map<_, _> = kept.collect();
            if rng.u8(..10) == 0 {
                kept.insert(format!("new_{}", rng.u8(..)), json!({"a": [1, "b"]}));
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

/// The same value with its members in any order and blanks anywhere.
fn written(value: &Value, rng: &mut fastrand::Rng) -> String {
    let blank = [" ", "\n\t", "", ""][rng.usize(..4)];
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item, rng)).collect();
            format!("[{blank}{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            rng.shuffle(&mut members);
            let members = members
                .into_iter()
                .map(|(name, member)| format!("{}:{blank}{}", json!(name), written(member, rng)));
            let members: Vec<_> = members.collect();
            format!("{{{}{blank}}}", members.join(","))
        }
        other => format!("{other}{blank}"),
    }
}

#[tokio::test]
async fn whatever_a_signed_body_says_it_is_never_lost() {
    let hub = Hub::inline();
    let mut rng = fastrand::Rng::with_seed(20);
    let samples = simulators::caresoft::samples();
    let (mut kept, mut repeated, mut unrouted) = (0, 0, 0);
    for round in 0..60 {
        for (name, sample) in &samples {
            let value = mutated(&serde_json::from_str(sample).unwrap(), &mut rng);
            let mut body = written(&value, &mut rng).into_bytes();
            match rng.u8(..20) {
                0 => body.truncate(rng.usize(..=body.len())),
                1 => body.insert(rng.usize(..=body.len()), rng.u8(..)),
                _ => {}
            }
            let answer = hub.deliver(&body).await;
            let id = answer.id().parse().unwrap();
            let stored = hub.store.event(id).await.unwrap().unwrap();
            let told = || format!("round {round}, {name}: {}", String::from_utf8_lossy(&body));
            if answer.is_repeated() {
                let [old, new] = [&stored.event.arrival.body, &body]
                    .map(|body| caresoft::Event::read(body).canonical_digest());
                assert_eq!(old, new, "{}", told());
                repeated += 1;
            } else {
                assert_eq!(stored.event.arrival.body, body, "{}", told());
                kept += 1;
            }
            unrouted += usize::from(stored.state == EventState::Unrouted);
        }
    }
    let counts = hub.intake.counters().snapshot();
    assert_eq!((counts.accepted, counts.repeated), (kept, repeated));
    assert!(
        kept > 1_500 && unrouted > 300,
        "{kept} kept, {unrouted} unrouted"
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_is_kept_when_its_signature_is_right() {
    let hub = Hub::inline();
    for body in [&b""[..], b"\xff\x00", b"phone=0900000000&status=open", b"{"] {
        let first = hub.deliver(body).await;
        let again = hub.deliver(body).await;
        assert!(!first.is_repeated() && !again.is_repeated());
        let stored = hub
            .store
            .event(again.id().parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(stored.event.arrival.body, body);
        assert_eq!(stored.state, EventState::Unrouted);
    }
}

#[tokio::test]
async fn a_wrong_secret_costs_no_event_once_it_is_corrected() {
    let hub = Hub::inline();
    let wrong = |number| {
        let body = ticket(number);
        post_to("main")
            .header(
                "x-hub-signature",
                Secret::new("the new secret").unwrap().sign(&body),
            )
            .header("authorization", "Bearer planted")
            .body(Body::from(body))
            .unwrap()
    };
    for number in 0..20 {
        let answer = hub.send(wrong(number)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "wrong_signature")
        );
    }
    let unsigned = post_to("main").body(Body::from(ticket(20))).unwrap();
    assert_eq!(hub.send(unsigned).await.status, StatusCode::UNAUTHORIZED);
    assert!(hub.events().await.is_empty());
    assert_eq!(hub.quarantined("main").await, 21);

    let settings = Settings {
        concurrent_max: 1,
        attempt_for: Duration::from_secs(1),
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(1), 1).unwrap(),
    };
    let (clock, rng) = (Clock::manual(at(1_000)), fastrand::Rng::with_seed(4));
    let journal = Journal::new(
        hub.store.clone(),
        clock,
        rng.clone(),
        settings,
        Default::default(),
    );
    let events = Events::new(&hub.intake, rng, settings, Default::default(), journal);
    let still = Accounts::new([account("main", SECRET)]);
    assert!(events.reverify("main", &still).await.unwrap().is_empty());
    let corrected = Accounts::new([account("main", "the new secret")]);
    assert_eq!(events.reverify("main", &corrected).await.unwrap().len(), 20);
    let kept: Vec<_> = hub
        .events()
        .await
        .into_iter()
        .map(|kept| kept.event.arrival.body)
        .collect();
    assert_eq!(kept, (0..20).map(ticket).collect::<Vec<_>>());
    assert_eq!(
        hub.quarantined("main").await,
        1,
        "nothing signed the last one"
    );
    assert!(
        hub.deliver(&ticket(3)).await.is_repeated(),
        "sent again it is not new"
    );
}

#[tokio::test]
async fn an_expired_secret_is_refused() {
    let hub = Hub::at(Store::open_inline().unwrap(), 2_000);
    let answer = hub.deliver(&ticket(1)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.quarantined("main").await, 1);
}

#[tokio::test]
async fn only_a_connection_that_is_configured_so_takes_what_is_not_signed() {
    let hub = Hub::inline();
    let send = |connection| hub.send(post_to(connection).body(Body::from(ticket(1))).unwrap());
    assert!(!send("unsigned").await.is_repeated());
    assert_eq!(send("main").await.status, StatusCode::UNAUTHORIZED);
    for unknown in ["other", "%FF", "main%2F", "MAIN"] {
        let answer = send(unknown).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{unknown}"
        );
        assert_eq!(hub.quarantined(unknown).await, 0);
    }
    assert_eq!(hub.events().await.len(), 1);
}

#[tokio::test]
async fn who_looks_at_the_address_is_told_what_it_is_for_and_not_what_is_there() {
    let hub = Hub::inline();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut told = Vec::new();
        for connection in ["main", "unsigned", "nowhere"] {
            let mut request = post_to(connection).body(Body::empty()).unwrap();
            *request.method_mut() = method.clone();
            let answer = hub.send(request).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(answer.code(), "webhooks_only");
            told.push(answer.body["error"]["what_now"].clone());
        }
        assert!(told[0].as_str().unwrap().contains("CareSoft"));
        assert!(told.iter().all(|one| *one == told[0]));
    }
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let hub = Hub::inline();
    let of = |bytes| vec![b' '; bytes];
    assert!(!hub.deliver(&of(100_000)).await.is_repeated());
    let answer = hub.deliver(&of(100_001)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
    // Without a length, in pieces.
    let address = hub.listen().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /hooks/caresoft/unsigned HTTP/1.1\r\nhost: hub.test\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = [&b"8000\r\n"[..], &of(0x8000), b"\r\n"].concat();
    for _ in 0..4 {
        // The answer may come before the last piece is taken.
        stream.write_all(&piece).await.ok();
    }
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(hub.events().await.len(), 1);
}

#[tokio::test]
async fn large_bodies_take_a_share_of_the_room_until_they_are_stored() {
    let (room, piece) = (Semaphore::new(100_000), vec![b'x'; 50_000]);
    let body = |pieces: usize| {
        let pieces = vec![piece.clone(); pieces]
            .into_iter()
            .map(Ok::<_, std::io::Error>);
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    let small = body::read(body(1), 1_000_000, &room).await.unwrap();
    assert_eq!(room.available_permits(), 100_000);
    let large = body::read(body(3), 1_000_000, &room).await.unwrap();
    assert_eq!((small.bytes.len(), large.bytes.len()), (50_000, 150_000));
    assert_eq!(room.available_permits(), 0);
    let Err(refused) = body::read(body(2), 1_000_000, &room).await else {
        panic!("there is no room");
    };
    assert_eq!(refused.code(), Code::Overloaded);
    drop(large);
    assert_eq!(room.available_permits(), 100_000);
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_its_event() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::in_file(&folder.path().join("a.db"), Limits::default());
    let address = hub.listen().await;
    for number in 0..50 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(&on_the_wire(&ticket(number)))
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
    }
    wait_for("every event", async || {
        (hub.events().await.len() == 50).then_some(())
    })
    .await;
}

/// Holds the database's one place to write.
fn hold(path: &FilePath) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[tokio::test]
async fn a_full_queue_asks_the_sender_to_come_again_and_takes_the_event_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let limits = Limits {
        waiting_bytes_max: 1_000,
        ..Limits::default()
    };
    let hub = Hub::in_file(&path, limits);
    let held = hold(&path);
    let waiting = join_all((0..20).map(|number| hub.send(signed(&ticket(number)))));
    let release = async {
        wait_for("events that are turned away", async || {
            (hub.intake.counters().snapshot().busy > 0).then_some(())
        })
        .await;
        held.execute_batch("COMMIT").unwrap();
    };
    let (answers, ()) = tokio::join!(waiting, release);
    let mut turned_away = 0;
    for (number, answer) in (0..).zip(answers) {
        match answer.status {
            StatusCode::OK => {}
            status => {
                assert_eq!(
                    (status, answer.code()),
                    (StatusCode::SERVICE_UNAVAILABLE, "not_stored")
                );
                assert_eq!(answer.retry_after.as_deref(), Some("1"));
                assert!(!hub.deliver(&ticket(number)).await.is_repeated());
                turned_away += 1;
            }
        }
    }
    assert!(turned_away > 0);
    assert_eq!(hub.events().await.len(), 20);
}

#[tokio::test]
async fn a_full_store_asks_the_sender_to_come_again_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        database_bytes_max: 400_000,
        ..Limits::default()
    };
    let hub = Hub::in_file(&folder.path().join("a.db"), limits);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let number = u32::try_from(acknowledged.len()).unwrap();
        let answer = hub.deliver(&ticket(number)).await;
        if answer.status != StatusCode::OK {
            break (number, answer);
        }
        acknowledged.push(answer.id());
    };
    let (number, answer) = refused;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "not_stored")
    );
    assert_eq!(answer.retry_after.as_deref(), Some("60"));
    let kept: Vec<_> = hub
        .events()
        .await
        .iter()
        .map(|kept| kept.event.id.to_string())
        .collect();
    assert_eq!(kept, acknowledged);

    loop {
        let claim = Claim {
            now: at(1_000),
            lease_until: at(1_100),
            limit: 100,
            fresh_only: 0,
        };
        let claimed = hub.store.claim_events(claim).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        for one in claimed {
            let end = hub
                .store
                .record_plan(one.event.id, one.fence, Plan::default(), at(1_000));
            end.await.unwrap();
        }
    }
    let half = Retention {
        received_from: at(0),
        ended_bytes_max: 200_000,
        young_from: Timestamp::MAX,
    };
    while hub.store.prune_events(half, 50).await.unwrap().number() > 0 {}
    assert!(!hub.deliver(&ticket(number)).await.is_repeated());
}
