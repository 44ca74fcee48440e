//! The edge: one HTTP request out, one answer in.

use std::{error::Error as _, future::Future, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Body, Url, header};
use tokio::time::{Instant, timeout_at};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    access::Signature,
    decode::{Received, prose},
    error::Class,
    options::{Options, OptionsError},
    upload::Upload,
};

pub(crate) mod departure;
#[cfg(test)]
mod tests;
mod tls;

use departure::{Departing, Departure};

/// A request to send.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) signature: Signature,
    pub(crate) method: Arc<str>,
    pub(crate) body: Bytes,
    /// A file, which goes to its own address instead of the body.
    pub(crate) upload: Option<Arc<Upload>>,
    /// When nobody waits any more.
    pub(crate) deadline: Instant,
}

/// A question to the authorization server.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) url: SecretString,
    /// When nobody waits any more.
    pub(crate) deadline: Instant,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Delivery {
    Received(Received),
    /// No answer, or none that may be read; the text says why.
    Failed(Class, Option<Box<str>>),
}

/// What can carry a request to a portal. The dispatcher is tested with one that has no sockets, because
/// paused time and sockets do not go together.
pub(crate) trait Transport: Send + Sync + 'static {
    fn send(&self, outgoing: Outgoing) -> impl Future<Output = Delivery> + Send;

    /// Asks an authorization server, which is another host.
    fn ask(&self, question: Question) -> impl Future<Output = Delivery> + Send;
}

/// HTTP/1.1 over kept connections.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    body_bytes_max: usize,
}

/// How long a connection may take; the deadline ends it sooner.
const CONNECT_FOR: Duration = Duration::from_secs(10);
/// How long an unused connection is kept. Servers commonly close theirs after a minute; ours go first, so
/// that few requests meet a connection that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(30);

impl Http {
    pub(crate) fn new(options: &Options, needs_tls: bool) -> Result<Self, OptionsError> {
        let agent = header::HeaderValue::from_str(&options.user_agent)
            .ok()
            .ok_or(OptionsError::UserAgent)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&options.roots_pem, needs_tls)?)
            .user_agent(agent)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_FOR)
            .pool_idle_timeout(IDLE_FOR)
            .build()
            .map_err(|error| OptionsError::Client(reason(error)))?;
        Ok(Self {
            client,
            body_bytes_max: options.body_bytes_max,
        })
    }

    async fn exchange(&self, outgoing: &Outgoing, departure: Arc<Departure>) -> Delivery {
        let request = match &outgoing.upload {
            None => self.call(outgoing, departure),
            Some(upload) => self.upload(upload, departure),
        };
        let Some(request) = request else {
            let why = "the address is no URL, or the file was sent already";
            return Delivery::Failed(Class::Malformed, Some(why.into()));
        };
        let received = self.received(request).await;
        received.unwrap_or_else(|why| {
            let why = prose::bounded(&reason(why), &outgoing.signature);
            Delivery::Failed(Class::HungUp, Some(why))
        })
    }

    fn call(
        &self,
        outgoing: &Outgoing,
        departure: Arc<Departure>,
    ) -> Option<reqwest::RequestBuilder> {
        let url = outgoing.signature.method_url(&outgoing.method);
        let body = Departing::new(outgoing.body.clone(), departure);
        let request = self.client.post(Url::parse(&url).ok()?);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        Some(request.body(Body::wrap(body)))
    }

    fn upload(
        &self,
        upload: &Upload,
        departure: Arc<Departure>,
    ) -> Option<reqwest::RequestBuilder> {
        let body = upload.take_body(departure)?;
        let request = self.client.post(upload.url()?);
        let request = request.header(header::CONTENT_TYPE, upload.content_type());
        Some(request.body(Body::wrap(body)))
    }

    /// Sends a request and reads the answer, as far as it may be read.
    async fn received(&self, request: reqwest::RequestBuilder) -> Result<Delivery, reqwest::Error> {
        let request = request.header(header::ACCEPT, "application/json");
        let mut response = request.send().await?;
        let location = response.headers().get(header::LOCATION);
        let location = location
            .and_then(|location| response.url().join(location.to_str().ok()?).ok())
            .and_then(|location| location.host_str().map(Box::from));
        let too_large = || {
            let text = format!("the limit is {} bytes", self.body_bytes_max);
            Ok(Delivery::Failed(Class::TooLarge, Some(text.into())))
        };
        let announced = response.content_length().unwrap_or_default();
        if usize::try_from(announced).map_or(true, |announced| announced > self.body_bytes_max) {
            return too_large();
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > self.body_bytes_max {
                return too_large();
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Delivery::Received(Received {
            status: response.status().as_u16(),
            body: body.freeze(),
            location,
        }))
    }
}

impl Transport for Http {
    async fn send(&self, outgoing: Outgoing) -> Delivery {
        let departure = Arc::new(Departure::default());
        let exchange = self.exchange(&outgoing, Arc::clone(&departure));
        let delivery = match timeout_at(outgoing.deadline, exchange).await {
            Ok(delivery) => delivery,
            Err(_) => Delivery::Failed(Class::Deadline, None),
        };
        match delivery {
            Delivery::Failed(Class::HungUp | Class::Deadline, text) if !departure.give_up() => {
                Delivery::Failed(Class::NoConnection, text)
            }
            delivery => delivery,
        }
    }

    async fn ask(&self, question: Question) -> Delivery {
        let Ok(url) = Url::parse(question.url.expose_secret()) else {
            return Delivery::Failed(Class::Malformed, Some("the address is no URL".into()));
        };
        // Whoever asks blots out the secrets, which are known there.
        let asked = self.received(self.client.get(url));
        match timeout_at(question.deadline, asked).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(why)) => Delivery::Failed(Class::HungUp, Some(reason(why).into())),
            Err(_) => Delivery::Failed(Class::Deadline, None),
        }
    }
}

/// The chain of an error in one line, without the address, which contains the secret.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
