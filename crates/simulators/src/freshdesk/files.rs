//! The host of attachments and inline images: another one than the account's, which wants no key and lets links expire.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest;

use super::{desk::Desk, records::Attachment};
use crate::server::{Handler, Reply, Request};

/// Where inline images seem to lie.
const INLINE_HOST: &str = "https://attachment.freshdesk.com";

/// Makes and checks links to files.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// Scheme, host and port of the host of files.
    pub(super) base: String,
    /// How long a link works.
    pub(super) seconds_max: i64,
}

impl Signer {
    /// A link that works for a while. Everything that the host needs to know is in it.
    pub(super) fn sign(&self, file: &Attachment, now: Timestamp) -> String {
        let issued = now.as_second();
        let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
        let signature = signature(file.id, file.size, issued);
        format!(
            "{}/data/helpdesk/attachments/production/{}/original/{name}?X-Amz-Size={}&X-Amz-Date={issued}&X-Amz-Signature={signature}",
            self.base, file.id, file.size
        )
    }

    /// HTML whose inline images lie at the host of files.
    pub(super) fn sign_inline(&self, html: &str) -> String {
        html.replace(INLINE_HOST, &self.base)
    }
}

/// The token of an inline image in HTML.
pub(super) fn inline_url(id: u64, size: u64) -> String {
    format!("{INLINE_HOST}/inline/attachment?token={id}.{size}")
}

fn signature(id: u64, size: u64, issued: i64) -> String {
    let text = format!("files {id} {size} {issued}");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let bytes = hash.as_ref().iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a file.
pub fn content(id: u64, size: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(id);
    (0..size).map(|_| random.u8(..)).collect()
}

/// The host of files as a server.
#[derive(Debug)]
pub(super) struct FileHost(pub(super) Desk);

impl Handler for FileHost {
    async fn handle(&self, request: Request) -> Reply {
        let name = format!("FILE {}", request.path());
        let request = Arc::new(request);
        self.0.with_faults(&name, |desk| desk.file(&request)).await
    }
}

impl Desk {
    fn file(&self, request: &Request) -> Response<Bytes> {
        if request.header("authorization").is_some() {
            return xml(StatusCode::BAD_REQUEST, "InvalidArgument");
        }
        let query: Vec<(String, String)> = url::form_urlencoded::parse(request.query().as_bytes())
            .into_owned()
            .collect();
        let number = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.parse::<u64>().ok())
        };
        let text = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        if request.path() == "/inline/attachment" {
            let token = text("token").split_once('.');
            let token = token.and_then(|(id, size)| Some((id.parse().ok()?, size.parse().ok()?)));
            return match token {
                Some((id, size)) => bytes("image/png", content(id, size)),
                None => xml(StatusCode::FORBIDDEN, "AccessDenied"),
            };
        }
        let mut parts = request.path().split('/').rev().skip(2);
        let id = parts.next().and_then(|id| id.parse().ok());
        let (Some(id), Some(size), Some(issued)) = (id, number("X-Amz-Size"), number("X-Amz-Date"))
        else {
            return xml(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let issued = i64::try_from(issued).unwrap_or_default();
        if text("X-Amz-Signature") != signature(id, size, issued) {
            return xml(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
        }
        if self.now().as_second() - issued > self.signer().seconds_max {
            return xml(StatusCode::FORBIDDEN, "AccessDenied");
        }
        bytes("application/octet-stream", content(id, size))
    }
}

fn bytes(kind: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    let kind = http::HeaderValue::from_static(kind);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

fn xml(status: StatusCode, code: &str) -> Response<Bytes> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    let mut response = bytes("application/xml", body.into_bytes());
    *response.status_mut() = status;
    response
}
