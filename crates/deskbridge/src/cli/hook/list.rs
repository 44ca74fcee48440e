//! `deskbridge hook list`.

use std::process::ExitCode;

use clap::Args;
use deskbridge_core::Clock;
use deskbridge_hooks::CONTRACTS;
use serde_json::json;

use crate::{
    cli::{
        ConfigFile, database, environment, say,
        terminal::{local, plain},
    },
    config::hook::{Hook, Runs},
    wire::hooks::{self, Configured},
};

#[derive(Args)]
pub(crate) struct ListArguments {
    /// All names that a hook can have, and when each is asked.
    #[arg(long)]
    all: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    if arguments.all {
        for contract in &CONTRACTS {
            say(match arguments.json {
                true => json!({
                    "name": contract.name,
                    "of": contract.generation.name(),
                    "asked": contract.when,
                })
                .to_string(),
                false => format!("{:30}  {}", contract.name, contract.when),
            })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let config = arguments.file.load()?;
    let clock = Clock::system();
    let configured = Configured::of(&config, &environment(), &clock)?;
    let store = database::open(&arguments.file).await.ok();
    for (of, hook) in configured.all() {
        let suspended = match &store {
            Some(store) => hooks::suspension(store, &of.name, clock.now()).await?,
            None => None,
        };
        let broken = hooks::check(of, hook, &config.folder).await.err();
        if arguments.json {
            let line = json!({
                "name": of.name,
                "runs": runs(of, &config.folder),
                "connections": of.connections,
                "timeout_ms": u64::try_from(of.timeout().as_millis()).ok(),
                "enabled": of.enabled,
                "broken": broken,
                "suspended_until": suspended.as_ref().map(|(until, _)| until),
                "suspended_because": suspended.as_ref().map(|(_, why)| why),
            });
            say(line.to_string())?;
            continue;
        }
        let on = match of.connections.as_slice() {
            [] => "everywhere".to_owned(),
            some => some.join(", "),
        };
        let state = match (of.enabled, broken, suspended) {
            (false, ..) => "switched off".to_owned(),
            (true, Some(why), _) => format!("cannot be run: {}", plain(&why)),
            (true, None, Some((until, why))) => {
                format!("suspended until {}: {}", local(until), plain(&why))
            }
            (true, None, None) => "on".to_owned(),
        };
        let runs = plain(&runs(of, &config.folder));
        say(format!("{:30}  {runs}  {on}  {state}", of.name))?;
    }
    if config.hook.is_empty() && !arguments.json {
        say(
            "No [[hook]] is configured. `deskbridge hook list --all` shows the names that one can have.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What runs a hook, in a few words. An address may be a secret.
fn runs(of: &Hook, folder: &std::path::Path) -> String {
    match of.runs(folder) {
        Ok(Runs::JavaScript(file) | Runs::Php { file, .. }) => file.display().to_string(),
        Ok(Runs::Command(command)) => command.join(" "),
        Ok(Runs::Endpoint { .. }) => "an address".to_owned(),
        Err(error) => error.to_string(),
    }
}
