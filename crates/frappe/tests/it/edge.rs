//! What happens below HTTP, and what must never happen above it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use frappe::{
    Caller, Cause, Credential, Document, Filter, List, Name, Options, Outcome, Site, Verdict,
};
use serde_json::json;
use simulators::server::{Certificate, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scripted::{KEY, Remote, SECRET, json, own_user, page, response};

const AGAIN: Verdict = Verdict::RetryAfter(None);

fn ticket() -> Name {
    Name::from("0001")
}

fn subject() -> Document {
    Document::new().with("subject", "planted-value")
}

fn truncated(body: &serde_json::Value) -> Reply {
    Reply::Truncate(response(200, "application/json", body.to_string()))
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_write_unknown_and_a_read_repeatable() {
    let whole = json!({"data": {"name": "0001"}});
    let remote = Remote::start([
        Reply::HangUp,
        Reply::HangUp,
        truncated(&whole),
        truncated(&whole),
    ])
    .await;
    let client = remote.client();
    for _ in ["hung up", "truncated"] {
        let read = client.get("HD Ticket", &ticket()).await.unwrap_err();
        assert!(matches!(read.cause, Cause::Lost(_)), "{read:?}");
        assert_eq!(read.verdict(), AGAIN);
        let write = client.insert("HD Ticket", &subject()).await;
        let Outcome::Unknown(error) = write else {
            panic!("{write:?}");
        };
        assert!(matches!(error.cause, Cause::Lost(_)), "{error:?}");
        assert_eq!(error.verdict(), Verdict::LookFirst);
    }
    assert_eq!(remote.requests().len(), 4, "nothing was sent twice");
}

#[tokio::test]
async fn a_site_that_is_not_there_got_nothing() {
    // Bound and dropped, so that nobody listens on the port.
    let address = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    let site = Site::new(&format!("http://{address}"), Options::default()).unwrap();
    let write = site.user(own_user()).insert("HD Ticket", &subject()).await;
    let Outcome::NotSent(error) = write else {
        panic!("{write:?}");
    };
    assert!(matches!(error.cause, Cause::Connect(_)), "{error:?}");
    assert_eq!(error.verdict(), AGAIN);
    assert_eq!(
        error.to_string(),
        "insert HD Ticket: the site could not be reached"
    );
}

#[tokio::test]
async fn a_handshake_that_never_ends_has_sent_nothing() {
    // Connected to by the kernel, and never accepted.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        deadline: Duration::from_millis(30),
        ..Options::default()
    };
    let base = format!("https://{}", listener.local_addr().unwrap());
    let client = Site::new(&base, options).unwrap().user(own_user());
    // Time to connect is that of the site, so the longer one of the call does not end first.
    let patient = client.deadline(Duration::from_secs(600));
    let write = patient.insert("HD Ticket", &subject()).await;
    let Outcome::NotSent(error) = write else {
        panic!("{write:?}");
    };
    assert!(matches!(error.cause, Cause::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_request() {
    let certificate = Certificate::self_signed().unwrap();
    let pem = certificate.pem();
    let remote = Remote::start_tls(certificate, [json(200, &json!({"message": "an"}))]).await;
    let other = Certificate::self_signed().unwrap().pem();
    let trusting = |pem| {
        let options = Options {
            root_certificates_pem: Some(pem),
            ..Options::default()
        };
        remote.site(options).user(own_user())
    };
    let error = trusting(other).logged_user().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Connect(_)), "{error:?}");
    assert!(remote.requests().is_empty());
    assert_eq!(trusting(pem).logged_user().await.unwrap(), "an");
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_leaves_a_write_unknown() {
    let remote = Remote::start([Reply::Silence, Reply::Silence]).await;
    let short = Duration::from_millis(30);
    let client = remote.client().deadline(short);
    let read = client.get("HD Ticket", &ticket()).await.unwrap_err();
    assert!(matches!(read.cause, Cause::Deadline(after) if after == short));
    assert_eq!(read.verdict(), AGAIN);
    let write = client.update("HD Ticket", &ticket(), &subject()).await;
    let Outcome::Unknown(error) = write else {
        panic!("{write:?}");
    };
    assert_eq!(
        error.to_string(),
        "update HD Ticket \"0001\": no answer within 30 ms"
    );
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read() {
    let body = json!({"data": {"name": "0001", "subject": "x".repeat(1000)}});
    let bytes = body.to_string().len() as u64;
    let remote = Remote::start((0..4).map(|_| json(200, &body))).await;
    let limited = |response_bytes_max| {
        let options = Options {
            response_bytes_max,
            ..Options::default()
        };
        remote.site(options).user(own_user())
    };
    let exact = limited(bytes).get("HD Ticket", &ticket()).await;
    assert!(exact.is_ok(), "{exact:?}");
    let over = limited(bytes - 1);
    let read = over.get("HD Ticket", &ticket()).await.unwrap_err();
    assert!(matches!(read.cause, Cause::TooLarge { bytes_max } if bytes_max == bytes - 1));
    assert_eq!(read.verdict(), Verdict::Never);
    let write = over.insert("HD Ticket", &subject()).await;
    assert!(matches!(write, Outcome::Unknown(_)), "it ran: {write:?}");
}

/// Accepts one connection, answers its request with a head, and then writes the same bytes until nobody listens.
async fn pour(listener: tokio::net::TcpListener, head: &str, again: &[u8]) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(socket.read_u8().await.unwrap());
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    if again.is_empty() {
        // Stays open without another byte.
        assert_eq!(socket.read_u8().await.ok(), None);
    }
    while !again.is_empty() && socket.write_all(again).await.is_ok() {}
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_or_never_ends_is_given_up() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let cases = [
        ("Content-Length: 999999999", ""),
        ("Transfer-Encoding: chunked", chunk.as_str()),
    ];
    for (head, again) in cases {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let options = Options {
            response_bytes_max: 1 << 20,
            ..Options::default()
        };
        let ask = async {
            let client = Site::new(&base, options).unwrap().user(own_user());
            client.logged_user().await.unwrap_err()
        };
        let (error, ()) = tokio::join!(ask, pour(listener, head, again.as_bytes()));
        assert!(
            matches!(error.cause, Cause::TooLarge { .. }),
            "{head}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_nothing() {
    let elsewhere = Remote::start([]).await;
    let redirect = |status| {
        let mut response = response(status, "text/html", String::new());
        let to = format!("{}/api/resource/HD%20Ticket", elsewhere.server.url());
        response
            .headers_mut()
            .insert("location", to.parse().unwrap());
        Reply::Answer(response)
    };
    let remote = Remote::start([301, 302, 303, 307, 308].map(redirect)).await;
    for _ in 0..5 {
        let write = remote.client().insert("HD Ticket", &subject()).await;
        let Outcome::Refused(error) = write else {
            panic!("{write:?}");
        };
        let Cause::Redirected { host, .. } = error.cause else {
            panic!("{error:?}");
        };
        assert_eq!(host, "127.0.0.1");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_page_instead_of_json_is_not_frappe() {
    let remote = Remote::start([page(502, "<title>502 Bad Gateway</title>")]).await;
    let error = remote.client().logged_user().await.unwrap_err();
    let Cause::NotFrappe {
        status: 502, hint, ..
    } = error.cause
    else {
        panic!("{error:?}");
    };
    assert_eq!(hint.as_deref(), Some("502 Bad Gateway"));
}

#[tokio::test]
async fn every_request_carries_one_credential_and_never_a_cookie_of_the_servers() {
    let answer = || json(200, &json!({"message": "an@example.test"}));
    let remote = Remote::start((0..6).map(|_| answer())).await;
    let options = Options {
        site_name: Some("helpdesk.test".to_owned()),
        user_agent: "deskbridge-test/1".to_owned(),
        ..Options::default()
    };
    let site = remote.site(options);
    let session = Caller::session("5e55104").unwrap();
    let bearer = Caller::authorization("Bearer abc.def").unwrap();
    for credential in [
        own_user(),
        Credential::Caller(session),
        Credential::Caller(bearer),
    ] {
        let client = site.user(credential);
        // The second request would carry what the first answer wanted to set.
        client.logged_user().await.unwrap();
        client.logged_user().await.unwrap();
    }
    let token = format!("token {KEY}:{SECRET}");
    let expected = [
        (Some(token.as_str()), None),
        (None, Some("sid=5e55104")),
        (Some("Bearer abc.def"), None),
    ];
    for (at, request) in remote.requests().iter().enumerate() {
        let sent = (request.header("authorization"), request.header("cookie"));
        assert_eq!(sent, expected[at / 2]);
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("user-agent"), Some("deskbridge-test/1"));
        assert_eq!(request.header("x-frappe-site-name"), Some("helpdesk.test"));
    }
}

#[tokio::test]
async fn a_connection_is_kept_where_the_server_keeps_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let client = Site::new(&site, Options::default())
        .unwrap()
        .user(own_user());
    let serve = async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        // A second connection would find nobody.
        drop(listener);
        for _ in 0..2 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let body = r#"{"message":"an"}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    let ask = async {
        for _ in 0..2 {
            assert_eq!(client.logged_user().await.unwrap(), "an");
        }
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn no_error_shows_a_credential_a_value_or_a_traceback() {
    let echo = format!("<b>you sent token {KEY}:{SECRET}</b>");
    let said = json!([json!({"message": echo, "raise_exception": 1}).to_string()]).to_string();
    let traceback = format!("planted-traceback {SECRET} planted-value");
    let refusal = |kind: &str| {
        json!({
            "exc_type": kind, "_server_messages": said, "exception": traceback,
            "exc": json!([traceback]).to_string(),
        })
    };
    let mut replies: Vec<Reply> = [
        (400, "CSRFTokenError"),
        (401, "AuthenticationError"),
        (403, "PermissionError"),
        (404, "DoesNotExistError"),
        (409, "DuplicateEntryError"),
        (417, "UniqueValidationError"),
        (417, "MandatoryError"),
        (418, "TeapotError"),
        (429, "TooManyRequestsError"),
        (500, "QueryDeadlockError"),
        (500, "OperationalError"),
        (503, "SessionStopped"),
    ]
    .map(|(status, kind)| json(status, &refusal(kind)))
    .into();
    replies.push(page(502, &format!("<title>token {KEY}:{SECRET}</title>")));
    replies.push(Reply::HangUp);
    replies.push(json(200, &json!({"data": [SECRET, "planted-value"]})));
    let rounds = replies.len();
    let remote = Remote::start(replies).await;
    let client = remote.client();
    for round in 0..rounds {
        let error = client
            .insert("HD Ticket", &subject())
            .await
            .into_result()
            .unwrap_err();
        let mut shown = format!("{error} {error:?} {client:?}");
        if let Some(message) = error.message() {
            shown += message.text();
        }
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            shown += &format!(" {inner} {inner:?}");
            source = inner.source();
        }
        assert!(!shown.contains("planted"), "{round}: {shown}");
    }
}

#[tokio::test]
async fn a_broken_connection_does_not_show_the_address_with_its_filters() {
    let remote = Remote::start([Reply::HangUp]).await;
    let list = List::new().filter(Filter::eq("email_id", "planted@example.com"));
    let error = remote.client().list("Contact", &list).await.unwrap_err();
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    assert!(source.is_some());
    while let Some(inner) = source {
        shown += &format!(" {inner} {inner:?}");
        source = inner.source();
    }
    assert!(!shown.contains("planted"), "{shown}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_sent() {
    let remote = Remote::start([]).await;
    let options = Options {
        request_bytes_max: 20,
        ..Options::default()
    };
    let client = remote.site(options).user(own_user());
    let write = client.insert("HD Ticket", &subject()).await;
    let Outcome::Refused(error) = write else {
        panic!("{write:?}");
    };
    assert_eq!(
        error.to_string(),
        "insert HD Ticket: not sent, because its body is 27 bytes, the limit is 20"
    );
    assert!(remote.requests().is_empty());
}

/// Everything that is logged, at any level, by anybody.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_name_the_operation_and_no_value() {
    let log = Log::default();
    let listener = || {
        let log = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone());
        tracing::Dispatch::new(subscriber.finish())
    };
    // Of a single listener `tracing` asks only the thread on which an event occurs first, and that may be another
    // test's, where nobody listens; of two it asks both.
    let (_second, first) = (listener(), listener());
    let _guard = tracing::dispatcher::set_default(&first);

    let answer = json!({"data": {"name": "0001", "subject": "planted-answer"}});
    let refusal = json!({"exc_type": "MandatoryError", "exception": "planted-traceback"});
    let remote = Remote::start([json(200, &answer), json(417, &refusal), Reply::HangUp]).await;
    let client = remote.client();
    for _ in 0..3 {
        let name = Name::from("planted-name");
        drop(client.update("HD Ticket", &name, &subject()).await);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("frappe.target=\"HD Ticket\""), "{log}");
    assert!(log.contains("http.status=417"), "{log}");
    assert!(log.contains("Frappe did not answer"), "{log}");
    assert!(!log.contains("planted"), "{log}");
}
