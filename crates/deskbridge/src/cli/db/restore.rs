//! `deskbridge db restore`.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use deskbridge_core::{Chain, Clock};
use deskbridge_store::{copy_to_restore, fold_log};
use tempfile::TempPath;

use super::{FileArguments, told, whole};
use crate::cli::{
    database::{self, Database},
    say,
};

pub(super) async fn run(arguments: &FileArguments) -> anyhow::Result<ExitCode> {
    let (config, copy) = (arguments.file.load()?, arguments.copy.clone());
    let database = match Database::of(&config)? {
        Database::Sqlite(path) => path,
        Database::Postgres { options, .. } => bail!(
            "a PostgreSQL database is put back with PostgreSQL's own means, while no node serves: \
             pg_restore --clean --if-exists --schema={}",
            options.schema
        ),
    };
    let _alone = database::lock(&database).await?;
    let folder = folder_of(&database);
    let partial = partial_in(&folder)?;
    let (from, to) = (copy.clone(), partial.to_path_buf());
    let copied = tokio::task::spawn_blocking(move || copy_to_restore(&from, &to));
    let cannot = || format!("{} cannot be restored; nothing was changed", copy.display());
    copied
        .await
        .context("copying")
        .and_then(|copied| Ok(copied?))
        .with_context(cannot)?;
    let contents = whole(partial.to_path_buf()).await.with_context(cannot)?;
    if database.exists() {
        resemble(&partial, &database)?;
    }
    let kept = keep(&database)?;
    // One name for another at once: whatever happens, there is a whole database under the name.
    partial
        .persist(&database)
        .with_context(|| format!("giving the copy its name {}", database.display()))?;
    sync_folder(&folder)?;
    say(format!(
        "{} now holds what {} held: {}.",
        database.display(),
        copy.display(),
        told(&contents)
    ))?;
    if let Some(kept) = kept {
        say(format!(
            "What was there is kept as {}; remove it when it is not needed.",
            kept.display()
        ))?;
    }
    say("Effects that were open then look at the remote system before they write.")?;
    Ok(ExitCode::SUCCESS)
}

/// Gives a copy the owner and the rights of the database whose place it takes.
fn resemble(copy: &Path, database: &Path) -> anyhow::Result<()> {
    let like = fs::metadata(database).context("looking at the database")?;
    fs::set_permissions(copy, like.permissions()).context("giving the copy its rights")?;
    // Only the superuser may give files away; anybody else is the owner already, or cannot be helped.
    drop(chown(copy, Some(like.uid()), Some(like.gid())));
    Ok(())
}

/// Gives a database that nobody has open a second name that says until when it was used, and its log with it; `None`
/// when there was neither.
fn keep(database: &Path) -> anyhow::Result<Option<PathBuf>> {
    let exists = database.exists();
    if exists {
        match fold_log(database) {
            Ok(true) => {}
            Ok(false) => bail!(
                "another program reads or writes {}; end it first, nothing was changed",
                database.display()
            ),
            // It may be the damage that is the reason for all this.
            Err(error) => say(format!(
                "What was there is kept as it is: {}.",
                Chain(&error)
            ))?,
        }
    }
    let now = Clock::system().now().strftime("%Y%m%dT%H%M%S%.6fZ");
    let kept = database::beside(database, &format!(".until-{now}"));
    let setting_aside = || format!("keeping {} as {}", database.display(), kept.display());
    // A log that stayed would be taken for that of the copy, even where its database is gone.
    let log = database::beside(database, "-wal");
    let kept_log = database::beside(&kept, "-wal");
    let has_log = log.exists();
    if has_log {
        fs::rename(&log, &kept_log).with_context(setting_aside)?;
    }
    let index = database::beside(database, "-shm");
    if index.exists() {
        fs::remove_file(index).with_context(setting_aside)?;
    }
    if !exists {
        return Ok(has_log.then_some(kept_log));
    }
    if fs::hard_link(database, &kept).is_err() {
        // Some file systems have one name for a file.
        fs::rename(database, &kept).with_context(setting_aside)?;
    }
    Ok(Some(kept))
}

/// The folder of a file.
fn folder_of(file: &Path) -> PathBuf {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// An empty file that only its owner may read, to be filled and then given its name; gone when that does not happen.
fn partial_in(folder: &Path) -> anyhow::Result<TempPath> {
    let partial = tempfile::Builder::new()
        .prefix(".deskbridge-")
        .suffix(".partial")
        .tempfile_in(folder)
        .with_context(|| format!("making a file in {}", folder.display()))?;
    Ok(partial.into_temp_path())
}

/// Brings the names in a folder to disk.
fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("bringing {} to disk", folder.display()))
}
