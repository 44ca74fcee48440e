//! Tokens, and where the hub keeps them.

use std::{fmt, time::Duration};

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

    /// Whether both are the same pair.
    pub fn is_same_as(&self, other: &Self) -> bool {
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
/// So whoever renews asks for its turn; the one that comes late finds the other's tokens here and uses them.
pub trait TokenStore: Send + Sync + 'static {
    /// The last pair that was saved; `None` before the application is installed.
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>>;

    /// Puts a pair in the place of the one that was spent for it, and of no other; whether it is there. It is on disk
    /// when this answers: the one before is worth nothing.
    fn replace<'a>(
        &'a self,
        spent: &'a Tokens,
        tokens: &'a Tokens,
    ) -> BoxFuture<'a, Result<bool, NotStored>>;

    /// Asks to be the one process that renews, for at most as long as [`RENEWAL_FOR`]. Who shares the store with nobody
    /// always is.
    fn begin_renewal(&self) -> BoxFuture<'_, Result<Turn, NotStored>> {
        Box::pin(async {
            Ok(Turn::Ours {
                is_after_loss: false,
            })
        })
    }

    /// Lets others renew. `is_lost` says that nobody knows whether the refresh token was spent.
    fn end_renewal(&self, _is_lost: bool) -> BoxFuture<'_, Result<(), NotStored>> {
        Box::pin(async { Ok(()) })
    }
}

/// How long a renewal takes at most, until its tokens are stored.
pub const RENEWAL_FOR: Duration = Duration::from_secs(60);

/// Who may renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Whoever asked.
    Ours {
        /// The renewal before did not come to its end: the refresh token may be spent.
        is_after_loss: bool,
    },
    /// Another process, just now.
    Theirs,
}

/// The store could not do its work.
pub type NotStored = Box<dyn std::error::Error + Send + Sync>;

/// Tokens on trial: nothing is put in their place.
pub(super) struct Lent(pub(super) Tokens);

impl TokenStore for Lent {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn replace<'a>(
        &'a self,
        _: &'a Tokens,
        _: &'a Tokens,
    ) -> BoxFuture<'a, Result<bool, NotStored>> {
        Box::pin(async { Err("tokens on trial are not stored".into()) })
    }
}
