//! `deskbridge db`.

mod backup;
mod restore;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deskbridge_store::{CheckedFile, check_file};

use super::{ConfigFile, database::Database, say, terminal::number};

const BACKUP_HELP: &str = "\
Works while `deskbridge serve` runs. The copy is one file, checked and on disk when this ends; a file that exists is never \
written over. It holds what customers wrote, and no secret of the configuration: keep that separately. A database in \
PostgreSQL is copied with pg_dump.";

const RESTORE_HELP: &str = "\
Stop `deskbridge serve` first. The copy is checked before anything changes, and the database that was there is kept beside \
it. Effects that were open when the copy was made look at the remote system before they write.";

const CHECK_HELP: &str = "\
Reads the whole database, also while `deskbridge serve` runs.
Exit status: 0 when it is whole, 1 when something is wrong.";

#[derive(Subcommand)]
pub(crate) enum DbCommand {
    /// Copy the database into a file, while it is in use.
    #[command(after_help = BACKUP_HELP)]
    Backup(FileArguments),
    /// Put a copy in place of the database.
    #[command(after_help = RESTORE_HELP)]
    Restore(FileArguments),
    /// Say what is wrong with the database.
    #[command(after_help = CHECK_HELP)]
    Check(ConfigFile),
}

#[derive(Args)]
pub(crate) struct FileArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The copy.
    #[arg(value_name = "FILE")]
    copy: PathBuf,
}

pub(super) async fn run(command: DbCommand) -> anyhow::Result<ExitCode> {
    match command {
        DbCommand::Backup(arguments) => backup::run(&arguments).await,
        DbCommand::Restore(arguments) => restore::run(&arguments).await,
        DbCommand::Check(file) => check(&file).await,
    }
}

async fn check(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let database = Database::of(&file.load()?)?;
    let findings = database.open().await?.check().await?;
    for finding in &findings {
        say(finding.to_string())?;
    }
    if findings.is_empty() {
        say("The database is whole.")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(match database {
        Database::Sqlite(_) => {
            "Keep a copy of the file as it is, then put the latest backup in its place with `deskbridge db restore`."
        }
        Database::Postgres { .. } => {
            "Keep a copy of the schema as it is with pg_dump, then put the latest backup in its place with pg_restore."
        }
    })?;
    Ok(ExitCode::FAILURE)
}

/// What a copy holds, which must be whole.
async fn whole(copy: PathBuf) -> anyhow::Result<CheckedFile> {
    let look = move || check_file(&copy);
    let checked = tokio::task::spawn_blocking(look)
        .await
        .context("looking at the copy")??;
    if checked.findings.is_empty() {
        return Ok(checked);
    }
    let findings: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    anyhow::bail!("the copy is not whole:\n{}", findings.join("\n"))
}

/// What a copy holds, in words.
fn told(checked: &CheckedFile) -> String {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    format!(
        "{}, {}",
        number(count(checked.events), "event", "events"),
        number(count(checked.effects), "effect", "effects")
    )
}
