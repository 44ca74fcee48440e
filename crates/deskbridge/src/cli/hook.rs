//! `deskbridge hook`.

mod list;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum HookCommand {
    /// Show the hooks, what runs them, and which are suspended.
    List(list::ListArguments),
    /// Ask a hook about something that is stored, and show what would change. Nothing is sent.
    #[command(after_help = test::HELP)]
    Test(test::TestArguments),
}

pub(super) async fn run(command: HookCommand) -> anyhow::Result<ExitCode> {
    match command {
        HookCommand::List(arguments) => list::run(&arguments).await,
        HookCommand::Test(arguments) => test::run(&arguments).await,
    }
}
