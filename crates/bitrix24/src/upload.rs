//! One file on its way to a portal: a form with a single part, read as it is sent.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, ReadBuf};

use crate::transport::departure::Departure;

#[cfg(test)]
mod tests;

/// So much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// An upload. Its stream can be taken once.
pub(crate) struct Upload {
    url: SecretString,
    boundary: String,
    parts: Mutex<Option<Parts>>,
}

struct Parts {
    head: Bytes,
    reader: Pin<Box<dyn AsyncRead + Send>>,
    size_bytes: u64,
    tail: Bytes,
}

impl Upload {
    /// An upload of so many bytes; `None` when the address is none.
    pub(crate) fn new(
        url: &str,
        field: &str,
        name: &str,
        size_bytes: u64,
        reader: impl AsyncRead + Send + 'static,
    ) -> Option<Self> {
        Url::parse(url).ok()?;
        // Longer than any run of it that a recording holds by chance.
        let boundary = format!("----{:032x}", fastrand::Rng::new().u128(..));
        let kind = match name.to_ascii_lowercase().ends_with(".wav") {
            true => "audio/wav",
            false => "audio/mpeg",
        };
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {kind}\r\n\r\n",
            quotable(field),
            quotable(name),
        );
        Some(Self {
            url: url.into(),
            parts: Mutex::new(Some(Parts {
                head: head.into(),
                reader: Box::pin(reader),
                size_bytes,
                tail: format!("\r\n--{boundary}--\r\n").into(),
            })),
            boundary,
        })
    }

    pub(crate) fn url(&self) -> Option<Url> {
        Url::parse(self.url.expose_secret()).ok()
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body, the first time.
    pub(crate) fn take_body(&self, departure: Arc<Departure>) -> Option<Streamed> {
        // A panic cannot leave half of it behind.
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = parts.take()?;
        Some(Streamed {
            left_bytes: parts.size_bytes,
            head: Some(parts.head),
            reader: Mutex::new(parts.reader),
            tail: Some(parts.tail),
            buffer: BytesMut::new(),
            departure,
        })
    }

    /// `text` with the tokens of the address blotted out.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let Some(url) = self.url() else {
            return text.to_owned();
        };
        let mut text = text.replace(self.url.expose_secret(), "•••");
        let query = url.query().unwrap_or_default();
        let raw = query.split('&').filter_map(|pair| pair.split_once('='));
        let raw = raw.map(|(_, value)| value.to_owned());
        let decoded = url.query_pairs().map(|(_, value)| value.into_owned());
        for secret in raw.chain(decoded).filter(|secret| secret.len() >= 8) {
            text = text.replace(&secret, "•••");
        }
        text
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

/// A name as it can stand between quotes in a header of a part.
fn quotable(name: &str) -> String {
    let is_plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    name.chars().filter(is_plain).collect()
}

/// The body of an upload. A connection asks for it only when it is about to write the request.
pub(crate) struct Streamed {
    head: Option<Bytes>,
    /// Only ever reached through `&mut`; the lock lets the body be shared between threads all the same.
    reader: Mutex<Pin<Box<dyn AsyncRead + Send>>>,
    left_bytes: u64,
    tail: Option<Bytes>,
    buffer: BytesMut,
    departure: Arc<Departure>,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let streamed = &mut *self;
        if let Some(head) = streamed.head.take() {
            if !streamed.departure.leave() {
                let given_up = io::Error::other("nobody waits for the upload any more");
                return Poll::Ready(Some(Err(given_up)));
            }
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if streamed.left_bytes == 0 {
            return Poll::Ready(streamed.tail.take().map(|tail| Ok(Frame::data(tail))));
        }
        let left = usize::try_from(streamed.left_bytes).unwrap_or(usize::MAX);
        streamed.buffer.resize(CHUNK_BYTES.min(left), 0);
        let mut chunk = ReadBuf::new(&mut streamed.buffer);
        let reader = streamed
            .reader
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let read = ready!(reader.as_mut().poll_read(context, &mut chunk));
        let read_bytes = chunk.filled().len();
        if let Err(error) = read {
            return Poll::Ready(Some(Err(error)));
        }
        if read_bytes == 0 {
            let short = io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the recording ended {left} bytes early"),
            );
            return Poll::Ready(Some(Err(short)));
        }
        streamed.left_bytes -= read_bytes as u64;
        let data = streamed.buffer.split_to(read_bytes).freeze();
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, |part| part.len() as u64);
        SizeHint::with_exact(length(&self.head) + self.left_bytes + length(&self.tail))
    }
}
