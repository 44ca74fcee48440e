//! Tokens, and where the hub keeps them.

use std::fmt;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use super::blotted;

/// What an application calls with, and what renews it. Neither is shown.
#[derive(Clone)]
pub struct Tokens {
    access_token: SecretString,
    refresh_token: SecretString,
}

impl Tokens {
    /// A pair that belongs together.
    pub fn new(access_token: &str, refresh_token: &str) -> Self {
        Self {
            access_token: access_token.into(),
            refresh_token: refresh_token.into(),
        }
    }

    /// What signs calls, for the store.
    pub fn expose_access_token(&self) -> &str {
        self.access_token.expose_secret()
    }

    /// What buys the next pair, once; for the store.
    pub fn expose_refresh_token(&self) -> &str {
        self.refresh_token.expose_secret()
    }

    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = blotted(text, self.expose_access_token());
        blotted(&text, self.expose_refresh_token())
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.expose_access_token() == other.expose_access_token()
            && self.expose_refresh_token() == other.expose_refresh_token()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// The tokens of one application, kept where they outlive this process.
///
/// Two processes that share a store must not renew at once: the second would spend a refresh token that is spent.
/// The one that comes late finds the other's tokens here and uses them.
pub trait TokenStore: Send + Sync + 'static {
    /// The last pair that was saved; `None` before the application is installed.
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>>;

    /// Puts a pair in the place of the one before. It is on disk when this answers: the one before is worth nothing.
    fn save<'a>(&'a self, tokens: &'a Tokens) -> BoxFuture<'a, Result<(), NotStored>>;
}

/// The store could not do its work.
pub type NotStored = Box<dyn std::error::Error + Send + Sync>;

/// Tokens on trial: nothing is put in their place.
pub(super) struct Lent(pub(super) Tokens);

impl TokenStore for Lent {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn save<'a>(&'a self, _: &'a Tokens) -> BoxFuture<'a, Result<(), NotStored>> {
        Box::pin(async { Err("tokens on trial are not stored".into()) })
    }
}
