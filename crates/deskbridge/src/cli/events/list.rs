//! `deskbridge events list`.

use std::process::ExitCode;

use clap::Args;
use deskbridge_console::{pages::Pages, view};
use deskbridge_core::{Clock, EventId};

use super::{Choice, table};
use crate::cli::{ConfigFile, database, say};

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    choice: Choice,
    /// Only those that arrived before this one, to go on after the last of a list.
    #[arg(long, value_name = "ID")]
    before: Option<EventId>,
    /// The newest so many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: ListArguments) -> anyhow::Result<ExitCode> {
    let store = database::open(&arguments.file).await?;
    if let Some(before) = arguments.before
        && store.event(before).await?.is_none()
    {
        anyhow::bail!("there is no event {before}");
    }
    let (filter, now) = (
        arguments.choice.filter(arguments.limit)?,
        Clock::system().now(),
    );
    let mut pages = Pages::new(&store, filter, arguments.before);
    let (mut listed, mut last) = (0, None);
    loop {
        let page = pages.next().await?;
        let Some(lowest) = page.last() else { break };
        last = Some(lowest.event.id);
        listed += page.len();
        for record in &page {
            say(match arguments.json {
                true => view::event(record).to_string(),
                false => table::lines(record, now),
            })?;
        }
    }
    match last {
        _ if arguments.json => {}
        None => say("There are none.")?,
        Some(last) if listed == arguments.limit => say(format!("Older ones: --before {last}"))?,
        Some(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}
