//! The `deskbridge` program: one file a subcommand under `cli`, what they share beside it.

mod cli;
mod config;
mod helpdesk;
mod metrics;
mod telemetry;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;

/// A webhook is a few dozen small allocations that one thread makes and another frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One provider for all TLS of the process; it is only ever installed here.
    drop(rustls::crypto::ring::default_provider().install_default());
    // Before anything else: a process for scripts has no use for the rest of the program.
    if std::env::args().nth(1).as_deref() == Some(cli::SERVE_SCRIPTS) {
        return cli::serve_scripts();
    }
    let command = cli::Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&anyhow::Error::new(error).context("starting the runtime")),
    };
    runtime
        .block_on(cli::run(command))
        .unwrap_or_else(|error| cli::fail(&error))
}
