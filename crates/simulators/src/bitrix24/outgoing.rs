//! What a portal sends: forms with brackets in their names, posted to handlers on loopback.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tokio::net::TcpStream;

/// How long a handler may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a handler did not get an event. A portal does not try again.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum NotDelivered {
    /// The address is no `http` address of loopback.
    #[error("{0:?} is no http address of loopback")]
    Address(String),
    /// Nobody listened, or the connection broke.
    #[error("the handler gave no answer")]
    NoAnswer,
    /// Ten seconds were not enough.
    #[error("the handler took longer than 10 s")]
    TooSlow,
}

/// Posts a form; answers with the status.
pub(crate) async fn post_form(target: &str, form: String) -> Result<u16, NotDelivered> {
    let no_address = || NotDelivered::Address(target.to_owned());
    let uri: http::Uri = target.parse().ok().ok_or_else(no_address)?;
    if uri.scheme_str() != Some("http") {
        return Err(no_address());
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = (host, uri.port_u16().unwrap_or(80));
    let mut addresses = tokio::net::lookup_host(address)
        .await
        .ok()
        .ok_or_else(no_address)?;
    let address = addresses.find(|address| address.ip().is_loopback());
    let posted = post(address.ok_or_else(no_address)?, &uri, form);
    match tokio::time::timeout(DEADLINE, posted).await {
        Ok(status) => status.ok_or(NotDelivered::NoAnswer),
        Err(_) => Err(NotDelivered::TooSlow),
    }
}

async fn post(address: SocketAddr, uri: &http::Uri, form: String) -> Option<u16> {
    let socket = TcpStream::connect(address).await.ok()?;
    socket.set_nodelay(true).ok()?;
    let (mut sender, driver) = handshake(TokioIo::new(socket)).await.ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = http::Request::post(path)
        .header(http::header::HOST, uri.authority()?.as_str())
        .header(http::header::USER_AGENT, "Bitrix24 Webhook Engine")
        .header(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded",
        )
        .body(Full::new(Bytes::from(form)))
        .ok()?;
    let exchange = async {
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.ok()?;
        Some(status)
    };
    // The connection is driven as long as its answer is waited for.
    tokio::select! {
        status = exchange => status,
        Err(_) = driver => None,
    }
}

/// As PHP writes them: nothing but letters, digits and `-_.` stays as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A form of nested maps: `data[CALL_ID]=…&auth[domain]=…`.
pub(crate) fn form(values: &Json) -> String {
    let mut out = String::new();
    write(values, "", &mut out);
    out
}

fn write(value: &Json, name: &str, out: &mut String) {
    let deeper = |key: &str| match name {
        "" => utf8_percent_encode(key, FORM).to_string(),
        name => format!("{name}%5B{}%5D", utf8_percent_encode(key, FORM)),
    };
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                write(value, &deeper(key), out);
            }
        }
        Json::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                write(value, &deeper(&at.to_string()), out);
            }
        }
        // PHP leaves out what is null.
        Json::Null => {}
        scalar => {
            let text = scalar
                .as_str()
                .map_or_else(|| scalar.to_string(), str::to_owned);
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            let text = utf8_percent_encode(&text, FORM).to_string();
            out.push_str(&text.replace("%20", "+"));
        }
    }
}
