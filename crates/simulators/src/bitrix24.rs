//! A Bitrix24 portal with CRM, users, webhooks, limits and faults.
//!
//! ```no_run
//! use simulators::{bitrix24, clock::Clock};
//!
//! # async fn run() -> Result<(), bitrix24::StartError> {
//! let running = bitrix24::start(bitrix24::Options {
//!     data: bitrix24::sample(Clock::system().now()),
//!     https: Some(bitrix24::loopback()),
//!     ..bitrix24::Options::default()
//! })
//! .await?;
//! // Call `{running.http_url}/rest/1/{CUSTOMER_SECRET}/crm.company.list`.
//! # Ok(())
//! # }
//! ```
//!
//! # What it serves
//!
//! `/rest/{user id}/{secret}/{method}`, with `.json`, with doubled and trailing slashes, in any case; from a
//! query, a form, a multipart form or JSON. Names of parameters fold, and the last one wins. All webhooks
//! look at one set of records and share one request bucket. Every answer carries a whole `time` object.
//!
//! Companies, contacts, leads and deals by the older methods and by `crm.item.*`; user fields, contacts of a
//! company, duplicates, directories, pipelines, currencies, stage history, comments, activities, users,
//! `batch`, and what a portal tells about itself. External calls, lines and their statistics, recordings by content
//! and by upload, tasks, notifications, working days, events (posted and offline) and placements. What is for
//! applications refuses webhooks with `WRONG_AUTH_TYPE`.
//!
//! # Applications
//!
//! `/rest/{method}` with an access token in the parameter `auth`. [`Portal::install`] gives the first pair of tokens,
//! [`Portal::install_at`] tells the application of it as a portal does. `/oauth/token/` renews them: it has no share in
//! the request bucket, is named `oauth.token` in fault scripts, and takes each refresh token once.
//! [`Portal::click`] and [`Portal::request_callback`] are what people do, and lead to events.
//!
//! # Where portals differ
//!
//! [`Behaviour`], [`RequestLimit`], [`OperatingLimit`] and [`BatchCharge`] hold a switch for everything that
//! the documentation leaves open or that was seen both ways. Assumed without a switch: text is compared
//! without regard to case; a pattern on a multifield, a directory or a link means equality; `null` and empty
//! text in a filter stand for every empty value.
//!
//! # Faults
//!
//! [`faults`](crate::faults) names a request after its method in lower case (`crm.company.add`, `batch`) and a
//! command of a batch `batch:` and its method, so that a script can fail one command; `hang_up`, `silence`
//! and answers that are no refusals take the whole batch with them, after the commands before it have run.
//! The presets are in [`PRESETS`]; `moved:https://new.example` says where to. A request that the bucket
//! refuses never reaches the script.
//!
//! # Control
//!
//! For tests in any language, at the same addresses; none of it is limited, delayed, counted or journalled:
//!
//! | Request | What it does |
//! |---|---|
//! | `GET /_simulator/journal` | the kept requests, oldest first ([`Entry`]) |
//! | `DELETE /_simulator/journal` | forgets them, and the counts |
//! | `GET /_simulator/stats` | counts, the bucket, operating time ([`Stats`]) |
//! | `GET`, `PUT /_simulator/faults` | the fault script |
//! | `GET`, `PUT /_simulator/data` | everything the portal holds ([`Data`]) |
//! | `GET`, `PUT /_simulator/limits` | [`Limits`]; setting them empties all counters; what is left out takes its default |
//! | `GET`, `PUT /_simulator/latency` | [`Latency`] |
//! | `GET`, `PUT /_simulator/behaviour` | [`Behaviour`] |
//! | `GET /_simulator/telephony` | calls, lines, notifications, placements, working days ([`Telephony`]) |
//! | `GET /_simulator/events` | who wants to be told of what, and what waits ([`Events`]) |
//! | `GET /_simulator/applications` | how the applications stand ([`Standing`]) |
//! | `POST /_simulator/install` | `{"client_id":…,"handler":…}`: installs an application and tells it so |
//! | `POST /_simulator/uninstall`, `expire` | `{"client_id":…}`: takes all tokens, or lets the access tokens expire |
//! | `POST /_simulator/click` | a click on a number ([`Click`]) |
//! | `POST /_simulator/callback` | a request to be called back ([`CallbackRequest`]) |
//! | `PUT /_simulator/workday` | `{"user_id":…,"workday":"CLOSED"}` |
//! | `GET /_simulator/certificate` | the certificate of the HTTPS address, as PEM |
//! | `POST /_simulator/advance` | `{"seconds": 60}`: moves a manual clock |
//!
//! What is refused is refused with `{"refused": "why"}`.
//!
//! Not here: the browser's part of OAuth, events of the CRM, files other than recordings, access rights of users, other CRM types, and persistence. A `<` or `>`
//! that stands in an address unencoded is refused before it gets here.

mod address;
mod answer;
mod applications;
mod batch;
mod behaviour;
mod compare;
mod control;
mod data;
mod entity;
mod events;
mod fields;
mod filter;
mod journal;
mod limits;
mod methods;
mod outgoing;
mod params;
mod phones;
mod php;
mod portal;
mod presets;
mod references;
mod row;
mod sample;
mod stages;
mod state;
mod table;
mod telephony;

use std::{io, net::SocketAddr, sync::Arc};

pub use self::{
    applications::{Standing, Tokens, UnknownApplication},
    behaviour::{
        Behaviour, Confirmation, Counters, DuplicateCalls, OfflineClicks, PlainHttp, UnknownField,
        WrongSecret,
    },
    data::{Application, Data, ListItem, Record, UserField, Webhook},
    events::{Binding, Events, OfflineEvent},
    journal::{Command, Counts, Entry},
    limits::{BatchCharge, Latency, Limits, OperatingLimit, RequestLimit},
    outgoing::NotDelivered,
    params::Params,
    php::Value,
    portal::{
        CallbackRequest, Click, InstallCallback, InstallFailed, NotManual, Portal, Spent, Stats,
        Told, UnknownPreset,
    },
    presets::PRESETS,
    sample::{
        ADMIN_SECRET, CUSTOMER_SECRET, EXPIRED_SECRET, Ids, RESPONSIBLE_SECRET, company_id,
        generated, sample,
    },
    state::Unusable,
    telephony::{
        CrmEntity, ExternalCall, ExternalLine, Finish, Identity, Notification, Placement,
        Recording, Telephony, Workday,
    },
};
use crate::{
    clock::Clock,
    faults::Rule,
    server::{Certificate, Handler, Listen, Reply, Request, Server},
};

/// Where and as what a portal runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens for plain HTTP; port 0 picks a free one.
    pub http: Option<SocketAddr>,
    /// Where it listens for HTTPS, with a certificate made for this run.
    pub https: Option<SocketAddr>,
    /// The time of day.
    pub clock: Clock,
    /// What it holds.
    pub data: Data,
    /// What it limits.
    pub limits: Limits,
    /// How slow it is.
    pub latency: Latency,
    /// How it behaves where portals differ.
    pub behaviour: Behaviour,
    /// What it does wrong; see [`Portal::set_faults`].
    pub faults: Vec<Rule>,
}

impl Default for Options {
    /// An empty portal with the limits of an ordinary plan, over plain HTTP on a free port of loopback.
    fn default() -> Self {
        Self {
            http: Some(loopback()),
            https: None,
            clock: Clock::system(),
            data: Data::default(),
            limits: Limits::default(),
            latency: Latency::default(),
            behaviour: Behaviour::default(),
            faults: Vec::new(),
        }
    }
}

/// A free port of loopback.
pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A portal that listens until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The portal.
    pub portal: Portal,
    /// `http://127.0.0.1:…` without a slash at the end; `None` where it does not listen for plain HTTP.
    pub http_url: Option<String>,
    /// `https://127.0.0.1:…` without a slash at the end; `None` where it does not listen for HTTPS.
    pub https_url: Option<String>,
    /// The certificate that HTTPS clients have to trust.
    pub certificate_pem: Option<String>,
    #[expect(dead_code, reason = "they serve until they are dropped")]
    servers: Vec<Server>,
}

/// Why a portal did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What it is to hold contradicts itself.
    #[error("the portal cannot hold this data")]
    Data(#[from] Unusable),
    /// The fault script cannot be followed.
    #[error("the portal cannot follow the fault script")]
    Faults(#[from] UnknownPreset),
    /// It cannot listen.
    #[error("the portal cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("no certificate could be made for the portal")]
    Certificate(#[source] io::Error),
}

/// Starts a portal.
///
/// # Errors
/// When it cannot hold the data, follow the fault script, or listen.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let portal = Portal::new(options.clock, options.data)?;
    portal.set_limits(options.limits);
    portal.set_latency(options.latency);
    portal.set_behaviour(options.behaviour);
    portal.set_faults(options.faults)?;
    let certificate = match options.https {
        Some(_) => Some(Certificate::self_signed().map_err(StartError::Certificate)?),
        None => None,
    };
    let certificate_pem = certificate.as_ref().map(Certificate::pem);
    let door = |secure| {
        Arc::new(Door {
            portal: portal.clone(),
            secure,
            certificate_pem: certificate_pem.clone(),
        })
    };
    let plain = match options.http {
        Some(address) => Some(listen(address, None, door(false)).await?),
        None => None,
    };
    let secure = match options.https {
        Some(address) => Some(listen(address, certificate, door(true)).await?),
        None => None,
    };
    if let Some(server) = secure.as_ref().or(plain.as_ref()) {
        portal.set_address(&server.url());
    }
    Ok(Running {
        http_url: plain.as_ref().map(Server::url),
        https_url: secure.as_ref().map(Server::url),
        servers: plain.into_iter().chain(secure).collect(),
        certificate_pem,
        portal,
    })
}

async fn listen(
    address: SocketAddr,
    certificate: Option<Certificate>,
    door: Arc<Door>,
) -> Result<Server, StartError> {
    let listen = Listen {
        address,
        certificate,
        ..Listen::loopback()
    };
    let server = Server::start(listen, door).await;
    server.map_err(|source| StartError::Listen { address, source })
}

/// One way into a portal.
struct Door {
    portal: Portal,
    secure: bool,
    certificate_pem: Option<String>,
}

impl Handler for Door {
    async fn handle(&self, request: Request) -> Reply {
        if request.path().starts_with(control::PREFIX) {
            control::answer(&self.portal, self.certificate_pem.as_deref(), &request).await
        } else {
            self.portal.answer(&request, self.secure).await
        }
    }
}

#[cfg(test)]
mod tests;
