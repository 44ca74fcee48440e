//! Sockets and clocks around the dialogue.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::Request;
use crate::{
    Splitter,
    backoff::Attempts,
    dialogue::{Dialogue, Filters, Ids},
    login::Login,
    options::Options,
    outcome::{NotSent, Outcome},
    queue::Outlet,
    signal::{Reason, Signal},
    tls::Secured,
};

/// The most that is read at once.
const READ_BYTES: usize = 64 << 10;
/// When more waits for the consumer, it gets a turn after every read, in case it runs on the same thread.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// What drives a connection.
#[must_use = "nothing is sent before it runs"]
pub struct Driver {
    address: (String, u16),
    secured: Option<Secured>,
    login: Login,
    options: Options,
    requests: mpsc::Receiver<Request>,
    outlet: Outlet,
    connect_now: Arc<Notify>,
    rng: fastrand::Rng,
    ids: Ids,
    filters: Filters,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Nobody takes the signals any more.
struct Abandoned;

impl Driver {
    pub(super) fn new(
        address: (String, u16),
        secured: Option<Secured>,
        login: Login,
        options: Options,
        requests: mpsc::Receiver<Request>,
        outlet: Outlet,
        connect_now: Arc<Notify>,
    ) -> Self {
        let mut rng = options
            .seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self {
            address,
            secured,
            login,
            options,
            requests,
            outlet,
            connect_now,
            ids: Ids::new(rng.u64(..)),
            rng,
            filters: Filters::AsWanted,
        }
    }

    /// Connects, and connects again whenever the connection is lost, until [`Signals`](crate::Signals) is dropped.
    pub async fn run(mut self) {
        let mut attempts = Attempts::default();
        while !self.outlet.is_abandoned() {
            let began_at = Instant::now();
            let Ok((reason, was_up)) = self.connection().await else {
                return;
            };
            let lasted = match was_up {
                true => began_at.elapsed(),
                false => Duration::ZERO,
            };
            if reason == Reason::Filters {
                self.filters = Filters::GivenUp;
            }
            let again_after = attempts.next(&self.options.backoff, &reason, lasted, self.rng.f64());
            self.outlet.push_anyway(Signal::Disconnected {
                reason: reason.clone(),
                again_after,
            });
            if self.wait(&reason, again_after).await.is_err() {
                return;
            }
        }
    }

    /// Waits for the next attempt, and tells whoever asks meanwhile that there is no connection.
    async fn wait(&mut self, reason: &Reason, after: Option<Duration>) -> Result<(), Abandoned> {
        let Self {
            requests,
            outlet,
            connect_now,
            ..
        } = self;
        let time = async {
            match after {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            tokio::select! {
                () = time => {}
                () = connect_now.notified() => {}
            }
            if matches!(reason, Reason::Backlog { .. }) {
                outlet.drained().await;
            }
        };
        meanwhile(due, requests, outlet).await
    }

    /// One connection from its beginning to its end; whether it came as far as being logged in.
    async fn connection(&mut self) -> Result<(Reason, bool), Abandoned> {
        let made = timeout(
            self.options.connect_deadline,
            TcpStream::connect((self.address.0.as_str(), self.address.1)),
        );
        let socket = match meanwhile(made, &mut self.requests, &self.outlet).await? {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Ok((Reason::Connect(error.to_string()), false)),
            Err(_elapsed) => return Ok((Reason::Connect("it took too long".to_owned()), false)),
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket refused TCP_NODELAY");
        }
        let Some(Secured { connector, name }) = self.secured.clone() else {
            return self.talk(socket).await;
        };
        let made = timeout(
            self.options.connect_deadline,
            connector.connect(name, socket),
        );
        match meanwhile(made, &mut self.requests, &self.outlet).await? {
            Ok(Ok(socket)) => self.talk(socket).await,
            Ok(Err(error)) => Ok((Reason::Tls(error.to_string()), false)),
            Err(_elapsed) => Ok((Reason::Tls("it took too long".to_owned()), false)),
        }
    }

    async fn talk(
        &mut self,
        socket: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<(Reason, bool), Abandoned> {
        let mut dialogue = Dialogue::new(&self.options, &self.login, &mut self.ids, Instant::now());
        let (mut reader, mut writer) = tokio::io::split(socket);
        let mut splitter = Splitter::new(self.options.limits);
        let mut is_flushed = true;
        let reason = loop {
            splitter.buffer().reserve(READ_BYTES);
            let step = tokio::select! {
                read = reader.read_buf(splitter.buffer()) => {
                    heard(read, &mut splitter, &mut dialogue, self.filters)
                }
                wrote = write(&mut writer, dialogue.out()), if !dialogue.out().is_empty() || !is_flushed => {
                    is_flushed = matches!(wrote, Ok(0));
                    wrote.map(|bytes| dialogue.taken(bytes)).map_err(socket_failed)
                }
                Some(Request { action, answer }) = self.requests.recv() => {
                    if !answer.is_closed() {
                        dialogue.ask(&action, answer, Instant::now());
                    }
                    Ok(())
                }
                () = sleep_until(dialogue.wake_at()) => dialogue.tick(Instant::now()),
                () = self.outlet.abandoned() => return Err(Abandoned),
            };
            let told = self.outlet.push(dialogue.signals());
            let bytes_max = self.options.backlog_bytes_max;
            let told = told.map_err(|_full| Reason::Backlog { bytes_max });
            match step.and(told) {
                Ok(waiting_bytes) if waiting_bytes > READ_AHEAD_BYTES => yield_now().await,
                Ok(_) => {}
                Err(reason) => break reason,
            }
        };
        let was_up = dialogue.is_up();
        let reason = dialogue.end(reason);
        tracing::debug!(%reason, "the connection to Asterisk ended");
        Ok((reason, was_up))
    }
}

/// Waits for `due`, and tells whoever asks meanwhile that there is no connection.
async fn meanwhile<T>(
    due: impl Future<Output = T>,
    requests: &mut mpsc::Receiver<Request>,
    outlet: &Outlet,
) -> Result<T, Abandoned> {
    tokio::pin!(due);
    loop {
        tokio::select! {
            done = &mut due => return Ok(done),
            Some(request) = requests.recv() => {
                drop(request.answer.send(Outcome::NotSent(NotSent::NotConnected)));
            }
            () = outlet.abandoned() => return Err(Abandoned),
        }
    }
}

/// Writes what there is; flushes, and answers nought, when there is nothing.
async fn write(writer: &mut (impl AsyncWrite + Unpin), out: &[u8]) -> io::Result<usize> {
    match out.is_empty() {
        true => writer.flush().await.map(|()| 0),
        false => writer.write(out).await,
    }
}

fn heard(
    read: io::Result<usize>,
    splitter: &mut Splitter,
    dialogue: &mut Dialogue<'_>,
    filters: Filters,
) -> Result<(), Reason> {
    if read.map_err(socket_failed)? == 0 {
        return Err(match splitter.is_between_blocks() {
            true => Reason::Closed,
            false => Reason::ClosedInside,
        });
    }
    let now = Instant::now();
    while let Some(frame) = splitter.next_frame() {
        dialogue.heard(frame, filters, now)?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn socket_failed(error: io::Error) -> Reason {
    Reason::Socket(error.to_string())
}
