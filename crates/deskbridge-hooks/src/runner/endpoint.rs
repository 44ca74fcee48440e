//! A hook elsewhere: the input as an HTTP POST, signed after Standard Webhooks.

use deskbridge_core::Secret;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use ring::digest;
use standard_webhooks::{SigningKey, signatures};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{ANSWER_BYTES_MAX, Failure, chain};

/// A hook at an address.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    key: SigningKey,
    client: reqwest::Client,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest of the address may be a secret.
        f.debug_struct("Endpoint")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("the address of the hook is none")]
    Url(#[source] url::ParseError),
    /// It would be sent in the clear through the net.
    #[error("the address of the hook is not https; only this machine may be asked by http")]
    Clear,
    /// The secret is none.
    #[error(
        "the hook's secret is not `whsec_` and Base64 of 24 to 64 bytes; `openssl rand -base64 32` makes the latter"
    )]
    Secret,
    /// The connection cannot be prepared.
    #[error("preparing the connection to the hook")]
    Prepare(#[source] reqwest::Error),
}

impl Endpoint {
    /// An endpoint and the secret by which its requests are signed.
    ///
    /// # Errors
    /// When either is none.
    pub fn new(url: &Secret, secret: &Secret, user_agent: &str) -> Result<Self, Unusable> {
        let url: Url = url.expose().parse().map_err(Unusable::Url)?;
        if url.scheme() != "https" && !is_here(&url) {
            return Err(Unusable::Clear);
        }
        let key = SigningKey::new(secret.expose()).map_err(|_invalid| Unusable::Secret)?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may be faster, which is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = reqwest::Client::builder()
            .user_agent(user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .build();
        Ok(Self {
            url,
            key,
            client: client.map_err(Unusable::Prepare)?,
        })
    }

    pub(crate) async fn run(
        &self,
        input: &[u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let asked = timeout_at(deadline, self.ask(input, now)).await;
        asked.map_err(|_elapsed| Failure::TimedOut)?
    }

    async fn ask(&self, input: &[u8], now: Timestamp) -> Result<Vec<u8>, Failure> {
        let id = id(input, now);
        let signature = signatures(std::slice::from_ref(&self.key), &id, now, input);
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", signature)
            .body(input.to_vec());
        // The address may be a secret.
        let unreached = |error: reqwest::Error| Failure::Unreached(chain(&error.without_url()));
        let mut response = request.send().await.map_err(unreached)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreached)? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Failure::TooMuch);
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The same question at the same time has the same id.
fn id(input: &[u8], now: Timestamp) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&now.as_microsecond().to_be_bytes());
    context.update(input);
    let digest = context.finish();
    let half = digest.as_ref().iter().take(16);
    half.fold("hook_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

#[cfg(test)]
mod tests;
