//! `deskbridge events show`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use deskbridge_console::view::{self, Caused};
use deskbridge_core::{Clock, DuplicateKey, EventId};
use deskbridge_store::{EventRecord, EventState};
use jiff::Timestamp;

use super::{body, table};
use crate::cli::{
    ConfigFile, database, say,
    terminal::{age, local, number, plain, size},
};

/// Digits of a duplicate key that tell it from others.
const KEY_DIGITS: usize = 12;

#[derive(Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The event, such as `evt_0198…`.
    id: EventId,
    /// Everything but the body, as one JSON object.
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Only the body, as the bytes that arrived.
    #[arg(long)]
    raw: bool,
}

pub(super) async fn run(arguments: ShowArguments) -> anyhow::Result<ExitCode> {
    let store = database::open(&arguments.file).await?;
    let Some(record) = store.event(arguments.id).await? else {
        bail!("there is no event {}", arguments.id);
    };
    if arguments.raw {
        return write(&record.event.arrival.body);
    }
    let caused = view::caused(&store, &record).await?;
    say(match arguments.json {
        true => view::event_whole(&record, &caused).to_string(),
        false => page(&record, &caused, Clock::system().now()),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn page(record: &EventRecord, caused: &[Caused], now: Timestamp) -> String {
    let (event, arrival) = (&record.event, &record.event.arrival);
    let reading = &arrival.reading;
    let at = |at: Timestamp| format!("{} ({} ago)", local(at), age(at, now));
    let mut lines = vec![event.id.to_string()];
    let mut row = |name: &str, value: String| lines.push(format!("  {name:<12}  {value}"));
    row("connection", plain(&arrival.connection));
    row("read by", plain(&reading.source));
    row("about", table::about(&reading.object, &reading.action));
    let attempts = usize::try_from(record.attempts).unwrap_or(usize::MAX);
    let attempts = number(attempts, "attempt", "attempts");
    let since = at(record.changed_at);
    row(
        "state",
        format!("{} since {since}, {attempts}", record.state.as_str()),
    );
    if let Some(failure) = &record.failure {
        row("failure", plain(failure));
    }
    row("arrived", at(event.received_at));
    if record.repeats > 0 {
        let times = usize::try_from(record.repeats).unwrap_or(usize::MAX);
        row("", format!("and {} more", number(times, "time", "times")));
    }
    if record.state == EventState::Pending && record.claimable_at > now {
        row("not before", local(record.claimable_at));
    }
    row("ordering key", plain(reading.ordering_key.as_str()));
    row(
        "keys",
        format!(
            "{} of the bytes, {} of the content",
            short(&arrival.raw_key),
            short(&reading.canonical_key)
        ),
    );
    for (index, (name, value)) in arrival.headers.iter().enumerate() {
        let label = if index == 0 { "headers" } else { "" };
        let value = plain(view::header_value(name, value));
        row(label, format!("{}: {value}", plain(name)));
    }
    for (index, effect) in caused.iter().enumerate() {
        let label = if index == 0 { "caused" } else { "" };
        let what = effect.what.as_ref().map_or_else(
            || "forgotten since".to_owned(),
            |(kind, state)| format!("{kind} {}", state.as_str()),
        );
        row(label, format!("{} {what}", effect.id));
    }
    let bytes = u64::try_from(arrival.body.len()).unwrap_or(u64::MAX);
    row("body", size(bytes));
    lines.push(body::readable(&arrival.body));
    lines.join("\n")
}

fn short(key: &DuplicateKey) -> String {
    view::key(key).chars().take(KEY_DIGITS).collect()
}
