//! `deskbridge frappe`.

mod apply;
mod backup;
mod install;
mod look;
mod trouble;
mod uninstall;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deskbridge_core::Secret;
use frappe::Client;

use self::backup::Backups;
use super::{ConfigFile, environment};
use crate::{
    helpdesk::wanted::Through,
    wire::{self, Connections},
};

/// As long as Frappe's own web server lets a request run.
const DEADLINE: Duration = Duration::from_secs(120);

const INSTALL_HELP: &str = "\
Can be run again at any time: what is as it should be is left alone, and an installation that was interrupted is \
finished. What others made, and what was changed by hand, is kept unless --force is given. Before anything is changed, \
what is there goes into a folder of its own under `backups`.
Exit status: 0 when all is as it should be, 1 when something was kept or failed.";

const DIFF_HELP: &str = "\
Exit status: 0 when all is as it should be, 1 when something differs, 2 when it cannot be found out.";

const UNINSTALL_HELP: &str = "\
Removes what `install` made and gives what it changed its old values, from the backups that it left. What was changed by \
hand since is kept unless --force is given.
Exit status: 0 when all is as it was, 1 when something was kept or failed.";

#[derive(Subcommand)]
pub(crate) enum FrappeCommand {
    /// Make or mend the fields, DocTypes and scripts that the profile needs.
    #[command(after_help = INSTALL_HELP)]
    Install(InstallArguments),
    /// Show what `install` would change, and change nothing.
    #[command(after_help = DIFF_HELP)]
    Diff(InstallArguments),
    /// Take everything out again.
    #[command(after_help = UNINSTALL_HELP)]
    Uninstall(UninstallArguments),
    /// Keep a copy of everything that `install` might touch, and change nothing.
    Backup(BackupArguments),
}

/// Where the helpdesk is and where backups are.
#[derive(Args)]
pub(crate) struct Place {
    #[command(flatten)]
    file: ConfigFile,
    /// Where backups are kept; beside the configuration unless the path is absolute.
    #[arg(long, value_name = "FOLDER", default_value = "backups")]
    backups: PathBuf,
}

#[derive(Args)]
pub(crate) struct InstallArguments {
    #[command(flatten)]
    place: Place,
    /// How calls of agents' browsers reach the hub: the reverse proxy before the helpdesk sends them there, or Server
    /// Scripts pass them on.
    #[arg(long, value_enum, default_value = "proxy")]
    through: Through,
    /// Where the helpdesk reaches the hub, for Server Scripts; what was given before stays in force.
    #[arg(long, value_name = "URL")]
    hub_url: Option<String>,
    /// Overwrite what others made and what was changed by hand; backups are made first.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(crate) struct UninstallArguments {
    #[command(flatten)]
    place: Place,
    /// Remove fields and DocTypes although they hold data, which is then no longer to be seen.
    #[arg(long)]
    with_data: bool,
    /// Undo also what was changed by hand since.
    #[arg(long)]
    force: bool,
    /// Say what would be done and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(command: FrappeCommand) -> anyhow::Result<ExitCode> {
    match command {
        FrappeCommand::Install(arguments) => install::install(&arguments).await,
        FrappeCommand::Diff(arguments) => Ok(install::diff(&arguments).await),
        FrappeCommand::Uninstall(arguments) => uninstall::run(&arguments).await,
        FrappeCommand::Backup(arguments) => backup::run(&arguments.place).await,
    }
}

/// The helpdesk, as its administrator.
struct Helpdesk {
    client: Client,
    /// What Server Scripts prove themselves with, if anything is configured.
    shared_secret: Option<Secret>,
    backups: Backups,
    /// Whether events of CareSoft are carried into it.
    receives_caresoft: bool,
    /// Whether it is told of calls.
    receives_calls: bool,
    /// Whether an import goes there.
    receives_import: bool,
}

impl Helpdesk {
    fn of(place: &Place) -> anyhow::Result<Self> {
        let config = place.file.load()?;
        let environment = environment();
        let connections = Connections::of(&config, &environment)?;
        let frappe = config.profile_frappe()?;
        let shared = frappe.shared_secrets.first().map(|source| {
            let place = format!("frappe[{}].shared_secrets", frappe.name);
            config.secret(&place, source, &environment)
        });
        let client = wire::administrator(&config, &connections, &environment)?;
        let folder = config.folder.join(&place.backups);
        // A new field changes a table, which takes its time where there are many tickets.
        let client = client.deadline(DEADLINE);
        let receives_caresoft = config.caresoft.iter().any(|account| {
            config
                .caresoft_frappe(account)
                .is_ok_and(|one| one.name == frappe.name)
        });
        let receives_calls = config.asterisk.iter().any(|pbx| {
            let told = config.asterisk_frappe(&pbx.connection);
            told.is_ok_and(|one| one.is_some_and(|one| one.name == frappe.name))
        });
        let receives_import = config.import.iter().any(|import| {
            let written = config.import_frappe(import);
            written.is_ok_and(|one| one.name == frappe.name)
        });
        Ok(Self {
            receives_import,
            receives_caresoft,
            receives_calls,
            backups: Backups::new(folder, connections.site.base()),
            client,
            shared_secret: shared
                .transpose()
                .context("what Server Scripts prove themselves with")?
                .filter(|secret| !secret.is_blank()),
        })
    }

    fn site(&self) -> &str {
        self.client.site().base()
    }
}
