//! A route as it is configured, checked and compiled.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use deskbridge_core::Secret;
use http::{HeaderName, HeaderValue, Method};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Deserialize;
use standard_webhooks::{InvalidSecret, SigningKey};
use url::{Host, Url};

use super::address;

/// How much a condition or template may compute; a loop over a long list is fine, one without end is not.
const FUEL: u64 = 200_000;
/// How long an attempt may take, when the configuration does not say.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The longest that the configuration may say: an attempt ends before the journal gives it up.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(50);
/// Headers that are ours to set.
const OUR_HEADERS: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// A route as configured.
#[derive(Clone)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Only events of this connection; of all when absent.
    pub connection: Option<String>,
    /// Only events about these, in the sender's words; all when empty.
    pub objects: Vec<String>,
    /// Only when this happened, in the sender's words; all when empty.
    pub actions: Vec<String>,
    /// A MiniJinja expression over `event` and `body`; no condition when absent.
    pub when: Option<String>,
    /// Whether other routes alone lead here, and no event by itself.
    pub only_by_routes: bool,
    /// Where to: an address that may carry a secret.
    pub url: Secret,
    /// The verb, `POST` when absent.
    pub method: Option<String>,
    /// Headers to send, values may be secrets.
    pub headers: BTreeMap<String, Secret>,
    /// The `Content-Type`, `application/json` when absent.
    pub content_type: Option<String>,
    /// A MiniJinja template; the event's own bytes when absent.
    pub body: Option<String>,
    /// Secrets to sign with, `whsec_…`; unsigned when empty.
    pub signing_secrets: Vec<Secret>,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// Whether private addresses and plain HTTP are allowed.
    pub allow_private: bool,
    /// A PEM bundle of certificates to trust beside the machine's.
    pub root_certificates_pem: Option<String>,
    /// What follows from a status (`"404"`) or class of statuses (`"4xx"`).
    pub on_status: BTreeMap<String, Then>,
    /// What follows from a JSON answer; the first condition that holds decides, before `on_status`.
    pub on_json: Vec<OnJson>,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Then {
    /// The event was delivered.
    Done,
    /// It is to be sent again later.
    Retry,
    /// It is given up, for a person to see.
    Fail,
    /// The route is switched off until a person switches it on.
    Disable,
    /// It was delivered, and goes to this route too, which sees the answer.
    Route(String),
}

impl TryFrom<String> for Then {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "done" => Ok(Self::Done),
            "retry" => Ok(Self::Retry),
            "fail" => Ok(Self::Fail),
            "disable" => Ok(Self::Disable),
            other => match other.strip_prefix("route:").map(str::trim) {
                Some(name) if !name.is_empty() => Ok(Self::Route(name.to_owned())),
                _ => Err(
                    "it is done, retry, fail, disable, or route: and the name of a route"
                        .to_owned(),
                ),
            },
        }
    }
}

/// What follows from a JSON answer for which a condition holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnJson {
    /// A MiniJinja expression over `answer` (`status`, `json`), `event` and `body`.
    pub when: String,
    /// What follows.
    pub then: Then,
}

/// Why a route cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting} of route {route}: {why}")]
pub struct InvalidRoute {
    /// Its name.
    pub route: String,
    /// The setting.
    pub setting: &'static str,
    /// What is wrong, without secrets.
    pub why: String,
}

/// A route ready to be used.
pub struct Route {
    pub(super) name: String,
    pub(super) connection: Option<String>,
    pub(super) objects: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) only_by_routes: bool,
    pub(super) url: Secret,
    pub(super) host: String,
    pub(super) method: Method,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content_type: HeaderValue,
    pub(super) keys: Vec<SigningKey>,
    pub(super) timeout: Duration,
    pub(super) allow_private: bool,
    pub(super) root_certificates_pem: Option<String>,
    pub(super) on_status: BTreeMap<StatusRange, Then>,
    pub(super) on_json: Vec<Then>,
    pub(super) templates: Environment<'static>,
}

/// One status, or a hundred of them. One goes before a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StatusRange {
    One(u16),
    Class(u16),
}

impl Route {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host it sends to; the rest of the address may be secret.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The request without what may be secret: the verb, the host, and which headers go along.
    pub fn outline(&self) -> String {
        let signature = (!self.keys.is_empty()).then_some("webhook-signature");
        let ours = ["content-type", "webhook-id", "webhook-timestamp"];
        let ours = ours.into_iter().chain(signature);
        let names: Vec<&str> = ours
            .chain(self.headers.iter().map(|(name, _)| name.as_str()))
            .collect();
        format!("{} {} with {}", self.method, self.host, names.join(", "))
    }

    /// Whether private addresses and plain HTTP are allowed.
    pub fn allows_private(&self) -> bool {
        self.allow_private
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Checks and compiles routes.
///
/// # Errors
/// When one cannot be used, two have one name, or routes lead in a circle.
pub fn compile(sources: Vec<Source>) -> Result<Vec<Route>, InvalidRoute> {
    let mut routes: Vec<Route> = Vec::with_capacity(sources.len());
    for source in sources {
        let route = compile_one(source)?;
        if routes.iter().any(|other| other.name == route.name) {
            return Err(invalid(&route.name, "name", "there are two of that name"));
        }
        routes.push(route);
    }
    for route in &routes {
        check_path(&routes, route)?;
    }
    Ok(routes)
}

/// Follows everything that a route leads to.
fn check_path(routes: &[Route], start: &Route) -> Result<(), InvalidRoute> {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![start];
    while let Some(route) = ahead.pop() {
        for name in route.leads_to() {
            let Some(next) = routes.iter().find(|next| next.name == name) else {
                return Err(invalid(
                    &route.name,
                    "on_status or on_json",
                    format!("there is no route {name}"),
                ));
            };
            if next.name == start.name {
                return Err(invalid(
                    &start.name,
                    "on_status or on_json",
                    "it leads back to itself",
                ));
            }
            if seen.insert(&next.name) {
                ahead.push(next);
            }
        }
    }
    Ok(())
}

impl Route {
    fn leads_to(&self) -> impl Iterator<Item = &str> {
        let all = self.on_status.values().chain(&self.on_json);
        all.filter_map(|then| match then {
            Then::Route(name) => Some(name.as_str()),
            Then::Done | Then::Retry | Then::Fail | Then::Disable => None,
        })
    }
}

fn invalid(route: &str, setting: &'static str, why: impl Into<String>) -> InvalidRoute {
    InvalidRoute {
        route: route.to_owned(),
        setting,
        why: why.into(),
    }
}

fn compile_one(source: Source) -> Result<Route, InvalidRoute> {
    let name = source.name.as_str();
    let host = check_url(name, &source.url, source.allow_private)?;
    let method = source.method.as_deref().unwrap_or("POST");
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|method| ["POST", "PUT", "PATCH", "GET", "DELETE"].contains(&method.as_str()))
        .ok_or_else(|| invalid(name, "method", "it is POST, PUT, PATCH, GET or DELETE"))?;
    let content_type = source.content_type.as_deref().unwrap_or("application/json");
    let is_json = content_type.to_ascii_lowercase().contains("json");
    let content_type = HeaderValue::from_str(content_type)
        .map_err(|_no_header| invalid(name, "content_type", "it is no header value"))?;
    let keys = source.signing_secrets.iter();
    let keys = keys
        .map(|secret| SigningKey::new(secret.expose()))
        .collect::<Result<_, InvalidSecret>>()
        .map_err(|why| invalid(name, "signing_secrets", why.to_string()))?;
    let timeout = source.timeout.unwrap_or(TIMEOUT);
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        let why = format!("it is 1 to {} seconds", TIMEOUT_MAX.as_secs());
        return Err(invalid(name, "timeout_seconds", why));
    }
    let on_status = source.on_status.iter().map(|(range, then)| {
        let why = "a status is three digits, such as 404, or a class, such as 4xx";
        let range = StatusRange::read(range).ok_or_else(|| invalid(name, "on_status", why))?;
        Ok((range, then.clone()))
    });
    Ok(Route {
        on_status: on_status.collect::<Result<_, InvalidRoute>>()?,
        templates: templates(&source, is_json)?,
        headers: headers(name, &source.headers)?,
        on_json: source.on_json.into_iter().map(|rule| rule.then).collect(),
        name: source.name,
        connection: source.connection,
        objects: lower(source.objects),
        actions: lower(source.actions),
        only_by_routes: source.only_by_routes,
        url: source.url,
        host,
        method,
        content_type,
        keys,
        timeout,
        allow_private: source.allow_private,
        root_certificates_pem: source.root_certificates_pem,
    })
}

fn lower(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.to_lowercase()).collect()
}

/// Checks an address as far as that is possible without asking for it; its host.
fn check_url(route: &str, url: &Secret, allow_private: bool) -> Result<String, InvalidRoute> {
    let wrong = |why: &str| invalid(route, "target", why);
    // Without the library's reason, which may quote the address.
    let url = Url::parse(url.expose()).map_err(|_no_url| wrong("it is no address"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => {
            return Err(wrong(
                "it is not https; allow_private allows http, for machines nearby",
            ));
        }
        _ => return Err(wrong("it is not https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "it carries a user or password; send a header instead",
        ));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) => None,
        None => return Err(wrong("it names no host")),
    };
    if literal.is_some_and(|address| !address::is_public(address)) && !allow_private {
        return Err(wrong(
            "its host is a private address; set allow_private if that is meant",
        ));
    }
    Ok(url.host_str().unwrap_or_default().to_owned())
}

fn headers(
    route: &str,
    source: &BTreeMap<String, Secret>,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidRoute> {
    let mut headers = Vec::with_capacity(source.len());
    for (name, value) in source {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_no_name| invalid(route, "headers", format!("`{name}` is no header name")))?;
        if OUR_HEADERS.contains(&parsed.as_str()) {
            let why = format!("{name} is set by this program");
            return Err(invalid(route, "headers", why));
        }
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_no_value| {
            invalid(
                route,
                "headers",
                format!("the value of {name} cannot be sent"),
            )
        })?;
        value.set_sensitive(true);
        headers.push((parsed, value));
    }
    Ok(headers)
}

/// The name of the template that is the condition.
pub(super) const WHEN: &str = "when";

/// The name of the template that is the body.
pub(super) const BODY: &str = "body";

/// The name of the template that is the condition of an `on_json` rule.
pub(super) fn on_json(number: usize) -> String {
    format!("on_json[{number}]")
}

fn templates(source: &Source, is_json: bool) -> Result<Environment<'static>, InvalidRoute> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("time", super::decide::time);
    environment.set_auto_escape_callback(move |name| {
        if name == BODY && is_json {
            AutoEscape::Json
        } else {
            AutoEscape::None
        }
    });
    let name = source.name.as_str();
    if let Some(when) = &source.when {
        condition(&mut environment, name, "when", WHEN.to_owned(), when)?;
    }
    for (number, rule) in source.on_json.iter().enumerate() {
        condition(
            &mut environment,
            name,
            "on_json",
            on_json(number),
            &rule.when,
        )?;
    }
    if let Some(body) = &source.body {
        environment
            .add_template_owned(BODY, body.clone())
            .map_err(|error| invalid(name, "body", error.to_string()))?;
    }
    Ok(environment)
}

/// Adds a condition, as a template that writes nothing when it does not hold: expressions alone cannot be kept compiled.
fn condition(
    environment: &mut Environment<'static>,
    route: &str,
    setting: &'static str,
    template: String,
    expression: &str,
) -> Result<(), InvalidRoute> {
    let wrong = |error: minijinja::Error| invalid(route, setting, error.to_string());
    environment
        .compile_expression(expression)
        .map(drop)
        .map_err(wrong)?;
    environment
        .add_template_owned(template, format!("{{% if ({expression}) %}}x{{% endif %}}"))
        .map_err(wrong)
}

impl StatusRange {
    fn read(text: &str) -> Option<Self> {
        let is_status = |number: &u16| (100..600).contains(number);
        match text.trim().to_ascii_lowercase().strip_suffix("xx") {
            Some(class) => {
                let class = class.parse::<u16>().ok()?;
                (1..6).contains(&class).then_some(Self::Class(class))
            }
            None => text.trim().parse().ok().filter(is_status).map(Self::One),
        }
    }
}
