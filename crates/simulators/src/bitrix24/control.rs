//! `/_simulator/…`: what tests in any language read from and write to a running portal.
//!
//! None of it is counted, limited, delayed, journalled or subject to fault scripts.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    answer::json_response,
    data::Data,
    portal::{CallbackRequest, Click, InstallCallback, Portal, ToldText},
    telephony::Workday,
};
use crate::server::{Reply, Request};

/// The part of the address space that belongs to the simulator and not to the portal.
pub(crate) const PREFIX: &str = "/_simulator";

/// Seconds by which a manual clock moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

/// An application to install, and where it is told so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    client_id: String,
    handler: String,
    #[serde(default)]
    callback: InstallCallback,
}

/// A code of an application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    client_id: String,
}

/// How the working day of a user stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserWorkday {
    user_id: u64,
    workday: Workday,
}

/// Answers a control request.
pub(crate) async fn answer(
    portal: &Portal,
    certificate_pem: Option<&str>,
    request: &Request,
) -> Reply {
    let path = request.path().strip_prefix(PREFIX).unwrap_or_default();
    let path = path.trim_matches('/');
    let body = &request.body;
    let response = match (&request.head.method, path) {
        (&Method::GET, "journal") => shown(&portal.journal()),
        (&Method::DELETE, "journal") => {
            portal.clear_journal();
            done()
        }
        (&Method::GET, "stats") => shown(&portal.stats()),
        (&Method::GET, "faults") => shown(&portal.faults()),
        (&Method::PUT, "faults") => set(body, |rules| portal.set_faults(rules)),
        (&Method::GET, "data") => shown(&portal.data()),
        (&Method::PUT, "data") => set(body, |data: Data| portal.set_data(data)),
        (&Method::GET, "limits") => shown(&portal.limits()),
        (&Method::PUT, "limits") => put(body, |limits| portal.set_limits(limits)),
        (&Method::GET, "latency") => shown(&portal.latency()),
        (&Method::PUT, "latency") => put(body, |latency| portal.set_latency(latency)),
        (&Method::GET, "behaviour") => shown(&portal.behaviour()),
        (&Method::PUT, "behaviour") => put(body, |behaviour| portal.set_behaviour(behaviour)),
        (&Method::POST, "advance") => set(body, |advance: Advance| {
            let seconds = Duration::try_from_secs_f64(advance.seconds);
            portal.advance(seconds.unwrap_or_default())
        }),
        (&Method::GET, "telephony") => shown(&portal.telephony()),
        (&Method::GET, "events") => shown(&portal.events()),
        (&Method::GET, "applications") => shown(&portal.applications()),
        (&Method::PUT, "workday") => put(body, |set: UserWorkday| {
            portal.set_workday(set.user_id, set.workday);
        }),
        (&Method::POST, "expire") => put(body, |named: Named| {
            portal.expire_access_tokens(&named.client_id);
        }),
        (&Method::POST, "uninstall") => put(body, |named: Named| {
            portal.uninstall(&named.client_id);
        }),
        (&Method::POST, "install") => install(portal, body).await,
        (&Method::POST, "click") => match serde_json::from_slice::<Click>(body) {
            Ok(click) => shown(&ToldText::from(portal.click(&click).await)),
            Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::POST, "callback") => match serde_json::from_slice::<CallbackRequest>(body) {
            Ok(asked) => shown(&ToldText::from(portal.request_callback(&asked).await)),
            Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::GET, "certificate") => certificate(certificate_pem),
        _ => refused(StatusCode::NOT_FOUND, "there is no such control endpoint"),
    };
    Reply::Answer(response)
}

async fn install(portal: &Portal, body: &[u8]) -> http::Response<Bytes> {
    let asked: Install = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let installed = portal.install_at(&asked.client_id, &asked.handler, asked.callback);
    match installed.await {
        Ok(status) => shown(&json!({"status": status})),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn shown(value: &impl Serialize) -> http::Response<Bytes> {
    match serde_json::to_string(value) {
        Ok(text) => json_response(StatusCode::OK, text),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Reads the body and hands it to `set`, which may refuse it.
fn set<T: DeserializeOwned, E: std::error::Error>(
    body: &[u8],
    set: impl FnOnce(T) -> Result<(), E>,
) -> http::Response<Bytes> {
    let value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match set(value) {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// The same for what cannot be refused.
fn put<T: DeserializeOwned>(body: &[u8], put: impl FnOnce(T)) -> http::Response<Bytes> {
    set(body, |value| {
        put(value);
        Ok::<(), Infallible>(())
    })
}

fn certificate(pem: Option<&str>) -> http::Response<Bytes> {
    match pem {
        Some(pem) => {
            let mut response = http::Response::new(Bytes::from(pem.to_owned()));
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                http::HeaderValue::from_static("application/x-pem-file"),
            );
            response
        }
        None => refused(StatusCode::NOT_FOUND, "the portal does not listen with TLS"),
    }
}

fn done() -> http::Response<Bytes> {
    json_response(StatusCode::OK, "{\"done\":true}".to_owned())
}

fn refused(status: StatusCode, why: &str) -> http::Response<Bytes> {
    json_response(status, json!({"refused": why}).to_string())
}
