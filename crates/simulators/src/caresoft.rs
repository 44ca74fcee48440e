//! A CareSoft contact centre that sends webhooks and answers the reads of its REST API.
//!
//! ```no_run
//! use simulators::{caresoft, clock::Clock};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let start = Clock::system().now();
//! let life = caresoft::live(7, 50, start);
//! let running = caresoft::start(caresoft::Options { records: life.outcome.clone(), ..Default::default() }).await?;
//! let bodies = caresoft::disturb(7, &life.webhooks, caresoft::Disturbance { duplicates: 0.1, ..Default::default() });
//! let target = "http://127.0.0.1:8080/hooks/caresoft/main".parse()?;
//! let report = caresoft::Sender::new(target, Some("CS123".to_owned())).send(&bodies).await;
//! // In the end the receiver holds `life.outcome`.
//! # Ok(())
//! # }
//! ```
//!
//! # What it serves
//!
//! `GET /{domain}/api/v1/` with `tickets`, `contacts`, `leads`, `deals`, `calls`, `agents` and so on as lists (`page`,
//! `count` up to 500, `numFound`, `updated_since` and its kin, `order_by`), one of them by id, `contactsByPhone`, and
//! `custom_fields`. Fifteen requests a second; above that 429, and after more than twenty of these in a row fifteen
//! minutes of 404 with a text about the domain, which a wrong domain gets, too.
//!
//! # Faults
//!
//! [`faults`](crate::faults) names a request by verb and what follows `/api/v1/`: `GET tickets`, `GET tickets/5`. The
//! presets are `too_many`, `banned` and `server_error`.
//!
//! # Control address
//!
//! Under `/_simulator/`, counted and limited by nobody: `GET` and `PUT` `data` and `faults`, `GET` and `DELETE` `journal`.
//!
//! # Assumed
//!
//! Never seen of a live account: that rows show the keys of webhooks with times as `2021-10-06T09:45:53Z` in local time
//! ([`TimeForm`]), that organisations cannot be listed, and that a refused list says `errors` with status 200.
//!
//! Not here: writing, voice tokens and TLS.

mod control;
mod life;
mod rest;
mod sender;

use std::{io, net::SocketAddr, sync::Arc};

pub use self::{
    life::{Comment, Disturbance, Life, Records, disturb, live},
    rest::{Center, TimeForm},
    sender::{Report, Sender, sign},
};
use crate::{
    bitrix24::loopback,
    clock::Clock,
    faults::Rule,
    server::{Handler, Listen, Reply, Request, Server},
};

/// Every documented webhook by its name, with its quirks and with invented values.
///
/// Those that begin with `doc-` are documented as a shape only; the others as examples.
pub fn samples() -> Vec<(&'static str, &'static str)> {
    let text = include_str!("caresoft/samples.txt");
    text.split("=== ")
        .filter_map(|sample| sample.trim_end().split_once('\n'))
        .collect()
}

/// Where and as what a contact centre runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens; port 0 picks a free one.
    pub address: SocketAddr,
    /// The account's domain.
    pub domain: String,
    /// The account's token.
    pub token: String,
    /// What it holds.
    pub records: Records,
    /// The time of day, which limits and bans follow.
    pub clock: Clock,
    /// How it writes times.
    pub times: TimeForm,
    /// What it does wrong.
    pub faults: Vec<Rule>,
}

impl Default for Options {
    /// An empty account `acme` with the token `token-of-acme`, on a free port of loopback.
    fn default() -> Self {
        Self {
            address: loopback(),
            domain: "acme".to_owned(),
            token: "token-of-acme".to_owned(),
            records: Records::default(),
            clock: Clock::system(),
            times: TimeForm::LocalWithZ,
            faults: Vec::new(),
        }
    }
}

/// A contact centre that listens until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The contact centre.
    pub center: Center,
    /// `http://127.0.0.1:…` without a slash at the end.
    pub url: String,
    #[expect(dead_code, reason = "it serves until it is dropped")]
    server: Server,
}

/// Starts a contact centre.
///
/// # Errors
/// When it cannot listen.
pub async fn start(options: Options) -> io::Result<Running> {
    let listen = Listen {
        address: options.address,
        ..Listen::loopback()
    };
    let center = Center::new(options);
    let server = Server::start(listen, Arc::new(Door(center.clone()))).await?;
    Ok(Running {
        center,
        url: server.url(),
        server,
    })
}

struct Door(Center);

impl Handler for Door {
    async fn handle(&self, request: Request) -> Reply {
        match control::answer(&self.0, &request) {
            Some(answer) => Reply::Answer(answer),
            None => self.0.answer(&request).await,
        }
    }
}

#[cfg(test)]
mod tests;
