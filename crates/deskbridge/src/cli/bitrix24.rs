//! `deskbridge bitrix24`.

mod fields;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bitrix24Command {
    /// Read the portal's fields with their labels and propose a field map.
    Fields(fields::FieldsArguments),
}

pub(super) async fn run(command: Bitrix24Command) -> anyhow::Result<ExitCode> {
    match command {
        Bitrix24Command::Fields(arguments) => fields::run(arguments).await,
    }
}
