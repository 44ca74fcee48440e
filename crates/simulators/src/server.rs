//! The HTTP server under every simulator: plain or TLS, and able to misbehave below HTTP.
//!
//! A web framework always answers; a simulator must also be able to hang up, fall silent or stop in the
//! middle of a body, which is why this drives hyper itself.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_rustls::{TlsAcceptor, rustls};

/// One request, read whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, address, headers.
    pub head: Arc<http::request::Parts>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A header as text; `None` when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Which connection of its server the request came on, counted from 1; requests on one kept-alive
    /// connection share the number. Nought for a request that came on none.
    pub fn connection(&self) -> u64 {
        let connection = self.head.extensions.get::<Connection>();
        connection.map_or(0, |connection| connection.0)
    }

    /// The path as sent, percent-encoded.
    pub fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The query as sent, without the question mark; empty when there is none.
    pub fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }
}

/// The number of a connection, which travels with its requests.
#[derive(Clone, Copy, Debug)]
struct Connection(u64);

/// What a simulator does with a request.
#[derive(Debug)]
pub enum Reply {
    /// Answers.
    Answer(http::Response<Bytes>),
    /// Closes the connection without a byte.
    HangUp,
    /// Leaves the connection open and never answers.
    Silence,
    /// Sends the head and the first half of the body, then closes the connection.
    Truncate(http::Response<Bytes>),
}

/// Something that handles requests.
pub trait Handler: Send + Sync + 'static {
    /// Handles one request.
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;
}

/// How a server listens.
#[derive(Debug)]
pub struct Listen {
    /// Address and port; port 0 picks a free one.
    pub address: SocketAddr,
    /// Certificate and key for TLS; plain HTTP without.
    pub certificate: Option<Certificate>,
    /// The largest request body in bytes; a larger one is answered with 413.
    pub body_bytes_max: usize,
}

impl Listen {
    /// A free port of loopback, plain HTTP, bodies up to 32 MiB.
    pub fn loopback() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificate: None,
            body_bytes_max: 32 << 20,
        }
    }
}

/// A self-signed certificate for loopback, made anew for every run.
pub struct Certificate {
    made: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate for loopback")
    }
}

impl Certificate {
    /// Makes a certificate for `127.0.0.1`, `::1` and `localhost`.
    ///
    /// # Errors
    /// When the machine yields no randomness for a key.
    pub fn self_signed() -> io::Result<Self> {
        let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        Ok(Self { made })
    }

    /// The certificate as PEM, for a client's list of trusted authorities.
    pub fn pem(&self) -> String {
        self.made.cert.pem()
    }

    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let key = rustls::pki_types::PrivateKeyDer::try_from(self.made.signing_key.serialize_der())
            .map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![self.made.cert.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    secure: bool,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Starts to listen and serves in the background.
    ///
    /// # Errors
    /// When the address cannot be bound or the certificate cannot be used.
    pub async fn start<H: Handler>(listen: Listen, handler: Arc<H>) -> io::Result<Self> {
        let acceptor = listen
            .certificate
            .as_ref()
            .map(Certificate::acceptor)
            .transpose()?;
        let listener = TcpListener::bind(listen.address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let secure = acceptor.is_some();
        spawn(accept(
            listener,
            acceptor,
            handler,
            listen.body_bytes_max,
            stopped,
        ));
        Ok(Self {
            address,
            secure,
            stop,
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ends with the server that owns the stop signal"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

async fn accept<H: Handler>(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    handler: Arc<H>,
    body_bytes_max: usize,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut accepted_count = 0;
    loop {
        let socket = tokio::select! {
            _ = stopped.changed() => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    continue;
                }
            },
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket refused TCP_NODELAY");
        }
        accepted_count += 1;
        let connection = Connection(accepted_count);
        let (handler, acceptor) = (Arc::clone(&handler), acceptor.clone());
        connections.spawn(async move {
            let served = match acceptor {
                None => serve(socket, connection, handler, body_bytes_max).await,
                Some(acceptor) => match acceptor.accept(socket).await {
                    Ok(socket) => serve(socket, connection, handler, body_bytes_max).await,
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

/// Why a connection was closed.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("closed on purpose")]
    OnPurpose,
    #[error("the socket failed")]
    Socket(#[from] io::Error),
    #[error("the connection broke HTTP")]
    Http(#[from] hyper::Error),
}

async fn serve<H: Handler>(
    socket: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    connection: Connection,
    handler: Arc<H>,
    body_bytes_max: usize,
) -> Result<(), Closed> {
    let service = hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(connection);
        let handler = Arc::clone(&handler);
        async move { answer(request, &*handler, body_bytes_max).await }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .half_close(true)
        .serve_connection(TokioIo::new(socket), service)
        .await?;
    Ok(())
}

async fn answer<H: Handler>(
    request: http::Request<Incoming>,
    handler: &H,
    body_bytes_max: usize,
) -> Result<http::Response<AnswerBody>, Closed> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, body_bytes_max).collect().await else {
        let mut refused = http::Response::new(AnswerBody::whole(Bytes::from_static(
            b"<html><body><h1>413 Request Entity Too Large</h1></body></html>",
        )));
        *refused.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refused);
    };
    let request = Request {
        head: Arc::new(head),
        body: body.to_bytes(),
    };
    match handler.handle(request).await {
        Reply::Answer(response) => Ok(response.map(AnswerBody::whole)),
        Reply::HangUp => Err(Closed::OnPurpose),
        Reply::Silence => std::future::pending().await,
        Reply::Truncate(response) => Ok(response.map(|bytes| AnswerBody::half(&bytes))),
    }
}

/// A body that is sent whole, or breaks off in the middle.
struct AnswerBody {
    bytes: Option<Bytes>,
    announced: u64,
    breaks_off: BreaksOff,
}

/// When a body ends too early.
#[derive(Clone, Copy, PartialEq)]
enum BreaksOff {
    Never,
    /// Once what was written so far has been handed to the socket.
    AfterFlush,
    Now,
}

impl AnswerBody {
    fn whole(bytes: Bytes) -> Self {
        Self {
            announced: bytes.len() as u64,
            bytes: Some(bytes),
            breaks_off: BreaksOff::Never,
        }
    }

    fn half(bytes: &Bytes) -> Self {
        let announced = bytes.len() as u64;
        Self {
            announced,
            bytes: Some(bytes.slice(..bytes.len() / 2)),
            breaks_off: BreaksOff::AfterFlush,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.breaks_off {
            BreaksOff::Never => Poll::Ready(None),
            BreaksOff::AfterFlush => {
                self.breaks_off = BreaksOff::Now;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            BreaksOff::Now => Poll::Ready(Some(Err(Closed::OnPurpose))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.breaks_off == BreaksOff::Never && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    struct ByPath;

    impl Handler for ByPath {
        async fn handle(&self, request: Request) -> Reply {
            let response = http::Response::new(Bytes::from_static(b"0123456789"));
            match request.path() {
                "/hang-up" => Reply::HangUp,
                "/truncate" => Reply::Truncate(response),
                _ => Reply::Answer(response),
            }
        }
    }

    async fn ask(address: SocketAddr, path: &str, body: &str) -> String {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the last byte counts as the end.
        drop(socket.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_reply_can_be_whole_cut_or_missing() {
        let listen = Listen {
            body_bytes_max: 5,
            ..Listen::loopback()
        };
        let server = Server::start(listen, Arc::new(ByPath)).await.unwrap();
        let whole = ask(server.address(), "/", "12345").await;
        assert!(
            whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with("0123456789"),
            "{whole}"
        );
        let cut = ask(server.address(), "/truncate", "").await;
        assert!(
            cut.contains("content-length: 10") && cut.ends_with("01234"),
            "{cut}"
        );
        assert_eq!(
            ask(server.address(), "/hang-up", "").await,
            "",
            "a hung-up connection said something"
        );
        let refused = ask(server.address(), "/", "123456").await;
        assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    }

    #[tokio::test]
    async fn a_dropped_server_no_longer_accepts() {
        let server = Server::start(Listen::loopback(), Arc::new(ByPath))
            .await
            .unwrap();
        let address = server.address();
        drop(server);
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
