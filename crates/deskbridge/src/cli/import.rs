//! `deskbridge import`.

mod look;
mod map;
mod place;
mod progress;
mod report;
mod source;
mod undo;
mod verify;
mod write;

use std::process::ExitCode;

use clap::Subcommand;

use self::source::Sources;

const WRITE_HELP: &str = "\
Can be run again at any time: what is in the helpdesk is left alone, what changed in the source is brought up to date, what \
was interrupted is finished. Ctrl-C ends what is under way and says how to go on; a second one ends at once, and nothing \
is lost then either. SIGUSR1 pauses and goes on.
Exit status: 0 when everything is in the helpdesk, 1 when some records are not, 3 when it was stopped or the helpdesk went \
away, so that the same command goes on.";

#[derive(Subcommand)]
pub(crate) enum ImportCommand {
    #[command(flatten)]
    Write(Sources<write::WriteArguments>),
    /// Write those records once more that failed before.
    #[command(subcommand, after_help = WRITE_HELP)]
    Retry(Sources<write::WriteArguments>),
    /// Compare every record with what the helpdesk has, field by field, and write a report.
    #[command(subcommand, after_help = verify::HELP)]
    Verify(Sources<verify::VerifyArguments>),
    /// Propose a mapping for a file, from its headers.
    Map(map::MapArguments),
    /// Show how far an import is.
    Status(look::StatusArguments),
    /// List the records that are not in the helpdesk, and why.
    Errors(look::ErrorsArguments),
    /// Take an import back: delete what it made, and give what it found its old values.
    Undo(undo::UndoArguments),
}

pub(super) async fn run(command: ImportCommand) -> anyhow::Result<ExitCode> {
    match command {
        ImportCommand::Write(sources) => write::run(sources, write::Which::All).await,
        ImportCommand::Retry(sources) => write::run(sources, write::Which::Failed).await,
        ImportCommand::Verify(sources) => verify::run(sources).await,
        ImportCommand::Map(arguments) => map::run(&arguments),
        ImportCommand::Status(arguments) => look::status(&arguments).await,
        ImportCommand::Errors(arguments) => look::errors(&arguments).await,
        ImportCommand::Undo(arguments) => undo::run(&arguments).await,
    }
}
