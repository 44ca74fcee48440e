//! Files of tickets and messages.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use frappe::{Cause, Filter, List, Name, Upload};
use freshdesk::{
    Account, Download,
    record::{Attachment, AttachmentId, Link, TicketId},
};
use md5::{Digest as _, Md5};
use tokio::time::sleep;

use super::{Sent, Stop, TRIES_MAX, Writer, never_heard};
use crate::{
    decide::{
        freshdesk::with_addresses,
        pace::Sort,
        planned::{FilePlace, PlannedFile},
    },
    record::Remote,
};

/// How often a file is fetched.
const FETCHES_MAX: u32 = 4;
/// How long is waited before it is fetched again, where its host does not say.
const FETCH_AFTER: Duration = Duration::from_millis(500);
const FOREIGN: &str = "it lies at a host that is not Freshdesk's";
const NO_ACCOUNT: &str =
    "it lies in Freshdesk, and no account was named from which it could be fetched";

/// The largest file that is read: more than any helpdesk takes.
const FILE_BYTES_MAX: u64 = 100 << 20;

/// What a file is, once it was got.
enum Got {
    Bytes(Vec<u8>),
    /// It is lost where it came from, or must not be fetched.
    Lost(String),
    /// It lies at an address that is nobody's business here.
    Foreign,
}

/// A file that stands in the helpdesk.
enum Attached {
    At(String),
    Lost,
    Foreign,
}

impl Writer {
    /// Attaches those files that are missing. The site takes a file twice, so it is asked first unless nothing can be
    /// there. What is lost in the source is noted, and the ticket is written without it.
    pub(super) async fn attach(
        &self,
        doctype: &str,
        document: &Name,
        files: &[PlannedFile],
        is_fresh: bool,
        lost: &mut Vec<String>,
    ) -> Result<(), Stop> {
        for file in files {
            self.attach_one(doctype, document, file, is_fresh, lost)
                .await?;
        }
        Ok(())
    }

    /// The text of a message with the addresses of its images as they are in the helpdesk. The images are attached to the
    /// ticket, so that who may read it sees them.
    pub(super) async fn with_images(
        &self,
        content: &str,
        images: &[PlannedFile],
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<String, Stop> {
        let mut addresses = BTreeMap::new();
        for image in images {
            let Some(written) = image.inline.clone() else {
                continue;
            };
            // The same image may stand in many messages.
            let attached = self.attach_one("HD Ticket", ticket, image, false, lost);
            let address = match attached.await? {
                Attached::At(address) => address,
                // Without an address what is said of the image is shown, and nobody is asked for it.
                Attached::Lost => String::new(),
                Attached::Foreign => continue,
            };
            addresses.insert(written, address);
        }
        Ok(with_addresses(content, |written| {
            addresses.get(written).cloned()
        }))
    }

    async fn attach_one(
        &self,
        doctype: &str,
        document: &Name,
        file: &PlannedFile,
        is_fresh: bool,
        lost: &mut Vec<String>,
    ) -> Result<Attached, Stop> {
        let bytes = match self.bytes(file).await? {
            Got::Bytes(bytes) => bytes,
            Got::Foreign => return Ok(Attached::Foreign),
            Got::Lost(why) => {
                lost.push(why);
                return Ok(Attached::Lost);
            }
        };
        let hash: String = Md5::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = match &file.place {
            FilePlace::Address(_) => format!("{}.{}", file.name, ending(&bytes)),
            FilePlace::Folder(_) | FilePlace::Freshdesk(_) => file.name.clone(),
        };
        let mut may_be_there = !is_fresh;
        for _ in 0..TRIES_MAX {
            if may_be_there && let Some(address) = self.address(doctype, document, &hash).await? {
                return Ok(Attached::At(address));
            }
            let sent = self
                .sender
                .write(Sort::Uneven, async |client| {
                    let upload = Upload::bytes(name.as_str(), bytes.clone());
                    client
                        .upload(upload.attached_to(doctype, document.clone()))
                        .await
                })
                .await?;
            match sent {
                Sent::Done(made) => {
                    let address = made.file_url.as_str();
                    return Ok(Attached::At(address.to_owned()));
                }
                Sent::Refused(error) if matches!(error.cause, Cause::RequestTooLarge) => {
                    lost.push("it is larger than the helpdesk takes".to_owned());
                    return Ok(Attached::Lost);
                }
                Sent::Refused(error) => return Err(Stop::refused(&error)),
                Sent::Unknown => may_be_there = true,
            }
        }
        Err(never_heard("File"))
    }

    /// Where a file lies, found by its content: the site gives a file another name when that name is taken.
    async fn address(
        &self,
        doctype: &str,
        document: &Name,
        hash: &str,
    ) -> Result<Option<String>, Stop> {
        let list = List::new()
            .fields(["name", "file_url"])
            .filter(Filter::eq("attached_to_doctype", doctype))
            .filter(Filter::eq("attached_to_name", document))
            .filter(Filter::eq("content_hash", hash))
            .limit(1);
        let found = self
            .sender
            .read(async |client| client.list("File", &list).await)
            .await?;
        let address = |file: &frappe::Document| file.text("file_url").map(str::to_owned);
        Ok(found.first().map(|file| address(file).unwrap_or_default()))
    }

    async fn bytes(&self, file: &PlannedFile) -> Result<Got, Stop> {
        let path = match &file.place {
            FilePlace::Folder(path) => path,
            FilePlace::Freshdesk(remote) => {
                let Some(account) = &self.account else {
                    return Ok(Got::Lost(NO_ACCOUNT.to_owned()));
                };
                let open = async || freshdesk_file(account, remote, file.size_bytes).await;
                return match fetch(open).await {
                    // An image may be left at a stranger's; an attachment is lost there.
                    Ok(Got::Foreign) => Ok(Got::Lost(FOREIGN.to_owned())),
                    Ok(got) => Ok(got),
                    Err(error) => Err(Stop::Refused {
                        why: format!("a file of it could not be fetched: {error}"),
                        name: None,
                    }),
                };
            }
            FilePlace::Address(address) => {
                let Some(account) = &self.account else {
                    return Ok(Got::Foreign);
                };
                let link = Link::new(address.as_str());
                let open = async || account.inline_image(&link).await;
                // A text without one of its images is better than no ticket.
                let lost =
                    |error: freshdesk::Error| Got::Lost(format!("an image: {}", error.cause));
                return Ok(fetch(open).await.unwrap_or_else(lost));
            }
        };
        let unreadable = |why: &str| Stop::Refused {
            why: format!("its file `{path}` cannot be read: {why}"),
            name: None,
        };
        let folder = self.files.clone();
        let folder = folder.ok_or_else(|| unreadable("no folder of files was named"))?;
        let wanted = path.clone();
        let reading = tokio::task::spawn_blocking(move || read_below(&folder, &wanted));
        let read = reading
            .await
            .map_err(|_panicked| unreadable("reading it ended in a panic"))?;
        read.map(Got::Bytes).map_err(|why| unreadable(&why))
    }
}

async fn freshdesk_file(
    account: &Account,
    remote: &Remote,
    size_bytes: Option<u64>,
) -> Result<Download, freshdesk::Error> {
    let attachment = Attachment {
        id: AttachmentId(remote.attachment),
        name: None,
        content_type: None,
        size: size_bytes,
        link: remote.link.as_deref().map(Link::new),
        created_at: None,
        other: serde_json::Map::new(),
    };
    account
        .attachment(TicketId(remote.ticket), &attachment)
        .await
}

/// A file, tried again where that may help.
///
/// # Errors
/// What another time may not be.
async fn fetch(
    open: impl AsyncFn() -> Result<Download, freshdesk::Error>,
) -> Result<Got, freshdesk::Error> {
    let fetched = async || {
        let mut download = open().await?;
        let mut bytes = Vec::new();
        while let Some(piece) = download.chunk().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok::<_, freshdesk::Error>(bytes)
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match fetched().await {
            Ok(bytes) if bytes.is_empty() => return Ok(Got::Lost("it is empty".to_owned())),
            Ok(bytes) => return Ok(Got::Bytes(bytes)),
            Err(error) => error,
        };
        match (&error.cause, error.verdict()) {
            (freshdesk::Cause::ForeignHost { .. } | freshdesk::Cause::FileAddress, _) => {
                return Ok(Got::Foreign);
            }
            (cause, freshdesk::Verdict::Never) => {
                let why = format!("it cannot be had from Freshdesk: {cause}");
                return Ok(Got::Lost(why));
            }
            (_, freshdesk::Verdict::RetryAfter(_)) if tries >= FETCHES_MAX => return Err(error),
            (_, freshdesk::Verdict::RetryAfter(after)) => {
                sleep(after.unwrap_or(FETCH_AFTER)).await;
            }
        }
    }
}

/// What the first bytes say a picture is.
fn ending(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [b'G', b'I', b'F', ..] => "gif",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "webp",
        _ => "bin",
    }
}

/// A file below the folder of files.
pub(crate) fn read_below(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    let path = inside(folder, path).ok_or("it does not lie below the folder of files")?;
    let file = std::fs::File::open(&path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| error.to_string())?;
    match read as u64 > FILE_BYTES_MAX {
        true => Err(format!("it is larger than {FILE_BYTES_MAX} bytes")),
        false => Ok(bytes),
    }
}

/// A path below a folder; nothing that leads out of it.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let stays = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let whole = folder.join(path);
    let real = whole.canonicalize().ok()?;
    (stays && real.starts_with(folder.canonicalize().ok()?)).then_some(real)
}
