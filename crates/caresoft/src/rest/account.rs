//! An account: where it is, how it is spoken to, and what it is asked.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice};
use url::{Host, Url};

use super::{
    answer::{self, Answer, Failure, Page, Row},
    budget::{Budget, REQUESTS_PER_SECOND_MAX},
    error::{Cause, Error, Transport},
    question::{List, Question, Resource},
    transport,
};
use crate::{Id, Zone};

/// CareSoft's hosts as documented: the usual one and the spare one.
pub const HOSTS: [&str; 2] = ["https://api.caresoft.vn", "https://api2.caresoft.vn"];
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
const IDLE_MAX: Duration = Duration::from_secs(20);

/// An account's token. Never shown.
#[derive(Clone)]
pub struct Token(SecretSlice<u8>);

impl Token {
    /// Takes a token as the account's administrator copied it.
    ///
    /// # Errors
    /// When it is empty or has a character that no token has.
    pub fn new(token: &str) -> Result<Self, InvalidToken> {
        let token = token.trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match is_token {
            true => Ok(Self(format!("Bearer {token}").into_bytes().into())),
            false => Err(InvalidToken),
        }
    }

    pub(super) fn header(&self) -> HeaderValue {
        #[expect(
            clippy::expect_used,
            reason = "`new` lets only printable ASCII through, which a header may hold"
        )]
        let mut value = HeaderValue::from_bytes(self.0.expose_secret()).expect("printable");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// No token. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is empty, or has a character that no token has")]
pub struct InvalidToken;

/// How an account is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where else to ask when the host does not answer.
    pub spare_host: Option<String>,
    /// How long one request may take, from when it is sent to the last byte of its answer. Waiting for the budget, and
    /// the spare host's try, come on top.
    pub deadline: Duration,
    /// The largest answer that is read.
    pub response_bytes_max: u64,
    /// How many requests may be sent in any second, at most [`REQUESTS_PER_SECOND_MAX`], which other programs with the
    /// same token draw upon, too.
    pub requests_per_second: u16,
    /// How times are written in questions.
    pub zone: Zone,
    /// Certificates, as PEM, that are trusted beside the machine's own.
    pub root_certificates_pem: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            spare_host: None,
            deadline: Duration::from_secs(30),
            response_bytes_max: 32 << 20,
            requests_per_second: REQUESTS_PER_SECOND_MAX,
            zone: Zone::default(),
            root_certificates_pem: None,
            user_agent: concat!("caresoft-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// One CareSoft account (a domain, in its words). Cheap to clone; clones share connections and budget.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    base: Url,
    spare: Option<Url>,
    /// Whether the spare host was the last one to answer, and is asked first.
    prefers_spare: AtomicBool,
    token: Token,
    http: reqwest::Client,
    budget: Budget,
    options: Options,
}

impl Account {
    /// Prepares to ask `host` for what the account `domain` holds. Nothing is sent yet. Where the process has no TLS
    /// provider yet, ring is made its default.
    ///
    /// # Errors
    /// When an address or an option cannot be used. Plain HTTP is for loopback only.
    pub fn new(
        host: &str,
        domain: &str,
        token: Token,
        options: Options,
    ) -> Result<Self, InvalidAccount> {
        let spare = options.spare_host.as_deref();
        Ok(Self(Arc::new(Inner {
            base: base(host, domain)?,
            spare: spare.map(|spare| base(spare, domain)).transpose()?,
            prefers_spare: AtomicBool::new(false),
            token,
            http: http_client(&options)?,
            budget: Budget::new(options.requests_per_second),
            options,
        })))
    }

    /// A page of what there is.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn list(&self, resource: Resource, list: &List) -> Result<Page, Error> {
        let question = Question::List(resource, list.clone());
        self.ask(&question, |answer| Page::of(answer, resource, list))
            .await
    }

    /// One ticket, contact, lead, …
    ///
    /// # Errors
    /// When it could not be read; [`Cause::Missing`] when there is none.
    pub async fn get(&self, resource: Resource, id: Id) -> Result<Row, Error> {
        let question = Question::One(resource, id);
        self.ask(&question, |answer| answer::one(answer, resource.singular()))
            .await
    }

    /// What fields of its own the account has for tickets or contacts.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn custom_fields(&self, resource: Resource) -> Result<Vec<Row>, Error> {
        let question = Question::CustomFields(resource);
        let page = self
            .ask(&question, |answer| Page::rows(answer, "custom_fields"))
            .await?;
        Ok(page.rows)
    }

    /// The contacts with a phone number.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn contacts_by_phone(&self, phone: &str) -> Result<Vec<Row>, Error> {
        let question = Question::ContactsByPhone(phone.to_owned());
        let read = |answer: &Answer| {
            // Whether one person comes in a list or alone is not documented.
            Page::rows(answer, "contacts")
                .map(|page| page.rows)
                .or_else(|_no_rows| answer::one(answer, "contact").map(|row| vec![row]))
        };
        self.ask(&question, read).await
    }

    async fn ask<T>(
        &self,
        question: &Question,
        read: impl FnOnce(&Answer) -> Result<T, Cause>,
    ) -> Result<T, Error> {
        let answered = self.answer(question).await;
        let read = answered.and_then(|answer| read(&answer));
        if let Err(cause) = &read {
            tracing::debug!(caresoft.asked = %question, "CareSoft did not answer: {cause}");
        }
        read.map_err(|cause| Error::new(question, cause))
    }

    async fn answer(&self, question: &Question) -> Result<Answer, Cause> {
        let Inner { base, spare, .. } = &*self.0;
        let Some(spare) = spare else {
            return self.answer_from(base, question).await;
        };
        let prefers_spare = self.0.prefers_spare.load(Ordering::Relaxed);
        let (first, second) = match prefers_spare {
            false => (base, spare),
            true => (spare, base),
        };
        match self.answer_from(first, question).await {
            Err(cause) if is_of_the_host(&cause) => {
                tracing::debug!("a host of CareSoft failed, the other one is asked: {cause}");
                let answer = self.answer_from(second, question).await?;
                self.0
                    .prefers_spare
                    .store(!prefers_spare, Ordering::Relaxed);
                Ok(answer)
            }
            answered => answered,
        }
    }

    async fn answer_from(&self, host: &Url, question: &Question) -> Result<Answer, Cause> {
        let budget = &self.0.budget;
        let _permit = budget
            .take()
            .await
            .map_err(|retry_after| Cause::Banned { retry_after })?;
        let mut url = host.clone();
        let path = question.path(&self.0.options.zone);
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path.as_str(), None),
        };
        url.set_path(&format!("{}{path}", url.path()));
        url.set_query(query);
        let answer = transport::get(&self.0.http, &self.0.token, &self.0.options, url).await?;
        match answer::failure(&answer) {
            Some(Failure::Ban) => Err(Cause::Banned {
                retry_after: budget.banned(),
            }),
            Some(Failure::TooMany) => Err(Cause::TooManyRequests {
                retry_after: budget.refused(answer.retry_after),
            }),
            failed => {
                budget.answered();
                match failed {
                    Some(Failure::Final(cause)) => Err(cause),
                    _ => Ok(answer),
                }
            }
        }
    }
}

/// Whether another host may fare better.
fn is_of_the_host(cause: &Cause) -> bool {
    match cause {
        Cause::Connect(_) | Cause::Lost(_) | Cause::Deadline(_) => true,
        Cause::ServerFault { status, .. } => (502..=504).contains(status),
        _ => false,
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account")
            .field(&self.0.base.as_str())
            .finish()
    }
}

/// `{host}/{domain}/api/v1/`.
fn base(host: &str, domain: &str) -> Result<Url, InvalidAccount> {
    let mut url = Url::parse(host.trim()).map_err(InvalidAccount::Host)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidAccount::Credential);
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
        _ => return Err(InvalidAccount::Scheme),
    }
    let domain = domain.trim();
    if domain.is_empty() || domain.chars().all(|letter| letter == '.') {
        return Err(InvalidAccount::Domain);
    }
    let domain: String = utf8_percent_encode(domain, NON_ALPHANUMERIC).collect();
    // What names commonly hold stays readable.
    let domain = domain
        .replace("%2D", "-")
        .replace("%5F", "_")
        .replace("%2E", ".");
    url.set_path(&format!("/{domain}/api/v1/"));
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

fn http_client(options: &Options) -> Result<reqwest::Client, InvalidAccount> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
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

/// Why an account cannot be spoken to. Never quotes an address, which may have a credential in it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAccount {
    /// No address.
    #[error("the host's address cannot be read")]
    Host(#[source] url::ParseError),
    /// Neither HTTPS nor loopback.
    #[error("the host's address is not https, which only loopback may do without")]
    Scheme,
    /// A user or a password before the host.
    #[error("the host's address has a user or a password in it")]
    Credential,
    /// No domain.
    #[error("the account's domain is empty")]
    Domain,
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
