use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, header::LOCATION},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;

use super::*;

const NOON: &str = "2026-05-04T12:00:00Z";

fn secret() -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode([b'k'; 24])))
}

/// A server on this machine that answers by its path.
async fn server() -> (String, tokio::task::JoinHandle<()>) {
    let echo = |headers: HeaderMap, body: Bytes| async move {
        let told = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[b'k'; 24]);
        let (id, at) = (told("webhook-id"), told("webhook-timestamp"));
        let mut signed = format!("{id}.{at}.").into_bytes();
        signed.extend_from_slice(&body);
        let signature = STANDARD.encode(hmac::sign(&key, &signed));
        assert_eq!(told("webhook-signature"), format!("v1,{signature}"));
        assert_eq!(at, "1777896000");
        body
    };
    let away = || async { (StatusCode::FOUND, [(LOCATION, "/echo")]) };
    let routes = Router::new()
        .route("/echo", post(echo))
        .route("/away", post(away))
        .route("/long", post(|| async { "x".repeat(ANSWER_BYTES_MAX + 1) }))
        .route("/never", post(std::future::pending::<()>))
        .route(
            "/broken",
            post(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    #[expect(
        clippy::disallowed_methods,
        reason = "a server that lives as long as its test"
    )]
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, serving)
}

#[tokio::test]
async fn an_endpoint_is_asked_with_a_signature_and_within_limits() {
    let (address, serving) = server().await;
    let ask = async |path: &str, within: Duration| {
        let url = Secret::new(format!("{address}{path}"));
        let endpoint = Endpoint::new(&url, &secret(), "test").unwrap();
        let deadline = Instant::now() + within;
        let answer = endpoint
            .run(b"{\"a\":1}", NOON.parse().unwrap(), deadline)
            .await;
        answer.map(|answer| String::from_utf8(answer).unwrap())
    };
    let ample = Duration::from_secs(20);
    assert_eq!(ask("/echo", ample).await.unwrap(), "{\"a\":1}");
    assert!(matches!(
        ask("/away", ample).await,
        Err(Failure::Status(302))
    ));
    assert!(matches!(
        ask("/broken", ample).await,
        Err(Failure::Status(500))
    ));
    assert!(matches!(ask("/long", ample).await, Err(Failure::TooMuch)));
    assert!(matches!(
        ask("/never", Duration::from_millis(100)).await,
        Err(Failure::TimedOut)
    ));
    serving.abort();
    drop(serving.await);
    let gone = ask("/echo?token=planted", ample)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        gone.starts_with("it could not be reached") && !gone.contains("planted"),
        "{gone}"
    );
}

#[test]
fn an_address_in_the_clear_is_for_this_machine_only() {
    let usable = |url: &str| Endpoint::new(&Secret::new(url), &secret(), "test");
    for url in [
        "https://hooks.example/a",
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://localhost/",
    ] {
        assert!(usable(url).is_ok(), "{url}");
    }
    for url in [
        "http://hooks.example/",
        "ftp://localhost.example/",
        "http://10.0.0.1/",
    ] {
        assert!(matches!(usable(url), Err(Unusable::Clear)), "{url}");
    }
    assert!(matches!(usable("hooks"), Err(Unusable::Url(_))));
    let printed = format!("{:?}", usable("https://hooks.example/planted").unwrap());
    assert!(!printed.contains("planted"), "{printed}");
    for secret in ["", "whsec_", "whsec_YQ==", "planted"] {
        let url = Secret::new("https://hooks.example/");
        assert!(matches!(
            Endpoint::new(&url, &Secret::new(secret), "test"),
            Err(Unusable::Secret)
        ));
    }
}
