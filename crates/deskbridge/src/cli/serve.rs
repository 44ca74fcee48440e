//! `deskbridge serve`.

use std::{
    fs::{File, TryLockError},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_http::server;
use deskbridge_store::Store;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{ConfigFile, environment};
use crate::{
    telemetry,
    wire::{self, App, Connections},
};

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    telemetry::start(&config.server.log, config.server.log_format)?;
    let environment = environment();
    let connections = Connections::of(&config, &environment)?;
    let database = config.database();
    let _alone = lock(&database)?;
    let store = Store::open_within(&database, wire::store_limits(&config))
        .context("opening the database")?;
    let listener = listen(config.server.listen).await?;
    let address = listener.local_addr()?;
    let app = App::start(&config, &environment, connections, store).await?;
    tracing::info!(%address, database = %database.display(), "Deskbridge serves");
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

/// Makes sure that one process works on a database, because it carries out effects as if it were alone.
fn lock(database: &Path) -> anyhow::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = Path::new(&path);
    let file = File::create(path)
        .with_context(|| format!("making {}, beside the database", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another deskbridge serves with the database {}; stop it first",
                database.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}
