//! The address that CareSoft sends to.
//!
//! What is believed is answered with 200 once it is on disk, whether it is new or not and whatever it says. What is not
//! believed is refused and kept in quarantine, because the secret may be at fault. A connection that is not there is
//! told from a wrong signature: the names of connections are no secrets, and who mistypes an address must learn it. Only
//! an unsigned connection has a name to be kept to oneself; asked without a webhook the address tells nothing.

mod body;

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::post,
};
use deskbridge_core::{Chain, Clock};
use deskbridge_http::{ApiError, Code};
use deskbridge_journal::Intake;
use deskbridge_store::{Accepted, Error};
use http::header;
use tokio::sync::Semaphore;

use crate::reading::{Accounts, kept_headers};

/// Bytes of one body, if nothing else is configured.
pub const BODY_BYTES_MAX: usize = 5 << 20;
/// Bytes of large bodies that are being received at once.
const RECEIVED_BYTES_MAX: usize = 64 << 20;

/// What the route needs.
#[derive(Debug)]
pub struct Hooks {
    /// Whose webhooks are received.
    pub accounts: Arc<Accounts>,
    /// Where they go.
    pub intake: Intake,
    /// The time of day, which secrets expire by.
    pub clock: Clock,
    /// Numbers the arrivals.
    pub rng: fastrand::Rng,
    /// Bytes of one body at most.
    pub body_bytes_max: usize,
}

#[derive(Debug)]
struct Shared {
    accounts: Arc<Accounts>,
    intake: Intake,
    clock: Clock,
    rng: Mutex<fastrand::Rng>,
    body_bytes_max: usize,
    room: Semaphore,
}

/// The route `POST /hooks/caresoft/{connection}`.
pub fn router(hooks: Hooks) -> Router {
    let shared = Shared {
        accounts: hooks.accounts,
        intake: hooks.intake,
        clock: hooks.clock,
        rng: Mutex::new(hooks.rng),
        body_bytes_max: hooks.body_bytes_max,
        room: Semaphore::new(RECEIVED_BYTES_MAX),
    };
    let route = post(receive).fallback(webhooks_only);
    Router::new()
        .route("/hooks/caresoft/{connection}", route)
        .with_state(Arc::new(shared))
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    connection: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let account = connection
        .ok()
        .and_then(|Path(name)| shared.accounts.of(&name));
    let Some(account) = account else {
        let subject = "CareSoft connection with this name";
        return Err(ApiError::new(Code::NotFound, subject));
    };
    let headers = kept_headers(request.headers());
    let received = body::read(request.into_body(), shared.body_bytes_max, &shared.room).await?;
    // From here to the writer's queue nothing waits: a sender that goes away now cannot take its event along.
    let body = received.bytes;
    match account.verify(&headers, &body, shared.clock.now()) {
        Ok(()) => {
            let event = account.event(headers, body, shared.arrival());
            let accepted = shared.intake.accept(event).await;
            accepted
                .map(acknowledged)
                .map_err(|error| not_stored(&error))
        }
        Err(unverified) => {
            let (connection, why) = (account.connection.clone(), unverified.to_string());
            tracing::warn!(
                connection,
                why,
                "A webhook was not believed; it is kept in quarantine"
            );
            let kept = shared.intake.quarantine(connection, headers, body, why);
            kept.await.map_err(|error| not_stored(&error))?;
            Err(ApiError::new(Code::WrongSignature, "").because(unverified.to_string()))
        }
    }
}

impl Shared {
    fn arrival(&self) -> u128 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.u128(..)
    }
}

fn acknowledged(accepted: Accepted) -> Response {
    let is_repeated = matches!(accepted, Accepted::Repeated(_));
    let body = format!(r#"{{"id":"{}","repeated":{is_repeated}}}"#, accepted.id());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn not_stored(error: &Error) -> ApiError {
    let seconds = match error {
        Error::Busy => 1,
        Error::Full { .. } => 60,
        _ => 5,
    };
    ApiError::new(Code::NotStored, "")
        .because(Chain(error).to_string())
        .retry_after(seconds)
}

/// Whoever looks at the address is told what it is for, and not whether such a connection exists.
async fn webhooks_only() -> ApiError {
    ApiError::new(Code::WebhooksOnly, "")
}

#[cfg(test)]
mod tests;
