//! The database that commands work on, beside a program that serves or without one.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_store::Store;

use super::ConfigFile;

/// Tries to lock a database before it is believed to be in use: a command may only be looking.
const TRIES: usize = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(40);

/// Opens the database of a configuration, which must exist.
pub(super) fn open(file: &ConfigFile) -> anyhow::Result<Store> {
    open_at(&file.load()?.database())
}

/// Opens a database, which must exist.
pub(super) fn open_at(path: &Path) -> anyhow::Result<Store> {
    if !path.exists() {
        bail!(
            "there is no database {}; `deskbridge serve` makes it",
            path.display()
        );
    }
    Store::open(path).context("opening the database")
}

/// Makes sure that one process works on a database, because it carries out effects as if it were alone.
pub(super) async fn lock(database: &Path) -> anyhow::Result<File> {
    let path = beside(database, ".lock");
    let file = File::create(&path)
        .with_context(|| format!("making {}, beside the database", path.display()))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(BETWEEN_TRIES).await,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
    bail!(
        "another deskbridge serves with the database {}; stop it first",
        database.display()
    )
}

/// Whether a process serves with a database. What cannot be found out counts as yes: nobody is told to start another.
pub(super) fn is_served(database: &Path) -> bool {
    let Ok(file) = File::open(beside(database, ".lock")) else {
        return false;
    };
    file.try_lock_shared().is_err()
}

/// A file whose name is the database's with something behind.
pub(super) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}
