use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::*;

fn start_at() -> Timestamp {
    "2026-01-05T02:30:00Z".parse().unwrap()
}

#[test]
fn a_seed_is_one_life_with_everything_in_it() {
    let life = live(7, 200, start_at());
    assert_eq!(life, live(7, 200, start_at()));
    assert_ne!(life.webhooks, live(8, 200, start_at()).webhooks);
    let outcome = &life.outcome;
    for (what, count) in [
        ("tickets", outcome.tickets.len()),
        ("users", outcome.users.len()),
        ("organizations", outcome.organizations.len()),
        ("leads", outcome.leads.len()),
        ("deals", outcome.deals.len()),
        ("calls", outcome.calls.len()),
        ("deleted", outcome.deleted.len()),
        ("merged", outcome.merged.len()),
    ] {
        assert!(count > 3, "{count} {what}");
    }
    for body in &life.webhooks {
        let json: Value = serde_json::from_slice(body).unwrap();
        assert!(
            json["object"].is_string() && json["action"].is_string(),
            "{json}"
        );
    }
}

#[test]
fn a_disturbance_repeats_delays_and_loses() {
    let webhooks = live(7, 50, start_at()).webhooks;
    let arriving = |disturbance| disturb(1, &webhooks, disturbance);
    assert_eq!(arriving(Disturbance::default()), webhooks);
    let repeated = arriving(Disturbance {
        duplicates: 0.5,
        ..Disturbance::default()
    });
    assert!(repeated.len() > webhooks.len());
    assert!(webhooks.iter().all(|body| repeated.contains(body)));
    let late = arriving(Disturbance {
        late_by_max: 9,
        ..Disturbance::default()
    });
    assert!(late != webhooks && late.len() == webhooks.len());
    let lost = arriving(Disturbance {
        losses: 0.2,
        ..Disturbance::default()
    });
    assert!(lost.len() < webhooks.len());
}

#[test]
fn the_signature_is_the_documented_one() {
    let documented = "420A69CE7D3C36559E9828D6361530DF30065D37";
    assert_eq!(sign("CS123", br#"{"ticket_id":1}"#), documented);
}

/// Keeps what comes, and refuses every third.
#[derive(Default)]
struct Receiver(Mutex<Vec<(Bytes, String)>>);

impl Handler for Receiver {
    async fn handle(&self, request: Request) -> Reply {
        let mut received = self.0.lock().unwrap();
        let signature = request
            .header("x-hub-signature")
            .unwrap_or_default()
            .to_owned();
        received.push((request.body, signature));
        let mut response = http::Response::new(Bytes::new());
        if received.len().is_multiple_of(3) {
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        }
        Reply::Answer(response)
    }
}

#[tokio::test]
async fn webhooks_arrive_signed_and_in_order_and_refusals_are_told() {
    let receiver = Arc::new(Receiver::default());
    let server = Server::start(Listen::loopback(), Arc::clone(&receiver))
        .await
        .unwrap();
    let bodies: Vec<Vec<u8>> = samples()
        .iter()
        .take(7)
        .map(|(_, body)| body.as_bytes().to_vec())
        .collect();
    let target = format!("{}/hooks/caresoft/main", server.url())
        .parse()
        .unwrap();
    let report = Sender::new(target, Some("CS123".to_owned()))
        .send(&bodies)
        .await;
    assert_eq!(report.not_accepted, [2, 5]);
    assert_eq!(report.statuses, [(200, 5), (503, 2)].into());
    let received = receiver.0.lock().unwrap();
    let expected: Vec<_> = bodies
        .iter()
        .map(|body| (Bytes::copy_from_slice(body), sign("CS123", body)))
        .collect();
    assert_eq!(*received, expected);
}

fn asked(path: &str) -> Request {
    let request = http::Request::get(path).header("authorization", "Bearer token-of-acme");
    let (head, ()) = request.body(()).unwrap().into_parts();
    Request {
        head: Arc::new(head),
        body: Bytes::new(),
    }
}

async fn ask(center: &Center, path: &str) -> (u16, String) {
    match center.answer(&asked(path)).await {
        Reply::Answer(answer) => (
            answer.status().as_u16(),
            String::from_utf8(answer.body().to_vec()).unwrap(),
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_limit_refuses_then_bans_and_forgives() {
    let clock = Clock::manual(start_at());
    let center = Center::new(Options {
        clock: clock.clone(),
        ..Options::default()
    });
    let mut statuses = Vec::new();
    for _ in 0..37 {
        statuses.push(ask(&center, "/acme/api/v1/tickets").await.0);
    }
    assert_eq!(statuses[..15], [200; 15]);
    assert_eq!(statuses[15..35], [429; 20]);
    assert_eq!(statuses[35..], [404, 404]);
    clock.advance(std::time::Duration::from_secs(899));
    let (status, text) = ask(&center, "/acme/api/v1/tickets").await;
    assert!(status == 404 && text.contains("domain"), "{text}");
    clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(ask(&center, "/acme/api/v1/tickets").await.0, 200);
}

#[tokio::test]
async fn a_list_is_cut_into_pages_and_to_what_changed() {
    let records = live(7, 100, start_at()).outcome;
    let count = records.tickets.len();
    let newest = records
        .tickets
        .values()
        .filter_map(|ticket| ticket["updated_at"].as_i64())
        .max()
        .unwrap();
    let center = Center::new(Options {
        records,
        times: TimeForm::Utc,
        ..Options::default()
    });
    let (_, text) = ask(&center, "/acme/api/v1/tickets?count=7&page=2").await;
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (
            page["numFound"].as_u64(),
            page["tickets"].as_array().unwrap().len()
        ),
        (Some(count as u64), 7)
    );
    let since = Timestamp::from_millisecond(newest)
        .unwrap()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let (_, text) = ask(
        &center,
        &format!("/acme/api/v1/tickets?updated_since={since}"),
    )
    .await;
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["numFound"], 1);
    assert_eq!(ask(&center, "/other/api/v1/tickets").await.0, 404);
}

#[tokio::test]
async fn several_clients_send_everything_once_and_tell_how_long_it_took() {
    let receiver = Arc::new(Receiver::default());
    let server = Server::start(Listen::loopback(), Arc::clone(&receiver))
        .await
        .unwrap();
    let bodies = live(3, 5, start_at()).webhooks;
    let target = format!("{}/hooks/caresoft/main", server.url())
        .parse()
        .unwrap();
    let sender = Sender::new(target, None).clients(4);
    let report = sender.send(&bodies).await;
    let refused = bodies.len() / 3;
    assert_eq!(report.not_accepted.len(), refused);
    assert_eq!(sender.accepted(), (bodies.len() - refused) as u64);
    assert_eq!(report.took.len(), bodies.len());
    assert_eq!(report.took_at_most(1000), report.took.last().copied());
    assert!(report.took_at_most(500) <= report.took_at_most(990));
    let sorted = |mut bodies: Vec<Vec<u8>>| {
        bodies.sort_unstable();
        bodies
    };
    let received = receiver.0.lock().unwrap();
    let received = received.iter().map(|(body, _)| body.to_vec()).collect();
    assert_eq!(sorted(received), sorted(bodies));
}

#[tokio::test]
async fn nothing_is_sent_past_loopback() {
    let target = "http://192.0.2.1:9/hooks/caresoft/main".parse().unwrap();
    let report = Sender::new(target, None).send(&[b"{}".to_vec()]).await;
    assert_eq!((report.not_accepted, report.took), (vec![0], vec![]));
}

#[tokio::test]
async fn the_control_address_shows_and_sets_what_it_is_asked() {
    let records = live(7, 3, start_at()).outcome;
    let running = start(Options::default()).await.unwrap();
    let ask = async |method: &str, path: &str, body: String| {
        let request = http::Request::builder().method(method).uri(path);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let request = Request {
            head: Arc::new(head),
            body: body.into(),
        };
        match Door(running.center.clone()).handle(request).await {
            Reply::Answer(answer) => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap();
                (answer.status().as_u16(), body)
            }
            other => panic!("{other:?}"),
        }
    };
    let data = serde_json::to_string(&records).unwrap();
    assert_eq!(ask("PUT", "/_simulator/data", data).await.0, 200);
    assert_eq!(running.center.records(), records);
    let (_, shown) = ask("GET", "/_simulator/data", String::new()).await;
    assert_eq!(serde_json::from_value::<Records>(shown).unwrap(), records);
    let rules = r#"[{"when": "GET tickets", "answer": "hang_up"}]"#;
    let (_, set) = ask("PUT", "/_simulator/faults", rules.to_owned()).await;
    assert_eq!(set, serde_json::json!({"rules": 1}));
    let (status, told) = ask("PUT", "/_simulator/faults", "no script".to_owned()).await;
    assert!(
        status == 400 && told.to_string().contains("fault script"),
        "{told}"
    );
    assert_eq!(running.center.faults().len(), 1);
    let asked = running.center.answer(&asked("/acme/api/v1/tickets")).await;
    assert!(matches!(asked, Reply::HangUp), "{asked:?}");
    let (_, journal) = ask("GET", "/_simulator/journal", String::new()).await;
    assert_eq!(journal, serde_json::json!(["GET tickets"]));
    assert_eq!(
        ask("DELETE", "/_simulator/data", String::new()).await.0,
        404
    );
}
