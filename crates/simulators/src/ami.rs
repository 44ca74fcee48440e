//! Asterisk's manager interface: logins, actions on invented channels, recorded events at any speed, and its ways to fail.
//!
//! Written from what was seen of Asterisk 16.28 and 22.10 on the wire. Both releases are here where they differ: in their
//! greeting, and in that 16 takes a filter of the advanced language for one of the classic and says success.
//!
//! As the real one: the answer to a refused login does not say why, and the connection is closed a second later; events
//! of a class that the user may not read do not come; an unknown event mask is answered with success and ends all events;
//! a reader that does not read is cut off when a write has waited for [`Options::write_timeout`]; a line of more than
//! 1,022 bytes is not read and its rest is taken for another action.
//!
//! Not here: the dialplan. A channel lives from `Originate` or [`Pbx::add_channel`] until `Hangup`, and nothing happens to
//! it meanwhile but what [`Pbx::emit`] and [`Pbx::replay`] say, which leave it as it is, and [`Pbx::happen`].

mod actions;
mod filters;
mod replay;
mod session;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

pub use self::{
    actions::Received,
    replay::{Recording, Speed, happened},
    session::Ended,
    state::Channel,
};
use self::{session::Session, state::State};
use crate::server::Certificate;

/// Which Asterisk this is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 16.28, interface 5.0.4.
    Asterisk16,
    /// 22.10.1, interface 11.0.0.
    Asterisk22,
}

/// A user of `manager.conf`.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its secret.
    pub secret: String,
    /// Classes of events that it may read; `all` for every one.
    pub read: Vec<String>,
    /// Classes of actions that it may use; `all` for every one.
    pub write: Vec<String>,
}

impl User {
    /// One who may do everything.
    pub fn new(name: &str, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            secret: secret.to_owned(),
            read: vec!["all".to_owned()],
            write: vec!["all".to_owned()],
        }
    }
}

/// What goes wrong with an action.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The action, without regard to case; `*` for every one.
    pub action: String,
    /// How many of them go well before.
    pub skip: usize,
    /// How many of them go wrong.
    pub times: usize,
    /// Whether it is done all the same.
    pub executes: bool,
    /// What comes in place of the answer.
    pub then: Then,
}

/// What comes in place of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// An error with a message.
    Refuse(String),
    /// The end of the connection.
    HangUp,
    /// Half of the answer and the end of the connection.
    CutInside,
    /// Nothing at all, here and for everything after it.
    Silence,
    /// These bytes, in which `{}` is the action's id.
    Answer(String),
}

/// How a manager runs.
#[derive(Debug)]
pub struct Options {
    /// Where it listens; port 0 picks a free one.
    pub address: SocketAddr,
    /// Certificate and key for TLS; plain without.
    pub certificate: Option<Certificate>,
    /// Which Asterisk it is like.
    pub release: Release,
    /// What it greets with, in place of the release's line.
    pub greeting: Option<String>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Contexts that have every extension.
    pub contexts: Vec<String>,
    /// Phones that cannot be reached, as `PJSIP/103`.
    pub unreachable: Vec<String>,
    /// Whether it has booted when it starts.
    pub is_booted: bool,
    /// How long a write may wait for the reader.
    pub write_timeout: Duration,
    /// How much the kernel keeps for a reader; what the machine thinks right if absent.
    pub send_buffer_bytes: Option<u32>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    /// Asterisk 22 with the user `hub` of the secret `hub`, on a free port of loopback.
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificate: None,
            release: Release::Asterisk22,
            greeting: None,
            users: vec![User::new("hub", "hub")],
            contexts: ["from-internal", "from-trunk", "from-queue"]
                .map(str::to_owned)
                .into(),
            unreachable: Vec::new(),
            is_booted: true,
            write_timeout: Duration::from_millis(100),
            send_buffer_bytes: None,
            faults: Vec::new(),
        }
    }
}

/// A manager that listens until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// What happens in it.
    pub pbx: Pbx,
    /// Where it listens.
    pub address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A PBX as its manager shows it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pbx(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    release: Release,
    greeting: Option<String>,
    write_timeout: Duration,
    state: Mutex<State>,
    /// Somebody's output has been sent, or somebody has come, gone or asked.
    changed: Notify,
}

/// Starts a manager.
///
/// # Errors
/// When it cannot listen, or the certificate cannot be used.
pub async fn start(options: Options) -> io::Result<Running> {
    let acceptor = options
        .certificate
        .as_ref()
        .map(Certificate::acceptor)
        .transpose()?;
    let socket = match options.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(options.address)?;
    let listener = socket.listen(64)?;
    let address = listener.local_addr()?;
    let pbx = Pbx(Arc::new(Inner {
        release: options.release,
        greeting: options.greeting,
        write_timeout: options.write_timeout,
        state: Mutex::new(State {
            users: options.users,
            contexts: options.contexts,
            unreachable: options.unreachable,
            is_booted: options.is_booted,
            faults: options.faults,
            ..State::default()
        }),
        changed: Notify::new(),
    }));
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the value that owns its handle"
    )]
    let listening = tokio::spawn(accept(listener, acceptor, pbx.clone()));
    Ok(Running {
        pbx,
        address,
        listening,
    })
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, pbx: Pbx) {
    let mut sessions = JoinSet::new();
    loop {
        let socket = tokio::select! {
            Some(_) = sessions.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    continue;
                }
            },
        };
        let Some(session) = Session::begin(&pbx) else {
            // It is down.
            continue;
        };
        let acceptor = acceptor.clone();
        sessions.spawn(async move {
            match acceptor {
                None => session.serve(socket).await,
                Some(acceptor) => match acceptor.accept(socket).await {
                    Ok(socket) => session.serve(socket).await,
                    Err(error) => session.end(Ended::Tls(error.to_string())),
                },
            }
        });
    }
}

impl Pbx {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event, a block without the empty line at its end, to everybody who is to see it.
    pub fn emit(&self, event: &[u8]) {
        self.state().emit(event);
    }

    /// Sends an event as [`Pbx::emit`] does, and lets the channel that it is about live and end as it says: by
    /// `Newchannel`, `Newstate`, `BridgeEnter`, `BridgeLeave` and `Hangup`. So who asks meanwhile which channels live is
    /// told the truth.
    pub fn happen(&self, event: &[u8]) {
        let mut state = self.state();
        state.change_channel(&String::from_utf8_lossy(event));
        state.emit(event);
    }

    /// Sends bytes, whatever they are, to everybody who is logged in.
    pub fn emit_raw(&self, bytes: &[u8]) {
        self.state().emit_raw(bytes);
    }

    /// Adds a channel, without an event.
    pub fn add_channel(&self, channel: Channel) {
        self.state().channels.push(channel);
    }

    /// Ends all channels, without an event.
    pub fn end_channels(&self) {
        self.state().channels.clear();
    }

    /// The channels that live.
    pub fn channels(&self) -> Vec<Channel> {
        self.state().channels.clone()
    }

    /// Every action that was asked for, logins and pings included.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// How often an action was asked for.
    pub fn count(&self, action: &str) -> usize {
        let is_it = |received: &&Received| received.action().eq_ignore_ascii_case(action);
        self.state().received.iter().filter(is_it).count()
    }

    /// Adds a fault to those that there are.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// How many are logged in.
    pub fn logged_in(&self) -> usize {
        self.state()
            .sessions
            .values()
            .filter(|session| session.user.is_some())
            .count()
    }

    /// Waits until somebody is logged in.
    pub async fn is_listened_to(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.logged_in() > 0 {
                return;
            }
            changed.await;
        }
    }

    /// How every connection that ended did, by its number, counted from 1.
    pub fn ended(&self) -> BTreeMap<u64, Ended> {
        self.state().ended.clone()
    }

    /// Changes a user's secret.
    pub fn set_secret(&self, user: &str, secret: &str) {
        let mut state = self.state();
        for known in state.users.iter_mut().filter(|known| known.name == user) {
            secret.clone_into(&mut known.secret);
        }
    }

    /// Has booted, and says so.
    pub fn boot(&self) {
        let mut state = self.state();
        state.is_booted = true;
        state.emit(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\nUptime: 0\r\nLastReload: 0\r\n");
    }

    /// Every connection stays open, and nothing is read or sent on it any more.
    pub fn fall_silent(&self) {
        self.state()
            .each_session(|session| session.is_silent = true);
    }

    /// Every connection ends when so many more bytes were sent on it.
    pub fn cut_after(&self, bytes: usize) {
        self.state()
            .each_session(|session| session.cut_after = Some(bytes));
    }

    /// Is killed: every connection ends at once, every channel is gone, and nobody is let in until [`Pbx::rise`].
    pub fn die(&self) {
        let mut state = self.state();
        state.is_down = true;
        state.channels.clear();
        state.each_session(|session| session.is_killed = true);
    }

    /// Is shut down: says so, and ends every connection; nobody is let in until [`Pbx::rise`].
    pub fn shut_down(&self) {
        let mut state = self.state();
        state.is_down = true;
        state.channels.clear();
        state.emit(
            b"Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: True\r\n",
        );
        state.each_session(|session| session.is_closing = true);
    }

    /// Lets connections in again.
    pub fn rise(&self) {
        self.state().is_down = false;
    }
}
