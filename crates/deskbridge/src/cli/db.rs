//! `deskbridge db`.

mod backup;
mod restore;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deskbridge_store::care::{self, FileContents};

use super::{ConfigFile, database, say, terminal::number};

const BACKUP_HELP: &str = "\
Works while `deskbridge serve` runs. The copy is one file, checked and on disk when this ends; a file that exists is never \
written over. It holds what customers wrote, and no secret of the configuration: keep that separately.";

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
    let problems = database::open(file)?.check().await?;
    for problem in &problems {
        say(problem)?;
    }
    if problems.is_empty() {
        say("The database is whole.")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(
        "Keep a copy of the file as it is, then put the latest backup in its place with `deskbridge db restore`.",
    )?;
    Ok(ExitCode::FAILURE)
}

/// What a copy holds, which must be whole.
async fn whole(copy: PathBuf) -> anyhow::Result<FileContents> {
    let look = move || care::contents(&copy);
    let contents = tokio::task::spawn_blocking(look)
        .await
        .context("looking at the copy")??;
    match contents.problems.as_slice() {
        [] => Ok(contents),
        problems => anyhow::bail!("the copy is not whole:\n{}", problems.join("\n")),
    }
}

/// What a copy holds, in words.
fn told(contents: &FileContents) -> String {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    format!(
        "{}, {}",
        number(count(contents.events), "event", "events"),
        number(count(contents.effects), "effect", "effects")
    )
}
