//! Recordings: `telephony.externalCall.attachRecord` by address, and the upload of a stream.

use std::{fmt, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncRead;

use super::CallId;
use crate::{Call, Client, Error, Id, Outcome, Row, upload::Upload};

/// A recording to be uploaded.
pub struct Recording<R> {
    /// Its name, which ends in `.mp3` or `.wav`: portals take nothing else.
    pub name: String,
    /// Its exact size. What the reader has beyond it is not sent, and a reader that ends before it fails the upload.
    pub size_bytes: u64,
    /// Where it is read from, as it is sent.
    pub reader: R,
    /// The largest size that is sent; a larger one is refused before anything is.
    pub size_bytes_max: u64,
    /// How long the upload may take, the portal's answer included.
    pub deadline: Duration,
}

impl<R> Recording<R> {
    /// A recording of at most 200 MiB that may take five minutes.
    pub fn new(name: impl Into<String>, size_bytes: u64, reader: R) -> Self {
        Self {
            name: name.into(),
            size_bytes,
            reader,
            size_bytes_max: 200 << 20,
            deadline: Duration::from_secs(300),
        }
    }

    /// What keeps it from being uploaded.
    fn flaw(&self) -> Option<String> {
        let name = self.name.to_ascii_lowercase();
        if !matches!(name.rsplit_once('.'), Some((stem, "mp3" | "wav")) if !stem.is_empty()) {
            return Some("a recording's name ends in .mp3 or .wav".to_owned());
        }
        if self.size_bytes == 0 {
            return Some("the recording is empty".to_owned());
        }
        let (bytes, bytes_max) = (self.size_bytes, self.size_bytes_max);
        let why = || format!("the recording is {bytes} bytes, the limit is {bytes_max}");
        (bytes > bytes_max).then(why)
    }
}

/// Says nothing of where it is read from.
impl<R> fmt::Debug for Recording<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("name", &self.name)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// What attaching a recording came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachedRecord {
    /// The file.
    pub file: Option<Id>,
}

/// Where a portal takes one recording. The address holds a token, so it is not shown.
#[derive(Clone)]
pub struct UploadSlot {
    url: SecretString,
    field: String,
}

impl UploadSlot {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            url: SecretString::from(&*row.text("uploadUrl")?),
            field: row
                .text("fieldName")
                .map_or_else(|| "file".to_owned(), Into::into),
        })
    }
}

impl fmt::Debug for UploadSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadSlot")
    }
}

impl Client {
    /// Uploads a recording to a finished call: asks for a place, then streams the file there. It replaces the
    /// recording that the call may have.
    ///
    /// The stream is read once, so nothing of this is repeated here. Done again it does no harm: what was attached is
    /// replaced. Before the call is finished the portal knows no such call.
    pub async fn upload_record<R: AsyncRead + Send + 'static>(
        &self,
        call_id: &CallId,
        recording: Recording<R>,
    ) -> Outcome<AttachedRecord> {
        if let Some(flaw) = recording.flaw() {
            return Outcome::Refused(self.malformed(ATTACH, &flaw));
        }
        match self.upload_slot(call_id, &recording.name).await {
            Outcome::Done(slot) => self.upload_into(&slot, recording).await,
            // A place that nobody takes up is nothing.
            Outcome::Unknown(error) | Outcome::NotSent(error) => Outcome::NotSent(error),
            Outcome::Refused(error) => Outcome::Refused(error),
        }
    }

    /// Asks for a place for a recording of this name.
    pub async fn upload_slot(&self, call_id: &CallId, name: &str) -> Outcome<UploadSlot> {
        let call = Call::write(ATTACH)
            .param("CALL_ID", call_id)
            .param("FILENAME", name);
        let outcome = self.write(call).await;
        outcome.read(|answer| UploadSlot::read(&answer.row().ok()?))
    }

    /// Streams a recording to its place. A place on another host than the portal's is refused.
    pub async fn upload_into<R: AsyncRead + Send + 'static>(
        &self,
        slot: &UploadSlot,
        recording: Recording<R>,
    ) -> Outcome<AttachedRecord> {
        if let Some(flaw) = recording.flaw() {
            return Outcome::Refused(self.malformed(UPLOAD, &flaw));
        }
        let url = slot.url.expose_secret();
        let upload = Upload::new(
            url,
            &slot.field,
            &recording.name,
            recording.size_bytes,
            recording.reader,
        );
        let is_own = self.portal().base().has(url);
        let (Some(upload), true) = (upload, is_own) else {
            let why = "the place for the upload is not on the portal";
            return Outcome::Refused(self.malformed(UPLOAD, why));
        };
        let sent: Result<_, Error> = self.upload(UPLOAD, upload, recording.deadline).await;
        Outcome::from(sent).read(|answer| {
            let file = answer.row().ok().and_then(|row| row.id("FILE_ID"));
            Some(AttachedRecord { file })
        })
    }

    /// Lets the portal fetch a recording from an address that it can reach. A portal in the cloud reaches no private
    /// one.
    pub async fn attach_record_url(
        &self,
        call_id: &CallId,
        url: &str,
        name: &str,
    ) -> Outcome<AttachedRecord> {
        let call = Call::write(ATTACH)
            .param("CALL_ID", call_id)
            .param("FILENAME", name)
            .param("RECORD_URL", url);
        let outcome = self.write(call).await;
        outcome.read(|answer| {
            let file = answer.row().ok()?.id("FILE_ID");
            Some(AttachedRecord { file })
        })
    }
}

const ATTACH: &str = "telephony.externalCall.attachRecord";
/// What portals call the place in their addresses.
const UPLOAD: &str = "upload";
