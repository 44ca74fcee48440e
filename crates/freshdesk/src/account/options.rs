//! A key, and how an account is spoken to.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::{FileHost, InvalidAddress};
use crate::{budget::Plan, error::Transport};

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
const IDLE_MAX: Duration = Duration::from_secs(20);

/// A key of the API, which is as good as its agent's password. Never shown.
#[derive(Clone)]
pub struct Key(SecretSlice<u8>);

impl Key {
    /// Takes a key as the profile settings show it.
    ///
    /// # Errors
    /// When it is empty or has a character that no key has.
    pub fn new(key: &str) -> Result<Self, InvalidKey> {
        let key = key.trim();
        let is_key = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':');
        match is_key {
            // The password does not matter, but there has to be one.
            true => Ok(Self(
                format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:X")))
                    .into_bytes()
                    .into(),
            )),
            false => Err(InvalidKey),
        }
    }

    pub(super) fn header(&self) -> HeaderValue {
        #[expect(
            clippy::expect_used,
            reason = "base64 is printable, which a header may hold"
        )]
        let mut value = HeaderValue::from_bytes(self.0.expose_secret()).expect("printable");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// No key. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is empty, or has a character that no key has")]
pub struct InvalidKey;

/// How an account is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the account's plan allows.
    pub plan: Plan,
    /// How much of that is drawn upon here, in per cent: everything that works with the account shares it.
    pub share_percent: u8,
    /// How long one request may take, from when it is sent to the last byte of its answer. Waiting for the budget comes
    /// on top.
    pub deadline: Duration,
    /// The largest answer that is read.
    pub response_bytes_max: u64,
    /// The largest file that is fetched.
    pub file_bytes_max: u64,
    /// How long a file may take from its first byte to its last. Between two pieces of it no more than `deadline` passes.
    pub file_deadline: Duration,
    /// The most conversations, time entries or ratings of one ticket.
    pub ticket_rows_max: usize,
    /// How often a request is sent that fails for want of a connection, of an answer, or with 5xx.
    pub attempts_max: u32,
    /// How long is waited before the second attempt; twice as long before each further one.
    pub retry_after: Duration,
    /// How long is waited silently when Freshdesk says that it is asked too often. Longer waits are errors, so that the
    /// caller can write down where it stands; they are kept by all requests in either case, and count as no attempt.
    pub patience: Duration,
    /// Where files may lie, beside the usual hosts.
    pub file_hosts: Vec<FileHost>,
    /// Certificates, as PEM, that are trusted beside the machine's own.
    pub root_certificates_pem: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// What spreads retries.
    pub random: fastrand::Rng,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plan: Plan::Unknown,
            share_percent: 60,
            deadline: Duration::from_secs(60),
            response_bytes_max: 64 << 20,
            file_bytes_max: 100 << 20,
            file_deadline: Duration::from_secs(900),
            ticket_rows_max: 5000,
            attempts_max: 5,
            retry_after: Duration::from_secs(1),
            patience: Duration::from_secs(120),
            file_hosts: Vec::new(),
            root_certificates_pem: None,
            user_agent: concat!("freshdesk-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            random: fastrand::Rng::new(),
        }
    }
}

/// Connections: with what the API wants, or for files.
pub(super) fn http_client(
    options: &Options,
    is_of_api: bool,
) -> Result<reqwest::Client, InvalidAccount> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let mut headers = HeaderMap::new();
    if is_of_api {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    let user_agent = HeaderValue::from_str(&options.user_agent)
        .map_err(|_not_a_header| InvalidAccount::UserAgent)?;
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT_DEADLINE.min(options.deadline))
        .pool_idle_timeout(IDLE_MAX);
    if let Some(pem) = &options.root_certificates_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|error| InvalidAccount::Certificate(Some(error.into())))?;
        if certificates.is_empty() {
            return Err(InvalidAccount::Certificate(None));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|error| InvalidAccount::Connections(error.into()))
}

/// Why an account cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAccount {
    /// Not the address of an account.
    #[error("the address cannot be used")]
    Address(#[source] InvalidAddress),
    /// Not certificates.
    #[error("the additional root certificates are not certificates in PEM form")]
    Certificate(#[source] Option<Transport>),
    /// Not a header.
    #[error("the user agent has a character that no header may have")]
    UserAgent,
    /// No certificates on the machine, for example.
    #[error("connections cannot be set up")]
    Connections(#[source] Transport),
}
