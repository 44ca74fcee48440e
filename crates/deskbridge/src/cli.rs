//! The command line.

mod bitrix24;
mod calls;
mod capture;
mod config;
mod database;
mod db;
mod demo;
mod doctor;
mod effects;
mod events;
mod frappe;
mod hook;
mod import;
mod moment;
mod route;
mod serve;
mod simulate;
mod terminal;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

/// One program between Frappe Helpdesk, Bitrix24, CareSoft and an Asterisk PBX.
#[derive(Parser)]
#[command(name = "deskbridge", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve agents, take webhooks in and follow calls, until told to stop.
    Serve(ConfigFile),
    /// Show it working: simulated systems with invented data, a hub before them, a page to look at.
    Demo(demo::DemoArguments),
    /// Probe every connection and say in sentences what is wrong and how to mend it.
    Doctor(doctor::DoctorArguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask the Bitrix24 portal.
    #[command(subcommand)]
    Bitrix24(bitrix24::Bitrix24Command),
    /// Put the button and what it needs into the helpdesk, and take it out again.
    #[command(subcommand)]
    Frappe(frappe::FrappeCommand),
    /// Move a team's history into the helpdesk: from Freshdesk, from tables, from JSON Lines.
    #[command(subcommand)]
    Import(Box<import::ImportCommand>),
    /// See what was and is to be written to remote systems, and revive what was given up.
    #[command(subcommand)]
    Effects(effects::EffectsCommand),
    /// Look at the routes by which events are sent on, and try one.
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// See what came in, and let it run again.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Follow calls: those that are kept, and those of a recorded PBX.
    #[command(subcommand)]
    Calls(calls::CallsCommand),
    /// Look at the hooks, and try one on what is stored.
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Copy, restore and check the database.
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Run a remote system as a local server with state, limits and faults.
    #[command(subcommand)]
    Simulate(simulate::SimulateCommand),
}

/// Where the configuration is.
#[derive(Args, Clone)]
pub(crate) struct ConfigFile {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "deskbridge.toml",
        env = "DESKBRIDGE_CONFIG"
    )]
    config: PathBuf,
}

/// The argument by which the program starts itself to [serve scripts](serve_scripts). No person gives it.
pub(crate) const SERVE_SCRIPTS: &str = "serve-scripts";

/// Serves scripts on standard input, until it is closed.
pub(crate) fn serve_scripts() -> ExitCode {
    match deskbridge_hooks::runner::javascript::child::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&anyhow::Error::new(error).context(
            "serving scripts, which is what the program starts itself for, and nothing to be called by hand",
        )),
    }
}

/// Runs a command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Serve(file) => serve::run(&file).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Config(command) => config::run(command).await,
        Command::Bitrix24(command) => bitrix24::run(command).await,
        Command::Frappe(command) => frappe::run(command).await,
        Command::Import(command) => import::run(*command).await,
        Command::Effects(command) => effects::run(command).await,
        Command::Route(command) => route::run(command).await,
        Command::Events(command) => events::run(command).await,
        Command::Calls(command) => calls::run(command).await,
        Command::Hook(command) => hook::run(command).await,
        Command::Db(command) => db::run(command).await,
        Command::Simulate(command) => simulate::run(command).await,
    }
}

/// Says why a command failed.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    // Nobody is left to be told when this fails.
    drop(writeln!(io::stderr(), "deskbridge: {error:#}"));
    ExitCode::FAILURE
}

/// Prints a line for the person, or the program, that called. A reader that went away is no failure.
pub(crate) fn say(line: impl AsRef<str>) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", line.as_ref()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// The variables of the environment, as values.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl ConfigFile {
    /// Reads the configuration.
    pub(crate) fn load(&self) -> anyhow::Result<crate::config::Config> {
        Ok(crate::config::Config::load(&self.config, &environment())?)
    }
}
