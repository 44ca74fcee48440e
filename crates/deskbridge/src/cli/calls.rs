//! `deskbridge calls`.

mod capture;
mod replay;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum CallsCommand {
    /// Run a recorded manager stream through tracker and planner, and show what would be written.
    #[command(after_help = replay::HELP)]
    Replay(replay::ReplayArguments),
}

pub(super) async fn run(command: CallsCommand) -> anyhow::Result<ExitCode> {
    match command {
        CallsCommand::Replay(arguments) => replay::run(&arguments),
    }
}
