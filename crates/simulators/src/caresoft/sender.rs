//! Sending webhooks as CareSoft does.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
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

/// Sends webhooks to one address of loopback over plain HTTP, one after another.
pub struct Sender {
    target: http::Uri,
    secret: Option<String>,
    per_second: Option<u32>,
    deadline: Duration,
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
    /// The places, among those sent, of those that no 2xx came for.
    pub not_accepted: Vec<usize>,
}

impl Sender {
    /// Sends to `target`, such as `http://127.0.0.1:8080/hooks/caresoft/main`; unsigned without a secret.
    pub fn new(target: http::Uri, secret: Option<String>) -> Self {
        Self {
            target,
            secret,
            per_second: None,
            deadline: Duration::from_secs(10),
        }
    }

    /// At this rate, rather than as fast as the answers come.
    #[must_use]
    pub fn per_second(mut self, per_second: u32) -> Self {
        self.per_second = Some(per_second.max(1));
        self
    }

    /// Sends `bodies` in their order.
    pub async fn send(&self, bodies: &[Vec<u8>]) -> Report {
        let mut report = Report::default();
        let mut connection = None;
        let start = Instant::now();
        for (at, body) in bodies.iter().enumerate() {
            if let Some(per_second) = self.per_second {
                let turn = Duration::from_secs(1) / per_second;
                let turn = turn.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
                tokio::time::sleep_until(start + turn).await;
            }
            let sent =
                tokio::time::timeout(self.deadline, self.send_one(&mut connection, body)).await;
            let status = sent.ok().flatten();
            if let Some(status) = status {
                *report.statuses.entry(status).or_default() += 1;
            } else {
                connection = None;
            }
            if !status.is_some_and(|status| (200..300).contains(&status)) {
                report.not_accepted.push(at);
            }
        }
        report
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
        let socket = TcpStream::connect((host, self.target.port_u16().unwrap_or(80)))
            .await
            .ok()?;
        if !socket.peer_addr().ok()?.ip().is_loopback() {
            return None;
        }
        let (sender, driver) = handshake(TokioIo::new(socket)).await.ok()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the connection that it drives"
        )]
        drop(tokio::spawn(driver));
        Some(sender)
    }
}
