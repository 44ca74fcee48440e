//! The portal over real sockets, plain and with TLS, and its control endpoints.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::*;

async fn running() -> Running {
    let options = Options {
        https: Some(loopback()),
        clock: Clock::manual(start_of_test()),
        data: bare().company(json!({"ID": "7", "TITLE": "Hoa"})),
        ..Options::default()
    };
    start(options).await.unwrap()
}

fn address<'a>(url: Option<&'a str>, scheme: &str) -> &'a str {
    url.unwrap().strip_prefix(scheme).unwrap()
}

async fn plain(running: &Running) -> TcpStream {
    let address = address(running.http_url.as_deref(), "http://");
    TcpStream::connect(address).await.unwrap()
}

/// Sends a request on an open connection and reads one answer: status and body.
async fn exchange(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    verb: &str,
    target: &str,
    body: &str,
) -> (u16, String) {
    let request = format!(
        "{verb} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut answer = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut answer).await.unwrap();
    {
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, String::from_utf8(answer).unwrap())
    }
}

#[tokio::test]
async fn both_doors_lead_to_one_portal() {
    let running = running().await;
    let mut socket = plain(&running).await;
    let add = r#"{"fields":{"TITLE":"Mới"}}"#;
    let (_, body) = exchange(&mut socket, "POST", "/rest/1/s3cret/crm.company.add", add).await;
    assert!(body.starts_with(r#"{"result":8,"#), "{body}");
    let pem = running.certificate_pem.as_deref().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = address(running.https_url.as_deref(), "https://");
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut socket = connector.connect(name, socket).await.unwrap();
    let (status, body) = exchange(
        &mut socket,
        "GET",
        "/rest/1/s3cret/crm.company.get?ID=8",
        "",
    )
    .await;
    assert!(status == 200 && body.contains("Mới"), "{body}");
    let secure: Vec<bool> = running
        .portal
        .journal()
        .iter()
        .map(|entry| entry.secure)
        .collect();
    assert_eq!(secure, [false, true]);
}

#[tokio::test]
async fn the_journal_tells_kept_connections_from_new_ones() {
    let running = running().await;
    let mut first = plain(&running).await;
    let mut second = plain(&running).await;
    for _ in 0..2 {
        exchange(&mut first, "GET", "/rest/1/s3cret/scope", "").await;
    }
    exchange(&mut second, "GET", "/rest/1/s3cret/scope", "").await;
    let connections: Vec<u64> = running
        .portal
        .journal()
        .iter()
        .map(|entry| entry.connection)
        .collect();
    assert_eq!(connections[0], connections[1]);
    assert_ne!(connections[0], connections[2]);
}

#[tokio::test]
async fn a_lost_answer_closes_the_connection_after_the_work_is_done() {
    let running = running().await;
    let rules = r#"[{"when":"crm.company.add","execute":true,"answer":"hang_up"}]"#;
    let mut socket = plain(&running).await;
    let (status, _) = exchange(&mut socket, "PUT", "/_simulator/faults", rules).await;
    assert_eq!(status, 200);
    let body = r#"{"fields":{"TITLE":"Mới"}}"#;
    let request = format!(
        "POST /rest/1/s3cret/crm.company.add HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    assert_eq!(running.portal.data().companies.len(), 2);
}

/// Asks a control endpoint; the answer is status and JSON, or text where it is no JSON.
async fn control(socket: &mut TcpStream, verb: &str, name: &str, body: &str) -> (u16, Value) {
    let (status, text) = exchange(socket, verb, &format!("/_simulator/{name}"), body).await;
    let json = serde_json::from_str(&text);
    (status, json.unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn tests_in_any_language_can_steer_it() {
    let running = running().await;
    let mut socket = plain(&running).await;
    for (name, body) in [
        ("limits", r#"{"requests":{"burst":1},"operating":null}"#),
        ("latency", r#"{"request_ms":0,"command_ms":0}"#),
        ("behaviour", r#"{"counters":"missing"}"#),
        (
            "faults",
            r#"[{"when":"scope","times":1,"answer":{"preset":"html"}}]"#,
        ),
        (
            "data",
            r#"{"webhooks":[{"user_id":5,"secret":"new","scopes":["crm"]}],"users":[{"ID":5}]}"#,
        ),
    ] {
        let done = control(&mut socket, "PUT", name, body).await;
        assert_eq!(done, (200, json!({"done": true})), "{name}");
    }
    let advanced = control(&mut socket, "POST", "advance", r#"{"seconds":1.5}"#).await;
    assert_eq!(advanced.0, 200);
    assert_eq!(running.portal.now().to_string(), "2026-11-20T06:30:01.5Z");
    for (name, at, expected) in [
        (
            "limits",
            "/requests",
            json!({"burst": 1, "per_second": 2.0, "refusals_count": false}),
        ),
        ("limits", "/operating", json!(null)),
        ("latency", "", json!({"request_ms": 0, "command_ms": 0})),
        ("behaviour", "/counters", json!("missing")),
        ("faults", "/0/answer", json!({"preset": "html"})),
        ("data", "/users", json!([{"ID": "5"}])),
        ("stats", "/counts/requests", json!(0)),
    ] {
        let (_, shown) = control(&mut socket, "GET", name, "").await;
        assert_eq!(shown.pointer(at), Some(&expected), "{name} {at}");
    }
    let (_, pem) = control(&mut socket, "GET", "certificate", "").await;
    assert_eq!(pem.as_str(), running.certificate_pem.as_deref());
    let (_, body) = exchange(&mut socket, "GET", "/rest/5/new/scope", "").await;
    assert!(body.starts_with("<!DOCTYPE html>"), "{body}");
    let (_, journal) = control(&mut socket, "GET", "journal", "").await;
    assert_eq!(journal[0]["fault"], json!({"preset": "html"}));
    control(&mut socket, "DELETE", "journal", "").await;
    assert_eq!(
        control(&mut socket, "GET", "journal", "").await.1,
        json!([])
    );
}

#[tokio::test]
async fn the_machines_clock_cannot_be_moved() {
    let portal = Portal::new(Clock::system(), bare()).unwrap();
    let refusal = portal.advance(std::time::Duration::from_secs(1));
    assert_eq!(refusal, Err(NotManual));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let running = running().await;
    let mut socket = plain(&running).await;
    for (verb, name, body, status, why) in [
        (
            "PUT",
            "faults",
            r#"[{"answer":{"preset":"no"}}]"#,
            400,
            "the preset \"no\"",
        ),
        ("PUT", "faults", "[", 400, "EOF"),
        (
            "PUT",
            "limits",
            r#"{"request":1}"#,
            400,
            "unknown field `request`",
        ),
        (
            "PUT",
            "data",
            r#"{"companies":[{"ID":1},{"ID":"1"}]}"#,
            400,
            "two of the companies have ID 1",
        ),
        (
            "PUT",
            "data",
            r#"{"companies":[{"ID":0}]}"#,
            400,
            "no whole number above 0",
        ),
        (
            "PUT",
            "data",
            r#"{"companies":[{"TITEL":""}]}"#,
            400,
            "TITEL",
        ),
        ("GET", "nothing", "", 404, "no such control endpoint"),
        ("POST", "journal", "", 404, "no such control endpoint"),
    ] {
        let (found, answer) = control(&mut socket, verb, name, body).await;
        let told = answer["refused"].as_str().unwrap();
        assert!(
            found == status && told.contains(why),
            "{verb} {name} {body}: {found} {told}"
        );
    }
    assert_eq!(running.portal.data().companies.len(), 1);
}

#[tokio::test]
async fn people_and_applications_can_be_steered_too() {
    let options = Options {
        clock: Clock::manual(start_of_test()),
        data: bare().application(Application::new("local.1", "app5ecret", ["telephony"])),
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let mut socket = plain(&running).await;
    let click = r#"{"client_id":"local.1","user_id":1,"phone_number":"+84900000017"}"#;
    let (status, told) = control(&mut socket, "POST", "click", click).await;
    assert_eq!((status, &told["handlers"]), (200, &json!([])));
    let nobody = r#"{"client_id":"local.1","handler":"http://portal.example/"}"#;
    let (status, told) = control(&mut socket, "POST", "install", nobody).await;
    assert_eq!(status, 400, "{told}");
    let (_, standing) = control(&mut socket, "GET", "applications", "").await;
    assert_eq!(
        standing[0]["is_installed"], true,
        "it is installed all the same"
    );
    let workday = r#"{"user_id":1,"workday":"CLOSED"}"#;
    assert_eq!(control(&mut socket, "PUT", "workday", workday).await.0, 200);
    let (_, telephony) = control(&mut socket, "GET", "telephony", "").await;
    assert_eq!(telephony["workdays"]["1"], "CLOSED");
    assert_eq!(telephony["calls"][0]["shown_to"], json!([1]));
    let (_, events) = control(&mut socket, "GET", "events", "").await;
    assert_eq!(events, json!({"bindings": [], "offline": []}));
    let own = r#"{"client_id":"local.1"}"#;
    for name in ["expire", "uninstall"] {
        assert_eq!(control(&mut socket, "POST", name, own).await.0, 200);
    }
    assert!(!running.portal.applications()[0].is_installed);
}
