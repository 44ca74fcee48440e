//! Attachments and inline images: at hosts of others, without the key, under links that do not last.

use std::{fmt, time::Duration};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use ring::digest;
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

use super::{Account, address::is_loopback, transport::lost};
use crate::{
    error::{Cause, Error},
    question::Question,
    record::{Attachment, Link, Ticket, TicketId},
};

/// Where files are known to lie: the account's own hosts, and the clouds that the vendor keeps them in.
const USUAL_HOSTS: [&str; 4] = [
    ".freshdesk.com",
    ".freshworks.com",
    ".amazonaws.com",
    ".cloudfront.net",
];
const REDIRECTS_MAX: u8 = 3;

/// A host that files may be fetched from, or all hosts below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHost(String);

impl FileHost {
    /// `files.acme.example`, or `*.acme.example`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(host: &str) -> Result<Self, InvalidFileHost> {
        let host = host.trim().to_ascii_lowercase();
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let is_host = name.contains('.') && name.bytes().all(is_letter) && !name.starts_with('.');
        match is_host {
            true => Ok(Self(host.trim_start_matches('*').to_owned())),
            false => Err(InvalidFileHost),
        }
    }

    fn covers(&self, host: &str) -> bool {
        match self.0.starts_with('.') {
            true => host.ends_with(&self.0),
            false => host == self.0,
        }
    }
}

/// No host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a host nor *. and a host")]
pub struct InvalidFileHost;

/// A file that is being fetched, piece by piece.
pub struct Download {
    question: Question,
    response: reqwest::Response,
    /// What it says it is; not to be believed.
    pub content_type: Option<String>,
    expected: Option<u64>,
    bytes: u64,
    bytes_max: u64,
    silence_max: Duration,
    file_deadline: Duration,
    until: Instant,
    hash: digest::Context,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("bytes", &self.bytes)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl Download {
    /// The next piece; nothing at the end, once every byte that was announced has come.
    ///
    /// # Errors
    /// When it breaks off, or is larger than allowed, or has another size than announced.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.piece()
            .await
            .map_err(|cause| Error::new(&self.question, cause))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Cause> {
        let silence = Instant::now() + self.silence_max;
        let (until, deadline) = match silence < self.until {
            true => (silence, self.silence_max),
            false => (self.until, self.file_deadline),
        };
        let chunk = timeout_at(until, self.response.chunk()).await;
        let chunk = chunk.map_err(|_elapsed| Cause::Deadline(deadline))?;
        let Some(chunk) = chunk.map_err(|error| Cause::Lost(error.into()))? else {
            return match self.expected.filter(|expected| *expected != self.bytes) {
                Some(expected) => Err(Cause::WrongSize {
                    expected,
                    got: self.bytes,
                }),
                None => Ok(None),
            };
        };
        self.bytes += chunk.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(Cause::TooLarge {
                bytes_max: self.bytes_max,
            });
        }
        self.hash.update(&chunk);
        Ok(Some(chunk))
    }

    /// So many bytes came so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of what came so far: two inline images are the same if this is, whatever their addresses.
    pub fn sha256(&self) -> [u8; 32] {
        let hash = self.hash.clone().finish();
        let mut own = [0; 32];
        own.copy_from_slice(hash.as_ref());
        own
    }
}

impl Account {
    /// Begins to fetch a file of a ticket or of one of its conversations. Where its link has expired, the ticket is read
    /// anew, once.
    ///
    /// # Errors
    /// When it could not be fetched.
    pub async fn attachment(
        &self,
        of: TicketId,
        attachment: &Attachment,
    ) -> Result<Download, Error> {
        let question = Question::File(Some(attachment.id));
        let first = match &attachment.link {
            Some(link) => self.open(&question, link, attachment.size).await,
            None => Err(Cause::DeadLink { status: 0 }),
        };
        let opened = match first {
            Err(Cause::DeadLink { status }) => {
                let ticket = self.ticket(of).await;
                let ticket = match ticket {
                    Err(error) if matches!(error.cause, Cause::Missing) => {
                        self.archived_ticket(of).await?
                    }
                    other => other?,
                };
                match find(&ticket, attachment) {
                    Some(Attachment {
                        link: Some(link),
                        size,
                        ..
                    }) => self.open(&question, link, *size).await,
                    _ => Err(Cause::DeadLink { status }),
                }
            }
            other => other,
        };
        opened.map_err(|cause| Error::new(&question, cause))
    }

    /// Begins to fetch what an address in HTML points to, such as an inline image; `cid:` before it is left out. The
    /// address is whatever a customer wrote: only hosts that files are known to lie at are asked.
    ///
    /// # Errors
    /// When it could not be fetched.
    pub async fn inline_image(&self, link: &Link) -> Result<Download, Error> {
        let question = Question::File(None);
        let opened = self.open(&question, link, None).await;
        opened.map_err(|cause| Error::new(&question, cause))
    }

    async fn open(
        &self,
        question: &Question,
        link: &Link,
        size: Option<u64>,
    ) -> Result<Download, Cause> {
        let bytes_max = self.0.options.file_bytes_max;
        if size.is_some_and(|size| size > bytes_max) {
            return Err(Cause::TooLarge { bytes_max });
        }
        let address = link.as_str().trim();
        let address = address.strip_prefix("cid:").unwrap_or(address);
        let mut url = Url::parse(address).map_err(|_unreadable| Cause::FileAddress)?;
        for _ in 0..=REDIRECTS_MAX {
            self.check_file_host(&url)?;
            let deadline = self.0.options.deadline;
            let sent = timeout(deadline, self.0.files.get(url.clone()).send()).await;
            let response = sent
                .map_err(|_elapsed| Cause::Deadline(deadline))?
                .map_err(lost)?;
            let status = response.status().as_u16();
            match status {
                200 => return Ok(self.download(question, response, size)),
                300..=399 => {
                    let location = response
                        .headers()
                        .get(LOCATION)
                        .and_then(|location| location.to_str().ok());
                    let next = location.and_then(|location| url.join(location).ok());
                    url = next.ok_or(Cause::FileAddress)?;
                }
                // A cloud says 400 or 403 of a signature that has expired.
                400 | 401 | 403 | 404 | 410 => return Err(Cause::DeadLink { status }),
                429 | 500.. => {
                    let retry_after = super::transport::retry_after(response.headers());
                    return Err(Cause::ServerFault {
                        status,
                        retry_after,
                    });
                }
                _ => return Err(Cause::DeadLink { status }),
            }
        }
        Err(Cause::Redirected { status: 302 })
    }

    fn download(
        &self,
        question: &Question,
        response: reqwest::Response,
        size: Option<u64>,
    ) -> Download {
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        Download {
            question: question.clone(),
            content_type: content_type.map(str::to_owned),
            expected: size.or(response.content_length()),
            response,
            bytes: 0,
            bytes_max: self.0.options.file_bytes_max,
            silence_max: self.0.options.deadline,
            file_deadline: self.0.options.file_deadline,
            until: Instant::now() + self.0.options.file_deadline,
            hash: digest::Context::new(&digest::SHA256),
        }
    }

    /// HTTPS to a host that is known; loopback only when the account itself is there.
    fn check_file_host(&self, url: &Url) -> Result<(), Cause> {
        let host = url.host().ok_or(Cause::FileAddress)?;
        let foreign = || Cause::ForeignHost {
            host: url.host_str().unwrap_or_default().to_owned(),
        };
        if is_loopback(&host) {
            let is_own = self.0.base.host().is_some_and(|own| is_loopback(&own));
            return if is_own { Ok(()) } else { Err(foreign()) };
        }
        let Host::Domain(name) = host else {
            return Err(foreign());
        };
        let is_usual = USUAL_HOSTS.iter().any(|usual| name.ends_with(usual));
        let is_allowed = is_usual
            || self
                .0
                .options
                .file_hosts
                .iter()
                .any(|allowed| allowed.covers(name));
        match url.scheme() == "https" && url.port().is_none() && is_allowed {
            true => Ok(()),
            false => Err(foreign()),
        }
    }
}

fn find<'a>(ticket: &'a Ticket, attachment: &Attachment) -> Option<&'a Attachment> {
    let conversations = ticket
        .conversations
        .iter()
        .flat_map(|item| &item.attachments);
    let mut all = ticket.attachments.iter().chain(conversations);
    all.find(|found| found.id == attachment.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, Options};

    #[test]
    fn files_are_fetched_from_hosts_that_are_known() {
        let options = || Options {
            file_hosts: vec![
                FileHost::new("files.acme.example").unwrap(),
                FileHost::new("*.cdn.example").unwrap(),
            ],
            ..Options::default()
        };
        let account = |address| Account::new(address, Key::new("k").unwrap(), options()).unwrap();
        let (cloud, local) = (account("acme"), account("http://127.0.0.1:1"));
        for (address, by_cloud, by_local) in [
            (
                "https://attachment.freshdesk.com/inline/attachment?token=x",
                true,
                true,
            ),
            (
                "https://eucattachment.freshdesk.com/inline/attachment",
                true,
                true,
            ),
            (
                "https://s3.amazonaws.com/cdn.freshdesk.com/data/1",
                true,
                true,
            ),
            ("https://files.acme.example/1", true, true),
            ("https://a.cdn.example/1", true, true),
            ("https://cdn.example/1", false, false),
            ("http://attachment.freshdesk.com/x", false, false),
            ("https://attachment.freshdesk.com:8443/x", false, false),
            ("https://freshdesk.com.evil.test/x", false, false),
            ("https://169.254.169.254/latest/meta-data", false, false),
            ("https://[::ffff:10.0.0.1]/x", false, false),
            ("http://127.0.0.1:2/x", false, true),
            ("file:///etc/passwd", false, false),
        ] {
            let url = Url::parse(address).unwrap();
            assert_eq!(cloud.check_file_host(&url).is_ok(), by_cloud, "{address}");
            assert_eq!(local.check_file_host(&url).is_ok(), by_local, "{address}");
        }
        for host in ["", "*", "*.", "local", "a b.example", "*.x"] {
            assert!(FileHost::new(host).is_err(), "{host}");
        }
    }
}
