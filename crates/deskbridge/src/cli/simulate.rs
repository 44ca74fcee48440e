//! `deskbridge simulate`.

mod asterisk;
mod caresoft;
mod freshdesk;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deskbridge_core::Clock;
use serde_json::json;
use simulators::{
    bitrix24,
    faults::{Rule, Script},
    frappe,
    server::Listen,
};

use super::{say, serve::stopped};

const BITRIX24_HELP: &str = "\
Prints its addresses, webhooks and certificate as one line of JSON. While it runs:
  GET, PUT /_simulator/data       everything it holds; a file to start from
  GET, PUT /_simulator/faults     what it does wrong
  GET, PUT /_simulator/limits     requests a second and operating time
  GET, PUT /_simulator/latency    {\"request_ms\": 50, \"command_ms\": 2}
  GET      /_simulator/journal    what it was asked";

const FRAPPE_HELP: &str = "\
Prints its address and the keys of its users as one line of JSON. While it runs:
  GET, PUT /_simulator/data       everything it holds; a file to start from
  PUT      /_simulator/faults     what it does wrong
  PUT      /_simulator/latency    {\"ms\": 20}
  GET      /_simulator/journal    what it was asked";

#[derive(Subcommand)]
pub(crate) enum SimulateCommand {
    /// A Bitrix24 portal.
    #[command(after_help = BITRIX24_HELP)]
    Bitrix24(Bitrix24Arguments),
    /// A Frappe site with Helpdesk.
    #[command(after_help = FRAPPE_HELP)]
    Frappe(SimulateArguments),
    /// A CareSoft account, which can send webhooks to a hub.
    #[command(after_help = caresoft::HELP)]
    Caresoft(Box<caresoft::CaresoftArguments>),
    /// A Freshdesk account with any number of tickets, or its export as a file.
    #[command(after_help = freshdesk::HELP)]
    Freshdesk(freshdesk::FreshdeskArguments),
    /// The manager interface of an Asterisk PBX, on which recorded calls happen once more.
    #[command(after_help = asterisk::HELP)]
    Asterisk(asterisk::AsteriskArguments),
}

#[derive(Args)]
pub(crate) struct SimulateArguments {
    /// Where it listens for plain HTTP; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What it holds, as JSON in the form of `GET /_simulator/data`; without, the invented sample.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// What it does wrong, as a JSON list of rules.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Bitrix24Arguments {
    #[command(flatten)]
    common: SimulateArguments,
    /// Where it listens for HTTPS as well, with a certificate made for this run.
    #[arg(long, value_name = "ADDRESS")]
    listen_tls: Option<SocketAddr>,
}

pub(super) async fn run(command: SimulateCommand) -> anyhow::Result<ExitCode> {
    match command {
        SimulateCommand::Bitrix24(arguments) => portal(arguments).await?,
        SimulateCommand::Frappe(arguments) => site(arguments).await?,
        SimulateCommand::Caresoft(arguments) => return caresoft::run(*arguments).await,
        SimulateCommand::Freshdesk(arguments) => freshdesk::run(arguments).await?,
        SimulateCommand::Asterisk(arguments) => asterisk::run(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn portal(arguments: Bitrix24Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    let data = match &common.data {
        Some(file) => read(file)?,
        None => bitrix24::sample(Clock::system().now()),
    };
    let options = bitrix24::Options {
        http: Some(common.listen),
        https: arguments.listen_tls,
        data,
        faults: faults(common.faults.as_deref())?,
        ..bitrix24::Options::default()
    };
    let running = bitrix24::start(options).await?;
    let webhooks = running.portal.data().webhooks;
    let base = running.http_url.as_deref().unwrap_or_default();
    let webhooks = webhooks.iter().map(|webhook| {
        json!({
            "url": format!("{base}{}", webhook.path()),
            "scopes": webhook.scopes,
            "active": webhook.active,
        })
    });
    let ready = json!({
        "http_url": running.http_url,
        "https_url": running.https_url,
        "certificate_pem": running.certificate_pem,
        "webhooks": webhooks.collect::<Vec<_>>(),
    });
    say(ready.to_string())?;
    stopped()?.await;
    Ok(())
}

async fn site(arguments: SimulateArguments) -> anyhow::Result<()> {
    let data = match &arguments.data {
        Some(file) => read(file)?,
        None => frappe::sample(Clock::system().now()),
    };
    let users = data.users.iter().filter_map(|user| {
        let (key, secret) = (user.api_key.as_ref()?, user.api_secret.as_ref()?);
        Some(json!({
            "email": user.email,
            "roles": user.roles,
            "enabled": user.enabled,
            "authorization": format!("token {key}:{secret}"),
        }))
    });
    let users = users.collect::<Vec<_>>();
    let options = frappe::Options {
        listen: Listen {
            address: arguments.listen,
            ..Listen::loopback()
        },
        data,
        ..frappe::Options::default()
    };
    let running = frappe::start(options).await?;
    running
        .site
        .set_faults(faults(arguments.faults.as_deref())?);
    say(json!({"url": running.url, "users": users}).to_string())?;
    stopped()?.await;
    Ok(())
}

/// Reads a file of JSON.
fn read<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = read_file(file)?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}

fn faults(file: Option<&Path>) -> anyhow::Result<Vec<Rule>> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    Script::parse(&read_file(file)?).with_context(|| format!("reading {}", file.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file that the person at the terminal names"
)]
fn read_file(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}
