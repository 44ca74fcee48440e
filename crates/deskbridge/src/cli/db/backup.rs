//! `deskbridge db backup`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use tempfile::TempPath;

use super::{FileArguments, told, whole};
use crate::cli::{database, say, terminal::size};

pub(super) async fn run(arguments: &FileArguments) -> anyhow::Result<ExitCode> {
    let copy = &arguments.copy;
    if copy.symlink_metadata().is_ok() {
        bail!(
            "{} exists, and no file is written over; choose another name",
            copy.display()
        );
    }
    let store = database::open(&arguments.file)?;
    let folder = folder_of(copy);
    let partial = partial_in(&folder)?;
    store.backup(partial.to_path_buf()).await?;
    let contents = whole(partial.to_path_buf()).await?;
    let bytes = partial.metadata().context("looking at the copy")?.len();
    partial
        .persist_noclobber(copy)
        .with_context(|| format!("giving the copy its name {}", copy.display()))?;
    sync_folder(&folder)?;
    say(format!(
        "{}: {}, {}. It was checked and is whole.",
        copy.display(),
        size(bytes),
        told(&contents)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of a file.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// An empty file that only its owner may read, to be filled and then given its name; gone when that does not happen.
pub(super) fn partial_in(folder: &Path) -> anyhow::Result<TempPath> {
    let partial = tempfile::Builder::new()
        .prefix(".deskbridge-")
        .suffix(".partial")
        .tempfile_in(folder)
        .with_context(|| format!("making a file in {}", folder.display()))?;
    Ok(partial.into_temp_path())
}

/// Brings the names in a folder to disk.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("bringing {} to disk", folder.display()))
}
