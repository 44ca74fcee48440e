//! `deskbridge hook test`.

use std::{io::Read as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use deskbridge_calls::{
    clicks::RecordedOrders,
    decide::{
        hooks::{told::Around, trial},
        write::{Payload, Write},
    },
    follow::Kept,
    people,
    settings::Settings,
};
use deskbridge_console::calls::Trace;
use deskbridge_core::{Clock, EventId};
use deskbridge_hooks::{Contract, Decision, Flow, Hook, Point};
use deskbridge_store::{KeptCall, Store};
use serde_json::{Map, Value, json};
use similar::TextDiff;
use tokio::time::Instant;

use crate::{
    cli::{ConfigFile, database, environment, say},
    config::Config,
    wire::{self, hooks::Configured},
};

pub(super) const HELP: &str = "\
The hook is asked as it would be, with its deadline, though it is suspended; only what would be asked of remote systems for it \
is not there. Nothing is sent and nothing is changed, as far as the hook itself does nothing.
Exit status: 0 when every answer can be used, 1 otherwise.";

/// Bytes of a file with what a hook is told.
const INPUT_BYTES_MAX: u64 = 16 << 20;

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["call", "event", "input"])))]
pub(crate) struct TestArguments {
    /// The hook.
    #[arg(value_name = "NAME")]
    name: String,
    /// Ask it about a call that is kept.
    #[arg(long, value_name = "LINKEDID")]
    call: Option<String>,
    /// Ask it about a stored event.
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// Ask it about what stands in a file, or comes on standard input where it is `-`: the object that it would be told.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The PBX or the account, where several have such a call or the hook differs.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Show only what would change, line by line.
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let configured = Configured::of(&config, &environment(), &Clock::system())?;
    let (connection, asked) = known(arguments, &config, &configured).await?;
    let hook = find(arguments, &configured, connection.as_deref())?;
    if asked.is_empty() {
        say(format!(
            "{} would not have been asked: it is asked {}.",
            arguments.name,
            hook.contract().when
        ))?;
        return Ok(ExitCode::FAILURE);
    }
    let mut is_well = true;
    for known in asked {
        is_well &= ask(hook, &known, arguments.diff).await?;
    }
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn find<'a>(
    arguments: &TestArguments,
    configured: &'a Configured,
    connection: Option<&str>,
) -> anyhow::Result<&'a Hook> {
    let mut named = configured.all().filter(|(of, _)| of.name == arguments.name);
    let on = |of: &crate::config::hook::Hook| {
        connection.is_none_or(|connection| {
            of.connections.is_empty() || of.connections.iter().any(|on| on == connection)
        })
    };
    let found = named.find(|(of, _)| on(of));
    let found = found.map(|(_, hook)| hook.as_ref());
    found.with_context(|| {
        let names = configured.all().map(|(of, _)| of.name.as_str());
        let names: Vec<&str> = names.collect();
        format!(
            "there is no [[hook]] named {}; there are: {}",
            arguments.name,
            names.join(", ")
        )
    })
}

/// What the hook is told, for every time that it would be asked, and on which connection.
async fn known(
    arguments: &TestArguments,
    config: &Config,
    configured: &Configured,
) -> anyhow::Result<(Option<String>, Vec<Value>)> {
    let contract = find(arguments, configured, arguments.connection.as_deref())?.contract();
    if let Some(input) = &arguments.input {
        return Ok((arguments.connection.clone(), vec![read(input)?]));
    }
    let store = database::open(&arguments.file).await?;
    if let Some(linkedid) = &arguments.call {
        if contract.points.contains(&Point::OriginateParams) {
            return of_order(arguments, config, &store, linkedid).await;
        }
        let call = kept(arguments, config, &store, linkedid).await?;
        let connection = call.connection.clone();
        let known = of_call(contract, config, &store, call).await?;
        return Ok((Some(connection), known));
    }
    let Some(id) = arguments.event else {
        bail!("give --call, --event or --input");
    };
    let Some(record) = store.event(id).await? else {
        bail!("there is no event {id}");
    };
    let connection = record.event.arrival.connection.clone();
    let known = wire::caresoft::told(config, contract, &store, &record.event).await?;
    Ok((Some(connection), known))
}

fn read(file: &PathBuf) -> anyhow::Result<Value> {
    let mut text = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin()
            .take(INPUT_BYTES_MAX)
            .read_to_end(&mut text),
        false => std::fs::File::open(file)
            .and_then(|file| file.take(INPUT_BYTES_MAX).read_to_end(&mut text)),
    };
    read.with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))
}

async fn kept(
    arguments: &TestArguments,
    config: &Config,
    store: &Store,
    linkedid: &str,
) -> anyhow::Result<KeptCall> {
    let found = find_kept(arguments, config, store, linkedid).await?;
    found.with_context(|| {
        format!("there is no call {linkedid}; `deskbridge calls list` shows the latest")
    })
}

async fn find_kept(
    arguments: &TestArguments,
    config: &Config,
    store: &Store,
    linkedid: &str,
) -> anyhow::Result<Option<KeptCall>> {
    let names: Vec<&str> = match &arguments.connection {
        Some(name) => vec![name],
        None => config.connections_of(Flow::Call),
    };
    for name in names {
        if let Some(call) = store.call(name.to_owned(), linkedid.to_owned()).await? {
            return Ok(Some(call));
        }
    }
    Ok(None)
}

/// What a hook is told before an order of the CRM becomes a call, which then has the order's id.
async fn of_order(
    arguments: &TestArguments,
    config: &Config,
    store: &Store,
    linkedid: &str,
) -> anyhow::Result<(Option<String>, Vec<Value>)> {
    let kept = find_kept(arguments, config, store, linkedid).await?;
    let kept = kept.and_then(|call| Kept::read(call.state));
    let ordered = kept.and_then(|kept| kept.call().originated.clone());
    let id = ordered.as_deref().unwrap_or(linkedid);
    let dial = RecordedOrders(store.clone()).dial(id).await?;
    let dial = dial.with_context(|| {
        format!(
            "no order of {linkedid} is kept: it did not begin with a click in the CRM, or long ago"
        )
    })?;
    let settings = settings(config, &dial.pbx)?;
    let people = people::remembered(store, &settings, Clock::system().now()).await?;
    let known = trial::ordered(&dial.order, &settings, &people)
        .context("nothing would come of the order, whatever a hook says")?;
    Ok((Some(dial.pbx), vec![known]))
}

/// What becomes of the calls of a connection.
fn settings(config: &Config, connection: &str) -> anyhow::Result<Settings> {
    let mut pbxs = config.asterisk.iter();
    if let Some(pbx) = pbxs.find(|pbx| pbx.connection.name == connection) {
        return wire::calls::settings(pbx);
    }
    wire::reported::settings_of(config, connection)?.with_context(|| {
        format!("there is no [[asterisk]], and no [[caresoft]] with calls, named {connection}")
    })
}

async fn of_call(
    contract: &Contract,
    config: &Config,
    store: &Store,
    call: KeptCall,
) -> anyhow::Result<Vec<Value>> {
    let settings = settings(config, &call.connection)?;
    let trace = Trace::of(store, call).await?;
    let Some(kept) = Kept::read(trace.call.state.clone()) else {
        bail!("what was kept of the call cannot be read");
    };
    let writes = trace.effects.iter().filter_map(|record| {
        let payload = record.effect.intent.payload.clone();
        serde_json::from_value::<Payload>(payload).ok()
    });
    let writes: Vec<Write> = writes.map(|payload| payload.write).collect();
    // The CRM is not asked who its users are.
    let people = people::remembered(store, &settings, Clock::system().now()).await?;
    let around = Around {
        call: kept.call(),
        settings: &settings,
        people: &people,
    };
    let points = contract.points.iter();
    Ok(points
        .flat_map(|point| trial::known(*point, &around, &writes))
        .collect())
}

/// Asks, and shows what came of it; whether the answer can be used.
async fn ask(hook: &Hook, known: &Value, only_difference: bool) -> anyhow::Result<bool> {
    let told = hook.contract().told(known);
    let (asked_at, now) = (Instant::now(), Clock::system().now());
    let decision = hook.ask(known, now).await;
    let took = asked_at.elapsed();
    if !only_difference {
        say(format!("told      {}", pretty(&told)))?;
    }
    let name = hook.contract().name;
    let what = decision.told(name);
    let what = what.unwrap_or_else(|| format!("the hook {name} changes nothing"));
    say(format!(
        "decision  {what} ({:.1} ms)",
        took.as_secs_f64() * 1e3
    ))?;
    if let Decision::Changed(change) = &decision {
        let mut before = ["params", "fields", "record"].into_iter();
        let before = before.find_map(|name| told.get(name)).cloned();
        let before = before.unwrap_or_else(|| json!({}));
        let mut after = before.clone();
        lay(&mut after, &change.data);
        match only_difference {
            true => say(difference(&pretty(&before), &pretty(&after)).trim_end())?,
            false => say(format!(
                "answered  {}",
                pretty(&Value::Object(change.data.clone()))
            ))?,
        }
    }
    Ok(!matches!(
        decision,
        Decision::Unchanged {
            why: deskbridge_hooks::Why::Failed { .. }
        }
    ))
}

/// Lays what a hook answered over what it was told.
fn lay(over: &mut Value, data: &Map<String, Value>) {
    let Value::Object(over) = over else { return };
    for (name, value) in data {
        match (over.get_mut(name), value) {
            (Some(there @ Value::Object(_)), Value::Object(inner)) => lay(there, inner),
            _ => drop(over.insert(name.clone(), value.clone())),
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn difference(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let changed = diff.unified_diff().context_radius(1).to_string();
    match changed.is_empty() {
        true => "nothing would change".to_owned(),
        false => changed,
    }
}
