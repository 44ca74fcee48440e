//! `deskbridge bitrix24`.

mod bind;
mod fields;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bitrix24Command {
    /// Read the portal's fields with their labels and propose a field map.
    Fields(fields::FieldsArguments),
    /// Ask the portal of a local application for the events of calls.
    Bind(bind::BindArguments),
}

pub(super) async fn run(command: Bitrix24Command) -> anyhow::Result<ExitCode> {
    match command {
        Bitrix24Command::Fields(arguments) => fields::run(arguments).await,
        Bitrix24Command::Bind(arguments) => bind::run(&arguments).await,
    }
}
