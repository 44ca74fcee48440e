//! Whether the files of a ticket and of its messages are in the helpdesk.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use frappe::{Client, Document, Filter, List, Op};
use md5::{Digest as _, Md5};

use super::Wrong;
use crate::{
    Result,
    decide::{
        PlannedTicket,
        freshdesk::image_sources,
        planned::{FilePlace, PlannedFile},
    },
    target::asking,
    write,
};

/// What characters of a name the helpdesk may replace.
const REPLACED: [char; 5] = ['/', '\\', '%', '?', '#'];

/// What files are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The folder below which attached files lie.
    pub(super) folder: Option<&'a Path>,
    /// Whether files were fetched from an account.
    pub(super) has_account: bool,
}

/// A document with its files, and its text as it should be and as it is.
pub(super) struct Holder<'a> {
    pub(super) doctype: &'static str,
    pub(super) name: String,
    pub(super) files: &'a [PlannedFile],
    pub(super) images: &'a [PlannedFile],
    pub(super) wanted: &'a str,
    pub(super) found: String,
}

/// What of their files is missing. The images of messages are files of the ticket.
pub(super) async fn compare(
    client: &Client,
    ticket: (&str, &PlannedTicket),
    messages: &[Holder<'_>],
    wanted: Wanted<'_>,
) -> Result<Vec<Wrong>> {
    const TICKET: &str = "HD Ticket";
    let (name, planned) = ticket;
    let has_images = messages.iter().any(|message| !message.images.is_empty());
    let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    if has_images || !planned.files.is_empty() {
        holders.entry(TICKET).or_default().push(name);
    }
    for message in messages.iter().filter(|message| !message.files.is_empty()) {
        let names = holders.entry(message.doctype).or_default();
        names.push(&message.name);
    }
    let mut standing: BTreeMap<(&str, String), Vec<Document>> = BTreeMap::new();
    for (doctype, names) in holders {
        let list = List::new()
            .fields(["file_name", "file_url", "file_size", "content_hash"])
            .fields(["attached_to_name"])
            .filter(Filter::eq("attached_to_doctype", doctype))
            .filter(Filter::new("attached_to_name", Op::In, names))
            .limit(0);
        let rows = client.list("File", &list).await;
        for row in rows.map_err(asking(format!("the files of ticket {name}")))? {
            let holder = row.to_text("attached_to_name").unwrap_or_default();
            standing.entry((doctype, holder)).or_default().push(row);
        }
    }
    let of = |doctype, name: &str| {
        let files = standing.get(&(doctype, name.to_owned()));
        files.map(Vec::as_slice).unwrap_or_default()
    };
    let mut missing = missing_of(of(TICKET, name), &planned.files, wanted);
    let addresses: HashSet<&str> = of(TICKET, name)
        .iter()
        .filter_map(|file| file.text("file_url"))
        .collect();
    for message in messages {
        let standing = of(message.doctype, &message.name);
        missing.extend(missing_of(standing, message.files, wanted));
        missing.extend(missing_images(message, &addresses, wanted));
    }
    Ok(missing.into_iter().map(Wrong::MissingFile).collect())
}

fn missing_of(standing: &[Document], files: &[PlannedFile], wanted: Wanted<'_>) -> Vec<String> {
    let files = files.iter().filter(|file| is_moved(file, wanted));
    let missing = files.filter(|file| {
        let hash = match (&file.place, wanted.folder) {
            (FilePlace::Folder(path), Some(folder)) => hash(folder, path),
            _ => None,
        };
        !standing.iter().any(|found| match &hash {
            Some(hash) => found.text("content_hash") == Some(hash),
            None => is_of_size(found, file.size_bytes) && is_called(found, &file.name),
        })
    });
    missing.map(|file| file.name.clone()).collect()
}

/// Those images that the text does not show, neither from the helpdesk nor from where they were: one that lies at a
/// stranger's is left there.
fn missing_images(
    message: &Holder<'_>,
    addresses: &HashSet<&str>,
    wanted: Wanted<'_>,
) -> Vec<String> {
    let (planned, found) = (image_sources(message.wanted), image_sources(&message.found));
    let is_shown = |image: &&PlannedFile| {
        let places = planned.iter().zip(&found);
        let mut shown = places.filter(|(written, _)| Some(**written) == image.inline.as_deref());
        shown.any(|(written, address)| written == address || addresses.contains(*address))
    };
    let images = message
        .images
        .iter()
        .filter(|image| is_moved(image, wanted));
    let missing = images.filter(|image| !is_shown(image));
    missing.map(|image| image.name.clone()).collect()
}

/// Whether an import brings the file along: an empty one the helpdesk does not take.
fn is_moved(file: &PlannedFile, wanted: Wanted<'_>) -> bool {
    let is_had = match file.place {
        FilePlace::Folder(_) | FilePlace::Freshdesk(_) => true,
        FilePlace::Address(_) => wanted.has_account,
    };
    is_had && file.size_bytes != Some(0)
}

fn hash(folder: &Path, path: &str) -> Option<String> {
    let bytes = write::read_below(folder, path).ok()?;
    let hash = Md5::digest(&bytes);
    Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_of_size(found: &Document, bytes: Option<u64>) -> bool {
    let size = found.get("file_size").and_then(serde_json::Value::as_u64);
    bytes.is_none_or(|bytes| size.is_none_or(|size| size == bytes))
}

/// Whether a file has the name, or what the helpdesk makes of one that is taken: with a part of its hash behind the stem.
fn is_called(found: &Document, name: &str) -> bool {
    let plain = |name: &str| name.replace(REPLACED, "_").to_lowercase();
    let found = plain(found.text("file_name").unwrap_or_default());
    let name = plain(name);
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name.as_str(), String::new()),
    };
    let middle = found
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(ending.as_str()));
    middle.is_some_and(|middle| {
        middle.is_empty()
            || middle.len() == 6 && middle.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name_and_by_what_becomes_of_a_name_that_is_taken() {
        for (found, name, expected) in [
            ("thư.txt", "thư.txt", true),
            ("thưa1b2c3.txt", "thư.txt", true),
            ("Thư.TXT", "thư.txt", true),
            ("thư mới.txt", "thư.txt", false),
            ("thư.pdf", "thư.txt", false),
            ("50_.txt", "50%.txt", true),
            ("read", "read", true),
            ("readffffff", "read", true),
            ("", "read", false),
        ] {
            let document = Document::new().with("file_name", found);
            assert_eq!(is_called(&document, name), expected, "{found} for {name}");
        }
    }
}
