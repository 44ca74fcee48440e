//! A Frappe site with Helpdesk: state in memory, served as the real one serves it, traps included.
//!
//! Written from what was observed of Frappe 15.50.0 with Helpdesk 1.25.1 and held to it by a test that
//! replays 675 recorded exchanges. Other releases can be chosen where they are known to differ
//! ([`Versions`]).
//!
//! There are users with keys, sessions, OAuth and CSRF tokens; DocTypes whose fields, custom fields and
//! property setters take effect at once, and of which only custom ones can be made or changed, as developer
//! mode is off; the REST resources of v1 and v2; `frappe.client.*` and the
//! functions of Helpdesk that clients call; permissions by role, owner, team and share; naming, links,
//! checks and the side effects of tickets and messages; files; the site-wide rate limit. Names compare as
//! `MariaDB` compares them, times are naive and in the site's zone, and each request is one transaction that
//! only POST, PUT, DELETE and PATCH commit.
//!
//! Not here: Python (an API script needs a native function, see [`Site::register_script`]; of event scripts
//! only `Before Insert` runs, and only when it moves values between fields of `doc`), mail, background
//! jobs, assignment rules, user permissions, permission levels, the desk, and races: requests run one
//! after another. The service level is the stock one.
//!
//! # Faults
//!
//! [`Site::set_faults`] takes a [fault script](crate::faults). A request's name is `VERB function` for
//! `/api/method/…` (`POST frappe.client.insert`) and `VERB /decoded/path` without the query for everything
//! else (`GET /api/resource/HD Ticket/0001`). Presets: `deadlock`, `lock_timeout`, `too_many_requests`,
//! `rate_limit_exceeded`, `maintenance`, `timestamp_mismatch`, `duplicate_name`, `bad_gateway`, `html`,
//! `unauthorized`, `forbidden`.
//!
//! # The simulator's own addresses
//!
//! | Request | Does |
//! |---|---|
//! | `GET /_simulator/journal` | the last requests, oldest first ([`Entry`]) |
//! | `DELETE /_simulator/journal` | forgets them |
//! | `GET /_simulator/stats` | counts: all, by status, by name |
//! | `PUT /_simulator/faults` | a fault script; `[]` ends all faults |
//! | `GET`, `PUT /_simulator/data` | everything the site holds ([`Data`]) |
//! | `GET`, `PUT /_simulator/config` | the configuration file ([`Config`]) |
//! | `PUT /_simulator/latency` | `{"ms": 20}`: every answer waits so long |
//!
//! They need no key, know no faults and are not in the journal.

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
pub use sample::{SAMPLE_ACCOUNTS, SAMPLE_BEARER, sample};
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
