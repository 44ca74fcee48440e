//! The page of the demo, and the scripts of the helpdesk: the page shows a profile by the very script that agents have.

use axum::{
    Router,
    http::{HeaderName, header},
    routing::get,
};
use serde_json::Value;

use crate::helpdesk::popup::{CLIENT_SCRIPT, FORM_SCRIPT};

const PAGE: &str = include_str!("page.html");

type Typed = ([(HeaderName, &'static str); 1], &'static str);

/// Serves the page and what it needs to know.
pub(super) fn router(ready: &Value) -> Router {
    let ready = ready.to_string();
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    Router::new()
        .route(
            "/",
            get(async || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE)),
        )
        .route("/demo.json", get(async move || (json, ready)))
        .route("/form-script.js", get(async || script(FORM_SCRIPT)))
        .route("/client-script.js", get(async || script(CLIENT_SCRIPT)))
}

fn script(text: &'static str) -> Typed {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        text,
    )
}
