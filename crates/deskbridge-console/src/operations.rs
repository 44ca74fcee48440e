//! The operations of the interface: address, verb and parameters of each, as `openapi.json` describes them.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use deskbridge_http::{ApiError, request::wrong_verb};
use http::{Request, header};
use serde_json::Value;

use crate::{Parts, administrators::administrators_only, asked::Asked, calls, effects, events};

/// What an operation answers, before it is written as JSON.
pub(crate) type Answer = Result<Response, ApiError>;

const DESCRIPTION: &str = include_str!("../openapi.json");

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListEvents,
    CountEvents,
    ReplayEvents,
    ShowEvent,
    ShowBody,
    ReplayEvent,
    DiscardEvent,
    Reverify,
    ListEffects,
    ShowEffect,
    RetryEffect,
    DiscardEffect,
    ListCalls,
    ShowCall,
    TraceCall,
}

impl Operation {
    pub(crate) const ALL: [Self; 15] = [
        Self::ListEvents,
        Self::CountEvents,
        Self::ReplayEvents,
        Self::ShowEvent,
        Self::ShowBody,
        Self::ReplayEvent,
        Self::DiscardEvent,
        Self::Reverify,
        Self::ListEffects,
        Self::ShowEffect,
        Self::RetryEffect,
        Self::DiscardEffect,
        Self::ListCalls,
        Self::ShowCall,
        Self::TraceCall,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ListEvents => "/api/v1/events",
            Self::CountEvents => "/api/v1/events/stats",
            Self::ReplayEvents => "/api/v1/events/replay",
            Self::ShowEvent => "/api/v1/events/{id}",
            Self::ShowBody => "/api/v1/events/{id}/body",
            Self::ReplayEvent => "/api/v1/events/{id}/replay",
            Self::DiscardEvent => "/api/v1/events/{id}/discard",
            Self::Reverify => "/api/v1/connections/{name}/reverify",
            Self::ListEffects => "/api/v1/effects",
            Self::ShowEffect => "/api/v1/effects/{id}",
            Self::RetryEffect => "/api/v1/effects/{id}/retry",
            Self::DiscardEffect => "/api/v1/effects/{id}/discard",
            Self::ListCalls => "/api/v1/calls",
            Self::ShowCall => "/api/v1/calls/{connection}/{linkedid}",
            Self::TraceCall => "/api/v1/calls/{connection}/{linkedid}/trace",
        }
    }

    /// The parameters that are taken: in the address, or in the body of what changes something.
    pub(crate) fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::ListEvents => &[
                "connection",
                "state",
                "object",
                "action",
                "from",
                "to",
                "before",
                "limit",
            ],
            Self::CountEvents => &["newest"],
            Self::ReplayEvents => &[
                "connection",
                "state",
                "object",
                "action",
                "from",
                "to",
                "limit",
                "dry_run",
                "reread",
            ],
            Self::ReplayEvent => &["reread"],
            Self::ListEffects => &["state", "kind", "ordering_key", "before", "limit"],
            Self::ListCalls => &[
                "connection",
                "client",
                "line",
                "direction",
                "result",
                "open",
                "since",
                "until",
                "before",
                "limit",
            ],
            Self::ShowEvent
            | Self::ShowBody
            | Self::DiscardEvent
            | Self::Reverify
            | Self::ShowEffect
            | Self::RetryEffect
            | Self::DiscardEffect
            | Self::ShowCall
            | Self::TraceCall => &[],
        }
    }

    /// What a request asks of this operation.
    pub(crate) async fn asked(self, request: Request<axum::body::Body>) -> Result<Asked, ApiError> {
        Asked::of(request, self.parameters()).await
    }

    fn route(self) -> MethodRouter<Arc<Parts>> {
        match self {
            Self::ListEvents => get(events::list),
            Self::CountEvents => get(events::count),
            Self::ReplayEvents => post(events::replay_all),
            Self::ShowEvent => get(events::show),
            Self::ShowBody => get(events::body),
            Self::ReplayEvent => post(events::replay),
            Self::DiscardEvent => post(events::discard),
            Self::Reverify => post(events::reverify),
            Self::ListEffects => get(effects::list),
            Self::ShowEffect => get(effects::show),
            Self::RetryEffect => post(effects::retry),
            Self::DiscardEffect => post(effects::discard),
            Self::ListCalls => get(calls::list),
            Self::ShowCall => get(calls::show),
            Self::TraceCall => get(calls::trace),
        }
    }
}

/// The routes: the description for everybody, the operations for administrators.
pub(crate) fn router(parts: Arc<Parts>) -> Router {
    let gate = (parts.administrators.clone(), parts.clock.clone());
    let mut operations = Router::new();
    for operation in Operation::ALL {
        operations = operations.route(operation.path(), operation.route());
    }
    operations
        .method_not_allowed_fallback(wrong_verb)
        .route_layer(from_fn_with_state(gate, administrators_only))
        .with_state(parts)
        .route("/api/v1/openapi.json", get(description))
        .method_not_allowed_fallback(wrong_verb)
}

async fn description(State(()): State<()>) -> Response {
    answered(DESCRIPTION.to_owned())
}

/// Answers with JSON.
pub(crate) fn json(body: &Value) -> Response {
    answered(body.to_string())
}

fn answered(body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}
