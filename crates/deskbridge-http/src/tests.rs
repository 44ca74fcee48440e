//! The layers around a request, and the server under them.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, middleware::from_fn_with_state, response::Response, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tower::ServiceExt as _;

use crate::{
    ApiError, Code, Params, Peer,
    request::{Finishing, Limits, finish, no_such_route, wrong_verb},
    server,
};

/// A request that waits says so, and goes on when it is told to.
#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

impl Gate {
    async fn wait(&self) -> &'static str {
        self.entered.notify_one();
        self.open.notified().await;
        "waited"
    }
}

fn router(limits: Limits, gate: Arc<Gate>) -> Router {
    let routes = Router::new()
        .route("/api/method/echo", get(echo).post(echo))
        .route(
            "/panics",
            get(async || -> String { panic!("a bug with a secret") }),
        )
        .route("/waits", get(async move || gate.wait().await))
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_verb);
    let finishing = Finishing::new(limits, &mut fastrand::Rng::with_seed(1));
    routes.layer(from_fn_with_state(finishing, finish))
}

async fn echo(params: Params) -> Result<String, ApiError> {
    let ticket = params.text(&["ticket"]);
    let ticket = ticket.ok_or_else(|| ApiError::new(Code::MissingParameter, "ticket"))?;
    Ok(ticket.to_owned())
}

fn generous() -> Router {
    let limits = Limits {
        concurrent_max: 10,
        deadline: Duration::from_secs(60),
    };
    router(limits, Arc::default())
}

async fn body(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn ask(address: &str) -> Request<Body> {
    Request::get(address).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_error_is_told_in_the_language_of_the_request_and_as_frappe_would() {
    let mut request = ask("/api/method/echo?ticket=+");
    request
        .headers_mut()
        .insert("accept-language", "vi".parse().unwrap());
    request
        .headers_mut()
        .insert("x-request-id", "from-outside.1".parse().unwrap());
    let response = generous().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()["x-request-id"], "from-outside.1");
    let body = body(response).await;
    insta::assert_json_snapshot!(body, @r#"
    {
      "_server_messages": "[\"{\\\"indicator\\\":\\\"red\\\",\\\"message\\\":\\\"Thiếu tham số ticket. Hãy gửi tham số này rồi thử lại.\\\"}\"]",
      "error": {
        "code": "missing_parameter",
        "message": "Thiếu tham số ticket.",
        "request_id": "from-outside.1",
        "what_now": "Hãy gửi tham số này rồi thử lại."
      },
      "exc_type": "ValidationError",
      "message": {
        "data": {},
        "message": "Thiếu tham số ticket.",
        "success": false
      }
    }
    "#);
}

#[tokio::test]
async fn an_address_or_verb_that_nobody_serves_has_the_same_body() {
    let response = generous().oneshot(ask("/nowhere")).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(response).await["error"]["code"], "no_such_route");
    let request = Request::delete("/panics").body(Body::empty()).unwrap();
    let response = generous().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body(response).await["error"]["code"], "wrong_verb");
}

#[tokio::test]
async fn a_panic_is_our_bug_and_says_nothing_more() {
    let response = generous().oneshot(ask("/panics")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = body(response).await.to_string();
    assert!(
        body.contains("internal") && !body.contains("secret"),
        "{body}"
    );
}

#[tokio::test]
async fn a_request_id_from_outside_is_taken_only_when_it_is_plain() {
    for (given, taken) in [
        ("a-b_c.1", true),
        ("a b", false),
        ("\"", false),
        (&"x".repeat(65), false),
    ] {
        let mut request = ask("/api/method/echo?ticket=1");
        request
            .headers_mut()
            .insert("x-request-id", given.parse().unwrap());
        let response = generous().oneshot(request).await.unwrap();
        assert_eq!(
            response.headers()["x-request-id"] == given,
            taken,
            "{given}"
        );
    }
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused_at_once() {
    let gate = Arc::<Gate>::default();
    let limits = Limits {
        concurrent_max: 1,
        deadline: Duration::from_secs(60),
    };
    let router = router(limits, Arc::clone(&gate));
    let waiting = router.clone().oneshot(ask("/waits"));
    let refused = async {
        let response = router
            .oneshot(ask("/api/method/echo?ticket=1"))
            .await
            .unwrap();
        gate.open.notify_one();
        response
    };
    let (waited, refused) = tokio::join!(biased; waiting, refused);
    assert_eq!(waited.unwrap().status(), StatusCode::OK);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_deadline() {
    let limits = Limits {
        concurrent_max: 1,
        deadline: Duration::from_secs(3),
    };
    let response = router(limits, Arc::default())
        .oneshot(ask("/waits"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        body(response).await["error"]["message"],
        "The answer took longer than 3 s."
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_shorten_the_deadline_and_not_lengthen_it() {
    for (wanted, expected) in [
        ("1500", "1.5 s."),
        (" 2000 ", "2 s."),
        ("900000", "3 s."),
        ("-1", "3 s."),
        ("soon", "3 s."),
    ] {
        let limits = Limits {
            concurrent_max: 1,
            deadline: Duration::from_secs(3),
        };
        let mut request = ask("/waits");
        request
            .headers_mut()
            .insert("x-deskbridge-deadline-ms", wanted.parse().unwrap());
        let response = router(limits, Arc::default())
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        let told = body(response).await["error"]["message"].take();
        assert!(
            told.as_str().unwrap().ends_with(expected),
            "{wanted}: {told}"
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let large = "x".repeat(10 << 20);
    let announced = Request::post("/api/method/echo")
        .body(Body::from(large.clone()))
        .unwrap();
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(large)]);
    let streamed = Request::post("/api/method/echo")
        .body(Body::from_stream(chunks))
        .unwrap();
    for request in [announced, streamed] {
        let response = generous().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let message = body(response).await["error"]["message"].to_string();
        assert!(message.contains("1 MiB"), "{message}");
    }
}

#[tokio::test]
async fn the_server_lets_a_running_request_end_and_accepts_no_more() {
    let gate = Arc::<Gate>::default();
    let limits = Limits {
        concurrent_max: 10,
        deadline: Duration::from_secs(60),
    };
    let router = router(limits, Arc::clone(&gate));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let serving = server::serve(
        listener,
        router,
        async move { stopped.notified().await },
        Duration::from_secs(60),
    );
    let asking = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = b"GET /waits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(head).await.unwrap();
        gate.entered.notified().await;
        stop.notify_one();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        gate.open.notify_one();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("waited"), "{answer}");
    };
    tokio::join!(serving, asking);
}

#[tokio::test]
async fn a_request_knows_the_address_that_it_came_from() {
    let told = get(async |Peer(address): Peer| format!("{address:?}"));
    let router = Router::new().route("/peer", told);
    let alone = Request::get("/peer").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(alone).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "None");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let ended = async move { stopped.notified().await };
    let serving = server::serve(listener, router, ended, Duration::from_secs(60));
    let asking = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // What a client says of itself is not believed.
        let head = b"GET /peer HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
        socket.write_all(head).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("Some(127.0.0.1)"), "{answer}");
        stop.notify_one();
    };
    tokio::join!(serving, asking);
}
