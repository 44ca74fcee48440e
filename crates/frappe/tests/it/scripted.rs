//! A server that answers by a script and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use frappe::{Client, Credential, Options, Site};
use serde_json::Value;
use simulators::server::{Certificate, Handler, Listen, Reply, Request, Server};

/// The key pair of the program's user in these tests.
pub(crate) const KEY: &str = "planted-key-7c1";
pub(crate) const SECRET: &str = "planted-secret-9f2";

/// Answers one reply after the other, and hangs up when there is none left.
pub(crate) struct Scripted {
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
}

impl Handler for Scripted {
    async fn handle(&self, request: Request) -> Reply {
        lock(&self.requests).push(request);
        lock(&self.replies).pop_front().unwrap_or(Reply::HangUp)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server and what it was asked.
pub(crate) struct Remote {
    pub(crate) server: Server,
    scripted: Arc<Scripted>,
}

impl Remote {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::listen(Listen::loopback(), replies).await
    }

    pub(crate) async fn start_tls(
        certificate: Certificate,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let listen = Listen {
            certificate: Some(certificate),
            ..Listen::loopback()
        };
        Self::listen(listen, replies).await
    }

    async fn listen(listen: Listen, replies: impl IntoIterator<Item = Reply>) -> Self {
        let scripted = Arc::new(Scripted {
            replies: Mutex::new(replies.into_iter().collect()),
            requests: Mutex::default(),
        });
        let server = Server::start(listen, Arc::clone(&scripted)).await.unwrap();
        Self { server, scripted }
    }

    pub(crate) fn site(&self, options: Options) -> Site {
        Site::new(&self.server.url(), options).unwrap()
    }

    /// The program's own user with default options.
    pub(crate) fn client(&self) -> Client {
        self.site(Options::default()).user(own_user())
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.scripted.requests).clone()
    }

    /// The only request there was.
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }
}

pub(crate) fn own_user() -> Credential {
    Credential::token(KEY, SECRET).unwrap()
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &Value) -> Reply {
    Reply::Answer(response(status, "application/json", body.to_string()))
}

/// An HTML page.
pub(crate) fn page(status: u16, html: &str) -> Reply {
    Reply::Answer(response(
        status,
        "text/html; charset=utf-8",
        html.to_owned(),
    ))
}

pub(crate) fn response(status: u16, content_type: &str, body: String) -> http::Response<Bytes> {
    http::Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("set-cookie", "sid=Guest; Path=/")
        .header("set-cookie", "user_id=Guest; Path=/")
        .body(Bytes::from(body))
        .unwrap()
}

/// The body of a request as JSON.
pub(crate) fn body_of(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// A query as decoded pairs, in the order sent.
pub(crate) fn query_of(request: &Request) -> Vec<(String, String)> {
    url_decode_pairs(request.query())
}

fn url_decode_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}
