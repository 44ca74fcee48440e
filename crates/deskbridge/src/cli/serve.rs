//! `deskbridge serve`.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use deskbridge_http::server;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{ConfigFile, database::Database, environment};
use crate::{
    telemetry,
    wire::{App, Connections},
};

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    telemetry::start(&config.server.log, config.server.log_format)?;
    let environment = environment();
    let connections = Connections::of(&config, &environment)?;
    let database = Database::of(&config)?;
    let (store, _alone) = database.open_to_serve(&config).await?;
    let listener = listen(config.server.listen).await?;
    let address = listener.local_addr()?;
    let app = App::start(&config, &environment, connections, store).await?;
    tracing::info!(%address, %database, "Deskbridge serves");
    let grace = Duration::from_secs(config.server.shutdown_seconds);
    server::serve(listener, app.router, stopped()?, grace).await;
    tracing::info!("Deskbridge stops");
    if !app.tasks.shut_down(grace).await {
        tracing::warn!(
            "Background work was cut off; effects that were interrupted are looked at again at the next start"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Listens, and says what to do when somebody else does already.
pub(super) async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address}; if another program holds the port, choose another")
    })
}

/// Ends when the program is told to stop.
pub(super) fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
