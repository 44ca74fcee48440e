//! What happens around every request: an id, a span, a deadline, a limit on how many run at once, panics
//! caught, errors rendered.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use deskbridge_core::Language;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::{ApiError, Code, error::Style};

/// Carries the id of a request in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// In how many milliseconds the caller wants an answer; it only shortens the hub's own deadline.
///
/// A Server Script cannot give its request a deadline, and holds a worker of the helpdesk until it is answered.
const DEADLINE_MS: HeaderName = HeaderName::from_static("x-deskbridge-deadline-ms");
/// Characters in an id that a caller gives.
const REQUEST_ID_CHARACTERS_MAX: usize = 64;

/// The id of a request, the caller's or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Limits on what is served.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests served at once; more are refused.
    pub concurrent_max: usize,
    /// How long a request may take.
    pub deadline: Duration,
}

/// What [`finish`] needs.
#[derive(Clone, Debug)]
pub struct Finishing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    running: Semaphore,
    prefix: u64,
    numbered: AtomicU64,
}

impl Finishing {
    /// Ids start with a random number, so that those of two runs do not meet.
    pub fn new(limits: Limits, rng: &mut fastrand::Rng) -> Self {
        let running = Semaphore::new(limits.concurrent_max);
        let shared = Shared {
            limits,
            running,
            prefix: rng.u64(..1 << 40),
            numbered: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn request_id(&self, headers: &HeaderMap) -> RequestId {
        let given = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let is_plain = |id: &&str| {
            !id.is_empty()
                && id.len() <= REQUEST_ID_CHARACTERS_MAX
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        RequestId(given.filter(is_plain).map_or_else(
            || {
                let number = self.shared.numbered.fetch_add(1, Ordering::Relaxed);
                format!("{:010x}-{number}", self.shared.prefix)
            },
            str::to_owned,
        ))
    }
}

/// The outermost layer of the program's router.
pub async fn finish(
    State(finishing): State<Finishing>,
    mut request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    let id = finishing.request_id(request.headers());
    let language = language_of(request.headers());
    let path = request.uri().path();
    let style = if path.starts_with("/api/method/") {
        Style::Frappe
    } else {
        Style::Plain
    };
    let span =
        tracing::info_span!("request", request.id = id.as_str(), method = %request.method(), path);
    request.extensions_mut().insert(id.clone());
    let mut response = serve(&finishing, request, next).instrument(span).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        // Which verbs an address serves is known to who routes alone.
        let allow = response.headers_mut().remove(header::ALLOW);
        response = error.render(language, id.as_str(), style);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn serve(finishing: &Finishing, request: Request<axum::body::Body>, next: Next) -> Response {
    let Ok(_running) = finishing.shared.running.try_acquire() else {
        return ApiError::new(Code::Overloaded, "")
            .retry_after(1)
            .into_response();
    };
    let deadline = finishing.shared.limits.deadline;
    let deadline =
        wanted_deadline(request.headers()).map_or(deadline, |wanted| wanted.min(deadline));
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(deadline, served).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            let why = format!("panicked: {}", text.unwrap_or_default());
            ApiError::new(Code::Internal, "")
                .because(why)
                .into_response()
        }
        Err(_elapsed) => {
            let seconds = format!("{} s", deadline.as_secs_f64());
            ApiError::new(Code::DeadlineExceeded, seconds).into_response()
        }
    }
}

fn wanted_deadline(headers: &HeaderMap) -> Option<Duration> {
    let wanted = headers.get(DEADLINE_MS)?.to_str().ok()?;
    Some(Duration::from_millis(wanted.trim().parse().ok()?))
}

/// The language that a request asks for.
pub fn language_of(headers: &HeaderMap) -> Language {
    headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .and_then(Language::of_accept_language)
        .unwrap_or_default()
}

/// Answers requests to addresses that nobody serves.
pub async fn no_such_route(request: Request<axum::body::Body>) -> ApiError {
    let path: String = request.uri().path().chars().take(100).collect();
    ApiError::new(Code::NoSuchRoute, path)
}

/// Answers requests with a verb that an address does not serve.
pub async fn wrong_verb(request: Request<axum::body::Body>) -> ApiError {
    let path: String = request.uri().path().chars().take(100).collect();
    ApiError::new(Code::WrongVerb, path)
}
