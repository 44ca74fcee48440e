//! `deskbridge route`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use deskbridge_core::{Clock, Event, EventId};
use deskbridge_store::Store;
use deskbridge_sync::routes::{
    send::{Sender, Sent},
    settings::{Route, Then},
};
use serde_json::json;

use super::{ConfigFile, database::Database, environment, say};
use crate::wire;

const TEST_HELP: &str = "\
Shows each step with the stored event: whether the route takes it, the body that goes out, and the names of the headers. \
Nothing is sent, unless --send is given: then the answer and what would follow from it are shown, and nothing else \
happens. The delivery has an id of its own, so that a target that knows the event's takes it for another.
Exit status: 0 when the route takes the event and, with --send, it was delivered; 1 otherwise.";

#[derive(Subcommand)]
pub(crate) enum RouteCommand {
    /// Show the routes, and which are switched off.
    List(ListArguments),
    /// Try a route on a stored event, step by step.
    #[command(after_help = TEST_HELP)]
    Test(TestArguments),
    /// Switch a route on again that its target's answer switched off.
    Enable(EnableArguments),
}

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct TestArguments {
    /// The route.
    route: String,
    /// The event.
    #[arg(long, value_name = "ID")]
    event: EventId,
    /// Send it, and show the answer.
    #[arg(long)]
    send: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Args)]
pub(crate) struct EnableArguments {
    /// The route.
    route: String,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(command: RouteCommand) -> anyhow::Result<ExitCode> {
    match command {
        RouteCommand::List(arguments) => list(&arguments).await,
        RouteCommand::Test(arguments) => test(&arguments).await,
        RouteCommand::Enable(arguments) => enable(&arguments).await,
    }
}

async fn open(file: &ConfigFile) -> anyhow::Result<(Sender, Store)> {
    let config = file.load()?;
    let store = Database::of(&config)?.open().await?;
    let clock = Clock::system();
    let sender = wire::caresoft::sender(&config, &environment(), store.clone(), clock)?;
    Ok((sender, store))
}

fn route<'a>(sender: &'a Sender, name: &str) -> anyhow::Result<&'a Route> {
    let names: Vec<&str> = sender.routes().iter().map(Route::name).collect();
    sender.route(name).with_context(|| {
        format!(
            "there is no [[route]] named {name}; there are: {}",
            names.join(", ")
        )
    })
}

async fn list(arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let (sender, _) = open(&arguments.file).await?;
    for route in &**sender.routes() {
        let disabled = sender.disabled(route.name()).await?;
        if arguments.json {
            let line =
                json!({"name": route.name(), "host": route.host(), "switched_off": disabled});
            say(line.to_string())?;
        } else {
            let state =
                disabled.map_or_else(|| "on".to_owned(), |why| format!("switched off: {why}"));
            say(format!("{:24} {:32} {state}", route.name(), route.host()))?;
        }
    }
    if sender.routes().is_empty() && !arguments.json {
        say("No [[route]] is configured.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn enable(arguments: &EnableArguments) -> anyhow::Result<ExitCode> {
    let (sender, _) = open(&arguments.file).await?;
    let route = route(&sender, &arguments.route)?;
    if sender.disabled(route.name()).await?.is_none() {
        say(format!("{} is not switched off.", route.name()))?;
        return Ok(ExitCode::SUCCESS);
    }
    sender.enable(route.name()).await?;
    say(format!(
        "{} is on again. What it did not send meanwhile was given up: `deskbridge effects list --state dead` shows it.",
        route.name()
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn test(arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    let (sender, store) = open(&arguments.file).await?;
    let route = route(&sender, &arguments.route)?;
    let Some(record) = store.event(arguments.event).await? else {
        bail!("there is no event {}", arguments.event);
    };
    let event = record.event;
    let reading = &event.arrival.reading;
    say(format!(
        "event     {} of {}: {} {}",
        event.id, event.arrival.connection, reading.object, reading.action
    ))?;
    let takes = route.takes(&event);
    match &takes {
        Ok(true) => say("takes it  yes")?,
        Ok(false) => say("takes it  no: connection, object, action or condition is another")?,
        Err(error) => say(format!("takes it  no: {error}"))?,
    }
    let body = match route.body(&event, None) {
        Ok(body) => body,
        Err(error) => {
            say(format!("body      cannot be made: {error}"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    say(format!(
        "body      {} byte(s)\n{}",
        body.len(),
        String::from_utf8_lossy(&body)
    ))?;
    say(format!("request   {}", route.outline()))?;
    if !arguments.send {
        say("sent      no; --send sends it")?;
        return Ok(exit(takes == Ok(true)));
    }
    let delivered = deliver(&sender, route, &event, body).await?;
    Ok(exit(delivered && takes == Ok(true)))
}

fn exit(is_well: bool) -> ExitCode {
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Sends once and shows what came back.
async fn deliver(
    sender: &Sender,
    route: &Route,
    event: &Event,
    body: Vec<u8>,
) -> anyhow::Result<bool> {
    let id = format!("test_{}", event.id);
    let answer = match sender.send(route, &id, body).await {
        Sent::Answered(answer, _) => answer,
        Sent::Forbidden(why) => {
            say(format!("sent      no: {why}"))?;
            return Ok(false);
        }
        Sent::Failed(why) => {
            say(format!("answer    none: {why}"))?;
            return Ok(false);
        }
    };
    say(format!("answer    {} {}", answer.status, answer.json))?;
    match route.follows(event, &answer) {
        Ok(then) => {
            say(format!("follows   {}", in_words(&then)))?;
            Ok(matches!(then, Then::Done | Then::Route(_)))
        }
        Err(error) => {
            say(format!("follows   cannot be told: {error}"))?;
            Ok(false)
        }
    }
}

fn in_words(then: &Then) -> String {
    match then {
        Then::Done => "it is delivered".to_owned(),
        Then::Retry => "it would be sent again later".to_owned(),
        Then::Fail => "it would be given up, for a person to see".to_owned(),
        Then::Disable => "the route would be switched off".to_owned(),
        Then::Route(next) => format!("it is delivered, and would go to route {next} too"),
    }
}
