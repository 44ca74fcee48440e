//! A Frappe site with Helpdesk.

mod answer;
mod auth;
mod cell;
mod checks;
mod collation;
mod control;
mod controllers;
mod customise;
mod data;
mod digest;
mod dispatch;
mod document;
mod exception;
mod files;
mod helpdesk;
mod html;
mod journal;
mod life;
mod limits;
mod links;
mod meta;
mod methods;
mod permission;
mod presets;
mod query;
mod random;
mod request;
mod sample;
mod scripts;
mod site;
mod store;
mod transaction;
mod users;
mod versions;

#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use jiff::tz::TimeZone;

pub use data::{Account, Data, Error, Secret};
pub use journal::Entry;
pub use limits::RateLimit;
pub use sample::{SAMPLE_ACCOUNTS, sample};
pub use scripts::{DocumentHandler, ScriptAnswer, ScriptCall, ScriptHandler};
pub use site::{Config, Site};
pub use versions::{Version, Versions};

use crate::{
    clock::Clock,
    server::{Listen, Server},
};

/// How a site is to be.
#[derive(Debug)]
pub struct Options {
    /// Where it listens; a free port of loopback by default.
    pub listen: Listen,
    /// Which releases it runs; Frappe 15.50.0 with Helpdesk 1.25.1 by default.
    pub versions: Versions,
    /// The configuration file at the start.
    pub config: Config,
    /// What it holds at the start, beyond a fresh installation.
    pub data: Data,
    /// The site's time zone, in which all its times are; `Asia/Ho_Chi_Minh` by default.
    pub time_zone: String,
    /// Where it reads the time.
    pub clock: Clock,
    /// Whether connections stay open; a site without nginx before it closes every one (the default).
    pub keep_alive: bool,
    /// How many requests the journal keeps; 0 keeps none and is faster.
    pub journal_entries_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Listen::loopback(),
            versions: Versions::default(),
            config: Config::default(),
            data: Data::default(),
            time_zone: "Asia/Ho_Chi_Minh".to_owned(),
            clock: Clock::system(),
            keep_alive: false,
            journal_entries_max: 1_000,
        }
    }
}

/// A site that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Scheme, host and port, without a slash at the end.
    pub url: String,
    /// The handle for looking and changing past HTTP.
    pub site: Site,
    /// Stops listening when dropped.
    pub server: Server,
}

/// Why a site did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The time zone is unknown.
    #[error("no time zone is called {name:?}")]
    TimeZone {
        /// As given.
        name: String,
        /// What the database of time zones says.
        #[source]
        source: jiff::Error,
    },
    /// The data does not fit.
    #[error("the data cannot be loaded")]
    Data(#[source] Error),
    /// The address cannot be bound.
    #[error("the site cannot listen")]
    Listen(#[source] io::Error),
}

/// Starts a site.
///
/// # Errors
/// See [`StartError`].
pub async fn start(options: Options) -> Result<Running, StartError> {
    let zone = TimeZone::get(&options.time_zone).map_err(|source| StartError::TimeZone {
        name: options.time_zone.clone(),
        source,
    })?;
    let fixed = site::Fixed {
        versions: options.versions,
        clock: options.clock,
        zone,
        keep_alive: options.keep_alive,
    };
    let site = Site::new(
        fixed,
        options.config,
        options.journal_entries_max,
        &options.data,
    )
    .map_err(StartError::Data)?;
    let server = Server::start(options.listen, Arc::new(site.clone()))
        .await
        .map_err(StartError::Listen)?;
    Ok(Running {
        url: server.url(),
        site,
        server,
    })
}
