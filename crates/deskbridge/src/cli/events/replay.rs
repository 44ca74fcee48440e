//! `deskbridge events replay`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use deskbridge_console::change;
use deskbridge_core::Clock;
use deskbridge_journal::Run;

use super::{Asked, Go, announce, events_of, report, say_if_nobody_serves};
use crate::{
    cli::{database::Database, environment, say, terminal::number},
    wire,
};

#[derive(Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    which: super::Which,
    /// Read their bytes anew first, because this program reads more than the one that took them in.
    #[arg(long)]
    reread: bool,
}

pub(super) async fn run(arguments: ReplayArguments) -> anyhow::Result<ExitCode> {
    let ReplayArguments { which, reread } = arguments;
    let (config, dry_run, yes) = (which.file.load()?, which.dry_run, which.yes);
    let database = Database::of(&config)?;
    let store = database.open().await?;
    let events = events_of(&store)?;
    let ids = match which.asked("replay", &change::REPLAYABLE)? {
        Asked::These(ids) => ids,
        Asked::Chosen(filter) => events.replay_all(filter, Run::Dry).await?,
    };
    if let Go::No(code) = announce(&store, &ids, dry_run, yes, "would run again").await? {
        return Ok(code);
    }
    let mut read = change::Reread::default();
    if reread {
        let readers = wire::readers(&config, &environment())?;
        if readers.is_empty() {
            bail!("no CareSoft connection is configured, so that nothing can be read anew");
        }
        let now = Clock::system().now();
        read = change::reread(&store, &ids, &readers, now).await?;
        let many = usize::try_from(read.number).unwrap_or(usize::MAX);
        say(format!(
            "{} read anew",
            number(many, "event was", "events were")
        ))?;
        for connection in &read.without_reader {
            say(format!(
                "Those of {connection} were not: no CareSoft connection of that name is configured."
            ))?;
        }
    }
    let replayed = change::replay(&events, &ids, &read).await?;
    if !replayed.is_empty() {
        say_if_nobody_serves(&database)?;
    }
    report(
        &ids,
        &replayed,
        "will run again",
        "is open or does not exist",
    )
}
