//! Backups: a folder for each, with one file that says what there was and what was written.
//!
//! No secret is in one: Password fields are not read for it, and a script that seems to hold a secret is left out.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use deskbridge_core::Clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Helpdesk, Place};
use crate::{
    cli::say,
    helpdesk::{
        Fields, Key,
        plan::Change,
        secrets,
        undo::Entry,
        wanted::{OWN, Through, wanted},
    },
};

const FILE: &str = "backup.json";
/// The form of the file; another one is from another release.
const VERSION: u32 = 1;
/// Bytes that a backup has at most; scripts are the largest part.
const FILE_BYTES_MAX: u64 = 50 << 20;

/// The backups of one site.
pub(super) struct Backups {
    folder: PathBuf,
    site: String,
}

/// One backup.
#[derive(Deserialize, Serialize)]
pub(super) struct Backup {
    version: u32,
    site: String,
    made_at: Timestamp,
    made_by: String,
    /// When an uninstallation put everything back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undone_at: Option<Timestamp>,
    pub(super) entries: Vec<Entry>,
}

impl Backups {
    pub(super) fn new(folder: PathBuf, site: &str) -> Self {
        Self {
            folder,
            site: site.to_owned(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a backup and says where.
    pub(super) fn write(&self, entries: Vec<Entry>) -> anyhow::Result<PathBuf> {
        let made_at = Clock::system().now();
        let backup = Backup {
            version: VERSION,
            site: self.site.clone(),
            made_at,
            made_by: concat!("deskbridge ", env!("CARGO_PKG_VERSION")).to_owned(),
            undone_at: None,
            entries,
        };
        let folder = self.new_folder(made_at);
        let folder =
            folder.with_context(|| format!("making a folder in {}", self.folder.display()))?;
        store(&folder, &backup)?;
        Ok(folder)
    }

    /// A new folder that nobody else can look into, named after the time.
    fn new_folder(&self, made_at: Timestamp) -> io::Result<PathBuf> {
        let mut private = DirBuilder::new();
        private.mode(0o700);
        if !self.folder.exists() {
            private.recursive(true).create(&self.folder)?;
            private.recursive(false);
        }
        let name = made_at.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let mut number = 1;
        loop {
            let folder = match number {
                1 => self.folder.join(&name),
                _ => self.folder.join(format!("{name}-{number}")),
            };
            match private.create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                other => return other.map(|()| folder),
            }
        }
    }

    /// The backups of this site that no uninstallation has put back, oldest first.
    pub(super) fn open(&self) -> anyhow::Result<Vec<(PathBuf, Backup)>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", self.folder.display()));
            }
        };
        for entry in entries {
            let folder = entry?.path();
            if !folder.join(FILE).is_file() {
                continue;
            }
            let backup = load(&folder)?;
            if backup.site == self.site && backup.undone_at.is_none() {
                found.push((folder, backup));
            }
        }
        found.sort_by(|(left_at, left), (right_at, right)| {
            (left.made_at, left_at).cmp(&(right.made_at, right_at))
        });
        Ok(found)
    }

    /// Notes that a backup was put back.
    pub(super) fn close(&self, folder: &Path, backup: Backup) -> anyhow::Result<()> {
        let undone_at = Some(Clock::system().now());
        store(
            folder,
            &Backup {
                undone_at,
                ..backup
            },
        )
    }
}

/// Writes the file in one step: half a backup is never seen.
fn store(folder: &Path, backup: &Backup) -> anyhow::Result<()> {
    let written = || -> io::Result<()> {
        let part = folder.join(format!("{FILE}.part"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(&serde_json::to_vec_pretty(backup)?)?;
        file.sync_all()?;
        fs::rename(part, folder.join(FILE))
    };
    written().with_context(|| format!("writing a backup into {}", folder.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of ours, whose size is looked at first"
)]
fn load(folder: &Path) -> anyhow::Result<Backup> {
    let path = folder.join(FILE);
    let reading = || format!("reading the backup {}", path.display());
    let bytes = fs::metadata(&path).with_context(reading)?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{} is larger than a backup can be", path.display());
    }
    let text = fs::read_to_string(&path).with_context(reading)?;
    let backup: Backup = serde_json::from_str(&text).with_context(reading)?;
    if backup.version != VERSION {
        bail!(
            "{} was made by {}, in a form that this release does not read; use that release",
            path.display(),
            backup.made_by
        );
    }
    Ok(backup)
}

/// What is recorded before a change is made: of a document that is there, the fields that will be written.
pub(super) fn entry(change: &Change) -> Entry {
    let before = change.from.as_ref().map(|from| {
        let written = change.to.keys().map(String::as_str).chain(change.secret);
        written
            .filter_map(|field| Some((field.to_owned(), from.get(field)?.clone())))
            .collect()
    });
    Entry {
        key: change.key.clone(),
        before,
        installed: Some(change.to.clone()),
        secret: change.secret.map(str::to_owned),
    }
}

/// `deskbridge frappe backup`.
pub(super) async fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let helpdesk = Helpdesk::of(place)?;
    let current = match helpdesk.look(&wanted(Through::ServerScripts)).await {
        Ok(current) => current,
        // Without the role Script Manager there is still the rest.
        Err(error) => {
            let rest = helpdesk.look(&wanted(Through::Proxy)).await?;
            say(format!("! Server Scripts are left out: {error:#}"))?;
            rest
        }
    };
    let mut entries = Vec::new();
    for (key, fields) in current.documents {
        keep(&mut entries, key, fields)?;
    }
    for doctype in OWN {
        let key = Key::new("DocType", doctype);
        if let Some(fields) = helpdesk.read(&key).await? {
            keep(&mut entries, key, fields)?;
        }
    }
    let count = entries.len();
    let folder = helpdesk.backups.write(entries)?;
    say(format!(
        "{count} document(s) of {} are kept in {}.",
        helpdesk.site(),
        folder.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn keep(entries: &mut Vec<Entry>, key: Key, fields: Fields) -> anyhow::Result<()> {
    if secrets::fields_hold_secret(&fields) {
        return say(format!(
            "! {key} is left out, because it has what looks like a webhook or a key in it"
        ));
    }
    entries.push(Entry {
        key,
        before: Some(fields),
        installed: None,
        secret: None,
    });
    Ok(())
}
