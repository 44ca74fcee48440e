//! `import undo`.

use std::process::ExitCode;

use clap::Args;
use deskbridge_import::undo;

use super::place::Place;
use crate::cli::{ConfigFile, say, terminal::plain};

#[derive(Args)]
pub(crate) struct UndoArguments {
    /// What the import is called: `freshdesk`, `csv`, `jsonl`, or what --as said.
    name: String,
    /// Only what this run made, such as 20260302T091500Z; all runs unless given.
    #[arg(long)]
    run: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Do it. Without, what would be done is counted.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &UndoArguments) -> anyhow::Result<ExitCode> {
    let place = Place::open(&arguments.file, &arguments.name)?;
    let _alone = place.alone()?;
    let store = place.ledger().await?;
    let run = arguments.run.as_deref();
    if !arguments.yes {
        let would = undo::planned(&store, place.name(), run).await?;
        say(format!(
            "{} documents would be deleted, and {} would get their old values again. --yes does it.",
            would.deleted, would.restored
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let undone = undo::undo(&place.administrator, &store, place.name(), run, |_| {}).await?;
    for (document, why) in &undone.kept {
        say(format!("! {} stays: {}", plain(document), plain(why)))?;
    }
    say(format!(
        "{} documents were deleted, {} have their old values again, {} stay.",
        undone.deleted,
        undone.restored,
        undone.kept.len()
    ))?;
    Ok(match undone.kept.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
