//! `deskbridge calls`.

mod list;
mod reconcile;
mod replay;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum CallsCommand {
    /// Run a recorded manager stream through tracker and planner, and show what would be written.
    #[command(after_help = replay::HELP)]
    Replay(replay::ReplayArguments),
    /// List calls, the latest first.
    List(list::ListArguments),
    /// Show one with its conversations, transfers and recordings.
    Show(show::OneArguments),
    /// Tell the whole story of one: what happened, what was and is to be written of it, and why something is not.
    Trace(show::OneArguments),
    /// Compare calls with what the portal's statistics hold, and write again what is lacking there.
    #[command(after_help = reconcile::HELP)]
    Reconcile(reconcile::ReconcileArguments),
}

pub(super) async fn run(command: CallsCommand) -> anyhow::Result<ExitCode> {
    match command {
        CallsCommand::Replay(arguments) => replay::run(&arguments),
        CallsCommand::List(arguments) => list::run(arguments).await,
        CallsCommand::Show(arguments) => show::run(&arguments).await,
        CallsCommand::Trace(arguments) => show::trace(&arguments).await,
        CallsCommand::Reconcile(arguments) => reconcile::run(&arguments).await,
    }
}
