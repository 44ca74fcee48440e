//! The database of a configuration: a file beside a program that serves or without one, or a PostgreSQL server that
//! several programs share.

use std::{
    fmt,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_core::Secret;
use deskbridge_store::{PostgresOptions, Store};

use super::{ConfigFile, environment};
use crate::{config::Config, wire};

/// Tries to lock a database before it is believed to be in use: a command may only be looking.
const TRIES: usize = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(40);
const OPENING: &str = "opening the database";

/// Where everything is kept.
pub(super) enum Database {
    /// In a file, for one program that serves.
    Sqlite(PathBuf),
    /// On a server, for any number of them.
    Postgres {
        address: Secret,
        options: PostgresOptions,
    },
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres { options, .. } => {
                write!(f, "PostgreSQL, schema {}", options.schema)
            }
        }
    }
}

/// Opens the database of a configuration, which must exist.
pub(super) async fn open(file: &ConfigFile) -> anyhow::Result<Store> {
    Database::of(&file.load()?)?.open().await
}

impl Database {
    /// The one that a configuration names.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let server = &config.server;
        let Some(url) = &server.database_url else {
            return Ok(Self::Sqlite(config.database()));
        };
        let root_certificate = server.database_ca_file.as_ref();
        Ok(Self::Postgres {
            address: config.secret("server.database_url", url, &environment())?,
            options: PostgresOptions {
                schema: server.database_schema.clone(),
                root_certificate: root_certificate.map(|file| config.folder.join(file)),
                ..PostgresOptions::default()
            },
        })
    }

    /// Opens it beside whoever serves. A file must exist.
    pub(super) async fn open(&self) -> anyhow::Result<Store> {
        match self {
            Self::Sqlite(path) if !path.exists() => bail!(
                "there is no database {}; `deskbridge serve` makes it",
                path.display()
            ),
            Self::Sqlite(path) => Store::open(path).context(OPENING),
            Self::Postgres { address, options } => {
                let opened = Store::open_postgres(address, options).await;
                opened.context(OPENING)
            }
        }
    }

    /// Opens it to serve; with a file, as the only one as long as what is returned with the store is kept.
    pub(super) async fn open_to_serve(
        &self,
        config: &Config,
    ) -> anyhow::Result<(Store, Option<File>)> {
        match self {
            Self::Sqlite(path) => {
                let alone = lock(path).await?;
                let store = Store::open_within(path, wire::store_limits(config));
                Ok((store.context(OPENING)?, Some(alone)))
            }
            Self::Postgres { .. } => Ok((self.open().await?, None)),
        }
    }

    /// Whether a process serves with it. What cannot be found out counts as yes: nobody is told to start another.
    pub(super) fn is_served(&self) -> bool {
        match self {
            Self::Sqlite(path) => match File::open(beside(path, ".lock")) {
                Ok(file) => file.try_lock_shared().is_err(),
                Err(_) => false,
            },
            Self::Postgres { .. } => true,
        }
    }
}

/// Makes sure that one process works on a file, because it carries out effects as if it were alone.
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

/// A file whose name is the database's with something behind.
pub(super) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}
