//! The address and secret of an inbound webhook, as people paste it, and links to the portal behind it.

use std::{fmt, net::IpAddr};

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::Id;

#[cfg(test)]
mod tests;

/// An inbound webhook: which portal, as which user, with which secret.
///
/// ```
/// use bitrix24::Webhook;
///
/// let webhook: Webhook = " https://portal.example/rest/17/s3cr3tc0de/profile/ ".parse()?;
/// assert_eq!(webhook.user_id(), 17);
/// assert_eq!(webhook.portal_base().to_string(), "https://portal.example");
/// assert_eq!(format!("{webhook:?}"), "Webhook(user 17 at portal.example)");
/// # Ok::<(), bitrix24::WebhookError>(())
/// ```
#[derive(Clone)]
pub struct Webhook {
    portal: PortalBase,
    user_id: u64,
    secret: SecretString,
}

/// Why a text is no usable webhook. None of the sentences contains any part of the text but its host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Not a URL.
    #[error(
        "this is no web address; paste the whole webhook, as in \
         https://portal.example/rest/1/secret/"
    )]
    NotAUrl,
    /// A scheme other than `https`, and not on this machine.
    #[error("{host} is addressed without https, and the secret would travel in the open")]
    NotHttps {
        /// The host that was addressed.
        host: String,
    },
    /// A user name or password before the host.
    #[error("the address of {host} carries a user name or password; a webhook has neither")]
    Credentials {
        /// The host that was addressed.
        host: String,
    },
    /// The path does not begin with `/rest/`.
    #[error("the path on {host} does not begin with /rest/; paste the webhook, not a page")]
    NotRest {
        /// The host that was addressed.
        host: String,
    },
    /// A REST 3.0 address.
    #[error(
        "this is an address for REST 3.0, which has no CRM; paste the one without api, as in \
         https://{host}/rest/1/secret/"
    )]
    RestV3 {
        /// The host that was addressed.
        host: String,
    },
    /// No user id after `/rest/`.
    #[error(
        "the user id is missing after /rest/ on {host}; a webhook reads \
         https://{host}/rest/1/secret/"
    )]
    UserId {
        /// The host that was addressed.
        host: String,
    },
    /// No secret after the user id.
    #[error(
        "the secret is missing after the user id on {host}; a webhook reads \
         https://{host}/rest/1/secret/"
    )]
    Secret {
        /// The host that was addressed.
        host: String,
    },
    /// More path than user id, secret and one method.
    #[error(
        "there is more after the secret on {host} than one method; a webhook reads \
         https://{host}/rest/1/secret/"
    )]
    ExtraPath {
        /// The host that was addressed.
        host: String,
    },
}

impl Webhook {
    /// Reads a webhook from what people paste.
    ///
    /// Blanks, quotes and doubled slashes do no harm; neither do a missing slash at the end, a method after
    /// the secret (`/profile/`, `/user.get.json`) or a query (`?ID={ASSIGNED_BY_ID}`), which are dropped.
    ///
    /// # Errors
    /// When the text is anything else; see [`WebhookError`].
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || "\"'<>\u{feff}".contains(c));
        let url = Url::parse(text).ok().ok_or(WebhookError::NotAUrl)?;
        let portal = PortalBase::of(&url)?;
        let host = || shown(portal.host());
        let mut parts = url.path().split('/').filter(|part| !part.is_empty());
        if !parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case("rest"))
        {
            return Err(WebhookError::NotRest { host: host() });
        }
        let user_id = match parts.next() {
            Some(part) if part.eq_ignore_ascii_case("api") => {
                return Err(WebhookError::RestV3 { host: host() });
            }
            Some(part) => part.parse::<Id>().ok().map(Id::get),
            None => None,
        }
        .ok_or_else(|| WebhookError::UserId { host: host() })?;
        let secret = parts
            .next()
            .filter(|part| is_secret(part))
            .ok_or_else(|| WebhookError::Secret { host: host() })?;
        let secret = SecretString::from(secret);
        if parts.next().is_some_and(|part| !is_method(part)) || parts.next().is_some() {
            return Err(WebhookError::ExtraPath { host: host() });
        }
        Ok(Self {
            portal,
            user_id,
            secret,
        })
    }

    /// Scheme, host and port of the portal, without any part of the webhook's path.
    pub fn portal_base(&self) -> &PortalBase {
        &self.portal
    }

    /// The user as whom the portal runs the calls.
    pub fn user_id(&self) -> u64 {
        self.user_id
    }

    /// The address of a method. It contains the secret: for the transport only.
    pub(crate) fn method_url(&self, method: &str) -> String {
        let (user_id, secret) = (self.user_id, self.secret.expose_secret());
        format!("{}/rest/{user_id}/{secret}/{method}.json", self.portal)
    }

    /// `text` with every occurrence of the secret blotted out.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(self.secret.expose_secret(), "•••")
    }

    /// Whether both run as the same user with the same secret on the same portal.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.portal == other.portal
            && self.user_id == other.user_id
            && self.secret.expose_secret() == other.secret.expose_secret()
    }
}

impl std::str::FromStr for Webhook {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook(user {} at {})", self.user_id, self.portal.host)
    }
}

/// A secret is letters and digits; a method in its place has a dot, or is the sample that portals show.
fn is_secret(part: &str) -> bool {
    part.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !part.eq_ignore_ascii_case("profile")
}

fn is_method(part: &str) -> bool {
    part.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

/// Scheme, host and port of a portal; where links begin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortalBase {
    /// Such as `https://portal.example:8443`, without a slash at the end.
    origin: Box<str>,
    /// Such as `portal.example:8443`.
    host: Box<str>,
}

impl PortalBase {
    /// Reads an address such as `https://portal.example`; path and query are dropped.
    ///
    /// # Errors
    /// When the text is no URL, has no host, or is not https (except on this machine).
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let url = Url::parse(text.trim()).ok().ok_or(WebhookError::NotAUrl)?;
        Self::of(&url)
    }

    fn of(url: &Url) -> Result<Self, WebhookError> {
        let name = url.host_str().ok_or(WebhookError::NotAUrl)?;
        let host = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)) {
            let host = shown(&host);
            return Err(WebhookError::NotHttps { host });
        }
        if !url.username().is_empty() || url.password().is_some() {
            let host = shown(&host);
            return Err(WebhookError::Credentials { host });
        }
        Ok(Self {
            origin: format!("{}://{host}", url.scheme()).into(),
            host: host.into(),
        })
    }

    /// Host, with the port when it is not the usual one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether an address is one of this portal: scheme, host and port.
    pub(crate) fn has(&self, url: &str) -> bool {
        let url = Url::parse(url).ok().filter(|url| url.username().is_empty());
        let base = url.and_then(|url| Self::of(&url).ok());
        base.is_some_and(|base| base == *self)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// The card of a company.
    pub fn company_url(&self, id: Id) -> String {
        self.card_url("company", id)
    }

    /// The card of a contact.
    pub fn contact_url(&self, id: Id) -> String {
        self.card_url("contact", id)
    }

    /// The card of a lead.
    pub fn lead_url(&self, id: Id) -> String {
        self.card_url("lead", id)
    }

    /// The card of a deal.
    pub fn deal_url(&self, id: Id) -> String {
        self.card_url("deal", id)
    }

    fn card_url(&self, kind: &str, id: Id) -> String {
        format!("{}/crm/{kind}/details/{id}/", self.origin)
    }
}

impl fmt::Display for PortalBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// A host for an error message. In a mangled address the secret may stand where the host should; only what
/// has a dot or a port is surely none.
fn shown(host: &str) -> String {
    if host.contains(['.', ':']) || host == "localhost" {
        host.to_owned()
    } else {
        "the portal".to_owned()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
