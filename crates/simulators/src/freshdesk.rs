//! A Freshdesk account: its REST API v2 for reading, its host of files, and its account export.
//!
//! ```no_run
//! use simulators::freshdesk::{self, Sample};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let records = Sample { tickets: 500, ..Sample::default() }.records();
//! let running = freshdesk::start(freshdesk::Options { records, ..freshdesk::Options::default() }).await?;
//! println!("{} with the key key-of-admin", running.url);
//! # Ok(())
//! # }
//! ```
//!
//! # What it serves
//!
//! Under `/api/v2/`: `tickets` (list, one, `conversations`, `satisfaction_ratings`, `time_entries`, `archived/{id}`),
//! `search/tickets`, `contacts`, `companies`, `agents`, `agents/me`, `groups`, `roles`, `ticket_fields`, `time_entries`,
//! `surveys/satisfaction_ratings`; with `page` and `per_page` (30, at most 100, more is an error), the next page in the
//! `Link` header only.
//!
//! The traps are in it: a list of tickets without `updated_since` covers thirty days and is sorted by creation, the latest
//! first; its page 301 is an error; `include=conversations` yields the oldest ten; what is archived is in no list;
//! contacts that are blocked or deleted are in lists of their own; members of a contact are missing in lists; agents of
//! old are nowhere; an agent without the global scope sees less and is not told; a plan without a feature answers 403.
//!
//! Limits count in fixed windows ([`Limits`]), lists of tickets and contacts in smaller ones that the headers do not
//! show; an include costs two more in a list, one more elsewhere; what is refused counts.
//!
//! Files lie at another port ([`Running::files_url`]), without a key (one that is sent nevertheless is answered with
//! 400), under links that expire; inline images there do not.
//!
//! # Export
//!
//! [`export`] writes the same account as the account export: JSON or XML, folder or zip.
//!
//! # Faults
//!
//! [`faults`](crate::faults) names a request by verb and decoded path (`GET /api/v2/tickets/5`), one for a file by
//! `FILE /path`. Presets: `too_many`, `maintenance` (an HTML page with 503), `suspended` (an HTML page with 200),
//! `require_feature`, `server_error`.
//!
//! # Assumed
//!
//! Written from documentation and from what other programs report, never from a live account: that `updated_since`
//! includes its instant, that it applies to `filter=spam` and `deleted` too, that windows of limits begin on the minute,
//! and the length of life of links.
//!
//! Not here: writing, webhooks, TLS.

mod control;
mod desk;
pub mod export;
mod files;
mod limits;
mod lists;
mod records;
mod routes;
mod sample;
mod search;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use std::{io, net::SocketAddr, sync::Arc};

use tokio::sync::OnceCell;

pub use self::{
    desk::{Desk, Unrest},
    files::content,
    limits::Limits,
    records::{
        Agent, Attachment, Company, Contact, ContactState, Conversation, Group, Place, Rating,
        Records, Stats, Ticket, TimeEntry,
    },
    sample::{Edge, Sample},
};
use crate::{
    bitrix24::loopback,
    clock::Clock,
    faults::Rule,
    server::{Handler, Listen, Reply, Request, Server},
};

/// What the account's plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Time entries.
    pub time_entries: bool,
    /// Satisfaction ratings.
    pub satisfaction: bool,
    /// Archived tickets.
    pub archive: bool,
}

/// Where and as what a desk runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens; port 0 picks a free one.
    pub address: SocketAddr,
    /// The keys of the API, each with whose it is.
    pub keys: Vec<(String, u64)>,
    /// What it holds.
    pub records: Records,
    /// What the plan has.
    pub features: Features,
    /// How often it may be asked.
    pub limits: Limits,
    /// How long a link to a file works, in seconds.
    pub file_links_live_for_seconds: i64,
    /// The time of day, which limits, links and windows follow.
    pub clock: Clock,
    /// What it does wrong.
    pub faults: Vec<Rule>,
}

impl Default for Options {
    /// An empty account with everything and without limits, on a free port of loopback. The sample's administrator has
    /// the key `key-of-admin`, an agent who sees his own tickets only `key-of-agent`.
    fn default() -> Self {
        Self {
            address: loopback(),
            keys: vec![
                ("key-of-admin".to_owned(), 3_000_001),
                ("key-of-agent".to_owned(), 3_000_006),
            ],
            records: Records::default(),
            features: Features {
                time_entries: true,
                satisfaction: true,
                archive: true,
            },
            limits: Limits::NONE,
            file_links_live_for_seconds: 300,
            clock: Clock::system(),
            faults: Vec::new(),
        }
    }
}

/// A desk that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The desk.
    pub desk: Desk,
    /// `http://127.0.0.1:…` without a slash at the end.
    pub url: String,
    /// Where its files lie.
    pub files_url: String,
    #[expect(dead_code, reason = "they serve until they are dropped")]
    servers: [Server; 2],
}

/// Starts a desk.
///
/// # Errors
/// When it cannot listen.
pub async fn start(options: Options) -> io::Result<Running> {
    let listen = Listen {
        address: options.address,
        ..Listen::loopback()
    };
    // The desk has to know where files lie, and their host has to know the desk.
    let late = Arc::new(Late(OnceCell::new()));
    let files = Server::start(Listen::loopback(), Arc::clone(&late)).await?;
    let desk = Desk::new(options, files.url());
    late.0
        .set(files::FileHost(desk.clone()))
        .map_err(io::Error::other)?;
    let server = Server::start(listen, Arc::new(Door(desk.clone()))).await?;
    Ok(Running {
        desk,
        url: server.url(),
        files_url: files.url(),
        servers: [server, files],
    })
}

/// The host of files, once there is one.
struct Late(OnceCell<files::FileHost>);

impl Handler for Late {
    async fn handle(&self, request: Request) -> Reply {
        match self.0.get() {
            Some(host) => host.handle(request).await,
            None => Reply::HangUp,
        }
    }
}

struct Door(Desk);

impl Handler for Door {
    async fn handle(&self, request: Request) -> Reply {
        match control::answer(&self.0, &request) {
            Some(answer) => Reply::Answer(answer),
            None => self.0.answer(&request).await,
        }
    }
}
