//! Where an import goes: the configuration, the helpdesk, the ledger.

use std::fs::{File, TryLockError};

use anyhow::{Context as _, bail};
use deskbridge_import::{
    decide::Settings,
    reader::{Source, hooked::Hooked},
};
use deskbridge_store::Store;
use frappe::Client;

use crate::{
    cli::{
        ConfigFile,
        database::{self, Database},
        environment,
    },
    config::{Config, Import},
    wire,
};

pub(super) struct Place {
    pub(super) config: Config,
    pub(super) import: Import,
    pub(super) settings: Settings,
    pub(super) client: Client,
    /// Who may change settings of the helpdesk.
    pub(super) administrator: Client,
}

impl Place {
    /// The import of this name; nothing is asked yet.
    pub(super) fn open(file: &ConfigFile, name: &str) -> anyhow::Result<Self> {
        let config = file.load()?;
        let found = config.import.iter().find(|import| import.name == name);
        let import = found.cloned().unwrap_or_else(|| Import::unsaid(name));
        let environment = environment();
        let frappe = config.import_frappe(&import)?;
        let (site, client) = wire::helpdesk(&config, frappe, &environment)?;
        let administrator = wire::administrator_of(&config, frappe, &site, &client, &environment)?;
        let settings = Settings {
            source: name.to_owned(),
            ..import.mapping.clone()
        };
        Ok(Self {
            client,
            administrator,
            settings,
            import,
            config,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.import.name
    }

    /// The source as the user's own decisions have it, where there are any about records.
    pub(super) fn hooked(&self, source: Source) -> anyhow::Result<Source> {
        let helpdesk = &self.config.import_frappe(&self.import)?.name;
        let asked = wire::hooks::of_import(&self.config, helpdesk, &environment())?;
        Ok(match asked {
            Some((hooks, at_once)) => Source::Hooked(Hooked::new(source, hooks, at_once)),
            None => source,
        })
    }

    /// The ledger, which is made where there is none.
    pub(super) async fn ledger(&self) -> anyhow::Result<Store> {
        ledger(&self.config).await
    }

    /// Makes sure that no other command of this machine writes the same import.
    pub(super) fn alone(&self) -> anyhow::Result<File> {
        let name = format!(".import-{}.lock", self.name());
        let path = database::beside(&self.config.database(), &name);
        let file = File::create(&path)
            .with_context(|| format!("making {}, beside the database", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another command works on the import {}; wait for it, or stop it first",
                    self.name()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", path.display()))
            }
        }
    }
}

pub(super) async fn ledger(config: &Config) -> anyhow::Result<Store> {
    let database = Database::of(config)?;
    match &database {
        Database::Sqlite(path) => Store::open(path).context("opening the database"),
        Database::Postgres { .. } => database.open().await,
    }
}
