//! `deskbridge events discard`.

use std::process::ExitCode;

use clap::Args;
use deskbridge_console::change;
use deskbridge_core::Clock;

use super::{Asked, Go, announce, report};
use crate::cli::database;

#[derive(Args)]
pub(crate) struct DiscardArguments {
    #[command(flatten)]
    which: super::Which,
}

pub(super) async fn run(arguments: DiscardArguments) -> anyhow::Result<ExitCode> {
    let which = arguments.which;
    let (dry_run, yes) = (which.dry_run, which.yes);
    let store = database::open(&which.file).await?;
    let ids = match which.asked("discard", &change::DISCARDABLE)? {
        Asked::These(ids) => ids,
        Asked::Chosen(filter) => change::to_discard(&store, &filter).await?,
    };
    if let Go::No(code) = announce(&store, &ids, dry_run, yes, "would be thrown away").await? {
        return Ok(code);
    }
    let discarded = change::discard(&store, &ids, Clock::system().now()).await?;
    let not_done = "neither waits nor was given up";
    report(&ids, &discarded, "thrown away", not_done)
}
