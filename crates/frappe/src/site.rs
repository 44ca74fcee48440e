//! A site: where it is and how it is spoken to.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::{Client, Credential};

const SITE_NAME: HeaderName = HeaderName::from_static("x-frappe-site-name");
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Shorter than the 75 s for which nginx keeps a connection, so that it is seldom closed under a request.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// The first path segments of Frappe's own pages, which are pasted along with a base address.
const PAGES: [&str; 6] = ["api", "app", "desk", "helpdesk", "login", "private"];

/// How a site is spoken to.
///
/// ```
/// let options = frappe::Options {
///     deadline: std::time::Duration::from_secs(15),
///     ..frappe::Options::default()
/// };
/// let site = frappe::Site::new("https://helpdesk.example/app/hd-ticket", options)?;
/// assert_eq!(site.base(), "https://helpdesk.example");
/// # Ok::<(), frappe::InvalidSite>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a request may take, from the first byte to the last. A row that stays locked is given up by the
    /// database after 50 s: a shorter deadline leaves the outcome of such a write unknown.
    pub deadline: Duration,
    /// The largest answer that is read.
    pub response_bytes_max: u64,
    /// The largest JSON body that is sent. Above the database's packet size (16 MiB by default, and values
    /// grow in it) the site fails with a page instead of a reason.
    pub request_bytes_max: u64,
    /// The largest file that is sent; sites take 25 MiB unless they are told otherwise.
    pub upload_bytes_max: u64,
    /// Certificates, as PEM, that are trusted beside the machine's own.
    pub root_certificates_pem: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `X-Frappe-Site-Name` header, for a server that does not choose the site by host.
    pub site_name: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            response_bytes_max: 32 << 20,
            request_bytes_max: 15 << 20,
            upload_bytes_max: 25 << 20,
            root_certificates_pem: None,
            user_agent: concat!("frappe-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            site_name: None,
        }
    }
}

/// One Frappe site. Cheap to clone; clones share connections, never cookies: there is no cookie store.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    base: Url,
    http: reqwest::Client,
    options: Options,
}

impl Site {
    /// Prepares to speak to the site at `base`. Nothing is sent yet.
    ///
    /// A page's address may be given (`https://helpdesk.example/app/hd-ticket`): only what comes before Frappe's
    /// own paths is kept. Where the process has no TLS provider yet, ring is made its default.
    ///
    /// # Errors
    /// When the address or an option cannot be used. Plain HTTP is for loopback only.
    pub fn new(base: &str, options: Options) -> Result<Self, InvalidSite> {
        let base = normalize(base)?;
        let http = http_client(&options)?;
        Ok(Self(Arc::new(Inner {
            base,
            http,
            options,
        })))
    }

    /// Scheme, host and port, and the path before Frappe's own if there is one; no slash at the end.
    pub fn base(&self) -> &str {
        self.0.base.as_str().trim_end_matches('/')
    }

    /// How the site is spoken to.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The site as one user.
    pub fn user(&self, credential: Credential) -> Client {
        Client::new(self.clone(), credential)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0.base
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(&self.base()).finish()
    }
}

fn normalize(base: &str) -> Result<Url, InvalidSite> {
    let mut url = Url::parse(base.trim()).map_err(InvalidSite::Address)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidSite::Credential);
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
        _ => return Err(InvalidSite::Scheme),
    }
    let own: Vec<&str> = url
        .path_segments()
        .into_iter()
        .flatten()
        .take_while(|segment| !PAGES.contains(segment))
        .filter(|segment| !segment.is_empty())
        .collect();
    let path = format!("/{}", own.join("/"));
    url.set_path(&path);
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

fn http_client(options: &Options) -> Result<reqwest::Client, InvalidSite> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(name) = &options.site_name {
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_host) {
            return Err(InvalidSite::SiteName);
        }
        let value = HeaderValue::from_str(name).map_err(|_not_a_header| InvalidSite::SiteName)?;
        headers.insert(SITE_NAME, value);
    }
    let user_agent = HeaderValue::from_str(&options.user_agent)
        .map_err(|_not_a_header| InvalidSite::UserAgent)?;

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
            .map_err(|error| InvalidSite::Certificate(Some(error.into())))?;
        if certificates.is_empty() {
            return Err(InvalidSite::Certificate(None));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder
        .build()
        .map_err(|error| InvalidSite::Connections(error.into()))
}

/// Why a site cannot be spoken to. Never quotes the address, which may have a credential in it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSite {
    /// No address.
    #[error("the site's address cannot be read")]
    Address(#[source] url::ParseError),
    /// Neither HTTPS nor loopback.
    #[error("the site's address is not https, which only loopback may do without")]
    Scheme,
    /// A user or a password before the host.
    #[error("the site's address has a user or a password in it")]
    Credential,
    /// Not certificates.
    #[error("the additional root certificates are not certificates in PEM form")]
    Certificate(#[source] Option<crate::error::Transport>),
    /// Not a header.
    #[error("the site's name is not a host name")]
    SiteName,
    /// Not a header.
    #[error("the user agent has a character that no header may have")]
    UserAgent,
    /// No certificates on the machine, for example.
    #[error("connections cannot be set up")]
    Connections(#[source] crate::error::Transport),
}

#[cfg(test)]
mod tests;
