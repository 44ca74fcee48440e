//! `deskbridge calls list`.

use std::process::ExitCode;

use clap::Args;
use deskbridge_calls::view;
use deskbridge_core::Clock;
use deskbridge_store::{CallFilter, KeptCall};
use jiff::tz::TimeZone;

use crate::cli::{
    ConfigFile, database,
    moment::Moment,
    say,
    terminal::{local, plain},
};

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Only of this PBX or contact centre.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Not those that began before.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only those that began before.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only of this client, in the spelling of the CRM.
    #[arg(long, value_name = "NUMBER")]
    client: Option<String>,
    /// Only on this line.
    #[arg(long, value_name = "NUMBER")]
    line: Option<String>,
    /// Only those that went this way.
    #[arg(long, value_parser = ["incoming", "outgoing", "internal"])]
    direction: Option<String>,
    /// Only those that ended with this.
    #[arg(long, value_parser = ["answered", "missed"])]
    result: Option<String>,
    /// Only those that go on.
    #[arg(long, conflicts_with = "result")]
    open: bool,
    /// The latest so many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: ListArguments) -> anyhow::Result<ExitCode> {
    let store = database::open(&arguments.file).await?;
    let now = Clock::system().now().to_zoned(TimeZone::system());
    let resolve = |moment: Option<Moment>| moment.map(|at| at.resolve(&now)).transpose();
    let filter = CallFilter {
        connection: arguments.connection,
        client: arguments.client,
        line: arguments.line,
        direction: arguments.direction,
        result: arguments.result,
        is_open: arguments.open.then_some(true),
        since: resolve(arguments.since)?,
        until: resolve(arguments.until)?,
        behind: None,
        limit: arguments.limit,
    };
    let calls = store.list_calls(filter).await?;
    for call in &calls {
        say(match arguments.json {
            true => view::kept(call).to_string(),
            false => line(call),
        })?;
    }
    if calls.is_empty() && !arguments.json {
        say("There are none.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A call in one line.
fn line(call: &KeptCall) -> String {
    let known = |text: Option<&String>| text.map_or_else(|| "?".to_owned(), |text| plain(text));
    format!(
        "{}  {:9} {:9} {} on {}  {} {}",
        local(call.started_at),
        plain(&call.direction),
        call.result.as_deref().unwrap_or("open"),
        known(call.client.as_ref()),
        known(call.line.as_ref()),
        plain(&call.connection),
        plain(&call.linkedid),
    )
}
