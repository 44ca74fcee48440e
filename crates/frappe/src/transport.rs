//! One request and its answer over the wire: one credential, a deadline, a size limit, no redirects.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    multipart::Form,
};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    Credential, Error, Site,
    answer::{self, Answer},
    error::{Cause, Unsendable},
    operation::Operation,
};

const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-frappe-csrf-token");

/// A request to be sent.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// What follows the base address: an encoded path with its query.
    pub(crate) path: String,
    pub(crate) body: Body,
}

/// What a request carries.
pub(crate) enum Body {
    Nothing,
    Json(Vec<u8>),
    Form(Form),
}

impl Body {
    /// JSON within the size that the site takes.
    pub(crate) fn json(value: &impl serde::Serialize, bytes_max: u64) -> Result<Self, Unsendable> {
        let json = serde_json::to_vec(value).map_err(|_no_json| Unsendable::NotJson)?;
        let bytes = json.len() as u64;
        match bytes > bytes_max {
            true => Err(Unsendable::TooLarge { bytes, bytes_max }),
            false => Ok(Self::Json(json)),
        }
    }
}

/// Sends a request and reads the answer whole, within the deadline.
pub(crate) async fn send(
    site: &Site,
    credential: &Credential,
    deadline: Duration,
    operation: &Operation,
    request: Request,
) -> Result<Answer, Error> {
    let started_at = Instant::now();
    let exchange = exchange(site, credential, request);
    let answered = timeout_at(started_at + deadline, exchange)
        .await
        .unwrap_or(Err(Cause::Deadline(deadline)));
    let elapsed_ms = started_at.elapsed().as_millis();
    match answered {
        Ok(answer) => {
            tracing::debug!(
                frappe.verb = operation.verb.as_str(),
                frappe.target = operation.target,
                http.status = answer.status,
                http.body_bytes = answer.body.len(),
                elapsed_ms,
                "Frappe answered"
            );
            Ok(answer)
        }
        Err(cause) => {
            tracing::debug!(
                frappe.verb = operation.verb.as_str(),
                frappe.target = operation.target,
                elapsed_ms,
                "Frappe did not answer: {cause}"
            );
            Err(Error::new(operation, cause))
        }
    }
}

async fn exchange(site: &Site, credential: &Credential, request: Request) -> Result<Answer, Cause> {
    let is_unsafe = request.method != Method::GET;
    let url = format!("{}{}", site.base(), request.path);
    let mut builder = site.http().request(request.method, url);
    // Without its credential a request would be a Guest's.
    let unsendable = || Cause::Unsendable(Unsendable::NotHttp);
    let (name, value) = credential
        .expose_material()
        .header()
        .ok_or_else(unsendable)?;
    builder = builder.header(name, value);
    if let Some(token) = credential.csrf_token().filter(|_| is_unsafe) {
        let mut value =
            HeaderValue::from_str(token.expose_secret()).map_err(|_not_a_header| unsendable())?;
        value.set_sensitive(true);
        builder = builder.header(CSRF_TOKEN, value);
    }
    builder = match request.body {
        Body::Nothing => builder,
        Body::Json(json) => builder
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(json),
        Body::Form(form) => builder.multipart(form),
    };
    let response = builder.send().await.map_err(|error| match error {
        error if error.is_builder() => unsendable(),
        error if error.is_connect() => Cause::Connect(error.into()),
        error => Cause::Lost(error.into()),
    })?;
    read(response, site).await
}

async fn read(response: reqwest::Response, site: &Site) -> Result<Answer, Cause> {
    let bytes_max = site.options().response_bytes_max;
    let header = |name| response.headers().get(name)?.to_str().ok();
    let retry_after = header(RETRY_AFTER).and_then(answer::retry_after);
    let date = header(DATE).and_then(answer::date);
    let redirects_to = header(LOCATION)
        .and_then(|to| site.url().join(to).ok())
        .and_then(|to| to.host_str().map(str::to_owned));
    let status = response.status().as_u16();
    Ok(Answer {
        status,
        retry_after,
        date,
        redirects_to,
        body: read_capped(response, bytes_max).await?,
    })
}

/// Reads a body to its end, or to one byte over the limit.
async fn read_capped(mut response: reqwest::Response, bytes_max: u64) -> Result<Bytes, Cause> {
    if response
        .content_length()
        .is_some_and(|bytes| bytes > bytes_max)
    {
        return Err(Cause::TooLarge { bytes_max });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Cause::Lost(error.into()))?
    {
        if body.len() as u64 + chunk.len() as u64 > bytes_max {
            return Err(Cause::TooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
