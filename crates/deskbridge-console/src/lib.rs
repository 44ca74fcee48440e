//! The administrator's interface under `/api/v1`: what came in and what it caused, seen, let run again, thrown away.
//!
//! [`router`] gives the routes; [`view`] says how records look as JSON, here and on the command line; [`change`] lets
//! many events run again or throws them away; [`pages`] reads many. `openapi.json` beside the sources describes the interface and is served.
//!
//! Only administrators come in: bodies of events are people's data. No parameter is taken that is not known, because
//! one that was misspelt would silently widen what is let run again.
//!
//! Not here: what an event means, and who may become an administrator.

mod administrators;
mod asked;
pub mod calls;
pub mod change;
mod effects;
mod events;
mod operations;
pub mod pages;
pub mod view;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use deskbridge_core::{Chain, Clock};
use deskbridge_http::{ApiError, Code};
use deskbridge_journal::{Events, Reader};
use deskbridge_store::Store;

pub use administrators::Administrators;

/// The readers of the configured connections whose events come in with a signature, by the connection's name.
pub type Readers = BTreeMap<String, Arc<dyn Reader>>;

/// What the routes need.
pub struct Parts {
    /// Where events and effects are.
    pub store: Store,
    /// What lets events run again.
    pub events: Events,
    /// What reads them anew.
    pub readers: Readers,
    /// The time.
    pub clock: Clock,
    /// How a kept call is shown, which who follows calls knows.
    pub shown_call: calls::Shown,
    /// Who comes in.
    pub administrators: Administrators,
}

/// The routes of the administrator's interface.
pub fn router(parts: Parts) -> Router {
    operations::router(Arc::new(parts))
}

/// A failure of the store, as a caller meets it.
fn failed(error: deskbridge_store::Error) -> ApiError {
    match error {
        deskbridge_store::Error::Busy => ApiError::new(Code::Overloaded, "").retry_after(1),
        other => ApiError::new(Code::Internal, "").because(Chain(&other).to_string()),
    }
}
