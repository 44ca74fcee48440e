//! The page of the demo.

use axum::{Router, http::header, routing::get};
use serde_json::Value;

const PAGE: &str = include_str!("page.html");

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
}
