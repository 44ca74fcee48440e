//! `deskbridge calls show` and `trace`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use deskbridge_calls::view;
use deskbridge_console::calls::Trace;
use deskbridge_store::{CallFilter, EffectRecord, KeptCall, Store};
use serde_json::Value;

use crate::cli::{
    ConfigFile, database, say,
    terminal::{local, plain},
};

#[derive(Args)]
pub(crate) struct OneArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The call, or one that became part of it.
    #[arg(value_name = "LINKEDID")]
    linkedid: String,
    /// The PBX, where several have such a call.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &OneArguments) -> anyhow::Result<ExitCode> {
    let (_, call) = find(arguments).await?;
    let shown = view::kept(&call);
    say(match arguments.json {
        true => shown.to_string(),
        false => page(&shown),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn trace(arguments: &OneArguments) -> anyhow::Result<ExitCode> {
    let (store, call) = find(arguments).await?;
    let trace = Trace::of(&store, call).await?;
    if arguments.json {
        say(trace.to_json(view::kept).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    say(page(&view::kept(&trace.call)))?;
    say("story")?;
    for line in &trace.story {
        say(format!("  {}  {}", local(line.at), plain(&line.text)))?;
    }
    say("effects")?;
    for record in &trace.effects {
        say(effect(record))?;
    }
    if trace.effects.is_empty() {
        say("  none: the story says why")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(arguments: &OneArguments) -> anyhow::Result<(Store, KeptCall)> {
    let config = arguments.file.load()?;
    let store = database::open(&arguments.file).await?;
    let mut names: Vec<String> = match &arguments.connection {
        Some(name) => vec![name.clone()],
        None => {
            let names = config.asterisk.iter();
            names.map(|pbx| pbx.connection.name.clone()).collect()
        }
    };
    // A PBX may have been taken out of the configuration since.
    if names.is_empty() {
        let latest = store.list_calls(CallFilter {
            limit: 1,
            ..CallFilter::default()
        });
        names = latest
            .await?
            .into_iter()
            .map(|call| call.connection)
            .collect();
    }
    let mut found = Vec::new();
    for name in names {
        found.extend(store.call(name, arguments.linkedid.clone()).await?);
    }
    let linkedid = plain(&arguments.linkedid);
    match (found.pop(), found.pop()) {
        (Some(call), None) => Ok((store, call)),
        (None, _) => bail!("there is no call {linkedid}; `deskbridge calls list` shows the latest"),
        (Some(one), Some(other)) => bail!(
            "{} and {} both have a call {linkedid}: name one with --connection",
            one.connection,
            other.connection
        ),
    }
}

/// A call as it is shown to programs, for people.
fn page(shown: &Value) -> String {
    let text = |value: &Value| match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => plain(text),
        value => value.to_string(),
    };
    let field = |name: &str| shown.get(name).map_or_else(|| "?".to_owned(), text);
    let items = |name: &str| {
        let items = shown.get(name).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let mut lines = vec![format!(
        "call {} of {}",
        field("linkedid"),
        field("connection")
    )];
    for (label, name) in [
        ("direction", "direction"),
        ("client", "client"),
        ("line", "line"),
        ("began", "started_at"),
        ("ended", "ended_at"),
        ("result", "result"),
        ("missed", "missed_reason"),
    ] {
        if shown.get(name).is_some_and(|value| !value.is_null()) {
            lines.push(format!("  {label:<10}  {}", field(name)));
        }
    }
    for of in items("conversations") {
        let get = |name: &str| of.get(name).map_or_else(|| "?".to_owned(), text);
        lines.push(format!(
            "  {:<10}  rang {} s, talked {} s: {}",
            get("extension"),
            get("rang_seconds"),
            get("talk_seconds"),
            get("result")
        ));
    }
    for of in items("transfers") {
        let get = |name: &str| of.get(name).map_or_else(|| "?".to_owned(), text);
        lines.push(format!(
            "  transfer    {} to {} ({})",
            get("from"),
            get("to"),
            get("kind")
        ));
    }
    for path in items("recordings") {
        lines.push(format!("  recording   {}", text(&path)));
    }
    lines.join("\n")
}

fn effect(record: &EffectRecord) -> String {
    let effect = &record.effect;
    let attempts = effect.attempts;
    let failure = record.failure.as_deref().map(plain);
    let failure = failure.map_or_else(String::new, |failure| format!(": {failure}"));
    format!(
        "  {}  {:<8} {} ({attempts} before){failure}",
        effect.id,
        record.state.as_str(),
        view::kind(&effect.intent.kind),
    )
}
