//! What a portal tells of its own accord: installations, clicks on numbers, requests to be called back; posted as
//! forms, or waiting to be asked for.
//!
//! Anybody can post a form. [`Event::is_from`] compares the token that only the portal and the application know; until
//! it says yes, believe nothing. Events are sent once, late, and not again: answer with 200 at once and do the work
//! afterwards. What an event says of addresses is never one to call.

mod calls;
mod form;
mod install;
mod offline;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

pub use calls::{CallStart, CallbackRequest};
pub use form::{Form, FormError};
pub use install::Installation;
pub use offline::{Binding, Binds, OfflineEvent, OfflineEvents};

/// The token that a portal puts in every event for one application. It is not shown.
#[derive(Clone)]
pub struct ApplicationToken(SecretString);

impl ApplicationToken {
    /// Takes the text of a token; `None` for an empty one, which would be in every form.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text, for the store.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same, in a time that does not tell how much of them is.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let (one, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        one.ct_eq(other).into()
    }
}

impl fmt::Debug for ApplicationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationToken")
    }
}

/// A posted event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub news: News,
    /// When it was taken off the portal's queue, by the portal's clock.
    pub sent_at: Option<Timestamp>,
    /// The portal's host, as the event says.
    pub domain: Option<String>,
    /// The portal's id, which outlives a change of its host.
    pub member_id: Option<String>,
    token: Option<ApplicationToken>,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum News {
    /// `ONEXTERNALCALLSTART`: a user clicked on a number. The call is registered already.
    CallStart(CallStart),
    /// `ONEXTERNALCALLBACKSTART`: somebody wants to be called back. Nothing is registered.
    Callback(CallbackRequest),
    /// `ONAPPINSTALL`
    Installed(Installation),
    /// `ONAPPUNINSTALL`: the tokens are worth nothing any more.
    Uninstalled,
    /// Another event, by its name in upper case, with all that it said.
    Other {
        /// `ONCRMLEADADD`, …
        name: String,
        /// All of it.
        form: Form,
    },
}

/// Why a form is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// It is no form.
    #[error("the event cannot be read")]
    Form(#[from] FormError),
    /// It does not say what happened.
    #[error("the form does not name an event")]
    Nameless,
    /// Something is missing without which nothing can be done.
    #[error("the event {event} has no {field}")]
    Incomplete {
        /// The event in upper case.
        event: &'static str,
        /// What is missing.
        field: &'static str,
    },
}

impl Event {
    /// Reads the body of a request that a portal has posted.
    ///
    /// # Errors
    /// When it is no form, names no event, or says too little of a call.
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let form = Form::parse(body)?;
        let text = |path: &[&str]| form.text(path).map(str::to_owned);
        let name = form.text(&["event"]).ok_or(EventError::Nameless)?;
        let name = name.to_ascii_uppercase();
        let seconds = form.text(&["ts"]).and_then(|ts| ts.parse().ok());
        Ok(Self {
            sent_at: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            domain: text(&["auth", "domain"]),
            member_id: text(&["auth", "member_id"]),
            token: form
                .text(&["auth", "application_token"])
                .and_then(ApplicationToken::new),
            news: News::read(name, form)?,
        })
    }

    /// Whether the event carries this token. One without a token is from anybody.
    pub fn is_from(&self, token: &ApplicationToken) -> bool {
        let own = self.token.as_ref();
        own.is_some_and(|own| own.is_same_as(token))
    }
}

impl News {
    fn read(name: String, form: Form) -> Result<Self, EventError> {
        Ok(match name.as_str() {
            CallStart::EVENT => {
                Self::CallStart(CallStart::read(&|field| form.text(&["data", field]))?)
            }
            CallbackRequest::EVENT => {
                Self::Callback(CallbackRequest::read(&|field| form.text(&["data", field]))?)
            }
            "ONAPPINSTALL" => Self::Installed(Installation::of_event(&form)),
            "ONAPPUNINSTALL" => Self::Uninstalled,
            _ => Self::Other { name, form },
        })
    }
}
