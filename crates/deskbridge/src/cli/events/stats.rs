//! `deskbridge events stats`.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Args;
use deskbridge_console::view::Stats;
use deskbridge_core::Clock;
use deskbridge_store::EventState;
use jiff::Timestamp;

use super::table;
use crate::cli::{
    ConfigFile, database, say,
    terminal::{age, cut, plain, size},
};

#[derive(Args)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Look more closely at so many of the newest.
    #[arg(long, default_value_t = 10_000)]
    newest: usize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: StatsArguments) -> anyhow::Result<ExitCode> {
    let store = database::open(&arguments.file).await?;
    let stats = Stats::of(&store, arguments.newest).await?;
    let now = Clock::system().now();
    say(match arguments.json {
        true => stats.to_json(now).to_string(),
        false => page(&stats, now),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn page(stats: &Stats, now: Timestamp) -> String {
    let counts = &stats.counts;
    let mut lines = Vec::new();
    for state in EventState::ALL {
        let number = counts.by_state.get(&state).copied().unwrap_or_default();
        lines.push(format!("{:<12}{number:>10}", state.as_str()));
    }
    lines.push(format!("{:<12}{:>10}", "repeats", counts.repeats));
    let quarantined: u64 = stats.quarantined.values().sum();
    lines.push(format!("{:<12}{quarantined:>10}", "quarantined"));
    for (connection, number) in &stats.quarantined {
        lines.push(format!("  {:<10}{number:>10}", plain(connection)));
    }
    let oldest = counts.oldest_open_received_at;
    let oldest = oldest.map_or_else(|| "-".to_owned(), |oldest| age(oldest, now));
    lines.push(format!("{:<12}{oldest:>10}", "oldest open"));
    lines.push(format!("{:<12}{:>10}", "database", size(counts.used_bytes)));
    if !stats.kinds.is_empty() {
        lines.push(String::new());
        lines.push(format!("Of the newest {}:", stats.newest));
        lines.extend(kinds(stats));
    }
    lines.join("\n")
}

/// A line for each thing that events of a connection are about.
fn kinds(stats: &Stats) -> Vec<String> {
    let mut kinds: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for kind in &stats.kinds {
        let about = table::about(&kind.object, &kind.action);
        let states = kinds.entry((&kind.connection, about)).or_default();
        states.push(format!("{} {}", kind.number, kind.state.as_str()));
    }
    let lines = kinds.into_iter().map(|((connection, about), states)| {
        let (connection, about) = (cut(&plain(connection), 12), cut(&about, 30));
        format!("  {connection:<12}  {about:<30}  {}", states.join(", "))
    });
    lines.collect()
}
