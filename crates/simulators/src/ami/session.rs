//! One connection.

use std::{sync::Arc, time::Duration};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    Pbx, Release,
    actions::{Next, Received},
    state::SessionState,
};

/// The longest line that Asterisk reads.
const LINE_BYTES_MAX: usize = 1022;
/// The most lines that an action may have.
const LINES_MAX: usize = 128;
/// How long a refused login is let wait.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The other side closed it.
    ByPeer,
    /// It said goodbye, or was shut down.
    Closed,
    /// It was refused.
    Refused,
    /// A fault or a death cut it.
    Cut,
    /// The other side did not read.
    SlowReader,
    /// TLS could not be agreed upon.
    Tls(String),
}

pub(super) struct Session {
    pbx: Pbx,
    number: u64,
    changed: Arc<Notify>,
    has_ended: bool,
}

impl Session {
    /// `None` when nobody is let in.
    pub(super) fn begin(pbx: &Pbx) -> Option<Self> {
        let mut state = pbx.state();
        if state.is_down {
            return None;
        }
        state.sessions_begun += 1;
        let number = state.sessions_begun;
        let mut session = SessionState::default();
        let greeting = match (&pbx.0.greeting, pbx.0.release) {
            (Some(greeting), _) => greeting.clone(),
            (None, Release::Asterisk16) => "Asterisk Call Manager/5.0.4\r\n".to_owned(),
            (None, Release::Asterisk22) => "Asterisk Call Manager/11.0.0\r\n".to_owned(),
        };
        session.put(greeting.as_bytes());
        let changed = Arc::clone(&session.changed);
        state.sessions.insert(number, session);
        drop(state);
        Some(Self {
            pbx: pbx.clone(),
            number,
            changed,
            has_ended: false,
        })
    }

    pub(super) async fn serve(self, socket: impl AsyncRead + AsyncWrite + Unpin) {
        let (mut reader, mut writer) = tokio::io::split(socket);
        let ended = self.talk(&mut reader, &mut writer).await;
        // Whether the other side still listens does not matter any more.
        drop(writer.shutdown().await);
        self.end(ended);
    }

    pub(super) fn end(mut self, ended: Ended) {
        self.has_ended = true;
        let mut state = self.pbx.state();
        state.sessions.remove(&self.number);
        state.ended.insert(self.number, ended);
        drop(state);
        self.pbx.0.changed.notify_waiters();
    }

    async fn talk(
        &self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Ended {
        let mut input = BytesMut::new();
        let mut lines = Lines::default();
        loop {
            if let Some(ended) = self.flush(writer).await {
                return ended;
            }
            let is_silent = self.with(|session| session.is_silent);
            tokio::select! {
                read = reader.read_buf(&mut input), if !is_silent => {
                    if !matches!(read, Ok(1..)) {
                        return Ended::ByPeer;
                    }
                }
                () = self.changed.notified() => continue,
            }
            while let Some(action) = lines.next(&mut input) {
                match self.answer(action) {
                    Next::Go => {}
                    Next::Refused => {
                        let flushed = self.flush(writer).await;
                        sleep(REFUSED_FOR).await;
                        return flushed.unwrap_or(Ended::Refused);
                    }
                }
                self.pbx.0.changed.notify_waiters();
            }
        }
    }

    fn answer(&self, action: Result<Received, String>) -> Next {
        let mut state = self.pbx.state();
        match action {
            Ok(action) => state.act(self.number, self.pbx.0.release, &action),
            Err(error) => {
                state.put(self.number, &format!("Response: Error\r\n{error}\r\n\r\n"));
                Next::Go
            }
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut SessionState) -> T) -> T {
        let mut state = self.pbx.state();
        look(state.sessions.entry(self.number).or_default())
    }

    /// Sends what there is to send; says how the connection ended if it did.
    async fn flush(&self, writer: &mut (impl AsyncWrite + Unpin)) -> Option<Ended> {
        const PIECE: usize = 64 << 10;
        loop {
            let (piece, ends) = self.with(|session| {
                if session.is_killed {
                    return (BytesMut::new(), Some(Ended::Cut));
                }
                if session.is_silent {
                    return (BytesMut::new(), None);
                }
                let bytes = session.outbox.len().min(PIECE);
                let bytes = session.cut_after.map_or(bytes, |left| left.min(bytes));
                let piece = session.outbox.split_to(bytes);
                let is_cut = session.cut_after.as_mut().is_some_and(|left| {
                    *left -= bytes;
                    *left == 0
                });
                let is_closed = session.is_closing && session.outbox.is_empty();
                let ends = match (is_cut, is_closed) {
                    (true, _) => Some(Ended::Cut),
                    (false, true) => Some(Ended::Closed),
                    (false, false) => None,
                };
                (piece, ends)
            });
            if !piece.is_empty() {
                let written = async {
                    writer.write_all(&piece).await?;
                    writer.flush().await
                };
                match timeout(self.pbx.0.write_timeout, written).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_gone)) => return Some(Ended::ByPeer),
                    Err(_elapsed) => return Some(Ended::SlowReader),
                }
                self.pbx.0.changed.notify_waiters();
            }
            if ends.is_some() || piece.is_empty() {
                return ends;
            }
        }
    }
}

impl Drop for Session {
    /// With the server.
    fn drop(&mut self) {
        if !self.has_ended {
            self.pbx.state().sessions.remove(&self.number);
        }
    }
}

/// Lines until an empty one.
#[derive(Default)]
struct Lines {
    headers: Vec<(String, String)>,
    count: usize,
}

impl Lines {
    /// The next action, or what is wrong with what came in its place.
    fn next(&mut self, input: &mut BytesMut) -> Option<Result<Received, String>> {
        loop {
            let end = input.iter().position(|byte| *byte == b'\n')?;
            let line = input.split_to(end);
            input.advance(1);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.len() > LINE_BYTES_MAX {
                *self = Self::default();
                return Some(Err(
                    "Message: Failed to parse message: line too long".to_owned()
                ));
            }
            if line.is_empty() {
                let Self { headers, count } = std::mem::take(self);
                let received = Received { headers };
                return Some(match (count, received.action()) {
                    (..=LINES_MAX, "") => Err(format!(
                        "{}Message: Missing action in request",
                        received.id_line()
                    )),
                    (..=LINES_MAX, _) => Ok(received),
                    _ => Err(format!(
                        "{}Message: Too many lines in message or allocation failure",
                        received.id_line()
                    )),
                });
            }
            self.count += 1;
            if self.count <= LINES_MAX {
                let line = String::from_utf8_lossy(line);
                if let Some((name, value)) = line.split_once(':') {
                    self.headers
                        .push((name.to_owned(), value.trim_start().to_owned()));
                }
            }
        }
    }
}
