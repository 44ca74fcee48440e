//! One request and its answer: a deadline, a size limit, no redirects, the key in its header.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, LINK, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Key, Options, answer::Answer};
use crate::{budget::Told, error::Cause};

pub(super) async fn get(
    http: &reqwest::Client,
    key: &Key,
    options: &Options,
    url: Url,
) -> Result<Answer, Cause> {
    let until = Instant::now() + options.deadline;
    timeout_at(until, exchange(http, key, url, options.response_bytes_max))
        .await
        .unwrap_or(Err(Cause::Deadline(options.deadline)))
}

async fn exchange(
    http: &reqwest::Client,
    key: &Key,
    url: Url,
    bytes_max: u64,
) -> Result<Answer, Cause> {
    let request = http.get(url).header(AUTHORIZATION, key.header());
    let response = request.send().await.map_err(lost)?;
    let headers = response.headers();
    let number = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
    };
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(headers),
        told: Told {
            total: number("x-ratelimit-total"),
            remaining: number("x-ratelimit-remaining"),
            used: number("x-ratelimit-used-currentrequest"),
        },
        // Where the link leads does not matter: the key is never sent there, and pages are counted here.
        has_next: headers.get_all(LINK).iter().any(|value| {
            let link = value.to_str().unwrap_or_default().replace('\'', "\"");
            link.contains("rel=\"next\"") || link.contains("rel=next")
        }),
        body: read_capped(response, bytes_max).await?,
    })
}

pub(super) fn lost(error: reqwest::Error) -> Cause {
    match error {
        error if error.is_connect() => Cause::Connect(error.into()),
        error => Cause::Lost(error.into()),
    }
}

pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

/// Reads a body to its end, or to one byte over the limit.
async fn read_capped(mut response: reqwest::Response, bytes_max: u64) -> Result<Bytes, Cause> {
    let announced = response.content_length();
    if announced.is_some_and(|bytes| bytes > bytes_max) {
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
