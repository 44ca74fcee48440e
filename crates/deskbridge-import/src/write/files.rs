//! Files of tickets and messages.

use std::{
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use frappe::{Filter, List, Name, Upload};
use md5::{Digest as _, Md5};

use super::{Sent, Stop, TRIES_MAX, Writer, never_heard};
use crate::decide::{pace::Sort, planned::PlannedFile};

/// The largest file that is read: more than any helpdesk takes.
const FILE_BYTES_MAX: u64 = 100 << 20;

impl Writer {
    /// Attaches those files that are missing. The site takes a file twice, so it is asked first unless nothing can be
    /// there.
    pub(super) async fn attach(
        &self,
        doctype: &str,
        document: &Name,
        files: &[PlannedFile],
        is_fresh: bool,
    ) -> Result<(), Stop> {
        for file in files {
            self.attach_one(doctype, document, file, is_fresh).await?;
        }
        Ok(())
    }

    async fn attach_one(
        &self,
        doctype: &str,
        document: &Name,
        file: &PlannedFile,
        is_fresh: bool,
    ) -> Result<(), Stop> {
        let bytes = self.bytes(file).await?;
        let hash: String = Md5::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut may_be_there = !is_fresh;
        for _ in 0..TRIES_MAX {
            if may_be_there && self.has_file(doctype, document, &hash).await? {
                return Ok(());
            }
            let sent = self
                .sender
                .write(Sort::Uneven, async |client| {
                    let upload = Upload::bytes(file.name.as_str(), bytes.clone());
                    client
                        .upload(upload.attached_to(doctype, document.clone()))
                        .await
                })
                .await?;
            match sent {
                Sent::Done(_) => return Ok(()),
                Sent::Refused(error) => return Err(Stop::refused(&error)),
                Sent::Unknown => may_be_there = true,
            }
        }
        Err(never_heard("File"))
    }

    /// By its content: the site gives a file another name when that name is taken.
    async fn has_file(&self, doctype: &str, document: &Name, hash: &str) -> Result<bool, Stop> {
        let list = List::new()
            .filter(Filter::eq("attached_to_doctype", doctype))
            .filter(Filter::eq("attached_to_name", document))
            .filter(Filter::eq("content_hash", hash))
            .limit(1);
        let found = self
            .sender
            .read(async |client| client.list("File", &list).await)
            .await?;
        Ok(!found.is_empty())
    }

    async fn bytes(&self, file: &PlannedFile) -> Result<Vec<u8>, Stop> {
        let unreadable = |why: &str| Stop::Refused {
            why: format!("its file `{}` cannot be read: {why}", file.path),
            name: None,
        };
        let folder = self.files.clone();
        let folder = folder.ok_or_else(|| unreadable("no folder of files was named"))?;
        let path = file.path.clone();
        let reading = tokio::task::spawn_blocking(move || read(&folder, &path));
        let read = reading
            .await
            .map_err(|_panicked| unreadable("reading it ended in a panic"))?;
        read.map_err(|why| unreadable(&why))
    }
}

fn read(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
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
