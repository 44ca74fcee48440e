//! `deskbridge events reverify`.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use deskbridge_journal::Reader;
use deskbridge_store::Accepted;

use super::{events_of, say_if_nobody_serves};
use crate::{
    cli::{ConfigFile, database::Database, environment, say, terminal::number},
    config::Config,
    wire,
};

#[derive(Args)]
pub(crate) struct ReverifyArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The name of the connection.
    connection: String,
}

pub(super) async fn run(arguments: ReverifyArguments) -> anyhow::Result<ExitCode> {
    let (config, connection) = (arguments.file.load()?, arguments.connection);
    let reader = reader(&config, &connection)?;
    let database = Database::of(&config)?;
    let store = database.open().await?;
    let events = events_of(&store)?;
    let taken = events.reverify(&connection, reader.as_ref()).await?;
    let new = taken.iter().filter(|one| matches!(one, Accepted::New(_)));
    let (new, left) = (new.count(), store.count_quarantined().await?);
    let repeated = taken.len() - new;
    let left = left.get(&connection).copied().unwrap_or_default();
    say(format!(
        "{} verified",
        number(taken.len(), "body was", "bodies were")
    ))?;
    if repeated > 0 {
        say(format!(
            "{repeated} of them repeated what had come in before"
        ))?;
    }
    if left > 0 {
        say(format!("{left} still cannot be verified"))?;
    }
    if new > 0 {
        say_if_nobody_serves(&database)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What verifies and reads the events of a connection.
fn reader(config: &Config, connection: &str) -> anyhow::Result<Arc<dyn Reader>> {
    let readers = wire::readers(config, &environment())?;
    let found = readers.get(connection).cloned();
    found.with_context(|| format!("no CareSoft connection of the name {connection} is configured"))
}
