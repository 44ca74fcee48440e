//! Sending an event by a route: one request out, one answer in.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use deskbridge_core::{Chain, Clock, Effect, EffectId, Event, EventId, Failure, Outcome};
use deskbridge_journal::Handler;
use deskbridge_store::{Answer as Kept, Store};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::{
    KIND,
    address::is_public,
    decide::Answer,
    plan::{After, Send},
    settings::{Route, Then},
};

/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a connection may take.
const CONNECT_FOR: Duration = Duration::from_secs(10);
/// How long a route that was switched off stays so, unless a person switches it on.
const DISABLED_FOR: SignedDuration = SignedDuration::from_hours(24 * 3_650);
/// The longest wait that a target may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Why a route's connection could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error("preparing connections of route {route}")]
pub struct NotPrepared {
    route: String,
    #[source]
    source: reqwest::Error,
}

/// Sends events by routes, and knows which routes are switched off.
#[derive(Clone)]
pub struct Sender {
    routes: Arc<[Route]>,
    clients: Arc<BTreeMap<String, reqwest::Client>>,
    store: Store,
    clock: Clock,
}

/// What became of one request.
#[derive(Debug)]
pub enum Sent {
    /// An answer came.
    Answered(Answer, Option<Duration>),
    /// The target's address may not be spoken to.
    Forbidden(String),
    /// No answer came.
    Failed(String),
}

impl Sender {
    /// A sender of routes.
    ///
    /// # Errors
    /// When the certificates of a route cannot be used.
    pub fn new(
        routes: Arc<[Route]>,
        store: Store,
        clock: Clock,
        user_agent: &str,
    ) -> Result<Self, NotPrepared> {
        let clients = routes
            .iter()
            .map(|route| {
                let client = client(route, user_agent).map_err(|source| NotPrepared {
                    route: route.name.clone(),
                    source,
                })?;
                Ok((route.name.clone(), client))
            })
            .collect::<Result<_, NotPrepared>>()?;
        Ok(Self {
            routes,
            clients: Arc::new(clients),
            store,
            clock,
        })
    }

    /// The handler of effects of kind [`KIND`].
    pub fn handlers(&self) -> BTreeMap<&'static str, Arc<dyn Handler>> {
        BTreeMap::from([(KIND, Arc::new(self.clone()) as Arc<dyn Handler>)])
    }

    /// The routes.
    pub fn routes(&self) -> &Arc<[Route]> {
        &self.routes
    }

    /// The route of a name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// Why a route is switched off; `None` while it is not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn disabled(&self, route: &str) -> deskbridge_store::Result<Option<String>> {
        let kept = self
            .store
            .remembered_answer(disabled_key(route), self.clock.now());
        let why = kept.await?;
        Ok(why.map(|kept| String::from_utf8_lossy(&kept.body).into_owned()))
    }

    /// Switches a route on again.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn enable(&self, route: &str) -> deskbridge_store::Result<()> {
        self.store.forget_answer(disabled_key(route)).await
    }

    async fn disable(&self, route: &str, why: &str) -> deskbridge_store::Result<()> {
        let now = self.clock.now();
        let kept = Kept {
            body: why.as_bytes().to_vec(),
            fetched_at: now,
            fresh_until: now,
            keep_until: now.saturating_add(DISABLED_FOR).unwrap_or(now),
        };
        self.store.remember_answer(disabled_key(route), kept).await
    }

    /// Sends one body by a route. `id` is the same for all attempts of one delivery.
    pub async fn send(&self, route: &Route, id: &str, body: Vec<u8>) -> Sent {
        let Some(client) = self.clients.get(&route.name) else {
            return Sent::Failed("the route is not prepared".to_owned());
        };
        let sent_at = self.clock.now();
        let mut request = client
            .request(route.method.clone(), route.url.expose())
            .timeout(route.timeout)
            .header(CONTENT_TYPE, &route.content_type)
            .header("webhook-id", id)
            .header("webhook-timestamp", sent_at.as_second());
        if !route.keys.is_empty() {
            let signatures = standard_webhooks::signatures(&route.keys, id, sent_at, &body);
            request = request.header("webhook-signature", signatures);
        }
        for (name, value) in &route.headers {
            request = request.header(name, value);
        }
        match request.body(body).send().await {
            Ok(response) => {
                let (status, wait) = (response.status().as_u16(), retry_after(&response));
                let json = match bounded(response).await {
                    Ok(body) => kept(&body),
                    // The status is the answer, whatever became of the rest.
                    Err(_cut) => Value::Null,
                };
                Sent::Answered(Answer { status, json }, wait)
            }
            Err(error) => match forbidden(&error) {
                Some(forbidden) => Sent::Forbidden(forbidden.to_string()),
                // The address may be a secret.
                None => Sent::Failed(Chain(&error.without_url()).to_string()),
            },
        }
    }

    async fn carry_out(&self, effect: &Effect) -> Outcome<Value> {
        let refused = |why: String| Outcome::Refused(Failure::new(why));
        let send: Send = match serde_json::from_value(effect.intent.payload.clone()) {
            Ok(send) => send,
            Err(error) => return refused(format!("the stored effect cannot be read: {error}")),
        };
        let Some(route) = self.route(&send.route) else {
            return refused(format!("no route {} is configured any more", send.route));
        };
        let not_read = |error: &deskbridge_store::Error| {
            Outcome::NotSent(Failure::new(Chain(error).to_string()))
        };
        match self.disabled(route.name()).await {
            Ok(None) => {}
            Ok(Some(why)) => {
                return refused(format!(
                    "the route is switched off ({why}); `deskbridge route enable {}` switches it on",
                    route.name()
                ));
            }
            Err(error) => return not_read(&error),
        }
        let event = match send.event.parse::<EventId>() {
            Ok(id) => self.store.event(id).await,
            Err(error) => return refused(error.to_string()),
        };
        let event = match event {
            Ok(Some(record)) => record.event,
            Ok(None) => return refused(format!("{} is not kept any more", send.event)),
            Err(error) => return not_read(&error),
        };
        let body = match route.body(&event, send.after.as_ref().map(|after| &after.answer)) {
            Ok(body) => body,
            Err(error) => return refused(error.to_string()),
        };
        match self.send(route, &effect.id.to_string(), body).await {
            Sent::Answered(answer, wait) => self.conclude(route, &event, answer, wait).await,
            Sent::Forbidden(why) => refused(why),
            Sent::Failed(why) => Outcome::Unknown(Failure::new(format!(
                "{} did not answer: {why}",
                route.host
            ))),
        }
    }

    /// Acts on an answer.
    async fn conclude(
        &self,
        route: &Route,
        event: &Event,
        answer: Answer,
        wait: Option<Duration>,
    ) -> Outcome<Value> {
        let then = match route.follows(event, &answer) {
            Ok(then) => then,
            Err(error) => return Outcome::Refused(Failure::new(error.to_string())),
        };
        let status = answer.status;
        let why = format!("{} answered {status}", route.host);
        match then {
            Then::Done => Outcome::Done(json!({ "status": status })),
            Then::Retry => Outcome::NotSent(Failure::new(why).after(wait)),
            Then::Fail => Outcome::Refused(Failure::new(why)),
            Then::Disable => match self.disable(route.name(), &why).await {
                Ok(()) => {
                    tracing::error!(
                        route = route.name(),
                        status,
                        "A route was switched off by its target's answer"
                    );
                    Outcome::Refused(Failure::new(format!("{why}: the route is switched off")))
                }
                Err(error) => Outcome::NotSent(Failure::new(Chain(&error).to_string())),
            },
            Then::Route(next) => {
                let send = Send {
                    route: next.clone(),
                    event: event.id.to_string(),
                    after: Some(After {
                        route: route.name.clone(),
                        answer,
                    }),
                };
                let effect = send.effect(&event.arrival.reading.ordering_key);
                let now = self.clock.now();
                // Named after the event and route, so that a repetition after a crash makes no second one.
                let id = EffectId::new(now, &mut fastrand::Rng::with_seed(seed(now, event, &next)));
                match self.store.record_effects(vec![(id, effect)], now).await {
                    Ok(_) => Outcome::Done(json!({ "status": status, "route": next })),
                    Err(error) => Outcome::NotSent(Failure::new(Chain(&error).to_string())),
                }
            }
        }
    }
}

/// Randomness for an effect's id out of what is different for every effect.
fn seed(now: Timestamp, event: &Event, route: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (now.as_nanosecond(), event.id, route).hash(&mut hasher);
    hasher.finish()
}

impl Handler for Sender {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(self.carry_out(effect))
    }
}

fn disabled_key(route: &str) -> String {
    format!("route/{route}/disabled")
}

fn client(route: &Route, user_agent: &str) -> Result<reqwest::Client, reqwest::Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be faster, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .https_only(!route.allow_private)
        .connect_timeout(CONNECT_FOR);
    if !route.allow_private {
        builder = builder.dns_resolver(Arc::new(PublicOnly));
    }
    if let Some(pem) = &route.root_certificates_pem {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    builder.build()
}

/// Finds addresses of names and leaves out those that are not public, so that what was looked at is what is spoken to.
struct PublicOnly;

/// A name that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("{name} leads to {address}, a private address; set allow_private if that is meant")]
struct Forbidden {
    name: String,
    address: IpAddr,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            public(name.as_str(), found).map_err(Into::into)
        })
    }
}

/// The addresses of a name, all of which must be public: one that is not shows what the name is for.
fn public(name: &str, found: Vec<SocketAddr>) -> Result<Addrs, Forbidden> {
    match found.iter().find(|address| !is_public(address.ip())) {
        Some(address) => Err(Forbidden {
            name: name.to_owned(),
            address: address.ip(),
        }),
        None => Ok(Box::new(found.into_iter())),
    }
}

fn forbidden(error: &reqwest::Error) -> Option<&Forbidden> {
    let mut source: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = source {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(forbidden);
        }
        source = error.source();
    }
    None
}

/// How long the target wants to be left alone. Only seconds are understood; a date is rare and left to the backoff.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let wait = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The first bytes of an answer.
async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body)
}

/// What is kept of an answer's body. What is nested deeper could not be read again as a part of an effect.
pub(super) fn kept(body: &[u8]) -> Value {
    const DEPTH_MAX: usize = 64;
    fn is_deeper(value: &Value, than: usize) -> bool {
        match value {
            Value::Array(items) => than == 0 || items.iter().any(|one| is_deeper(one, than - 1)),
            Value::Object(fields) => {
                than == 0 || fields.values().any(|one| is_deeper(one, than - 1))
            }
            _ => false,
        }
    }
    serde_json::from_slice(body)
        .ok()
        .filter(|json| !is_deeper(json, DEPTH_MAX))
        .unwrap_or_default()
}
