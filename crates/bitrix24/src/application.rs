//! A local application: the portal's administrator adds it with "uses API only", the portal sends it tokens, and
//! with these it calls. What is here keeps the tokens in force.

use std::{fmt, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::{PortalBase, WebhookError, error::Failure, transport::Transport};

pub(crate) mod keyring;
mod renewal;
#[cfg(test)]
mod tests;
mod tokens;

use keyring::{Held, Keyring};
pub use tokens::{NotStored, RENEWAL_FOR, TokenStore, Tokens, Turn};

/// Where tokens are renewed, unless it is said otherwise.
const AUTHORIZATION_SERVER: &str = "https://oauth.bitrix.info";

/// A local application of one portal.
///
/// Its access token lives for an hour and its refresh token buys the next pair once, so the pair has to be kept: in
/// a [`TokenStore`], where the first one comes from the [installation](crate::Installation). Tokens are renewed when
/// the portal says that they have expired, never by the clock; the call that was told so did not run and goes again.
/// However many calls wait, one renewal is under way, and what it brings is stored before it is used.
#[derive(Clone)]
pub struct Application(Arc<Inner>);

struct Inner {
    portal: PortalBase,
    client_id: Box<str>,
    client_secret: SecretString,
    renews: Renews,
    keyring: Keyring,
}

/// Where tokens are renewed.
#[derive(PartialEq)]
enum Renews {
    /// Where the tokens of most portals are.
    Usually,
    At(PortalBase),
    /// Nowhere: they are on trial.
    Never,
}

impl Application {
    /// The application with this code and secret key, as the portal shows them to its administrator.
    pub fn new(
        portal: PortalBase,
        client_id: &str,
        client_secret: &str,
        store: Arc<dyn TokenStore>,
    ) -> Self {
        Self(Arc::new(Inner {
            portal,
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            renews: Renews::Usually,
            keyring: Keyring::new(store),
        }))
    }

    /// The same for a portal whose tokens are renewed elsewhere, as those of some regions are: before its first call.
    ///
    /// # Errors
    /// When `server` is no https address (http is good enough on this machine).
    pub fn renewed_at(self, server: &str) -> Result<Self, WebhookError> {
        Ok(self.with(
            Renews::At(PortalBase::parse(server)?),
            Arc::clone(&self.0.keyring.store),
        ))
    }

    fn with(&self, renews: Renews, store: Arc<dyn TokenStore>) -> Self {
        Self(Arc::new(Inner {
            portal: self.0.portal.clone(),
            client_id: self.0.client_id.clone(),
            client_secret: self.0.client_secret.clone(),
            renews,
            keyring: Keyring::new(store),
        }))
    }

    /// Scheme, host and port of the portal.
    pub fn portal_base(&self) -> &PortalBase {
        &self.0.portal
    }

    /// Its code.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.0.portal == other.0.portal
            && self.0.client_id == other.0.client_id
            && self.0.client_secret.expose_secret() == other.0.client_secret.expose_secret()
            && self.0.renews == other.0.renews
    }

    /// The same application with these tokens alone, which are neither renewed nor stored.
    pub(crate) fn on_trial(&self, tokens: &Tokens) -> Self {
        self.with(Renews::Never, Arc::new(tokens::Lent(tokens.clone())))
    }

    /// `text` with the secret key blotted out.
    pub(crate) fn scrub(&self, text: &str) -> String {
        blotted(text, self.0.client_secret.expose_secret())
    }

    /// The tokens in force: others than `expired`, which the portal no longer takes.
    ///
    /// Whoever needs others than are at hand lets a task of its own see to it: a refresh token that was spent must
    /// be followed by its successor, whatever becomes of those who wait.
    pub(crate) async fn held<T: Transport>(
        &self,
        expired: Option<&Arc<Held>>,
        transport: &Arc<T>,
        deadline: Instant,
    ) -> Result<Arc<Held>, Failure> {
        if let Some(held) = self.0.keyring.at_hand(expired) {
            return Ok(held);
        }
        let renewal = renewal::renew(self.clone(), expired.cloned(), Arc::clone(transport));
        renewal::until(deadline, renewal).await
    }

    /// Gives up tokens that the portal does not take, unless others have been stored meanwhile.
    pub(crate) async fn distrust<T: Transport>(
        &self,
        held: &Arc<Held>,
        transport: &Arc<T>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let distrusted = renewal::distrust(self.clone(), Arc::clone(held));
        renewal::until(deadline, distrusted).await?;
        self.held(None, transport, deadline).await.map(drop)
    }

    /// The address that renews tokens. It holds the secret key and the refresh token: for the transport only.
    fn renewal_url(&self, tokens: &Tokens) -> Option<SecretString> {
        let server = match &self.0.renews {
            Renews::Usually => AUTHORIZATION_SERVER.to_owned(),
            Renews::At(server) => server.to_string(),
            Renews::Never => return None,
        };
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let url = format!(
            "{server}/oauth/token/?grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
            encoded(&self.0.client_id),
            encoded(self.0.client_secret.expose_secret()),
            encoded(tokens.expose_refresh_token()),
        );
        Some(url.into())
    }
}

/// Names the application and the portal.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client_id, host) = (&self.0.client_id, self.0.portal.host());
        write!(f, "Application({client_id} at {host})")
    }
}

/// `text` with a secret blotted out; an empty one is in every text.
fn blotted(text: &str, secret: &str) -> String {
    match secret {
        "" => text.to_owned(),
        secret => text.replace(secret, "•••"),
    }
}
