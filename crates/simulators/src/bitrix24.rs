//! A Bitrix24 portal with CRM, users, webhooks, limits and faults.

mod address;
mod answer;
mod batch;
mod behaviour;
mod compare;
mod control;
mod data;
mod entity;
mod fields;
mod filter;
mod journal;
mod limits;
mod methods;
mod params;
mod php;
mod portal;
mod presets;
mod references;
mod row;
mod stages;
mod state;
mod table;

use std::{io, net::SocketAddr, sync::Arc};

pub use self::{
    behaviour::{Behaviour, Counters, PlainHttp, UnknownField, WrongSecret},
    data::{Data, ListItem, Record, UserField, Webhook},
    journal::{Command, Counts, Entry},
    limits::{BatchCharge, Latency, Limits, OperatingLimit, RequestLimit},
    params::Params,
    php::Value,
    portal::{Error, Portal, Spent, Start, Stats},
    presets::PRESETS,
    state::Unusable,
};
use crate::server::{Certificate, Handler, Listen, Reply, Request, Server};

/// Where and as what a portal runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens for plain HTTP; port 0 picks a free one.
    pub http: Option<SocketAddr>,
    /// Where it listens for HTTPS, with a certificate made for this run.
    pub https: Option<SocketAddr>,
    /// What it starts with.
    pub start: Start,
}

impl Default for Options {
    /// Plain HTTP on a free port of loopback; see [`Start::default`] for the rest.
    fn default() -> Self {
        Self {
            http: Some(loopback()),
            https: None,
            start: Start::default(),
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
    servers: Vec<Server>,
}

impl Running {
    /// How many addresses it listens on.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }
}

/// Why a portal did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What it is to start with cannot be.
    #[error("the portal cannot start with what it was given")]
    Portal(#[from] Error),
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
    let portal = Portal::new(options.start)?;
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
    Ok(Running {
        http_url: plain.as_ref().map(Server::url),
        https_url: secure.as_ref().map(Server::url),
        certificate_pem: certificate_pem.clone(),
        servers: plain.into_iter().chain(secure).collect(),
        portal: portal.clone(),
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
            control::answer(&self.portal, self.certificate_pem.as_deref(), &request)
        } else {
            self.portal.answer(&request, self.secure).await
        }
    }
}

#[cfg(test)]
mod tests;
