//! One request and its answer: a deadline, a size limit, no redirects, the token in its header.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::RETRY_AFTER;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    account::{Options, Token},
    answer::Answer,
    error::Cause,
};

pub(super) async fn get(
    http: &reqwest::Client,
    token: &Token,
    options: &Options,
    url: Url,
) -> Result<Answer, Cause> {
    let until = Instant::now() + options.deadline;
    timeout_at(
        until,
        exchange(http, token, url, options.response_bytes_max),
    )
    .await
    .unwrap_or(Err(Cause::Deadline(options.deadline)))
}

async fn exchange(
    http: &reqwest::Client,
    token: &Token,
    url: Url,
    bytes_max: u64,
) -> Result<Answer, Cause> {
    let request = http
        .get(url)
        .header(reqwest::header::AUTHORIZATION, token.header());
    let response = request.send().await.map_err(|error| match error {
        error if error.is_connect() => Cause::Connect(error.into()),
        error => Cause::Lost(error.into()),
    })?;
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after,
        body: read_capped(response, bytes_max).await?,
    })
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
