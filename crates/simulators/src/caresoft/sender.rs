//! Sending webhooks as CareSoft does.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::{net::TcpStream, time::Instant};

/// The value of `X-Hub-Signature`: HMAC-SHA1 over the body, in upper-case hex.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

/// Sends webhooks to one address of loopback over plain HTTP, one after another unless it has several clients.
pub struct Sender {
    target: http::Uri,
    secret: Option<String>,
    per_second: Option<u32>,
    clients: usize,
    deadline: Duration,
    accepted: AtomicU64,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// What became of the webhooks. Nothing is sent twice: whether CareSoft does that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many were answered, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// The places, among those sent, of those that no 2xx came for, ascending.
    pub not_accepted: Vec<usize>,
    /// How long answers took, ascending.
    pub took: Vec<Duration>,
}

impl Report {
    /// The time that so many of a thousand answers took at most; `None` without an answer.
    pub fn took_at_most(&self, per_mille: usize) -> Option<Duration> {
        let last = self.took.len().checked_sub(1)?;
        let place = (self.took.len() * per_mille / 1000).min(last);
        self.took.get(place).copied()
    }
}

impl Sender {
    /// Sends to `target`, such as `http://127.0.0.1:8080/hooks/caresoft/main`; unsigned without a secret.
    pub fn new(target: http::Uri, secret: Option<String>) -> Self {
        Self {
            target,
            secret,
            per_second: None,
            clients: 1,
            deadline: Duration::from_secs(10),
            accepted: AtomicU64::new(0),
        }
    }

    /// At this rate, rather than as fast as the answers come.
    #[must_use]
    pub fn per_second(mut self, per_second: u32) -> Self {
        self.per_second = Some(per_second.max(1));
        self
    }

    /// By so many clients at once: each sends the next one as soon as it was answered.
    #[must_use]
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients.max(1);
        self
    }

    /// How many were answered with 2xx so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Sends `bodies` in their order.
    pub async fn send(&self, bodies: &[Vec<u8>]) -> Report {
        let (next, start) = (AtomicUsize::new(0), Instant::now());
        let clients = (0..self.clients).map(|_| self.send_from(bodies, &next, start));
        let mut report = Report::default();
        for part in join_all(clients).await {
            for (status, times) in part.statuses {
                *report.statuses.entry(status).or_default() += times;
            }
            report.not_accepted.extend(part.not_accepted);
            report.took.extend(part.took);
        }
        report.not_accepted.sort_unstable();
        report.took.sort_unstable();
        report
    }

    /// One client: takes what comes next until there is no more.
    async fn send_from(&self, bodies: &[Vec<u8>], next: &AtomicUsize, start: Instant) -> Report {
        let (mut report, mut connection) = (Report::default(), None);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(body) = bodies.get(at) else {
                return report;
            };
            if let Some(per_second) = self.per_second {
                let turn = Duration::from_secs(1) / per_second;
                let turn = turn.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
                tokio::time::sleep_until(start + turn).await;
            }
            let sent_at = Instant::now();
            let sent = self.send_one(&mut connection, body);
            let status = tokio::time::timeout(self.deadline, sent).await;
            let status = status.ok().flatten();
            if let Some(status) = status {
                *report.statuses.entry(status).or_default() += 1;
                report.took.push(sent_at.elapsed());
            } else {
                connection = None;
            }
            if status.is_some_and(|status| (200..300).contains(&status)) {
                self.accepted.fetch_add(1, Ordering::Relaxed);
            } else {
                report.not_accepted.push(at);
            }
        }
    }

    /// The status of the answer; `None` when there was none.
    async fn send_one(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        body: &[u8],
    ) -> Option<u16> {
        let is_open = match connection {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !is_open {
            *connection = Some(self.connect().await?);
        }
        let mut request = http::Request::post(
            self.target
                .path_and_query()
                .map_or("/", |path| path.as_str()),
        )
        .header(http::header::HOST, self.target.authority()?.as_str())
        .header(http::header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            request = request.header("X-Hub-Signature", sign(secret, body));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).ok()?;
        let answer = connection.as_mut()?.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        // Read to its end, so that the connection can be used again.
        answer.into_body().collect().await.ok()?;
        Some(status)
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let host = self.target.host()?.trim_matches(['[', ']']);
        let port = self.target.port_u16().unwrap_or(80);
        let mut addresses = tokio::net::lookup_host((host, port)).await.ok()?;
        let socket = TcpStream::connect(addresses.find(|address| address.ip().is_loopback())?)
            .await
            .ok()?;
        socket.set_nodelay(true).ok()?;
        let (sender, driver) = handshake(TokioIo::new(socket)).await.ok()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the connection that it drives"
        )]
        drop(tokio::spawn(driver));
        Some(sender)
    }
}
