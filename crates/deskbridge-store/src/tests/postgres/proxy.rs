//! A proxy before PostgreSQL that cuts connections where a test wants it, with TLS or without.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Never,
    /// The server never sees the commit.
    BeforeCommit,
    /// The server has answered the commit, and nobody sees that.
    AfterCommit,
}

/// For `localhost`, vouched for by itself.
pub(super) struct Certificate {
    pub(super) path: PathBuf,
    made: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Certificate {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, made.cert.pem()).unwrap();
        Self { path, made }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_slice(self.made.signing_key.serialize_pem().as_bytes());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.made.cert.der().clone()], key.unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

struct Shared {
    server: String,
    cut: Mutex<Cut>,
    open: AtomicUsize,
    tls: Option<TlsAcceptor>,
    connections: tokio::sync::Mutex<JoinSet<()>>,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    shared: Arc<Shared>,
    listening: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(server: &str) -> Self {
        Self::listen(server, None).await
    }

    pub(super) async fn start_tls(server: &str, certificate: &Certificate) -> Self {
        Self::listen(server, Some(certificate.acceptor())).await
    }

    async fn listen(server: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            cut: Mutex::new(Cut::Never),
            open: AtomicUsize::new(0),
            tls,
            connections: tokio::sync::Mutex::default(),
        });
        let mut listening = JoinSet::new();
        let of_listener = Arc::clone(&shared);
        listening.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let of_connection = Arc::clone(&of_listener);
                of_listener
                    .connections
                    .lock()
                    .await
                    .spawn(of_connection.serve(client));
            }
        });
        Self {
            port,
            shared,
            listening,
        }
    }

    /// What happens to the commits from now on.
    pub(super) fn cut(&self, cut: Cut) {
        *self.shared.cut.lock().unwrap() = cut;
    }

    /// Cuts what is open.
    pub(super) async fn cut_all(&self) {
        self.shared.connections.lock().await.shutdown().await;
    }

    pub(super) async fn stop(mut self) {
        self.listening.shutdown().await;
        self.cut_all().await;
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, mut client: TcpStream) {
        let server = TcpStream::connect(&self.server).await.unwrap();
        self.open.fetch_add(1, Ordering::SeqCst);
        match &self.tls {
            None => self.carry(client, server).await,
            Some(tls) => {
                let mut request = [0; 8];
                // The one message before TLS: may we speak it?
                client.read_exact(&mut request).await.unwrap();
                client.write_all(b"S").await.unwrap();
                if let Ok(client) = tls.accept(client).await {
                    self.carry(client, server).await;
                }
            }
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    async fn carry(&self, client: impl AsyncRead + AsyncWrite, server: TcpStream) {
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = server.into_split();
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_deaf = false;
        loop {
            tokio::select! {
                read = from_client.read(&mut asked) => {
                    let Ok(bytes @ 1..) = read else { return };
                    let asked = &asked[..bytes];
                    let is_commit = asked.windows(7).any(|word| word == b"COMMIT\0");
                    let cut = *self.cut.lock().unwrap();
                    if is_commit && cut == Cut::BeforeCommit {
                        return;
                    }
                    is_deaf |= is_commit && cut == Cut::AfterCommit;
                    if to_server.write_all(asked).await.is_err() {
                        return;
                    }
                }
                read = from_server.read(&mut answered) => {
                    let Ok(bytes @ 1..) = read else { return };
                    if is_deaf || to_client.write_all(&answered[..bytes]).await.is_err() {
                        return;
                    }
                    if to_client.flush().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
