//! The address that a portal posts its events to.
//!
//! What carries the token of the application, or of the outgoing webhook, is answered with 200 once it is on disk.
//! Anything else is refused and not kept: a portal sends an event once and never again, so nothing could come of it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bitrix24::{ApplicationToken, Event, Form, News};
use deskbridge_core::Chain;
use deskbridge_http::{ApiError, Code, params::read_body};
use deskbridge_journal::Intake;
use deskbridge_store::Accepted;
use futures_util::future::BoxFuture;
use http::header;

use super::reading;
use crate::counted;

/// Bytes of one event at most: a thousand times what a portal posts for a call.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The tokens that prove events of a portal.
pub trait Tokens: Send + Sync + 'static {
    /// All that are valid now: those that are configured, and the one that came with the installation.
    fn tokens(&self) -> BoxFuture<'_, Vec<ApplicationToken>>;
}

impl Tokens for Vec<ApplicationToken> {
    fn tokens(&self) -> BoxFuture<'_, Vec<ApplicationToken>> {
        Box::pin(std::future::ready(self.clone()))
    }
}

/// What the route needs.
#[derive(Clone)]
pub struct Hooks {
    /// What proves the events of each portal, by the name of its connection.
    pub portals: BTreeMap<String, Arc<dyn Tokens>>,
    /// Where events go.
    pub intake: Intake,
    /// What is counted of them.
    pub counted: Arc<counted::Clicks>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hooks").field(&self.portals.keys()).finish()
    }
}

/// The route `POST /hooks/bitrix24/{connection}`.
pub fn router(hooks: Hooks) -> Router {
    let route = post(receive).fallback(webhooks_only);
    Router::new()
        .route("/hooks/bitrix24/{connection}", route)
        .with_state(Arc::new(hooks))
}

async fn receive(
    State(hooks): State<Arc<Hooks>>,
    connection: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let connection = connection.ok().map(|Path(name)| name);
    let portal = connection
        .as_ref()
        .and_then(|name| Some((name, hooks.portals.get(name)?)));
    let Some((connection, tokens)) = portal else {
        let subject = "Bitrix24 connection with this name that takes events";
        return Err(ApiError::new(Code::NotFound, subject));
    };
    let body = read_body(request.into_body()).await?;
    if body.len() > BODY_BYTES_MAX {
        return Err(ApiError::new(Code::BodyTooLarge, "1 MiB"));
    }
    let malformed = |why: String| {
        hooks.counted.refused.add_one();
        ApiError::new(Code::MalformedBody, "it is no event of Bitrix24").because(why)
    };
    let form = Form::parse(&body).map_err(|error| malformed(error.to_string()))?;
    let event = Event::parse(&body).map_err(|error| malformed(error.to_string()))?;
    let tokens = tokens.tokens().await;
    // Every token is compared, whichever fits.
    let fitting = tokens.iter().filter(|token| event.is_from(token)).count();
    if fitting == 0 {
        hooks.counted.refused.add_one();
        tracing::warn!(
            connection,
            "An event was not believed: its application_token is not the portal's"
        );
        return Err(ApiError::new(Code::WrongSignature, ""));
    }
    let is_order = matches!(event.news, News::CallStart(_) | News::Callback(_));
    let event = reading::event(connection, &body, &event, &form);
    match hooks.intake.accept(event).await {
        Ok(accepted) => {
            if is_order && matches!(accepted, Accepted::New(_)) {
                hooks.counted.received.add_one();
            }
            let body = format!(r#"{{"id":"{}"}}"#, accepted.id());
            Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
        }
        Err(error) => Err(ApiError::new(Code::NotStored, "")
            .because(Chain(&error).to_string())
            .retry_after(5)),
    }
}

async fn webhooks_only() -> ApiError {
    ApiError::new(Code::WebhooksOnly, "")
}
