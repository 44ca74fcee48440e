//! The edge against real sockets on loopback, in real time with generous deadlines.

mod secrecy;

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use futures_util::{FutureExt as _, future::join_all};
use simulators::server::{Certificate, Handler, Listen, Reply, Request, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::Webhook;
use crate::{Call, Client, Error, Fault, Group, Lane, Mishap, Outcome, Portal, Unsent, Verdict};

const SECRET: &str = "pl4nt3ds3cr3t";

/// A server that answers by a script: from the number of the request and the request.
struct Script<F> {
    answer: F,
    seen: Mutex<Vec<Request>>,
}

impl<F: Fn(usize, &Request) -> Reply + Send + Sync + 'static> Script<F> {
    fn new(answer: F) -> Arc<Self> {
        Arc::new(Self {
            answer,
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    async fn start(self: &Arc<Self>) -> Server {
        Server::start(Listen::loopback(), Arc::clone(self))
            .await
            .unwrap()
    }
}

impl<F: Fn(usize, &Request) -> Reply + Send + Sync + 'static> Handler for Script<F> {
    async fn handle(&self, request: Request) -> Reply {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        (self.answer)(number, &request)
    }
}

fn response(status: u16, body: impl Into<Bytes>) -> http::Response<Bytes> {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(response(status, body.to_owned()))
}

fn ok() -> Reply {
    json(200, r#"{"result":[{"ID":"1"}],"time":{}}"#)
}

fn options() -> Options {
    Options {
        seed: Some(1),
        deadline: Duration::from_secs(20),
        ..Options::default()
    }
}

fn client_of(url: &str, options: &Options) -> Client {
    let webhook = Webhook::parse(&format!("{url}/rest/1/{SECRET}/")).unwrap();
    let portal = Portal::new(webhook.portal_base(), options).unwrap();
    portal.client(webhook).unwrap()
}

fn read() -> Call {
    Call::read("crm.company.list").param("x", 1)
}

fn write() -> Call {
    Call::write("crm.company.add").param("x", 1)
}

/// A listener on loopback that speaks no HTTP by itself.
async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address.to_string())
}

#[tokio::test]
async fn a_call_is_a_json_post_to_the_method_below_the_webhook() {
    let script = Script::new(|_, _| ok());
    let server = script.start().await;
    let client = client_of(&server.url(), &options());
    let answer = client.call(read()).await.unwrap();
    assert_eq!(answer.rows().unwrap().len(), 1);
    let request = script.seen().remove(0);
    assert_eq!(
        request.path(),
        "/rest/1/pl4nt3ds3cr3t/crm.company.list.json"
    );
    assert_eq!(request.head.method, "POST");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("7"));
    assert_eq!(
        request.header("accept-encoding"),
        None,
        "compression is not asked for"
    );
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("bitrix24-rust/")
    );
    assert_eq!(&request.body[..], br#"{"x":1}"#);
}

#[tokio::test]
async fn calls_that_meet_travel_as_a_batch() {
    let script = Script::new(|_, _| {
        json(
            200,
            r#"{"result":{"result":{"c0":"a","c1":"b"},"result_error":[]},"time":{}}"#,
        )
    });
    let server = script.start().await;
    let client = client_of(&server.url(), &options());
    let group: Group = [read(), write()].into_iter().collect();
    let answers = client.group(group).await.unwrap();
    let texts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().unwrap().scalar())
        .collect();
    assert_eq!(texts, [Some("a".into()), Some("b".into())]);
    let request = script.seen().remove(0);
    assert_eq!(request.path(), "/rest/1/pl4nt3ds3cr3t/batch.json");
    assert_eq!(
        &request.body[..],
        br#"{"halt":0,"cmd":{"c0":"crm.company.list?x=1","c1":"crm.company.add?x=1"}}"#
    );
}

#[tokio::test]
async fn one_connection_carries_call_after_call() {
    let (listener, address) = listener().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let serve = async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, SeqCst);
            while let Some(()) = read_request(&mut socket).await {
                let body = r#"{"result":1}"#;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                socket
                    .write_all(format!("{head}{body}").as_bytes())
                    .await
                    .unwrap();
            }
        }
    };
    let client = client_of(&format!("http://{address}"), &options());
    let calls = async {
        for _ in 0..20 {
            client.call(read()).await.unwrap();
        }
    };
    tokio::select! {
        () = calls => {}
        () = serve => unreachable!(),
    }
    assert_eq!(connections.load(SeqCst), 1);
}

/// Reads one request with its body; `None` at the end of the connection.
async fn read_request(socket: &mut TcpStream) -> Option<()> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (_, length) = head.split_once("content-length: ")?;
            let length: usize = length.lines().next()?.parse().ok()?;
            if body.len() >= length {
                return Some(());
            }
        }
        let mut part = [0; 1024];
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => seen.extend_from_slice(&part[..read]),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_host_hears_nothing() {
    let (foreign, foreign_address) = listener().await;
    let target = format!("http://{foreign_address}/rest/1/{SECRET}/crm.company.list.json");
    for status in [301, 302, 303, 307, 308] {
        let target = target.clone();
        let script = Script::new(move |_, _| {
            let mut response = response(status, "");
            let location = target.parse().unwrap();
            response.headers_mut().insert(header::LOCATION, location);
            Reply::Answer(response)
        });
        let server = script.start().await;
        let client = client_of(&server.url(), &options());
        let error = client.call(read()).await.unwrap_err();
        let Error::Configuration {
            fault: Fault::Redirect { host },
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(host.as_deref(), Some("127.0.0.1"));
        assert!(
            error.to_string().contains("redirects to 127.0.0.1"),
            "{error}"
        );
        assert_eq!(script.seen().len(), 1);
    }
    // A connection on loopback would be in the backlog by now.
    assert!(
        foreign.accept().now_or_never().is_none(),
        "the foreign host was spoken to"
    );
}

#[tokio::test]
async fn a_silent_portal_leaves_a_write_unknown_and_a_read_unanswered() {
    let script = Script::new(|_, _| Reply::Silence);
    let server = script.start().await;
    let client = client_of(&server.url(), &options());
    let soon = Duration::from_millis(400);
    let error = client.call(read().deadline(soon)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::Deadline,
                ..
            }
        ),
        "{error}"
    );
    let outcome = client.write(write().deadline(soon)).await;
    let Outcome::Unknown(
        error @ Error::MaybeExecuted {
            mishap: Mishap::Deadline,
            ..
        },
    ) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.verdict(), Verdict::LookFirst);
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn a_portal_that_never_finishes_the_handshake_got_nothing() {
    let (_listener, address) = listener().await;
    let client = client_of(&format!("https://{address}"), &options());
    let outcome = client
        .write(write().deadline(Duration::from_millis(400)))
        .await;
    assert!(
        matches!(
            &outcome,
            Outcome::NotSent(Error::NotSent {
                unsent: Unsent::Connection,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn of_a_request_that_was_given_up_no_byte_leaves() {
    for is_given_up in [false, true] {
        let (listener, address) = listener().await;
        let webhook = Webhook::parse(&format!("http://{address}/rest/1/{SECRET}/")).unwrap();
        let http = Http::new(&options(), false).unwrap();
        let outgoing = Outgoing {
            signature: webhook.into(),
            upload: None,
            method: "crm.company.add".into(),
            body: Bytes::from_static(b"{}"),
            deadline: Instant::now() + Duration::from_secs(20),
        };
        let departure = Arc::new(Departure::default());
        if is_given_up {
            departure.give_up();
        }
        let arrived = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 1];
            socket.read(&mut bytes).await.unwrap()
        };
        let exchange = http.exchange(&outgoing, Arc::clone(&departure));
        let (delivery, arrived) = tokio::join!(exchange, arrived);
        assert!(
            matches!(delivery, Delivery::Failed(Class::HungUp, _)),
            "{delivery:?}"
        );
        assert_eq!(
            (arrived == 0, departure.give_up()),
            (is_given_up, !is_given_up)
        );
    }
}

#[tokio::test]
async fn a_broken_answer_is_asked_for_again_by_reads_only() {
    type Breaks = fn() -> Reply;
    let whole = r#"{"result":[1,2,3,4,5,6,7,8,9],"time":{}}"#;
    let cases: [(Breaks, Mishap); 5] = [
        (|| Reply::HangUp, Mishap::HungUp),
        (
            || Reply::Truncate(response(200, r#"{"result":[1,2,3,4,5,6,7,8,9],"time":{}}"#)),
            Mishap::HungUp,
        ),
        (
            || json(200, "<html><title>Log in</title></html>"),
            Mishap::NotJson,
        ),
        (|| json(502, "<h1>Bad gateway</h1>"), Mishap::ServerFault),
        (|| json(200, r#"{"time":{}}"#), Mishap::NoResult),
    ];
    for (breaks, expected) in cases {
        let script = Script::new(move |number, _| {
            if number == 0 {
                breaks()
            } else {
                json(200, whole)
            }
        });
        let server = script.start().await;
        let client = client_of(&server.url(), &options());
        assert!(client.call(read()).await.is_ok(), "{expected:?}");
        assert_eq!(script.seen().len(), 2, "{expected:?}");

        let script = Script::new(move |_, _| breaks());
        let server = script.start().await;
        let client = client_of(&server.url(), &options());
        let outcome = client.write(write()).await;
        let Outcome::Unknown(Error::MaybeExecuted { mishap, .. }) = outcome else {
            panic!("{expected:?}: {outcome:?}");
        };
        assert_eq!(mishap, expected);
        assert_eq!(script.seen().len(), 1, "{expected:?}: a write was repeated");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let big = format!(r#"{{"result":"{}"}}"#, "x".repeat(5000));
    let options = Options {
        body_bytes_max: 4000,
        ..options()
    };
    let announced = Script::new({
        let big = big.clone();
        move |_, _| json(200, &big)
    });
    let server = announced.start().await;
    let error = client_of(&server.url(), &options)
        .call(read())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::TooLarge,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::Never);
    assert!(error.to_string().contains("4000 bytes"), "{error}");
    assert_eq!(announced.seen().len(), 1);

    // In chunks, without a length that would give it away.
    let (listener, address) = listener().await;
    let serve = async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
        socket.write_all(head.as_bytes()).await.unwrap();
        // Endless; ends when the client hangs up.
        while socket.write_all(chunk.as_bytes()).await.is_ok() {}
    };
    let client = client_of(&format!("http://{address}"), &options);
    let (error, ()) = tokio::join!(client.call(read()), serve);
    let error = error.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::TooLarge,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_not_sent_even_for_a_write() {
    let (listener, address) = listener().await;
    drop(listener);
    let client = client_of(&format!("http://{address}"), &options());
    let outcome = client.write(write()).await;
    let Outcome::NotSent(
        error @ Error::NotSent {
            unsent: Unsent::Connection,
            ..
        },
    ) = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(
        error.to_string().to_lowercase().contains("refused"),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::RetryAfter(None));
}

#[tokio::test]
async fn a_private_root_is_trusted_when_configured_and_only_then() -> io::Result<()> {
    let certificate = Certificate::self_signed()?;
    let pem = certificate.pem();
    let listen = Listen {
        certificate: Some(certificate),
        ..Listen::loopback()
    };
    let script = Script::new(|_, _| ok());
    let server = Server::start(listen, Arc::clone(&script)).await?;
    let trusting = Options {
        roots_pem: vec![pem],
        ..options()
    };
    let client = client_of(&server.url(), &trusting);
    assert!(client.call(read()).await.is_ok());
    // Another authority in place of the server's, since a machine without any would refuse to start.
    let stranger = Certificate::self_signed()?;
    let distrusting = Options {
        roots_pem: vec![stranger.pem()],
        ..options()
    };
    let seen = script.seen().len();
    let outcome = client_of(&server.url(), &distrusting).write(write()).await;
    let Outcome::NotSent(
        error @ Error::NotSent {
            unsent: Unsent::Connection,
            ..
        },
    ) = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(script.seen().len(), seen);
    Ok(())
}

#[tokio::test]
async fn roots_that_are_none_are_refused_at_the_start() {
    let base = crate::PortalBase::parse("https://portal.test").unwrap();
    for pem in [
        "",
        "not a certificate",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ] {
        let options = Options {
            roots_pem: vec![pem.to_owned()],
            ..options()
        };
        let error = Portal::new(&base, &options).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a root certificate cannot be used"),
            "{error}"
        );
    }
    let options = Options {
        user_agent: "line\nbreak".to_owned(),
        ..options()
    };
    assert!(Portal::new(&base, &options).is_err());
}
